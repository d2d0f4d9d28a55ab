/**
 * What the hub can be asked: queues, results of any client's tasks, history, records.
 */
import type { Dictionary } from "../protocol/frames.ts";
import type { RecordPage } from "../protocol/messages.ts";
import type { Connection } from "./connection.ts";
import { dictionaryOf } from "./dictionaries.ts";
import { withBuffers } from "./record_values.ts";
import type { RequestOptions } from "./requests.ts";

/** Numbers of one engine's tasks; lists of msg_ids if asked verbosely. */
export interface EngineQueue {
  /** Direct requests that wait or run. */
  readonly queue: number | readonly string[];
  /** Tasks that it has ended, of both kinds. */
  readonly completed: number | readonly string[];
  /** Load-balanced tasks that the engine has. */
  readonly tasks: number | readonly string[];
}

/** The queues as the hub sees them. */
export interface QueueStatus {
  /** Load-balanced tasks that no engine has yet. */
  readonly unassigned: number | readonly string[];
  /** By engine id. */
  readonly engines: Readonly<Record<number, EngineQueue>>;
}

/**
 * One task's record: the keys that were asked for. `buffers` and `result_buffers` are lists of bytes; with the latter comes `result`, the value itself,
 * where it can be read.
 */
export type TaskRecord = Dictionary;

/** Which tasks are through. */
export interface ResultStatus {
  /** msg_ids of those that are not. */
  readonly pending: readonly string[];
  /** msg_ids of those that are, well or not. */
  readonly completed: readonly string[];
}

/** What tells how a record's result is to be read. */
const NEEDED: readonly string[] = ["header", "result_metadata", "result_content", "execute_result"];

/** Which queues, and how. */
export interface QueueOptions extends RequestOptions {
  /** Ids of engines. Default all that ever were. */
  readonly targets?: readonly number[] | undefined;
  /** msg_ids instead of numbers. */
  readonly verbose?: boolean | undefined;
}

/** Asks for the queues of these engines, or of all that ever were. */
export async function queueStatus(
  connection: Connection,
  options: QueueOptions = {},
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
  const { pending, completed } = await statusOf(connection, msgIds, options);
  return { pending, completed };
}

/** The same, and which of the open ones are left over of an earlier run of the controller: they will not end. */
export async function statusOf(
  connection: Connection,
  msgIds: readonly string[],
  options: RequestOptions = {},
): Promise<ResultStatus & { readonly orphans: readonly string[] }> {
  const { content } = await connection.request(
    "result_request",
    { msg_ids: msgIds, status_only: true },
    options,
  );
  const { orphans } = dictionaryOf(content.tsparallel);
  return { pending: texts(content.pending), completed: texts(content.completed), orphans: texts(orphans) };
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
  { page, ...options }: RequestOptions & { readonly page?: RecordPage | undefined } = {},
): Promise<TaskRecord[]> {
  const extra = keys?.includes("result_buffers") === true ? NEEDED.filter((key) => !keys.includes(key)) : [];
  const wanted = keys === null ? null : [...keys, ...extra];
  const part = page === undefined ? {} : { page };
  const reply = await connection.request("db_request", { query: conditions, keys: wanted, ...part }, options);
  const records = withBuffers(reply);
  if (extra.length === 0) return records;
  return records.map((record) =>
    Object.fromEntries(Object.entries(record).filter(([key]) => !extra.includes(key)))
  );
}

/** Which records are dropped. */
export interface PurgeSelection {
  /** Those of these tasks, or of all that are finished. */
  readonly msgIds?: "all" | readonly string[] | undefined;
  /** Those of all finished tasks of engines, by their ids. */
  readonly engines?: readonly number[] | undefined;
}

/** Drops records: of these tasks, or all finished ones, or all of engines. */
export async function purge(
  connection: Connection,
  what: PurgeSelection,
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
  const entries = Object.entries(dictionaryOf(content.resubmitted));
  return Object.fromEntries(entries.map(([before, after]) => [before, String(after)]));
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
