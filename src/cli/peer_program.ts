/**
 * What `tsparallel controller` and `engine` share as stand-ins for ipcontroller and ipengine: their spellings, their configuration files,
 * and one line about what has no counterpart here.
 */
import { type Command, CommanderError, Option } from "commander";
import { flagName, OptionError, type OptionTable, type OptionValues } from "../base/options.ts";
import type { Logger } from "../base/log.ts";
import { PROFILE_FILE } from "../base/profile.ts";
import { type Flags, openLog, openRun, type Run, tableValues, textFlag } from "./command.ts";
import { type Configuration, readConfiguration } from "./config_file.ts";
import { type OwnArguments, type Spellings, unmappedLine } from "./peer_arguments.ts";
import { traitHelp } from "./trait_help.ts";
import { CONTROLLER_TRAITS, ENGINE_TRAITS, type Setting } from "./traits.ts";

/** One of ipyparallel's programs. */
export interface PeerProgram {
  /** `ipcontroller`: what its files are called. */
  readonly name: string;
  readonly section: "controller" | "engine";
  readonly spellings: Spellings;
}

const SWITCHES = {
  "--log-to-file": "--BaseParallelApplication.log_to_file",
  "--clean-logs": "--BaseParallelApplication.clean_logs",
};
const COMMON = { "--log-url": "--BaseParallelApplication.log_url" };
const QUIET = { "--quiet": ["--log-level=critical"], "--init": [], "--create": [] };

/** `ipcontroller`. */
export const IPCONTROLLER: PeerProgram = {
  name: "ipcontroller",
  section: "controller",
  spellings: {
    traits: CONTROLLER_TRAITS,
    aliases: { ...COMMON, "--ping": "--ping-ms" },
    switches: SWITCHES,
    shorthands: {
      ...QUIET,
      "--sqlitedb": ["--database=sqlite"],
      "--dictdb": ["--database=memory"],
      "--mongodb": ["--database=mongodb"],
      "--nodb": ["--database=none"],
      "--usethreads": [],
      "--secure": [],
      "--no-secure": ["--key=", "--keyfile="],
    },
  },
};

/** `ipengine`. */
export const IPENGINE: PeerProgram = {
  name: "ipengine",
  section: "engine",
  spellings: {
    traits: ENGINE_TRAITS,
    aliases: {
      ...COMMON,
      "-c": "--IPEngine.startup_command",
      "-s": "--IPEngine.startup_script",
      "--ident": "--Session.session",
      "--user": "--Session.username",
      "--keyfile": "--Session.keyfile",
      "--timeout": "--IPEngine.timeout",
    },
    switches: SWITCHES,
    shorthands: { ...QUIET, "--secure": [], "--no-secure": [] },
  },
};

/** Adds the flags of ipyparallel's programs that are none of a table: folders, logs, configuration. */
export function addPeerFlags(command: Command, { name, spellings }: PeerProgram, table: OptionTable): void {
  command
    .option("--work-dir <path>", "work in this folder")
    .option("--config <path>", "read this configuration file too")
    .option("--clean-logs", "remove the logs of runs before")
    .option("--show-config", "show the settings as JSON instead of starting")
    .option("--help-all", `show all settings of ${name} that can be given too`)
    .on("option:help-all", () => {
      command.outputHelp();
      console.log(traitHelp(name, spellings.traits, table));
      throw new CommanderError(0, "commander.help", "(help)");
    });
  for (const hidden of ["--no-clean-logs", "--no-log-to-file", "--show-config-json"]) {
    command.addOption(new Option(hidden).hideHelp());
  }
}

/** A program that is about to run: where, with which settings, and its log. */
export interface PeerRun<Table extends OptionTable> {
  readonly run: Run;
  readonly flags: Flags;
  readonly options: OptionValues<Table>;
  readonly log: Logger;
}

/**
 * Brings flags, environment, configuration files and profile together, and goes to the folder to work in.
 * @param given what the command line's translation found
 * @returns null where the settings were only to be shown
 * @throws OptionError that names the flag or the line that cannot be used
 */
export async function openPeerRun<Table extends OptionTable>(
  program: PeerProgram,
  table: Table,
  given: { readonly flags: Flags; readonly translated: OwnArguments },
): Promise<PeerRun<Table> | null> {
  const found = await openRun(given.flags);
  const { traits } = program.spellings;
  const stem = `${found.dir}/${program.name}_config`;
  const configuration = readConfiguration(stem, textFlag(given.flags, "config"), traits);
  const flags = withRunSettings(given.flags, configuration.settings, table);
  const run = withTableSettings(found, configuration.settings, { table, section: program.section });
  const { names } = given.translated;
  const options = tableValues(table, { flags, run, section: program.section, names });
  if (flags["showConfig"] === true || flags["showConfigJson"] === true) {
    for (const line of remarks(program, given.translated, configuration)) console.error(line);
    console.log(JSON.stringify(withoutSecrets(options), null, 2));
    return null;
  }
  workIn(textFlag(flags, "workDir"));
  if (flags["cleanLogs"] === true) cleanLogs(`${run.dir}/log`, program.name);
  const log = openLog(flags, { name: program.section, dir: run.dir });
  for (const line of remarks(program, given.translated, configuration)) log.warn(line);
  return { run, flags, options, log };
}

/** Settings of the configuration that concern the run itself, where no flag was given. */
function withRunSettings(flags: Flags, settings: readonly Setting[], table: OptionTable): Flags {
  const merged: Record<string, unknown> = { ...flags };
  for (const { flag, value, name } of settings) {
    if (optionNamed(table, flag) !== undefined) continue;
    const attribute = new Option(flag).attributeName();
    if (["profile", "profileDir", "ipythonDir", "clusterId", "config"].includes(attribute)) {
      throw new OptionError(`Cannot use ${name}: the file is found by this setting; give it as "${flag}"`);
    }
    if (flags[attribute] === undefined) merged[attribute] = value;
  }
  return merged;
}

/** Settings of the configuration among those of the profile: before a shipped one, behind the run's own. */
function withTableSettings(
  run: Run,
  settings: readonly Setting[],
  { table, section }: { readonly table: OptionTable; readonly section: string },
): Run {
  const values = Object.fromEntries(
    Object.entries(configuredValues(table, settings)).map(([option, { value }]) => [option, value]),
  );
  const { sections, path } = run.profile;
  const isOwn = path === `${run.dir}/${PROFILE_FILE}`;
  const merged = isOwn ? { ...values, ...sections[section] } : { ...sections[section], ...values };
  return { ...run, profile: { ...run.profile, sections: { ...sections, [section]: merged } } };
}

/**
 * What a configuration says of a table's options, by option; `name` is what it calls each, with its place.
 * @throws OptionError for a value that the option does not take
 */
export function configuredValues(
  table: OptionTable,
  settings: readonly Setting[],
): Readonly<Record<string, { readonly value: unknown; readonly name: string }>> {
  const values: Record<string, { value: unknown; name: string }> = {};
  for (const { flag, value, name } of settings) {
    const option = optionNamed(table, flag);
    if (option !== undefined) values[option] = { value: table[option]?.read(value, name), name };
  }
  return values;
}

function optionNamed(table: OptionTable, flag: string): string | undefined {
  return Object.keys(table).find((name) => flagName(name) === flag);
}

const SECRETS: readonly string[] = ["key", "curveSecretKey"];

function withoutSecrets(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, shownValue(name, value)]));
}

/** An option's value as it may be shown. */
export function shownValue(name: string, value: unknown): unknown {
  return SECRETS.includes(name) && value ? "(secret)" : value;
}

function workIn(dir: string | undefined): void {
  if (dir === undefined) return;
  try {
    Deno.chdir(dir.replace(/^~(?=\/|$)/, Deno.env.get("HOME") ?? "~"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError(`Cannot use "${dir}" for "--work-dir": ${why}`);
  }
}

/** Removes a program's logs, those of ipyparallel's own too; another process may do the same. */
function cleanLogs(folder: string, name: string): void {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder)];
  } catch {
    return;
  }
  for (const entry of entries) {
    if (!new RegExp(`^${name}-.*\\d+\\.(log|err|out)$`).test(entry.name)) continue;
    try {
      Deno.removeSync(`${folder}/${entry.name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** At most two lines about what has no effect. */
function remarks(program: PeerProgram, translated: OwnArguments, configuration: Configuration): string[] {
  const unmapped = unmappedLine([...translated.unmapped, ...configuration.unmapped], program.name);
  const { unread } = configuration;
  const unreadLine = unread.length === 0
    ? undefined
    : `Only lines like c.Class.trait = value are read, and nothing is run; ignored: ${listed(unread)}`;
  return [unmapped, unreadLine].filter((line) => line !== undefined);
}

/** The first few of many. */
function listed(places: readonly string[]): string {
  const more = places.length > 5 ? ` and ${places.length - 5} more` : "";
  return `${places.slice(0, 5).join(", ")}${more}`;
}
