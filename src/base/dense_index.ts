/**
 * A map from counted numbers to numbers, in typed arrays: what is open of a sequence 1, 2, 3 … that is worked off roughly in order.
 *
 * Place `n & mask` holds n; the few whose place is taken by a long-lived other one lie in a Map. A Map alone makes garbage with each task
 * (it grows, shrinks and rehashes), which at 100,000 tasks per second is what a process's memory grows by.
 */

const FIRST = 32;
const MOST = 1 << 17;

export class DenseIndex {
  #keys = new Uint32Array(FIRST);
  /** The value plus 1; 0 where the place is free. */
  #values = new Float64Array(FIRST);
  readonly #overflow = new Map<number, number>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: number): number | undefined {
    const at = key & (this.#keys.length - 1);
    if (this.#values[at] !== 0 && this.#keys[at] === key) return this.#values[at]! - 1;
    return this.#overflow.size === 0 ? undefined : this.#overflow.get(key);
  }

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  /** @param key a u32 @param value a whole number ≥ 0 */
  set(key: number, value: number): void {
    if (this.#overflow.has(key)) {
      this.#overflow.set(key, value);
      return;
    }
    const at = key & (this.#keys.length - 1);
    if (this.#values[at] !== 0 && this.#keys[at] === key) {
      this.#values[at] = value + 1;
      return;
    }
    this.#size++;
    if (this.#size * 2 > this.#keys.length && this.#keys.length < MOST) this.#grow();
    if (!this.#place(key, value)) this.#overflow.set(key, value);
  }

  /** False if it was not there. */
  delete(key: number): boolean {
    const at = key & (this.#keys.length - 1);
    if (this.#values[at] !== 0 && this.#keys[at] === key) this.#values[at] = 0;
    else if (!this.#overflow.delete(key)) return false;
    this.#size--;
    return true;
  }

  *[Symbol.iterator](): Generator<[key: number, value: number]> {
    for (let at = 0; at < this.#keys.length; at++) {
      if (this.#values[at] !== 0) yield [this.#keys[at]!, this.#values[at]! - 1];
    }
    yield* [...this.#overflow];
  }

  #place(key: number, value: number): boolean {
    const at = key & (this.#keys.length - 1);
    if (this.#values[at] !== 0) return false;
    this.#keys[at] = key;
    this.#values[at] = value + 1;
    return true;
  }

  #grow(): void {
    const keys = this.#keys, values = this.#values;
    this.#keys = new Uint32Array(keys.length * 2);
    this.#values = new Float64Array(keys.length * 2);
    for (let i = 0; i < keys.length; i++) if (values[i] !== 0) this.#place(keys[i]!, values[i]! - 1);
    for (const [key, value] of this.#overflow) if (this.#place(key, value)) this.#overflow.delete(key);
  }
}
