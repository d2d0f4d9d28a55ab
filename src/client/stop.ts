/**
 * Stopping tasks that are named from outside: by their results or msg_ids.
 */
import { AsyncResult } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import { MapResult } from "./map.ts";
import type { StopWord } from "./task_state.ts";

/** Names tasks of this client. */
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
  const n = Number(msgId.slice(msgId.lastIndexOf("_") + 1));
  if (connection.msgId(n) !== msgId) {
    throw new RangeError(`Cannot ${how} "${msgId}": it is no task of this client`);
  }
  const task = connection.pending.get(n);
  task?.route.stop([task], how, reason);
}
