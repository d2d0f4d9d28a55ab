/**
 * Kept values as one engine sees them: the process's store, and this engine's way to ask the scheduler for what is not in it.
 */
import { now } from "../base/clock.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import { VALUES } from "../protocol/groups.ts";
import { nameText } from "../protocol/value_name.ts";
import type { KeptValues, ValueName } from "./kept_values.ts";
import type { Piece } from "./piece_store.ts";

export class EngineValues {
  readonly #store: KeptValues;
  readonly #ask: (names: readonly string[]) => boolean;
  readonly #name = new Uint32Array(4);

  /** @param ask tells the scheduler that these are wanted; false if it cannot be reached now */
  constructor(store: KeptValues, ask: (names: readonly string[]) => boolean) {
    this.#store = store;
    this.#ask = ask;
  }

  areReady(names: readonly ValueName[]): boolean {
    return this.#store.areReady(names, now(), this.#ask);
  }

  piecesOf(names: readonly ValueName[], first: number): Piece[] {
    return this.#store.piecesOf(names, first);
  }

  add(name: string, buffers: number, piece: Piece): void {
    this.#store.add(name, buffers, piece, now());
  }

  /** A word of the scheduler's. */
  told(word: number, reader: GroupReader): void {
    while (reader.name(this.#name)) {
      const name = nameText(this.#name);
      if (word === VALUES.none) this.#store.gone(name, now());
      else if (word === VALUES.drop) this.#store.drop(name);
    }
  }
}
