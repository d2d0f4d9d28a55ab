/**
 * Large argument buffers of load-balanced tasks: pieces kept as they came until the task is over, so that another engine can have them too.
 */

/** One chunk message: the record of the group and the piece behind it. */
export interface Piece {
  readonly record: Uint8Array;
  readonly bytes: Uint8Array;
}

export class BufferStore {
  readonly #pieces = new Map<number, Piece[]>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(client: number, n: number, piece: Piece): void {
    const key = client * 0x1_0000_0000 + n;
    const list = this.#pieces.get(key);
    if (list === undefined) this.#pieces.set(key, [piece]);
    else list.push(piece);
    this.#bytes += piece.bytes.length;
  }

  get(client: number, n: number): readonly Piece[] {
    return this.#pieces.get(client * 0x1_0000_0000 + n) ?? [];
  }

  drop(client: number, n: number): void {
    const key = client * 0x1_0000_0000 + n;
    for (const piece of this.#pieces.get(key) ?? []) this.#bytes -= piece.bytes.length;
    this.#pieces.delete(key);
  }
}
