/**
 * Which open tasks wait for which: for each task that is waited for, those that do, in the order in which they came. Eight bytes for each edge and one map entry
 * for each task waited for, whatever the shape of the graph.
 */
import type { TaskKey } from "./dependencies.ts";

const FIRST_CAPACITY = 256;

export class Edges {
  /** The last edge of each task waited for. Its edges form a ring: behind the last comes the first. */
  readonly #last = new Map<TaskKey, number>();
  #seq = new Uint32Array(FIRST_CAPACITY);
  #next = new Uint32Array(FIRST_CAPACITY);
  /** The first place that is free, and the first that never was used; 0 is no place. */
  #free = 0;
  #used = 1;

  /** Tasks that are waited for. */
  get size(): number {
    return this.#last.size;
  }

  has(key: TaskKey): boolean {
    return this.#last.has(key);
  }

  /** A task waits for another. Harmless if it was the last to do so already. */
  add(key: TaskKey, seq: number): void {
    const last = this.#last.get(key);
    if (last !== undefined && this.#seq[last] === seq) return;
    const edge = this.#place();
    this.#seq[edge] = seq;
    this.#next[edge] = last === undefined ? edge : this.#next[last]!;
    if (last !== undefined) this.#next[last] = edge;
    this.#last.set(key, edge);
  }

  /** Takes the edges of a task out: what waits for it, in order. */
  take(key: TaskKey): number[] {
    const last = this.#last.get(key);
    if (last === undefined) return [];
    this.#last.delete(key);
    const seqs: number[] = [], first = this.#next[last]!;
    for (let edge = first;; edge = this.#next[edge]!) {
      seqs.push(this.#seq[edge]!);
      if (edge === last) break;
    }
    this.#next[last] = this.#free;
    this.#free = first;
    if (this.#last.size === 0) this.#reset();
    return seqs;
  }

  #place(): number {
    if (this.#free !== 0) {
      const edge = this.#free;
      this.#free = this.#next[edge]!;
      return edge;
    }
    if (this.#used === this.#seq.length) {
      this.#seq = twice(this.#seq);
      this.#next = twice(this.#next);
    }
    return this.#used++;
  }

  /** Nobody waits: what a large graph took is given back. */
  #reset(): void {
    this.#free = 0;
    this.#used = 1;
    if (this.#seq.length === FIRST_CAPACITY) return;
    this.#seq = new Uint32Array(FIRST_CAPACITY);
    this.#next = new Uint32Array(FIRST_CAPACITY);
  }
}

function twice(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const made = new Uint32Array(column.length * 2);
  made.set(column);
  return made;
}
