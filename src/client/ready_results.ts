/**
 * Results of a map that have come and that nobody has taken: a loop that is slower than they are must not fill memory with them.
 */
import type { TaskState } from "./task_state.ts";

/** Bytes of results not taken at which no more tasks are sent; what is under way may pass it. */
const MAX_BYTES = 64 << 20;
/** Results of fewer bytes are bounded well enough by their number. */
const COUNTED_BYTES = 4096;

export class ReadyResults {
  readonly #values = new Map<number, unknown>();
  /** Sizes of the larger ones. */
  readonly #sizes = new Map<number, number>();
  #bytes = 0;

  get size(): number {
    return this.#values.size;
  }

  /** Whether there are so many bytes that they should be taken first. */
  get isFull(): boolean {
    return this.#bytes >= MAX_BYTES;
  }

  has(index: number): boolean {
    return this.#values.has(index);
  }

  add({ index, bytes }: TaskState, value: unknown): void {
    this.#values.set(index, value);
    if (bytes < COUNTED_BYTES) return;
    this.#sizes.set(index, bytes);
    this.#bytes += bytes;
  }

  take(index: number): unknown {
    const value = this.#values.get(index);
    this.#values.delete(index);
    if (this.#sizes.size > 0) {
      this.#bytes -= this.#sizes.get(index) ?? 0;
      this.#sizes.delete(index);
    }
    return value;
  }

  /** All of them, and keeps none. */
  takeAll(): [index: number, value: unknown][] {
    const all = [...this.#values];
    this.#values.clear();
    this.#sizes.clear();
    this.#bytes = 0;
    return all;
  }
}
