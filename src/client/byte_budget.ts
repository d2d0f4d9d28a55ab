/**
 * How many bytes of arguments a map may have under way: counted when a task is sent, given back when it ends.
 */
import type { TaskOwner, TaskState } from "./task_state.ts";

export class ByteBudget {
  readonly #max: number;
  readonly #bytes = new Map<TaskState, number>();
  #spent = 0;
  #owner: TaskOwner | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether nothing more is to be sent for now. What is sent last may pass the bound: an item's size is known when it is taken. */
  get isSpent(): boolean {
    return this.#spent >= this.#max;
  }

  /** Who hears of ends in front of the map: there is room again before it asks. */
  ownerFor(map: TaskOwner): TaskOwner {
    return this.#owner ??= {
      behind: map,
      fulfilled: (task, value) => {
        this.#free(task);
        map.fulfilled(task, value);
      },
      rejected: (task, error) => {
        this.#free(task);
        map.rejected(task, error);
      },
    };
  }

  spend(task: TaskState, body: number, buffers: readonly Uint8Array[]): void {
    let bytes = body;
    for (const { length } of buffers) bytes += length;
    this.#bytes.set(task, bytes);
    this.#spent += bytes;
  }

  #free(task: TaskState): void {
    this.#spent -= this.#bytes.get(task) ?? 0;
    this.#bytes.delete(task);
  }
}
