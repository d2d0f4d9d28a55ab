/**
 * Windows HPC Server (HPC Pack): `job submit`, `job view`, `job cancel`. Its scripts are descriptions of jobs in XML, one task for each engine; the format is that of 2008,
 * which later versions read too. Tried with stand-in commands only.
 */
import { OptionError } from "../base/options.ts";
import { type Batch, memoryOf, secondsOf } from "./batch_script.ts";
import type { BatchSystem } from "./batch_system.ts";
import { ClusterError, type Job, jobName, type PartState } from "./launcher.ts";
import type { ClusterOptions } from "./options.ts";
import { type Answer, wordsOfAnswer } from "./run_command.ts";

const NAMESPACE = "http://schemas.microsoft.com/HPCS2008/scheduler/";

/** Windows HPC's commands, at the head node that the settings name. */
export function winHpc(settings: ClusterOptions): BatchSystem {
  const { schedulerHost } = settings;
  const job = (...words: readonly string[]) => ({
    words: ["job", ...words, ...(schedulerHost === "" ? [] : [`/scheduler:${schedulerHost}`])],
  });
  return {
    name: "winhpc",
    extension: "xml",
    hasArrays: true,
    enginesPerJob: 1,
    directives: {},
    script: (what, batch) => jobFile(what, batch, settings),
    logs: logsBeside,
    submit: (path) => job("submit", `/jobfile:${path}`),
    jobId: (printed) => /\d+/.exec(printed)?.[0],
    ask: (id) => job("view", id),
    states,
    cancel: (id, byForce) => job("cancel", id, ...(byForce ? ["/force"] : [])),
    isGone: ({ out, err }) => /not found|does not exist|already|invalid state/i.test(out + err),
  };
}

/**
 * The description of a job: what it needs as attributes, and its tasks.
 * @throws OptionError for a value that XML cannot hold
 */
function jobFile(job: Job, batch: Batch, settings: ClusterOptions): string {
  const cpus = Math.max(1, batch.engines) * settings.cpusPerEngine;
  const attributes = {
    Version: "2.000",
    Name: jobName(job),
    UnitType: "Core",
    // It begins when there is room for one task; the others follow as cores become free.
    MinCores: String(cpus),
    MaxCores: String(cpus * batch.members),
    RunUntilCanceled: "false",
    IsExclusive: "false",
    JobType: "Batch",
    Priority: settings.priority,
    ...optional("JobTemplate", settings.queue),
    ...optional("RuntimeSeconds", settings.walltime === "" ? "" : String(secondsOf(settings.walltime))),
    ...optional("MinMemory", megabytes(memoryOf(settings.memory, Math.max(1, batch.engines)))),
    AutoCalculateMax: "false",
    AutoCalculateMin: "false",
    ...optional("Project", settings.account),
    ...Object.fromEntries(settings.directives.map(attributeIn)),
    xmlns: NAMESPACE,
  };
  const tasks = Array.from({ length: batch.members }, (_, at) => task(job, batch, { at, cpus }));
  return `<?xml version="1.0" encoding="utf-8"?>
<Job${attributesText(attributes)}>
  <Dependencies />
  <Tasks>
${tasks.join("\n")}
  </Tasks>
</Job>
`;
}

function task(job: Job, batch: Batch, { at, cpus }: { readonly at: number; readonly cpus: number }): string {
  const name = `${jobName(job)}.${batch.engines}.${at + 1}`;
  const attributes = {
    Version: "2.000",
    Name: name,
    MinCores: String(cpus),
    MaxCores: String(cpus),
    CommandLine: job.program.words(batch.engines).map(windowsWord).join(" "),
    WorkDirectory: job.place.profileDir,
    IsRerunnable: "false",
    StdOutFilePath: `log\\${name}.out`,
    StdErrFilePath: `log\\${name}.err`,
    IsParametric: "false",
    UnitType: "Core",
  };
  const variables = Object.entries(job.environment).map(([key, value]) =>
    `        <Variable>
          <Name>${escaped(key)}</Name>
          <Value>${escaped(value)}</Value>
        </Variable>`
  );
  const environment = variables.length === 0
    ? "      <EnvironmentVariables />"
    : `      <EnvironmentVariables>\n${variables.join("\n")}\n      </EnvironmentVariables>`;
  return `    <Task${attributesText(attributes)}>\n${environment}\n    </Task>`;
}

/** The files beside a log that the tasks of its job write. */
function logsBeside(log: string): readonly string[] {
  const [_, folder = "", base = ""] = /^(.*)[/\\]([^/\\]*)\.log$/.exec(log) ?? [];
  try {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) =>
        name.startsWith(`${base}.`) && /^\d+\.\d+\.(out|err)$/.test(name.slice(base.length + 1))
      );
    return names.sort().map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

function optional(name: string, value: string): Record<string, string> {
  return value === "" ? {} : { [name]: value };
}

/** `IsExclusive=true` */
function attributeIn(line: string): [string, string] {
  const [, name, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
  if (name !== undefined) return [name, value];
  throw new OptionError(
    `Cannot use "${line}" for "directives": with winhpc it takes attributes of a job, like IsExclusive=true`,
  );
}

/** `4G` → `4096`; a number without a unit is megabytes. */
function megabytes(memory: string): string {
  if (memory === "") return "";
  const unit = /[A-Za-z]/.exec(memory)?.[0].toUpperCase() ?? "M";
  const factor = { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 }[unit];
  if (factor === undefined) {
    throw new OptionError(`Cannot use "${memory}" for "memory": it takes K, M, G or T`);
  }
  return String(Math.ceil(Number.parseFloat(memory) * factor));
}

function attributesText(attributes: Readonly<Record<string, string>>): string {
  return Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(value)}"`).join("");
}

/** @throws OptionError for characters that no XML can hold */
function escaped(text: string): string {
  // deno-lint-ignore no-control-regex
  if (/[\0-\x08\x0b\x0c\x0e-\x1f]/.test(text)) {
    throw new OptionError(
      `Cannot use ${JSON.stringify(text)} for a job of winhpc: it has control characters`,
    );
  }
  return text.replace(/[&<>"'\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A word as programs on Windows read it from their command line: backslashes before a quote count double. */
function windowsWord(word: string): string {
  if (/^[^\s"]+$/.test(word)) return word;
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}

const WAITING = ["Configuring", "Submitted", "Validating", "ExternalValidation", "Queued"];
const ENDED = ["Finished", "Failed", "Canceled"];

function states(_: string, answer: Answer): readonly PartState[] {
  const said = answer.out + answer.err;
  if (answer.code !== 0) {
    if (/not found|does not exist/i.test(said)) return [];
    throw new ClusterError(`Cannot ask Windows HPC: ${wordsOfAnswer(answer)}`);
  }
  const field = (name: string) =>
    new RegExp(`^\\s*${name}\\s*:\\s*(\\S.*)$`, "mi").exec(said)?.[1]?.trim() ?? "";
  const state = field("(?:Job )?(?:State|Status)"), reason = field("(?:Pending reason|Error message)");
  const words = `${state}${reason === "" ? "" : ` (${reason})`}`;
  if (WAITING.includes(state)) return [{ is: "waiting", words }];
  if (ENDED.includes(state)) return [{ is: "ended", words: state === "Finished" ? "" : words }];
  if (state !== "") return [{ is: "running", words }];
  throw new ClusterError(`Cannot ask Windows HPC: its answer names no state: ${wordsOfAnswer(answer)}`);
}
