/**
 * Results of a map that have come and that nobody has taken: a loop that is slower than they are must not fill memory with them.
 */

/** Bytes of results not taken, and expected of what is under way, at which no more tasks are sent. */
const MAX_BYTES = 64 << 20;
/** Results of fewer bytes are bounded well enough by their number. */
const SMALL_BYTES = 4096;
/** So many may be there and under way in any case: engines are to be busy, however large their results are. */
const LEAST = 8;
/** So many may be under way before anybody knows how large results are. */
const FIRST = 64;

export class ReadyResults {
  readonly #values = new Map<number, unknown>();
  /** Sizes of those that are not small. */
  readonly #sizes = new Map<number, number>();
  #bytes = 0;
  /** Of all that have come. */
  #seen = 0;
  #seenBytes = 0;

  get size(): number {
    return this.#values.size;
  }

  /** Whether some should be taken before more than these are under way. */
  isFull(open: number): boolean {
    if (this.#seen === 0) return open >= FIRST;
    if (open + this.#values.size < LEAST) return false;
    return this.#bytes + open * this.#seenBytes / this.#seen >= MAX_BYTES;
  }

  has(index: number): boolean {
    return this.#values.has(index);
  }

  add(index: number, value: unknown, bytes: number): void {
    this.#values.set(index, value);
    this.#seen++;
    this.#seenBytes += bytes;
    if (bytes < SMALL_BYTES) return;
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
