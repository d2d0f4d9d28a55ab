/**
 * Pieces of large argument buffers: kept from their arrival until their task is over, so that they can be handed again to another child.
 * Bounded: beyond the bound the oldest ones whose task has not come are dropped, and that task says so when it comes.
 */

import { CHUNK_PIECE_BYTES } from "../protocol/groups.ts";

/** A piece of buffer `index`. */
export interface Piece {
  readonly index: number;
  readonly total: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface Pieces {
  readonly list: Piece[];
  bytes: number;
}

const MAX_BYTES = 1 << 30;

export class PieceStore {
  readonly #waiting = new Map<number, Pieces>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes whose tasks have not come. */
  get bytes(): number {
    return this.#bytes;
  }

  add(client: number, n: number, piece: Piece): void {
    const key = client * 0x1_0000_0000 + n;
    let pieces = this.#waiting.get(key);
    if (pieces === undefined) this.#waiting.set(key, pieces = { list: [], bytes: 0 });
    pieces.list.push(piece);
    pieces.bytes += piece.bytes.length;
    this.#bytes += piece.bytes.length;
    for (const [oldest, { bytes }] of this.#waiting) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#waiting.delete(oldest);
      this.#bytes -= bytes;
    }
  }

  /** Hands out the pieces of a task that has come; null if they are not all there. */
  take(client: number, n: number, buffers: number): readonly Piece[] | null {
    const key = client * 0x1_0000_0000 + n;
    const pieces = this.#waiting.get(key);
    if (pieces === undefined) return null;
    this.#waiting.delete(key);
    this.#bytes -= pieces.bytes;
    return isComplete(pieces.list, buffers) ? pieces.list : null;
  }

  /** Forgets everything that waits for its task. */
  clear(): void {
    this.#waiting.clear();
    this.#bytes = 0;
  }
}

/** A body that is too long for the ring, as the last of the task's large buffers. */
export function bodyAsPieces(body: Uint8Array, index: number): Piece[] {
  return piecesOf(body.slice(), index);
}

/** A large buffer in pieces, which are views of it: nobody may change it from now on. */
export function piecesOf(buffer: Uint8Array, index: number): Piece[] {
  const pieces: Piece[] = [];
  for (let offset = 0; offset < buffer.length; offset += CHUNK_PIECE_BYTES) {
    const bytes = buffer.subarray(offset, offset + CHUNK_PIECE_BYTES);
    pieces.push({ index, total: buffer.length, offset, bytes });
  }
  return pieces;
}

/** Whether each of the buffers is there from its first to its last byte, in order. */
function isComplete(pieces: readonly Piece[], buffers: number): boolean {
  const ends = new Float64Array(buffers), totals = new Float64Array(buffers).fill(-1);
  for (const { index, total, offset, bytes } of pieces) {
    if (index >= buffers || offset !== ends[index]) return false;
    if (totals[index] !== -1 && totals[index] !== total) return false;
    totals[index] = total;
    ends[index] = offset + bytes.length;
  }
  return totals.every((total, index) => total === ends[index]);
}
