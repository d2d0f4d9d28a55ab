/**
 * What becomes of tasks that were open when the connection broke: what their answers were meant for is gone, so their records are asked. A task whose record has
 * an end ends so; one that still runs goes on, and is followed; one that nobody knows, or that nobody has any more, is lost.
 */
import { EngineError, UnknownTask } from "../protocol/errors.ts";
import { STATUS } from "../protocol/groups.ts";
import type { Message } from "../protocol/frames.ts";
import type { Connection } from "./connection.ts";
import type { GroupPaths } from "./group_paths.ts";
import { watchOf } from "./hub_results.ts";
import { HubTask } from "./hub_task.ts";
import type { Pending } from "./pending.ts";
import type { Outcome } from "./result_reader.ts";
import { enginesOf, welcomeOf } from "./welcome.ts";
import { TaskOutput, type TaskOwner, type TaskState } from "./task_state.ts";
import { idleTimer } from "./waiting.ts";

/** When the hub is asked for its engines again. */
const ASK_AGAIN_MS = [500, 3000];

/** The connection stands again, perhaps with another controller at it: takes over what the hub says, and looks up what was open. */
export function takeOver(connection: Connection, groups: GroupPaths | undefined, message: Message): void {
  const sent = [...connection.pending.tasks()].filter(({ isSent }) => isSent);
  connection.engines.renewed(enginesOf(message));
  const welcome = welcomeOf(message);
  if (welcome !== null && groups !== undefined) connection.values.renew(groups.renew(welcome));
  recover(connection, sent);
  groups?.resume();
  for (const ms of ASK_AGAIN_MS) askLater(connection, ms);
}

/** Engines that registered before our subscription had arrived again are not heard of, and nobody may wait for them. */
function askLater(connection: Connection, ms: number): void {
  const forget = connection.onEnd(idleTimer(() => {
    forget();
    connection.refresh().catch(() => {});
  }, ms));
}

/** Follows these tasks by their records; whatever tells their end first counts. */
function recover(connection: Connection, tasks: readonly TaskState[]): void {
  if (tasks.length === 0) return;
  const followed = tasks.map((task) => {
    const msgId = connection.msgId(task.n);
    return new HubTask(new Recovered(connection.pending, task, msgId), 0, task.route, msgId);
  });
  watchOf(connection).add(followed, true);
}

/** Stands between a record and the task that it is of. */
class Recovered implements TaskOwner {
  readonly #pending: Pending;
  readonly #task: TaskState;
  readonly #msgId: string;

  constructor(pending: Pending, task: TaskState, msgId: string) {
    this.#pending = pending;
    this.#task = task;
    this.#msgId = msgId;
  }

  fulfilled(record: TaskState, value: unknown): void {
    this.#end(record, { kind: "value", value });
  }

  rejected(record: TaskState, error: Error): void {
    if (!(error instanceof UnknownTask)) return this.#end(record, { kind: "error", error });
    record.status = STATUS.lost;
    const text =
      `Task "${this.#msgId}" was lost when the connection to the controller broke: its records do not know it, so it has not arrived, ` +
      "or they went with the controller; it may have run. Submit it again";
    this.#end(record, { kind: "error", error: new EngineError(text, { cause: error }) });
  }

  #end(record: TaskState, outcome: Outcome): void {
    // Where the answer itself was first, its output may still have a gap.
    for (const stream of ["stdout", "stderr"] as const) this.#add(stream, record.output?.[stream] ?? "");
    if (!this.#task.isOpen) return;
    const { status, started, completed, engine } = record;
    this.#pending.answered(this.#task, { status, started, completed, engine, outcome, hasOutput: false });
  }

  /** What had not come of its output. */
  #add(stream: "stdout" | "stderr", text: string): void {
    if (text !== "") (this.#task.output ??= new TaskOutput()).complete(stream, text);
  }
}
