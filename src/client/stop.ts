/**
 * Stopping tasks that are named from outside: by their results or msg_ids.
 */
import { thisClient } from "./by.ts";
import { AsyncResult } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import { MapResult } from "./map.ts";
import type { RequestOptions } from "./requests.ts";
import type { StopWord } from "./task_state.ts";

/** Why tasks are stopped, as their errors and records will say. */
export interface CancelOptions extends RequestOptions {
  /** The reason, in words. */
  readonly why?: string | undefined;
}

/** Names tasks of this client; a msg_id may be anybody's where tasks are cancelled. */
export type StopReference =
  | AsyncResult<unknown, "one">
  | AsyncResult<unknown, "all">
  | MapResult<unknown>
  | string;

/**
 * Stops these tasks. Those that have ended are left alone.
 * @throws RangeError for a msg_id of another client
 */
export function stopTasks(
  connection: Connection,
  references: readonly StopReference[],
  how: StopWord,
  reason?: unknown,
): void {
  for (const reference of references) {
    if (reference instanceof AsyncResult || reference instanceof MapResult) {
      if (how === "abort") reference.abort();
      else reference.cancel(reason);
    } else stopById(connection, reference, how, reason);
  }
}

function stopById(connection: Connection, msgId: string, how: StopWord, reason: unknown): void {
  const n = connection.numberOf(msgId);
  if (n === undefined) {
    throw new RangeError(`Cannot ${how} "${msgId}": it is no task of this client`);
  }
  const task = connection.pending.get(n);
  task?.route.stop([task], how, reason);
}

/**
 * Stops tasks of any client in any state. What this client has open it stops itself, on the way that the task took; for all else it asks the hub.
 * @throws TypeError for another client's task if the controller is Python's
 */
export async function cancelTasks(
  connection: Connection,
  references: readonly StopReference[],
  { why, ...options }: CancelOptions,
): Promise<Readonly<Record<string, string>>> {
  const words: Record<string, string> = {}, others: string[] = [];
  for (const reference of references) {
    if (reference instanceof MapResult) {
      reference.cancel(why);
      continue;
    }
    for (const msgId of typeof reference === "string" ? [reference] : reference.msgIds) {
      if (stopOwn(connection, msgId, why)) words[msgId] = "cancelling";
      else others.push(msgId);
    }
  }
  return others.length === 0 ? words : { ...words, ...await askHub(connection, others, why, options) };
}

/** Whether it is an open task of this client. */
function stopOwn(connection: Connection, msgId: string, why: unknown): boolean {
  const n = connection.numberOf(msgId);
  const task = n === undefined ? undefined : connection.pending.get(n);
  task?.route.stop([task], "cancel", why);
  return task !== undefined;
}

async function askHub(
  connection: Connection,
  msgIds: readonly string[],
  reason: string | undefined,
  options: RequestOptions,
): Promise<Readonly<Record<string, string>>> {
  if (!connection.speaksGroups) {
    throw new TypeError("Cannot cancel another client's task: Python's ipcontroller has no request for it");
  }
  const { who, why } = thisClient(connection.session, reason);
  const { content } = await connection.request("cancel_request", { msg_ids: msgIds, who, why }, options);
  const { tasks } = content;
  return typeof tasks === "object" && tasks !== null ? { ...tasks } : {};
}
