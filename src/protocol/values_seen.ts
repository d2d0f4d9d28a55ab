/**
 * Numbers of the objects that were met while a value is written, for shared references and cycles. Few objects are compared one by
 * one, which costs less than an object's first place in a Map; from then on a Map is kept.
 */
import { mapDelete, mapForEach, mapGet, mapSet, PrimordialMap } from "./primordials.ts";

const FEW = 16;

export class Seen {
  /** A literal: its items are its own, whatever setters an array's prototype has by now. */
  // deno-fmt-ignore
  readonly #few: unknown[] = [
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
  ];
  #many: Map<unknown, number> | undefined;
  #count = 0;

  /** How many objects have a number. */
  get count(): number {
    return this.#count;
  }

  /** The number of an object that was met before, else −1. */
  find(object: unknown): number {
    if (this.#many !== undefined) return mapGet(this.#many, object) ?? -1;
    for (let i = 0; i < this.#count; i++) if (this.#few[i] === object) return i;
    return -1;
  }

  /** Gives the next number to an object that has none. */
  add(object: unknown): void {
    if (this.#many !== undefined) mapSet(this.#many, object, this.#count);
    else if (this.#count < FEW) this.#few[this.#count] = object;
    else this.#toMap(object);
    this.#count++;
  }

  #toMap(object: unknown): void {
    const many = this.#many = new PrimordialMap<unknown, number>();
    for (let i = 0; i < FEW; i++) mapSet(many, this.#few[i], i);
    mapSet(many, object, FEW);
  }

  /** Forgets all objects from number `count` on. */
  rollBack(count: number): void {
    const many = this.#many;
    if (many !== undefined) {
      mapForEach(many, (number, object) => {
        if (number >= count) mapDelete(many, object);
      });
    } else for (let i = count; i < this.#count; i++) this.#few[i] = null;
    this.#count = count;
  }

  clear(): void {
    const few = this.#count < FEW ? this.#count : FEW;
    for (let i = 0; i < few; i++) this.#few[i] = null;
    this.#many = undefined;
    this.#count = 0;
  }
}
