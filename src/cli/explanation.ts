/**
 * A task's record as a paragraph for people. Pure.
 */
import { type PostMortem, readPostMortem } from "../protocol/post_mortem.ts";
import type { By } from "../protocol/by.ts";
import { adviceFor } from "./explain_advice.ts";
import { printable } from "./table_text.ts";

/** What is known of a task. */
export interface Explained {
  /** As the hub has it. */
  readonly record: Readonly<Record<string, unknown>>;
  /** Its function's name, or the first line of its code. */
  readonly code: string | null;
  /** The engines that are there now, as `status` has them. */
  readonly engines: readonly unknown[];
}

/** Most characters of a line of the paragraph. */
const WIDTH = 100;

/** @param now ms since 1970 */
export function explanation(task: Explained, now: number): string {
  const { record } = task;
  const known = readPostMortem(record["post_mortem"]) ?? null;
  const sentences = [
    whatItWas(task),
    whenAndWhere(task, now),
    ...(record["completed"] === null ? [] : [howItEnded(record, known)]),
    ...(known === null ? [] : details(known)),
  ];
  const advice = adviceFor(record, known);
  return [
    wrapped(sentences.filter((sentence) => sentence !== "").join(" ")),
    ...lastOutput(record, known),
    ...(advice === "" ? [] : [wrapped(`What to do: ${advice}`)]),
  ].join("\n\n");
}

function whatItWas({ record, code }: Explained): string {
  const { msg_id, label, queue, header } = record;
  const { username, session, msg_type } = fieldsOf(header);
  const kind = msg_type === "execute_request" ? "ran the code" : "was a call of";
  const what = code === null ? "is a task" : `${kind} \`${printable(code)}\``;
  const way = queue === "mux"
    ? "sent to one engine"
    : queue === "broadcast"
    ? "part of a broadcast"
    : "load-balanced";
  const name = label === null || label === undefined ? "" : `, labelled ${printable(JSON.stringify(label))}`;
  return `Task ${text(msg_id)} ${what}${name}, ${way}, by ${text(username)} (session ${text(session)}).`;
}

function whenAndWhere({ record, engines }: Explained, now: number): string {
  const { submitted, started, completed, status } = record;
  const waited = between(submitted, started);
  const sent = submitted === null ? "" : `It was submitted at ${text(submitted)}`;
  const where = whereText(record, engines);
  if (started !== null && started !== undefined) {
    const wait = waited === null ? "" : `, waited ${duration(waited)}`;
    const ran = between(started, completed);
    return `${sent}${wait} and ran ${where}${ran === null ? "" : ` for ${duration(ran)}`}.`;
  }
  if (completed !== null) {
    return `${sent}${
      where === "" ? "" : `, went to ${where.replace(/^on /, "")}`
    } and is not known to have begun.`;
  }
  const age = submitted === null ? "" : `, ${duration(now - Date.parse(String(submitted)))} ago`;
  return status === "assigned"
    ? `${sent}${age}, and is ${where === "" ? "with an engine" : where} now: it runs, or is next there.`
    : `${sent}${age}, and still waits for an engine.`;
}

function whereText(
  { engine_uuid: uuid, result_metadata }: Readonly<Record<string, unknown>>,
  engines: readonly unknown[],
): string {
  if (typeof uuid !== "string" || uuid === "") return "";
  const found = engines.map(fieldsOf).find((engine) => engine["uuid"] === uuid);
  const { engine_id } = fieldsOf(fieldsOf(result_metadata)["engine_info"]);
  const id = found?.["id"] ?? engine_id;
  const name = id === undefined ? `on engine "${printable(uuid)}"` : `on engine ${text(id)}`;
  return found === undefined
    ? `${name}, which is not registered any more,`
    : `${name} (host ${text(found["host"])}, pid ${text(found["pid"])})`;
}

function howItEnded(
  { status, result_content }: Readonly<Record<string, unknown>>,
  known: PostMortem | null,
): string {
  if (status === "ok") return "It succeeded.";
  if (known?.by) return stoppedText(known.by, String(status));
  // What the host has measured needs no second sentence.
  if (known?.endedBy === "limit" && known.limit !== null) return `${endText(known, "")}.`;
  const { ename, evalue } = fieldsOf(result_content);
  const said = ename === undefined ? "" : `: ${text(ename)}: ${text(evalue)}`;
  return `${endText(known, String(status))}${said}${/[.!?]$/.test(said) ? "" : "."}`;
}

function stoppedText({ who, why }: By, status: string): string {
  const reason = why === "" ? "" : `, who said: "${printable(why)}"`;
  return `It was ${status === "aborted" ? "aborted" : "cancelled"} by ${printable(who)}${reason}.`;
}

function endText(known: PostMortem | null, status: string): string {
  const { exitCode = null, signal = null, limit = null } = known ?? {};
  switch (known?.endedBy) {
    case "limit":
      return limit === null
        ? "It exceeded a limit"
        : `It exceeded its limit of ${limit.limit} (${Math.round(limit.value)} of at most ${limit.max})`;
    case "exit":
      return `Its process ended by itself${exitCode === null ? "" : ` with exit code ${exitCode}`}`;
    case "signal":
      return `Its process was ended by signal ${signal ?? "?"}`;
    case "protocol":
      return "Its process broke the rules of the host link and was killed";
    case "engine":
      return "Its engine was lost under it";
    case "denied":
      return "No engine grants what it asked for";
    case "timeout":
      return "It waited for an engine longer than its time-out";
    case "dependency":
      return "It can never run";
    case "refused":
      return "It was refused";
    case "cancel":
      return status === "aborted" ? "It was aborted" : "It was cancelled";
    default:
      return status === "aborted" ? "It was aborted" : "It threw an error";
  }
}

function details(known: PostMortem): string[] {
  const {
    exitCode,
    signal,
    endedBy,
    cpuMs,
    peakMemoryMB,
    denied,
    attempts,
    attemptsDropped,
    sandbox,
    isolation,
  } = known;
  const sentences: string[] = [];
  if (endedBy !== "exit" && exitCode !== null) {
    sentences.push(`Its process ended with exit code ${exitCode}.`);
  }
  if (endedBy !== "signal" && signal !== null) {
    const isOurs = signal === 9 && (endedBy === "limit" || endedBy === "cancel");
    sentences.push(
      isOurs
        ? "Its process was killed for that, and its namespace is lost."
        : `Its process was ended by signal ${signal}.`,
    );
  }
  const used = [
    ...(peakMemoryMB === null || peakMemoryMB === 0
      ? []
      : [`at most ${Math.round(peakMemoryMB)} MB of memory`]),
    ...(cpuMs === null || cpuMs === 0 ? [] : [`${duration(cpuMs)} of processor time`]),
  ];
  if (used.length > 0) sentences.push(`It used ${used.join(" and ")}.`);
  for (const { permission, value, times, where } of denied) {
    const what = value === "" ? permission : `${permission} "${printable(value)}"`;
    sentences.push(
      `It was denied ${what}${times > 1 ? ` ${times} times` : ""}${
        where === "" ? "" : ` (${printable(where)})`
      }.`,
    );
  }
  const tries = attempts.length + attemptsDropped;
  if (tries > 1) {
    const list = attempts.map(({ engineId, outcome }) => `engine ${engineId ?? "?"}: ${printable(outcome)}`);
    sentences.push(`It was tried ${tries} times (${attemptsDropped > 0 ? "…, " : ""}${list.join("; ")}).`);
  }
  if (sandbox !== null) {
    sentences.push(
      `Its sandbox: ${printable(sandbox)}${isolation === null ? "" : `, isolation ${isolation}`}.`,
    );
  }
  return sentences;
}

function lastOutput(
  { stdout, stderr }: Readonly<Record<string, unknown>>,
  known: PostMortem | null,
): string[] {
  const written = known?.lastOutput || [stdout, stderr].filter((part) => typeof part === "string").join("");
  const lines = written.trimEnd().split("\n").slice(-10).filter((line) => line !== "");
  if (lines.length === 0) return [];
  return [["The end of what it wrote:", ...lines.map((line) => `  ${printable(line)}`)].join("\n")];
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function text(value: unknown): string {
  return value === null || value === undefined ? "?" : printable(String(value));
}

/** Milliseconds between two times of a record; null if one is missing. */
function between(from: unknown, to: unknown): number | null {
  if (typeof from !== "string" || typeof to !== "string") return null;
  return Math.max(0, Date.parse(to) - Date.parse(from));
}

function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** Breaks lines at spaces. */
function wrapped(paragraph: string): string {
  const lines = [""];
  for (const word of paragraph.split(" ")) {
    const line = lines[lines.length - 1]!;
    if (line !== "" && line.length + word.length >= WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}
