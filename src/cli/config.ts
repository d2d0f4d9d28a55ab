/**
 * `tsparallel config show`: every option of controller, engine, client and cluster, its value, and where that comes from.
 */
import type { Command } from "commander";
import {
  chooseWithOrigins,
  type Chosen,
  didYouMean,
  OptionError,
  type OptionTable,
} from "../base/options.ts";
import { PROFILE_FILE } from "../base/profile.ts";
import {
  addExamples,
  addRunFlags,
  addTable,
  type Flags,
  flagsOf,
  openRun,
  PROFILE_TABLES,
  type Run,
  textFlag,
} from "./command.ts";
import { readConfiguration } from "./config_file.ts";
import { EXIT } from "./exit_codes.ts";
import { configuredValues, IPCONTROLLER, IPENGINE, type PeerProgram, shownValue } from "./peer_program.ts";
import { tableText } from "./table_text.ts";

/** Gives the command its subcommand. */
export function defineConfig(command: Command): void {
  command.description("Show which settings hold for a profile, and where each comes from.");
  defineShow(command.command("show"));
  addExamples(command, EXAMPLES);
}

const EXAMPLES = [
  "tsparallel config show",
  "tsparallel config show --section cluster --profile slurm --queue long    what would hold with this flag",
  "tsparallel config show --section engine --json",
];

function defineShow(command: Command): void {
  command.description(
    "Show every option with its value and where that comes from: flag, environment, profile (file:line), or default.",
  );
  addRunFlags(command);
  command
    .option("--section <name>", `only this one: ${Object.keys(PROFILE_TABLES).join(", ")}`)
    .option("--json", "one JSON document");
  addAllFlags(command);
  command.addHelpText(
    "after",
    "\nAll flags of controller, engine, client and cluster that a profile can have are taken too.",
  );
  addExamples(command, EXAMPLES);
  command.action(async (flags: Flags) => {
    const run = await openRun(flags);
    const sections = sectionsOf(textFlag(flags, "section")).map((name) => sectionRows(name, flags, run));
    console.log(
      flags["json"] === true
        ? JSON.stringify(Object.fromEntries(sections.map(({ name, rows }) => [name, jsonOf(rows)])), null, 2)
        : sections.map(sectionText).join("\n\n"),
    );
    Deno.exitCode = EXIT.ok;
  });
}

/** The flags of all tables, hidden; one that several have counts for each of them. */
function addAllFlags(command: Command): void {
  const union: Record<string, OptionTable[string]> = {};
  for (const table of Object.values(PROFILE_TABLES)) Object.assign(union, table);
  const { n: _, ...others } = union;
  const before = command.options.length;
  command.option("-n, --n <engines>");
  addTable(command, others);
  for (const option of command.options.slice(before)) option.hideHelp();
}

type SectionName = keyof typeof PROFILE_TABLES;

function sectionsOf(wanted: string | undefined): SectionName[] {
  const names = Object.keys(PROFILE_TABLES) as SectionName[];
  if (wanted === undefined) return names;
  const found = names.find((name) => name === wanted);
  if (found !== undefined) return [found];
  throw new OptionError(
    `Cannot use "${wanted}" for "--section": it takes ${names.join(", ")}${didYouMean(wanted, names)}`,
  );
}

interface Row {
  readonly option: string;
  readonly value: unknown;
  readonly origin: {
    readonly kind: "flag" | "environment" | "profile" | "configuration" | "shipped profile" | "default";
    /** The flag, the variable, or `file:line`; empty for a default. */
    readonly place: string;
  };
}

interface Section {
  readonly name: SectionName;
  readonly rows: readonly Row[];
}

/** ipyparallel's programs whose configuration files count for a section. */
const PEERS: Readonly<Partial<Record<SectionName, PeerProgram>>> = {
  controller: IPCONTROLLER,
  engine: IPENGINE,
};

function sectionRows(name: SectionName, flags: Flags, run: Run): Section {
  const table: OptionTable = PROFILE_TABLES[name], stated = run.profile.sections[name] ?? {};
  const configured = configuredOf(name, run);
  const values = Object.fromEntries(Object.entries(configured).map(([key, { value }]) => [key, value]));
  const isOwn = run.profile.path === `${run.dir}/${PROFILE_FILE}`;
  const chosen = chooseWithOrigins(table, {
    flags: flagsOf(table, flags),
    environment: (variable) => Deno.env.get(variable),
    profile: isOwn ? { ...values, ...stated } : { ...stated, ...values },
    section: name,
  });
  const placeOf = (key: string): Row["origin"] => {
    const other = configured[key];
    const isStated = Object.hasOwn(stated, key) && (isOwn || other === undefined);
    if (!isStated && other !== undefined) return { kind: "configuration", place: other.name };
    return { kind: isOwn ? "profile" : "shipped profile", place: run.profile.place(name, key) };
  };
  return { name, rows: Object.entries(chosen).map(([key, it]) => rowOf(key, it, placeOf)) };
}

function rowOf(option: string, { value, origin }: Chosen, placeOf: (key: string) => Row["origin"]): Row {
  const shown = shownValue(option, value);
  switch (origin.kind) {
    case "flag":
    case "environment":
      return { option, value: shown, origin: { kind: origin.kind, place: origin.name } };
    case "profile":
      return { option, value: shown, origin: placeOf(option) };
    case "default":
      return { option, value: shown, origin: { kind: "default", place: "" } };
  }
}

/** What `ipcontroller_config.py` and its like in the run's folder say. */
function configuredOf(name: SectionName, run: Run) {
  const peer = PEERS[name];
  if (peer === undefined) return {};
  const { settings } = readConfiguration(`${run.dir}/${peer.name}_config`, undefined, peer.spellings.traits);
  return configuredValues(PROFILE_TABLES[name], settings);
}

function jsonOf(rows: readonly Row[]) {
  return Object.fromEntries(rows.map(({ option, value, origin }) => [option, { value, origin }]));
}

function sectionText({ name, rows }: Section): string {
  const cells = rows.map(({ option, value, origin: { kind, place } }) => [
    option,
    JSON.stringify(value),
    place === "" ? kind : `${kind} ${place}`,
  ]);
  return tableText([name, "value", "from"], cells);
}
