/**
 * The last tasks of a map that may be endless: those whose metadata can be asked for.
 */
import type { TaskState } from "./task_state.ts";

/** Most tasks that are kept. */
const MAX_TASKS = 65_536;

export class RecentTasks {
  #tasks: TaskState[] = [];

  add(task: TaskState): void {
    this.#tasks.push(task);
    if (this.#tasks.length > MAX_TASKS * 2) this.#tasks = this.list;
  }

  get list(): TaskState[] {
    return this.#tasks.slice(-MAX_TASKS);
  }
}
