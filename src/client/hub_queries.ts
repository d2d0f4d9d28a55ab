/**
 * What the hub can be asked: queues, results of any client's tasks, history, records.
 */
import { type ErrorDescription, errorFromContent } from "../protocol/errors.ts";
import type { Dictionary, Message } from "../protocol/frames.ts";
import { readPostMortem } from "../protocol/post_mortem.ts";
import type { Connection } from "./connection.ts";
import { type Stored, valueOrBytes, withBuffers } from "./record_values.ts";
import type { RequestOptions } from "./requests.ts";
import { abortError, type WaitOptions } from "./waiting.ts";

/** Numbers of one engine's tasks; lists of msg_ids if asked verbosely. */
export interface EngineQueue {
  /** Direct requests that wait or run. */
  readonly queue: number | readonly string[];
  readonly completed: number | readonly string[];
  /** Load-balanced tasks that the engine has. */
  readonly tasks: number | readonly string[];
}

/** The queues as the hub sees them. */
export interface QueueStatus {
  readonly unassigned: number | readonly string[];
  readonly engines: Readonly<Record<number, EngineQueue>>;
}

/**
 * One task's record: the keys that were asked for. `buffers` and `result_buffers` are lists of bytes; with the latter comes `result`, the value itself,
 * where it can be read.
 */
export type TaskRecord = Dictionary;

/** Which tasks are through. */
export interface ResultStatus {
  readonly pending: readonly string[];
  readonly completed: readonly string[];
}

const POLL_MS = 100;
/** What tells how a record's result is to be read. */
const NEEDED: readonly string[] = ["header", "result_metadata", "result_content", "execute_result"];

/** Asks for the queues of these engines, or of all that ever were. */
export async function queueStatus(
  connection: Connection,
  options: RequestOptions & {
    readonly targets?: readonly number[] | undefined;
    /** msg_ids instead of numbers. */
    readonly verbose?: boolean | undefined;
  } = {},
): Promise<QueueStatus> {
  const { targets = null, verbose = false } = options;
  const { content } = await connection.request("queue_request", { targets, verbose }, options);
  const engines: Record<number, EngineQueue> = {};
  for (const [key, value] of Object.entries(content)) {
    if (/^\d+$/.test(key)) engines[Number(key)] = value as EngineQueue;
  }
  return { unassigned: content.unassigned as QueueStatus["unassigned"], engines };
}

/** Asks which of these tasks are through. */
export async function resultStatus(
  connection: Connection,
  msgIds: readonly string[],
  options: RequestOptions = {},
): Promise<ResultStatus> {
  const { content } = await connection.request(
    "result_request",
    { msg_ids: msgIds, status_only: true },
    options,
  );
  return { pending: texts(content.pending), completed: texts(content.completed) };
}

/**
 * The result of any task of the cluster, from its record; waits until it is there. A Python value that cannot be read without Python comes as the
 * list of its buffers.
 * @throws the task's error
 */
export async function hubResult(
  connection: Connection,
  msgId: string,
  options: WaitOptions = {},
): Promise<unknown> {
  const { timeoutMs = Infinity, signal } = options;
  const deadline = Date.now() + timeoutMs;
  const request = { msg_ids: [msgId], status_only: false };
  for (;;) {
    const reply = await connection.request("result_request", request, { signal });
    if (texts(reply.content.completed).includes(msgId)) return outcomeOf(reply, msgId);
    if (Date.now() + POLL_MS > deadline) {
      throw new DOMException(`Waited ${timeoutMs} ms: task "${msgId}" is not finished`, "TimeoutError");
    }
    await pause(POLL_MS, signal);
  }
}

function outcomeOf({ content, buffers }: Message, msgId: string): unknown {
  const record = dictionary(content[msgId]);
  const said = dictionary(record.result_content);
  if (said.status !== "ok") throw errorOf(said, dictionary(record.result_metadata));
  return valueOrBytes(record as Stored, buffers);
}

function errorOf(said: Dictionary, metadata: Dictionary): Error {
  if (said.status === "aborted") {
    const { post_mortem } = dictionary(metadata.tsparallel);
    const postMortem = readPostMortem(post_mortem);
    return errorFromContent({ ename: "TaskAborted", evalue: "Aborted before it ran", postMortem });
  }
  const { limit, status, post_mortem } = dictionary(metadata.tsparallel);
  const postMortem = readPostMortem(post_mortem);
  const description: ErrorDescription = {
    ename: String(said.ename ?? "Error"),
    evalue: String(said.evalue ?? ""),
    traceback: texts(said.traceback),
    engine_info: dictionary(said.engine_info),
    ...(isLimit(limit) ? { limit } : {}),
    postMortem,
  };
  // A task's error is the task's, whatever it calls itself.
  const isTasks = status === "error" && (postMortem?.endedBy ?? "error") === "error";
  return errorFromContent(description, limit === undefined ? isTasks || undefined : false);
}

/** msg_ids of all tasks in the order of their submission. */
export async function history(
  connection: Connection,
  options: RequestOptions = {},
): Promise<readonly string[]> {
  const { content } = await connection.request("history_request", {}, options);
  return texts(content.history);
}

/**
 * Records that meet a query, as `{ completed: null }` or `{ submitted: { $gt: "2026-01-01T00:00:00Z" } }`.
 * @param keys which fields; default all
 * @throws RemoteError for an unknown field or operator
 */
export async function query(
  connection: Connection,
  conditions: Dictionary,
  keys: readonly string[] | null,
  options: RequestOptions = {},
): Promise<TaskRecord[]> {
  const extra = keys?.includes("result_buffers") === true ? NEEDED.filter((key) => !keys.includes(key)) : [];
  const wanted = keys === null ? null : [...keys, ...extra];
  const reply = await connection.request("db_request", { query: conditions, keys: wanted }, options);
  const records = withBuffers(reply);
  if (extra.length === 0) return records;
  return records.map((record) =>
    Object.fromEntries(Object.entries(record).filter(([key]) => !extra.includes(key)))
  );
}

/** Drops records: of these tasks, or all finished ones, or all of engines. */
export async function purge(
  connection: Connection,
  what: {
    readonly msgIds?: "all" | readonly string[] | undefined;
    readonly engines?: readonly number[] | undefined;
  },
  options: RequestOptions = {},
): Promise<void> {
  const { msgIds = [], engines = [] } = what;
  await connection.request("purge_request", { msg_ids: msgIds, engine_ids: engines }, options);
}

/** Submits tasks again, as the hub has them. Gives the new msg_id of each. */
export async function resubmit(
  connection: Connection,
  msgIds: readonly string[],
  options: RequestOptions = {},
): Promise<Readonly<Record<string, string>>> {
  const { content } = await connection.request("resubmit_request", { msg_ids: msgIds }, options);
  const entries = Object.entries(dictionary(content.resubmitted));
  return Object.fromEntries(entries.map(([before, after]) => [before, String(after)]));
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      if (signal !== undefined) reject(abortError(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function dictionary(value: unknown): Dictionary {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Dictionary : {};
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function isLimit(value: unknown): value is { limit: string; value: number; max: number } {
  const { limit, value: measured, max } = dictionary(value);
  return typeof limit === "string" && typeof measured === "number" && typeof max === "number";
}
