/**
 * Batch scripts: a template, ours or the user's, with the head's lines that the settings ask for, and the values of its expressions.
 */
import { readFileSync } from "node:fs";
import { OptionError } from "../base/options.ts";
import type { BatchSystem, Directive } from "./batch_system.ts";
import { type Job, jobName, logPath } from "./launcher.ts";
import type { ClusterOptions } from "./options.ts";
import { renderTemplate, shellLine, shellWord, type TemplateValues } from "./template.ts";

/** Jobs that are submitted at once: so many members, each with so many engines (0: the controller). */
export interface Batch {
  readonly members: number;
  readonly engines: number;
}

const SHELL_TEMPLATE = `#!/bin/sh
{environment}exec {program}
`;

/** How `n` engines are divided among jobs of at most `perJob`: all alike but for one that gets the rest. */
export function batchesOf(n: number, perJob: number, hasArrays: boolean): Batch[] {
  if (n === 0) return [{ members: 1, engines: 0 }];
  const engines = Math.min(perJob, n), members = Math.floor(n / engines), rest = n - members * engines;
  const alike = hasArrays
    ? [{ members, engines }]
    : Array.from({ length: members }, () => ({ members: 1, engines }));
  return rest === 0 ? alike : [...alike, { members: 1, engines: rest }];
}

/**
 * The script of a batch.
 * @throws OptionError if a template cannot be read or used
 */
export function scriptOf(system: BatchSystem, job: Job, batch: Batch, settings: ClusterOptions): string {
  const path = job.kind === "engines" ? settings.engineTemplate : settings.controllerTemplate;
  if (system.script !== undefined) {
    if (path === null) return system.script(job, batch);
    throw new OptionError(
      `Cannot use template "${path}": ${system.name} takes none, but lines of "directives"`,
    );
  }
  const values = valuesOf(job, batch, settings);
  const template = path === null ? system.template ?? SHELL_TEMPLATE : readTemplate(path);
  const where = path === null ? `the ${system.name} template` : `template "${path}"`;
  const own = Object.entries(system.directives)
    .filter(([name, { has }]) => isWanted(name, values) && !has.test(template))
    .map(([_, { line }]: [string, Directive]) => line);
  const all = { ...values, ...peerValues(template, values) };
  // Each by itself, so that an error has the line of the user's file.
  const head = [
    ...own.map((line) => renderTemplate(line, all, `the ${system.name} template's "${line}"`)),
    ...settings.directives.map((line) => renderTemplate(line, all, `"${line}" of "directives"`)),
  ];
  return withHead(renderTemplate(template, all, where), head);
}

/** Names that ipyparallel's templates have: where one has the arguments by themselves, the program is meant without them. */
function peerValues(template: string, values: TemplateValues): TemplateValues {
  const { log = "", executable = "", arguments: args = "" } = values;
  const isApart = /\{\s*program_?[aA]rgs\b/.test(template);
  return {
    outputFile: log,
    programArgs: args,
    ...(isApart ? { program: shellWord(String(executable)) } : {}),
  };
}

/** Lines right behind the first, which says what reads the script. */
function withHead(template: string, lines: readonly string[]): string {
  const [first = "", ...rest] = template.split("\n");
  return first.startsWith("#!")
    ? [first, ...lines, ...rest].join("\n")
    : [...lines, first, ...rest].join("\n");
}

/** A line about an array of one would be refused by some; one without a value says nothing. */
function isWanted(name: string, values: TemplateValues): boolean {
  return name === "array" ? Number(values["members"]) > 1 : values[name] !== "";
}

function valuesOf(job: Job, { members, engines }: Batch, settings: ClusterOptions): TemplateValues {
  const { place, program, environment } = job;
  const { queue, account, walltime, memory, cpusPerEngine } = settings;
  const words = program.words(engines);
  return {
    n: job.n,
    members,
    enginesPerJob: engines,
    cpusPerEngine,
    cpus: Math.max(1, engines) * cpusPerEngine,
    jobName: jobName(job),
    log: logPath(job),
    queue,
    account,
    walltime,
    ...walltimes(walltime),
    memory: memoryOf(memory, Math.max(1, engines)),
    memoryPerEngine: memory,
    memoryOfChunk: memory === "" ? "" : `:mem=${memoryOf(memory, Math.max(1, engines))}`,
    profile: place.profile,
    profileDir: place.profileDir,
    clusterId: place.clusterId,
    set: job.set,
    program: shellLine(words),
    programAndArgs: shellLine(words),
    executable: words[0] ?? "",
    arguments: shellLine(words.slice(1)),
    environment: Object.entries(environment).map(([name, value]) => `export ${name}=${shellWord(value)}; `)
      .join(""),
  };
}

/** The same time as some systems want it. */
function walltimes(walltime: string): TemplateValues {
  if (walltime === "") return { walltimeSeconds: "", walltimeMinutes: "" };
  const seconds = secondsOf(walltime);
  return { walltimeSeconds: seconds, walltimeMinutes: Math.ceil(seconds / 60) };
}

/**
 * `[days-]hours:minutes:seconds`, as Slurm has it; a single number is minutes, two are minutes and seconds.
 * @throws OptionError
 */
export function secondsOf(walltime: string): number {
  const [, days = "0", rest = ""] = /^(?:(\d+)-)?(\d+(?::\d+){0,2})$/.exec(walltime.trim()) ?? [];
  if (rest === "") {
    throw new OptionError(`Cannot use "${walltime}" for "walltime": it takes [days-]hours:minutes:seconds`);
  }
  const numbers = rest.split(":").map(Number);
  const [hours = 0, minutes = 0, seconds = 0] = numbers.length === 3 ? numbers : [0, ...numbers];
  return Number(days) * 86_400 + hours * 3600 + minutes * 60 + seconds;
}

/** `4G` times the engines: `16G`. */
export function memoryOf(memory: string, engines: number): string {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(memory) ?? [];
  if (memory !== "" && number === undefined) {
    throw new OptionError(`Cannot use "${memory}" for "memory": it takes a number with a unit, like 4G`);
  }
  return number === undefined ? "" : `${Number(number) * engines}${unit}`;
}

function readTemplate(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new OptionError(
      `Cannot read template "${path}": ${error instanceof Error ? error.message : error}`,
    );
  }
}
