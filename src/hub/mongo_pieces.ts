/** Buffers that MongoDB holds in pieces: which pieces come in is checked here, and how they are put together again. */

import { newSession } from "../base/ids.ts";
import { readPiece } from "./chunk_assembler.ts";
import { GroupReader } from "../protocol/group_reader.ts";
import type { ChunkRecord } from "../protocol/groups.ts";
import type { Side } from "./mongo_batch.ts";
import type { Doc, MongoDatabase } from "./mongo_database.ts";
import { HUB_BOUNDS } from "./options.ts";
import { tooLarge } from "./request_error.ts";

/** Buffers that may be unfinished at a time; beyond, the oldest is forgotten. */
const MAX_UNFINISHED = 1024;

interface Unfinished {
  readonly attempt: string;
  readonly total: number;
  length: number;
}

/** Takes pieces that come in order; what does not fit is refused, and its buffer with it. */
export class PieceOrder {
  readonly #reader = new GroupReader();
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #run = newSession().slice(0, 12);
  #attempts = 0;

  /** A name for one sending of a buffer that no other has. */
  attempt(): string {
    return `${this.#run}-${++this.#attempts}`;
  }

  /** @throws RangeError if the group is malformed or its piece does not fit */
  take(frame: Uint8Array, piece: Uint8Array): ChunkRecord & { readonly attempt: string } {
    const record = readPiece(this.#reader, frame, piece);
    const name = `${record.client} ${record.n} ${record.side} ${record.index}`;
    if (record.offset === 0) this.#begin(name, record.total);
    const buffer = this.#unfinished.get(name);
    if (!buffer || buffer.total !== record.total || buffer.length !== record.offset) {
      this.#unfinished.delete(name);
      throw new RangeError(`Cannot take a chunk at ${record.offset}: the pieces before it are missing`);
    }
    buffer.length += piece.length;
    if (buffer.length > buffer.total) {
      this.#unfinished.delete(name);
      throw new RangeError(`Cannot take a chunk that ends behind ${buffer.total} bytes`);
    }
    if (buffer.length === buffer.total) this.#unfinished.delete(name);
    return { ...record, attempt: buffer.attempt };
  }

  #begin(name: string, total: number): void {
    for (const oldest of this.#unfinished.keys()) {
      if (this.#unfinished.size < MAX_UNFINISHED) break;
      this.#unfinished.delete(oldest);
    }
    this.#unfinished.set(name, { attempt: this.attempt(), total, length: 0 });
  }
}

/** Large buffers of some tasks, as far as they are whole. */
export class Pieces {
  readonly #tasks = new Map<string, Map<Side, Uint8Array[]>>();
  #bytes = 0;

  /** Reads the large buffers of these tasks; what is there already is not read again. @throws RequestError if they are too many bytes */
  async load(db: MongoDatabase, tasks: readonly string[]): Promise<void> {
    for (const task of tasks) {
      if (this.#tasks.has(task)) continue;
      const docs: Doc[] = [];
      for await (const some of db.find("tsparallel_pieces", { task })) {
        for (const doc of some) this.#count(bytesOf(doc["data"]).length);
        docs.push(...some);
      }
      this.#tasks.set(task, joined(docs));
    }
  }

  of(task: string, side: Side): Uint8Array[] {
    return this.#tasks.get(task)?.get(side) ?? [];
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= HUB_BOUNDS.maxAnswerBytes) return;
    throw tooLarge(HUB_BOUNDS.maxAnswerBytes);
  }
}

/** Whole buffers by side, in the order of their places. */
function joined(docs: readonly Doc[]): Map<Side, Uint8Array[]> {
  const buffers = new Map<string, Doc[]>();
  for (const doc of docs) {
    const name = JSON.stringify([doc["side"], doc["place"], doc["attempt"]]);
    buffers.set(name, [...buffers.get(name) ?? [], doc]);
  }
  const sides = new Map<Side, Uint8Array[]>();
  for (const pieces of buffers.values()) {
    const side = pieces[0]!["side"] as Side, place = Number(pieces[0]!["place"]);
    const whole = wholeOf(pieces);
    const places = sides.get(side) ?? [];
    if (whole && !places[place]) places[place] = whole;
    sides.set(side, places);
  }
  for (const [side, places] of sides) sides.set(side, Object.values(places));
  return sides;
}

function wholeOf(pieces: readonly Doc[]): Uint8Array | undefined {
  const whole = new Uint8Array(Number(pieces[0]!["total"]));
  let length = 0;
  for (const piece of pieces) {
    const data = bytesOf(piece["data"]);
    whole.set(data, Number(piece["offset"]));
    length += data.length;
  }
  return length === whole.length ? whole : undefined;
}

/** Bytes as they are read from a document: a plain array of their own, not a view of the driver's buffer. */
export function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? new Uint8Array(value) : new Uint8Array(0);
}
