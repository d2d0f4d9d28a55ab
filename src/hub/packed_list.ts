/** A list of an answer that may be long: packed piece by piece while it grows, since packing all at once would stop the hub. */

import type { Packer } from "../protocol/packers.ts";
import type { Slices } from "./slices.ts";

/** Items of one piece. */
const PIECE_ITEMS = 50;
/** Bytes that are copied at once. */
const COPY_BYTES = 4 << 20;

export class PackedList {
  readonly name: string;
  readonly #packer: Packer;
  readonly #pieces: Uint8Array[] = [];
  #waiting: unknown[] = [];
  #count = 0;
  #bytes = 0;

  /** @param name the key of the content whose value it is */
  constructor(packer: Packer, name: string) {
    this.#packer = packer;
    this.name = name;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of what is packed so far. */
  get bytes(): number {
    return this.#bytes;
  }

  add(item: unknown): void {
    this.#waiting.push(item);
    this.#count++;
    if (this.#waiting.length >= PIECE_ITEMS) this.#pack();
  }

  /** The bytes of a content that has the list beside what else is in it. */
  async within(content: object, slices: Slices): Promise<Uint8Array> {
    if (this.#waiting.length > 0) this.#pack();
    const parts = this.#packer.withList(content, this.name, this.#count, this.#pieces);
    const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0, copied = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
      copied += part.length;
      if (copied < COPY_BYTES || !slices.isOver) continue;
      copied = 0;
      await slices.next();
    }
    return bytes;
  }

  #pack(): void {
    const piece = this.#packer.items(this.#waiting);
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    this.#waiting = [];
  }
}
