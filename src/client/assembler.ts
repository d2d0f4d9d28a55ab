/**
 * Puts the pieces of large result buffers together, each into one array of its full size.
 *
 * Pieces come in order and only for tasks that are open; whatever contradicts that is refused, so that a wrong peer can neither
 * fill our memory nor write behind an array.
 */
import type { ChunkRecord } from "../protocol/groups.ts";
import type { ResultPiece } from "./shared_memory.ts";

/** @throws RangeError if a piece that lies elsewhere cannot be read */
function put(bytes: Uint8Array<ArrayBuffer>, offset: number, piece: Uint8Array | ResultPiece): void {
  if (piece instanceof Uint8Array) return bytes.set(piece, offset);
  if (piece.copyInto(bytes.subarray(offset, offset + piece.length))) return;
  throw new RangeError(`Cannot read ${piece.length} bytes of shared memory`);
}

interface Partial {
  readonly bytes: Uint8Array<ArrayBuffer>;
  filled: number;
}

/** Most buffers of one result; the count has 16 bits on the wire. */
const MAX_BUFFERS = 65_535;

export class Assembler {
  readonly #byTask = new Map<number, Partial[]>();
  readonly #maxBytes: number;
  /** Why the buffers of open tasks were not taken. */
  readonly #refused = new Map<number, RangeError>();
  #bytes = 0;

  /** @param maxBytes most bytes of all unfinished results together */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes set aside for results that are not complete. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes one piece.
   * @throws RangeError if it does not follow what came before, or there is no room; the task's buffers are then dropped
   */
  add({ n, index, offset, length, total }: ChunkRecord, piece: Uint8Array | ResultPiece): void {
    try {
      const partial = this.#partial(n, index, total);
      if (piece.length !== length || partial.bytes.length !== total || partial.filled !== offset) {
        throw new RangeError(
          `Cannot take ${piece.length} bytes at ${offset} of buffer ${index} of task ${n}`,
        );
      }
      put(partial.bytes, offset, piece);
      partial.filled += length;
      // It has begun anew.
      this.#refused.delete(n);
    } catch (error) {
      // The first reason counts: those that follow are only its consequences.
      const first = this.#refused.get(n) ?? error;
      this.drop(n);
      if (first instanceof RangeError) this.#refused.set(n, first);
      throw error;
    }
  }

  #partial(n: number, index: number, total: number): Partial {
    const list = this.#byTask.get(n) ?? [];
    const known = list[index];
    if (known !== undefined) return known;
    if (index !== list.length || index >= MAX_BUFFERS) {
      throw new RangeError(`Cannot take buffer ${index} of task ${n}: ${list.length} came before`);
    }
    if (this.#bytes + total > this.#maxBytes) {
      throw new RangeError(
        `Cannot take a result of ${total} bytes or more: at most ${this.#maxBytes} bytes of large results may be under way at once; ` +
          "connect with a larger maxResultBytes, or have the task return less (its record may hold it: client.result(msgId))",
      );
    }
    const partial = { bytes: new Uint8Array(total), filled: 0 };
    this.#bytes += total;
    list.push(partial);
    this.#byTask.set(n, list);
    return partial;
  }

  /** Bytes of the buffers of a task. */
  bytesOf(n: number): number {
    return (this.#byTask.get(n) ?? []).reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /**
   * Takes out the buffers of a task.
   * @throws RangeError if not all of them have come
   */
  take(n: number, count: number): Uint8Array[] {
    const list = this.#byTask.get(n) ?? [], refused = this.#refused.get(n);
    this.drop(n);
    if (refused !== undefined) throw refused;
    const complete = list.filter((partial) => partial.filled === partial.bytes.length);
    if (list.length !== count || complete.length !== count) {
      throw new RangeError(
        `Cannot read the result of task ${n}: ${complete.length} of ${count} buffers have come`,
      );
    }
    return list.map((partial) => partial.bytes);
  }

  /** Forgets what came for a task: it begins anew, or is over. */
  drop(n: number): void {
    for (const { bytes } of this.#byTask.get(n) ?? []) this.#bytes -= bytes.length;
    this.#byTask.delete(n);
    this.#refused.delete(n);
  }
}
