/**
 * Pieces of large argument buffers: kept from their arrival until their task is over, so that they can be handed again to another child.
 * Bounded: beyond the bound the oldest ones whose task has not come are dropped, and that task says so when it comes.
 */

import { CHUNK_PIECE_BYTES } from "../protocol/groups.ts";
import type { ByteSource } from "./slot_contract.ts";

/** A piece of buffer `index`. */
export interface Piece {
  readonly index: number;
  readonly total: number;
  readonly offset: number;
  readonly bytes: Uint8Array | ByteSource;
  /** Whose the bytes are, if they have to be given back. */
  readonly memory?: PieceMemory;
}

/** Memory that several may use, each until it has given it back. */
export interface PieceMemory {
  hold(): void;
  release(): void;
  /** Whether its owner is gone: what has not come whole by then never will. */
  readonly isGone?: boolean;
}

interface Pieces {
  readonly client: number;
  readonly n: number;
  readonly list: Piece[];
  /** Whether they came in order. By two ways, while an engine of this process leaves, they need not. */
  isSorted: boolean;
  bytes: number;
  /** When the last one came. */
  at: number;
}

const MAX_BYTES = 1 << 30;
/** Tasks that pieces wait for: as many as a client may have on its way to one engine. */
const MAX_TASKS = 65_536;
/** So long after the last piece the task itself does not come any more: its client is gone. */
const PATIENCE_MS = 30_000;

/** How much is kept, and for how long. */
export interface PieceStoreOptions {
  readonly maxBytes?: number | undefined;
  readonly patienceMs?: number | undefined;
  /** Pieces were dropped whose task has not come. */
  readonly onDropped?: (client: number, n: number) => void;
}

export class PieceStore {
  readonly #waiting = new Map<number, Pieces>();
  readonly #maxBytes: number;
  readonly #patienceMs: number;
  readonly #onDropped: PieceStoreOptions["onDropped"];
  #bytes = 0;

  constructor({ maxBytes = MAX_BYTES, patienceMs = PATIENCE_MS, onDropped }: PieceStoreOptions = {}) {
    this.#maxBytes = maxBytes;
    this.#patienceMs = patienceMs;
    this.#onDropped = onDropped;
  }

  /** Bytes whose tasks have not come. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a piece. Returns all that are there of its task: a list that grows as more arrive; none if there was no room. */
  add(client: number, n: number, piece: Piece, at: number): readonly Piece[] {
    const key = client * 0x1_0000_0000 + n;
    let pieces = this.#waiting.get(key);
    if (pieces === undefined) {
      this.#waiting.set(key, pieces = { client, n, list: [], isSorted: true, bytes: 0, at });
    }
    piece.memory?.hold();
    const last = pieces.list.at(-1);
    if (last !== undefined && inOrder(last, piece) > 0) pieces.isSorted = false;
    pieces.list.push(piece);
    pieces.at = at;
    pieces.bytes += piece.bytes.length;
    this.#bytes += piece.bytes.length;
    for (const [oldest, dropped] of this.#waiting) {
      if (this.#bytes <= this.#maxBytes && this.#waiting.size <= MAX_TASKS) break;
      this.#drop(oldest, dropped);
    }
    return this.#waiting.get(key)?.list ?? [];
  }

  /** Whether all pieces of a task are there. */
  isWhole(client: number, n: number, buffers: number): boolean {
    const pieces = this.#waiting.get(client * 0x1_0000_0000 + n);
    return pieces !== undefined && isComplete(sorted(pieces), buffers);
  }

  /** Hands out the pieces of a task that has come; null if they are not all there. Who gets them calls `release` once they are of no use. */
  take(client: number, n: number, buffers: number): readonly Piece[] | null {
    const key = client * 0x1_0000_0000 + n;
    const pieces = this.#waiting.get(key);
    if (pieces === undefined) return null;
    if (!isComplete(sorted(pieces), buffers)) {
      this.#drop(key, pieces);
      return null;
    }
    this.#waiting.delete(key);
    this.#bytes -= pieces.bytes;
    return pieces.list;
  }

  /** Drops what has waited too long, or lies in memory whose owner is gone. */
  expire(at: number): void {
    for (const [key, pieces] of this.#waiting) {
      if (pieces.at + this.#patienceMs <= at || pieces.list.some(isOrphan)) this.#drop(key, pieces);
    }
  }

  /** Forgets everything that waits for its task. */
  clear(): void {
    for (const [key, pieces] of this.#waiting) this.#drop(key, pieces);
  }

  #drop(key: number, pieces: Pieces): void {
    this.#waiting.delete(key);
    this.#bytes -= pieces.bytes;
    this.#onDropped?.(pieces.client, pieces.n);
    release(pieces.list);
  }
}

function isOrphan({ memory }: Piece): boolean {
  return memory?.isGone === true;
}

function inOrder(a: Piece, b: Piece): number {
  return a.index - b.index || a.offset - b.offset;
}

function sorted(pieces: Pieces): readonly Piece[] {
  if (!pieces.isSorted) pieces.list.sort(inOrder);
  pieces.isSorted = true;
  return pieces.list;
}

/** Gives back what pieces lie in. Nobody may look at them afterwards. */
export function release(pieces: readonly Piece[]): void {
  for (const { memory } of pieces) memory?.release();
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
