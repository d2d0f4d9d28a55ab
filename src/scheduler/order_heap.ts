/** Task numbers by (key, number), smallest first: a binary heap for tasks whose place is not at an end of their queue. Pure. */

export class OrderHeap {
  readonly #keys: number[] = [];
  readonly #seqs: number[] = [];

  get length(): number {
    return this.#keys.length;
  }

  /** The key in front; only where there is one. */
  get firstKey(): number {
    return this.#keys[0]!;
  }

  /** The number in front, 0 if there is none. */
  peek(): number {
    return this.#seqs[0] ?? 0;
  }

  push(key: number, seq: number): void {
    const keys = this.#keys, seqs = this.#seqs;
    let at = keys.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(key, seq, keys[parent]!, seqs[parent]!)) break;
      keys[at] = keys[parent]!;
      seqs[at] = seqs[parent]!;
      at = parent;
    }
    keys[at] = key;
    seqs[at] = seq;
  }

  shift(): number {
    const keys = this.#keys, seqs = this.#seqs;
    const first = seqs[0] ?? 0;
    const key = keys.pop(), seq = seqs.pop();
    if (key === undefined || seq === undefined || keys.length === 0) return first;
    let at = 0;
    for (let child = 1; child < keys.length; child = at * 2 + 1) {
      const right = child + 1;
      if (right < keys.length && isBefore(keys[right]!, seqs[right]!, keys[child]!, seqs[child]!)) {
        child = right;
      }
      if (!isBefore(keys[child]!, seqs[child]!, key, seq)) break;
      keys[at] = keys[child]!;
      seqs[at] = seqs[child]!;
      at = child;
    }
    keys[at] = key;
    seqs[at] = seq;
    return first;
  }
}

/** Of equal keys the task that came first; numbers may have begun anew in between. */
export function isBefore(key: number, seq: number, otherKey: number, otherSeq: number): boolean {
  return key < otherKey || (key === otherKey && ((seq - otherSeq) | 0) < 0);
}
