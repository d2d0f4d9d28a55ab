/**
 * Open tasks by number. Numbers are dense and tasks end roughly in order, so place `n & mask` of an array holds n; the few whose place another long-lived one has
 * lie in a Map. A Map alone costs several times as much per task, and makes garbage when it grows, shrinks and rehashes.
 */
import type { TaskState } from "./task_state.ts";

const FIRST = 256;
const MOST = 1 << 17;

export class OpenTasks {
  #places: (TaskState | undefined)[] = new Array(FIRST).fill(undefined);
  readonly #others = new Map<number, TaskState>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(n: number): TaskState | undefined {
    const task = this.#places[n & (this.#places.length - 1)];
    if (task !== undefined && task.n === n) return task;
    return this.#others.size === 0 ? undefined : this.#others.get(n);
  }

  /** Adds a task whose number is not there. */
  add(task: TaskState): void {
    this.#size++;
    if (this.#size * 2 > this.#places.length && this.#places.length < MOST) this.#grow();
    this.#place(task);
  }

  /** Takes a task out; false if it was not there. */
  delete(n: number): boolean {
    const at = n & (this.#places.length - 1);
    if (this.#places[at]?.n === n) this.#places[at] = undefined;
    else if (!this.#others.delete(n)) return false;
    this.#size--;
    return true;
  }

  /** All of them, in the order of their numbers. */
  all(): TaskState[] {
    const tasks = [...this.#others.values()];
    for (const task of this.#places) if (task !== undefined) tasks.push(task);
    return tasks.sort((a, b) => a.n - b.n);
  }

  #place(task: TaskState): void {
    const at = task.n & (this.#places.length - 1);
    if (this.#places[at] === undefined) this.#places[at] = task;
    else this.#others.set(task.n, task);
  }

  #grow(): void {
    const tasks = this.all();
    this.#places = new Array(this.#places.length * 2).fill(undefined);
    this.#others.clear();
    for (const task of tasks) this.#place(task);
  }
}
