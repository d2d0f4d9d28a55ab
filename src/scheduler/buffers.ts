/**
 * Large argument buffers of load-balanced tasks: pieces kept as they came until the task is over, so that another engine can have them too.
 *
 * Pieces come ahead of their task. Those whose task has not come are bounded: beyond the bound the oldest are dropped, and that task ends with
 * an error when it comes.
 */
import { SCHEDULER_BOUNDS } from "./options.ts";

/** One chunk message: the record of the group and the piece behind it. */
export interface Piece {
  readonly record: Uint8Array;
  readonly bytes: Uint8Array;
}

interface Pieces {
  readonly list: Piece[];
  bytes: number;
}

const keyOf = (client: number, n: number) => client * 0x1_0000_0000 + n;

export class BufferStore {
  readonly #early = new Map<number, Pieces>();
  readonly #taken = new Map<number, Pieces>();
  readonly #maxEarly: number;
  #earlyBytes = 0;
  #bytes = 0;

  constructor(maxEarly: number = SCHEDULER_BOUNDS.bufferBytes) {
    this.#maxEarly = maxEarly;
  }

  /** Bytes of open tasks. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a piece; one of a task that has come already is ignored. */
  add(client: number, n: number, piece: Piece): void {
    const key = keyOf(client, n);
    if (this.#taken.has(key)) return;
    let pieces = this.#early.get(key);
    if (pieces === undefined) this.#early.set(key, pieces = { list: [], bytes: 0 });
    pieces.list.push(piece);
    pieces.bytes += piece.bytes.length;
    this.#earlyBytes += piece.bytes.length;
    for (const oldest of this.#early.keys()) {
      if (this.#earlyBytes <= this.#maxEarly) break;
      this.#forgetEarly(oldest);
    }
  }

  /** The task has come: its pieces stay until it is over, or go if it was not taken. */
  settle(client: number, n: number, isTaken: boolean): void {
    const key = keyOf(client, n), pieces = this.#early.get(key);
    if (pieces === undefined) return;
    this.#forgetEarly(key);
    if (!isTaken) return;
    this.#taken.set(key, pieces);
    this.#bytes += pieces.bytes;
  }

  get(client: number, n: number): readonly Piece[] {
    return this.#taken.get(keyOf(client, n))?.list ?? [];
  }

  drop(client: number, n: number): void {
    const key = keyOf(client, n);
    this.#bytes -= this.#taken.get(key)?.bytes ?? 0;
    this.#taken.delete(key);
  }

  #forgetEarly(key: number): void {
    this.#earlyBytes -= this.#early.get(key)?.bytes ?? 0;
    this.#early.delete(key);
  }
}
