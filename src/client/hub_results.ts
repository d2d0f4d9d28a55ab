/**
 * Results from elsewhere: AsyncResults of any client's tasks, made of msg_ids, from the hub's records.
 */
import { AsyncResult, type Shape } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import { HubNames, HubTask } from "./hub_task.ts";
import { HubWatch } from "./hub_watch.ts";
import { resubmit } from "./hub_queries.ts";
import type { RequestOptions } from "./requests.ts";
import { cancelTasks } from "./stop.ts";
import type { StopWord, TaskRoute, TaskState } from "./task_state.ts";
import { listenForAbort } from "./abort_listeners.ts";
import { abortError, type WaitOptions } from "./waiting.ts";

const watches = new WeakMap<Connection, HubWatch>();

/**
 * The results of these tasks, whoever has submitted them, and when.
 * @param options how long to wait at most: then the result is a TimeoutError, and the tasks go on
 * @throws TypeError for what is no msg_id; RangeError for none
 */
export function hubResult<S extends Shape>(
  connection: Connection,
  msgIds: readonly string[],
  shape: S,
  options: WaitOptions = {},
): AsyncResult<unknown, S> {
  checkIds(msgIds);
  connection.check();
  const watch = watchOf(connection);
  const names = new HubNames(msgIds, connection);
  const what = msgIds.length === 1 ? `task "${msgIds[0]}"` : `${msgIds.length} tasks`;
  const result = new AsyncResult<unknown, S>({ shape, count: msgIds.length, what, names });
  const route = new HubRoute(connection);
  const tasks = msgIds.map((msgId, i) => new HubTask(result, i, route, msgId));
  for (const task of tasks) result.started(task);
  watch.add(tasks);
  bound(result, options, (error) => watch.drop(tasks, error));
  return result;
}

/** The one loop of a client that follows records. */
export function watchOf(connection: Connection): HubWatch {
  let watch = watches.get(connection);
  if (watch === undefined) watches.set(connection, watch = new HubWatch(connection));
  return watch;
}

function checkIds(msgIds: readonly unknown[]): void {
  if (msgIds.length === 0) throw new RangeError("Cannot get a result: no msg_id is named");
  for (const id of msgIds) {
    if (typeof id !== "string" || id === "") {
      throw new TypeError(`Cannot get the result of ${String(id)}: pass msg_ids`);
    }
  }
}

/** Lets a result go when its time is over or the signal fires; no timer is left when it has ended. */
function bound(
  result: AsyncResult<unknown, Shape>,
  { timeoutMs, signal }: WaitOptions,
  drop: (error: Error) => void,
): void {
  if (timeoutMs === undefined && signal === undefined) return;
  const onAbort = () => {
    const reason = signal === undefined ? undefined : abortError(signal);
    drop(reason instanceof Error ? reason : new DOMException(String(reason), "AbortError"));
  };
  if (signal?.aborted === true) return onAbort();
  const late = () => {
    const open = result.count - result.progress;
    const what = result.count === 1
      ? `task "${result.msgIds[0]}" is`
      : `${open} of ${result.count} tasks are`;
    drop(new DOMException(`Waited ${timeoutMs} ms: ${what} not finished`, "TimeoutError"));
  };
  const timer = timeoutMs === undefined || timeoutMs === Infinity ? undefined : setTimeout(late, timeoutMs);
  const unlisten = signal === undefined ? undefined : listenForAbort(signal, onAbort);
  result.wait().then(() => {
    clearTimeout(timer);
    unlisten?.();
  });
}

/** How such tasks are stopped: by the hub, or on their own way where they are this client's. */
class HubRoute implements TaskRoute {
  /** Others depend on them by msg_id. */
  readonly isPeer = true;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  finished(): void {}

  /** @throws TypeError for `abort`, which is for the own tasks of a client; for `cancel` if the controller is Python's */
  stop(tasks: readonly TaskState[], how: StopWord, reason?: unknown): void {
    if (how === "abort") {
      throw new TypeError(
        "Cannot abort tasks that are known by their records only: cancel() stops them in any state",
      );
    }
    if (!this.#connection.speaksGroups) {
      throw new TypeError("Cannot cancel another client's task: Python's ipcontroller has no request for it");
    }
    const ids = tasks.flatMap((task) => task instanceof HubTask ? [task.msgId] : []);
    const why = typeof reason === "string" ? reason : reason instanceof Error ? reason.message : undefined;
    // Whoever wants to know what came of it asks with client.cancel(); the tasks go on and tell their end.
    cancelTasks(this.#connection, ids, { why }).catch(() => {});
  }
}

/** Tasks that were submitted again. */
export interface Resubmitted {
  /** The new msg_id of each. */
  readonly msgIds: Readonly<Record<string, string>>;
  /** Their results, in the order in which they were named. */
  readonly result: AsyncResult<unknown, "all">;
}

/** Submits tasks again, and follows them. @throws RemoteError for a task that is not known */
export async function resubmitted(
  connection: Connection,
  msgIds: readonly string[],
  options: RequestOptions,
): Promise<Resubmitted> {
  const renamed = await resubmit(connection, msgIds, options);
  const result = hubResult(connection, msgIds.map((id) => renamed[id] ?? id), "all");
  return { msgIds: renamed, result };
}
