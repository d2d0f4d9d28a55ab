/**
 * `tsparallel status`: engines, queues, records and versions, as the hub knows them now.
 */
import type { Command } from "commander";
import { CLIENT_OPTIONS } from "../client/options.ts";
import { describe, readSet } from "../protocol/permissions.ts";
import { addExamples, addRunFlags, addTable, type Flags, openRun, type Run } from "./command.ts";
import { connect } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { interruptible } from "./interrupt.ts";
import { tableText } from "./table_text.ts";

/** Gives the command its options and action. */
export function defineStatus(command: Command): void {
  command.description("Show a cluster's engines, queues, records and versions.");
  addRunFlags(command);
  addTable(command, CLIENT_OPTIONS);
  command.option("--json", "one JSON document");
  addExamples(command, ["tsparallel status", "tsparallel status --profile untrusted --json"]);
  command.action(async (flags: Flags) => {
    const run = await openRun(flags);
    Deno.exitCode = await interruptible(async (signal) => {
      await using client = await connect(run, { flags, signal });
      const status = await client.status({ signal });
      console.log(
        flags["json"] === true ? JSON.stringify({ ...placeOf(run), ...status }) : statusText(status, run),
      );
      return EXIT.ok;
    });
  });
}

function placeOf(run: Run) {
  return { profile: run.profileName, profileDir: run.dir, clusterId: run.clusterId };
}

/** Characters of an engine's permissions in the table; all of them are in the JSON. */
const MAX_TOLD = 60;

/** The hub's answer, as far as it is shown here; what it lacks is left out. */
export type Status = Readonly<Record<string, unknown>>;

/** Tables and lines for people. */
export function statusText(status: Status, run: Run): string {
  const queue = objectOf(status["queue"]);
  const scheduler = objectOf(queue["scheduler"]);
  const versions = Object.entries(objectOf(status["versions"])).map(([name, version]) =>
    `${name} ${version}`
  );
  const engines = listOf(status["engines"]);
  const lines = [
    `Cluster of profile "${run.profileName}"${
      run.clusterId === "" ? "" : `, id "${run.clusterId}"`
    } in ${run.dir}`,
    `  up for     ${duration(Number(status["uptimeMs"] ?? 0))}`,
    `  database   ${text(status["database"])}, records ${text(status["records"])}`,
    `  tasks      ${text(scheduler["waiting"])} waiting, ${text(scheduler["assigned"])} assigned, ` +
    `${text(queue["open"])} open, ${text(queue["finished"])} finished`,
    `  dropped    ${text(status["dropped"])} messages`,
    `  versions   ${versions.join(", ")}`,
    `  engines    ${engines.length}`,
  ];
  if (engines.length === 0) return lines.join("\n");
  return [lines.join("\n"), "", engineTable(engines), ...remarks(engines)].join("\n");
}

/** What an engine says of its walls: their level, and behind it what is open or wider than the grant. */
function wallsOf(engine: Status): { readonly level: string; readonly remark: string } {
  const [level = "", ...rest] = text(engine["sandbox"]).split("; ");
  return { level, remark: rest.join("; ") };
}

/** The same remark of several engines once, below the table. */
function remarks(engines: readonly Status[]): string[] {
  const idsOf = new Map<string, string[]>();
  for (const engine of engines) {
    const { remark } = wallsOf(engine);
    if (remark !== "") idsOf.set(remark, [...idsOf.get(remark) ?? [], text(engine["id"])]);
  }
  const told = [...idsOf].map(([remark, ids]) =>
    `  ${ids.length === 1 ? "engine" : "engines"} ${ids.join(", ")}: ${remark}`
  );
  return told.length === 0 ? [] : ["", "walls:", ...told];
}

function engineTable(engines: readonly Status[]): string {
  const heading = [
    "id",
    "host",
    "pid",
    "kind",
    "sandbox",
    "isolation",
    "tasks may",
    "direct",
    "tasks",
    "completed",
  ];
  return tableText(
    heading,
    engines.map((engine) => [
      text(engine["id"]),
      text(engine["host"]),
      text(engine["pid"]),
      engine["ours"] === true ? "tsparallel" : "python",
      wallsOf(engine).level,
      text(engine["isolation"]),
      permissionText(engine["permissions"]),
      text(engine["queue"]),
      text(engine["tasks"]),
      text(engine["completed"]),
    ]),
  );
}

/** What tasks may do there at most, as far as it fits into a table. */
function permissionText(permissions: unknown): string {
  if (typeof permissions !== "object" || permissions === null) return "-";
  const told = toldOf(permissions);
  return told.length <= MAX_TOLD ? told : `${told.slice(0, MAX_TOLD - 1)}…`;
}

/** A newer hub may tell of permissions that are not known here. */
function toldOf(permissions: object): string {
  try {
    return describe(readSet(permissions, "permissions"));
  } catch {
    return JSON.stringify(permissions);
  }
}

function text(value: unknown): string {
  return value === null || value === undefined ? "-" : String(value);
}

function objectOf(value: unknown): Status {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function listOf(value: unknown): Status[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

/** `2 h 5 min`, `12 s`. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
