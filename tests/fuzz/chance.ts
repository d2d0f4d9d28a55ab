/** Chance that can be repeated: everything that the fuzzer draws comes from one seed. */

export class Chance {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** So many bytes of any value. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** A length that is mostly small and seldom large. */
  length(most: number): number {
    return Math.floor(most ** this.next()) - (this.is(0.2) ? 1 : 0);
  }

  text(most: number): string {
    return String.fromCharCode(...Array.from({ length: this.length(most) }, () => 1 + this.below(0x7fff)));
  }

  /** A chance of its own, for what runs beside. */
  branch(): Chance {
    return new Chance(this.below(2 ** 32));
  }
}
