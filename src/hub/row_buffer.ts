/**
 * Values of rows that wait for a commit, one behind the other in an array that is used over and over: a fresh one for each thousand rows would grow
 * by doubling, and its remains would outlive the collector's young generation.
 */

/** What a column can hold. */
export type SqlValue = string | number | null | Uint8Array;

export class RowBuffer {
  readonly #values: SqlValue[] = [];
  #length = 0;

  /** Values, not rows. */
  get length(): number {
    return this.#length;
  }

  put(value: SqlValue): void {
    if (this.#length === this.#values.length) this.#values.push(value);
    else this.#values[this.#length] = value;
    this.#length++;
  }

  /** A copy of the values from `from` to `to`. */
  slice(from: number, to: number): SqlValue[] {
    return this.#values.slice(from, to);
  }

  /** Forgets all values, and lets go of what they name. */
  clear(): void {
    this.#values.fill(null, 0, this.#length);
    this.#length = 0;
  }
}
