/**
 * `tsparallel exec`: runs code on engines and shows what comes back: text while it is written, then value, display and error of each.
 */
import type { Command } from "commander";
import { OptionError } from "../base/options.ts";
import type { AsyncResult } from "../client/async_result.ts";
import type { Client } from "../client/client.ts";
import { CLIENT_OPTIONS } from "../client/options.ts";
import type { ExecuteResult } from "../client/load_balanced_view.ts";
import type { TaskMetadata } from "../client/task_state.ts";
import type { ViewOptions } from "../client/view_options.ts";
import { addExamples, addRunFlags, addTable, type Flags, openRun, textFlag } from "./command.ts";
import { connect } from "./connect.ts";
import { EXIT } from "./exit_codes.ts";
import { interruptible } from "./interrupt.ts";
import { printable } from "./table_text.ts";
import { addTaskFlags, taskOptions } from "./task_flags.ts";

/** How often the text of running tasks is looked at. */
const LOOK_EVERY_MS = 40;

/** One engine's task. */
interface Running {
  readonly engine: number;
  readonly result: AsyncResult<ExecuteResult>;
  /** Characters of its streams that were shown. */
  readonly shown: { stdout: number; stderr: number };
}

/** How it ended. */
interface Ended {
  readonly engine: number;
  readonly metadata: TaskMetadata;
  readonly outcome: { readonly kind: "value"; readonly value: unknown; readonly text: string | undefined } | {
    readonly kind: "error";
    readonly error: unknown;
  };
}

/** Gives the command its options and action. */
export function defineExec(command: Command): void {
  command.description(
    "Run TypeScript on engines, each in its own lasting namespace, and show value, text, display and error.",
  );
  command.argument("[code]", "the code; the value of its last expression is the result");
  addRunFlags(command);
  addTable(command, CLIENT_OPTIONS);
  command
    .option("--file <path>", 'read the code from a file; "-" is the standard input')
    .option("--targets <ids>", "engines, like 0,2 (default: all)")
    .option("--timeout <ms>", "stop it on an engine that runs longer than this; its namespace is lost")
    .option("--json", "one JSON document at the end instead of text");
  addTaskFlags(command);
  addExamples(command, [
    "tsparallel exec 'navigator.hardwareConcurrency'",
    "tsparallel exec 'const x = await Promise.resolve(42); x' --targets 0",
    "tsparallel exec --allow-read=/data 'await Deno.readTextFile(\"/data/x\")'    with this permission and no other",
    "tsparallel exec --file analysis.ts --targets 0,2 --timeout 60000 --json",
  ]);
  command.action(async (code: string | undefined, flags: Flags) => {
    const run = await openRun(flags);
    const text = await codeOf(code, textFlag(flags, "file"));
    const targets = targetsOf(textFlag(flags, "targets"));
    const asked = taskOptions(flags);
    Deno.exitCode = await interruptible(async (signal) => {
      await using client = await connect(run, { flags, signal });
      const running = start(client, { text, targets, options: { ...asked, signal } });
      const code = flags["json"] === true ? await showJson(running) : await showText(running);
      return signal.aborted ? EXIT.interrupted : code;
    });
  });
}

async function codeOf(code: string | undefined, file: string | undefined): Promise<string> {
  if (code !== undefined && file !== undefined) {
    throw new OptionError("Cannot run both code and --file: give one of them");
  }
  if (code !== undefined) return code;
  if (file === undefined) throw new OptionError("Cannot run nothing: give code, or a file with --file");
  try {
    return file === "-" ? await new Response(Deno.stdin.readable).text() : await Deno.readTextFile(file);
  } catch (error) {
    throw new OptionError(`Cannot read "${file}": ${error instanceof Error ? error.message : error}`);
  }
}

function targetsOf(text: string | undefined): readonly number[] | "all" {
  if (text === undefined || text === "all") return "all";
  const ids = text.split(",").map((word) => word.trim());
  const wrong = ids.find((word) => !/^\d+$/.test(word));
  if (wrong !== undefined) {
    throw new OptionError(`Cannot use "${wrong}" for "--targets": it takes ids of engines like 0,2, or all`);
  }
  return [...new Set(ids.map(Number))];
}

interface Order {
  readonly text: string;
  readonly targets: readonly number[] | "all";
  readonly options: ViewOptions;
}

function start(client: Client, { text, targets, options }: Order): Running[] {
  const engines = client.direct(targets).targets;
  return engines.map((engine) => ({
    engine,
    result: client.direct(engine, options).execute(text),
    shown: { stdout: 0, stderr: 0 },
  }));
}

async function ended({ engine, result }: Running): Promise<Ended> {
  try {
    const { value, text } = await result;
    await result.outputReady().catch(() => {});
    return { engine, metadata: result.metadata, outcome: { kind: "value", value, text } };
  } catch (error) {
    await result.outputReady().catch(() => {});
    return { engine, metadata: result.metadata, outcome: { kind: "error", error } };
  }
}

async function showText(running: readonly Running[]): Promise<number> {
  const looking = setInterval(() => running.forEach((one) => showNewText(one, "whole lines")), LOOK_EVERY_MS);
  try {
    const all = await Promise.all(running.map(ended));
    running.forEach((one) => showNewText(one, "everything"));
    all.forEach(showEnd);
    return exitCode(all);
  } finally {
    clearInterval(looking);
  }
}

/** Prints what a task has written since the last look, line by line behind its engine's number. */
function showNewText({ engine, result, shown }: Running, how: "whole lines" | "everything"): void {
  const { metadata } = result;
  for (const stream of ["stdout", "stderr"] as const) {
    const fresh = metadata[stream].slice(shown[stream]);
    const length = how === "everything" ? fresh.length : fresh.lastIndexOf("\n") + 1;
    if (length === 0) continue;
    shown[stream] += length;
    const lines = fresh.slice(0, length).replace(/\n$/, "").split("\n").map((line) =>
      `[${engine}] ${safe(line)}`
    );
    if (stream === "stdout") console.log(lines.join("\n"));
    else console.error(lines.join("\n"));
  }
}

function showEnd({ engine, metadata, outcome }: Ended): void {
  for (const display of metadata.display) {
    const text = plainText(display);
    if (text !== undefined) console.log(indented(`[${engine}] display: `, text));
  }
  switch (outcome.kind) {
    case "value":
      if (hasValue(outcome) && !metadata.display.some(isResult)) {
        console.log(indented(`[${engine}] => `, textOf(outcome)));
      }
      return;
    case "error":
      console.error(indented(`[${engine}] `, errorText(outcome.error)));
  }
}

/** The remote stack where there is one, else name and message. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const remote = "traceback" in error && Array.isArray(error.traceback) ? error.traceback.join("\n") : "";
  return remote === "" ? `${error.name}: ${error.message}` : remote;
}

/** What a display shows on a terminal: its plain text. */
function plainText(display: unknown): string | undefined {
  const data = typeof display === "object" && display !== null && "data" in display
    ? display.data
    : undefined;
  const text = typeof data === "object" && data !== null && "text/plain" in data
    ? data["text/plain"]
    : undefined;
  return typeof text === "string" ? text : undefined;
}

/** Whether a display is how the cell's value wants to be shown. */
function isResult(display: unknown): boolean {
  return typeof display === "object" && display !== null && "execution_count" in display;
}

function indented(prefix: string, text: string): string {
  return prefix + text.split("\n").map(safe).join(`\n${" ".repeat(prefix.length)}`);
}

/** A line from an engine without what could drive the terminal. */
function safe(line: string): string {
  return printable(line.replaceAll("\t", "    ").replace(/\r$/, ""));
}

async function showJson(running: readonly Running[]): Promise<number> {
  const all = await Promise.all(running.map(ended));
  const results = all.map(({ engine, metadata, outcome }) => ({
    engine,
    status: metadata.status,
    ...(outcome.kind === "value" ? valueJson(outcome) : { error: errorJson(outcome.error) }),
    stdout: metadata.stdout,
    stderr: metadata.stderr,
    display: metadata.display,
    msgId: metadata.msgId,
    started: metadata.started,
    completed: metadata.completed,
  }));
  console.log(JSON.stringify({ ok: exitCode(all) === EXIT.ok, results }, replacer));
  return exitCode(all);
}

/** The value itself where JSON has it, and always as text. */
function valueJson(outcome: { readonly value: unknown; readonly text: string | undefined }) {
  return { value: outcome.value ?? null, text: hasValue(outcome) ? textOf(outcome) : null };
}

/** A value that cannot travel comes as its text alone. */
function hasValue({ value, text }: { readonly value: unknown; readonly text: string | undefined }): boolean {
  return value !== undefined || text !== undefined;
}

/** As the engine shows it, since it knows what the value was before it travelled. */
function textOf({ value, text }: { readonly value: unknown; readonly text: string | undefined }): string {
  return text ?? Deno.inspect(value);
}

function errorJson(error: unknown) {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), traceback: [] };
  const traceback = "traceback" in error && Array.isArray(error.traceback) ? error.traceback : [];
  return { name: "ename" in error ? error.ename : error.name, message: error.message, traceback };
}

/** JSON for what it has no word for: bigints as text, maps and sets as their entries, bytes as numbers. */
function replacer(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  return value;
}

function exitCode(all: readonly Ended[]): number {
  return all.every(({ outcome }) => outcome.kind === "value") ? EXIT.ok : EXIT.taskError;
}
