/**
 * Deadlines in order: a binary heap of (time, number) in typed-array manner, for timers that a core keeps itself.
 */

/** Smallest time first. */
export class DeadlineHeap {
  #times: number[] = [];
  #values: number[] = [];

  get length(): number {
    return this.#times.length;
  }

  /** The earliest time, Infinity if there is none. */
  get next(): number {
    return this.#times[0] ?? Infinity;
  }

  push(time: number, value: number): void {
    const times = this.#times, values = this.#values;
    let at = times.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= time) break;
      times[at] = times[parent]!;
      values[at] = values[parent]!;
      at = parent;
    }
    times[at] = time;
    values[at] = value;
  }

  /** Takes out the value of the earliest time. */
  pop(): number | undefined {
    const times = this.#times, values = this.#values;
    if (times.length === 0) return undefined;
    const result = values[0];
    const time = times.pop()!, value = values.pop()!;
    if (times.length === 0) return result;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= times.length) break;
      if (child + 1 < times.length && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= time) break;
      times[at] = times[child]!;
      values[at] = values[child]!;
      at = child;
    }
    times[at] = time;
    values[at] = value;
    return result;
  }
}
