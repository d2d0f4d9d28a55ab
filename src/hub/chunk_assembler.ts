/**
 * Puts the pieces of large buffers together: in memory up to 1 MiB, beyond that in a file that is named by its content's hash, since
 * a large blob would block the database's thread. Pieces come in order; what does not fit is dropped with its buffer.
 */

import type { Hash } from "node:crypto";
import { nodeCrypto } from "../base/builtin.ts";
import { GroupReader } from "../protocol/group_reader.ts";
import type { ChunkRecord } from "../protocol/groups.ts";

/** Buffers of more bytes than this become files. */
export const ROW_BYTES = 1 << 20;
/** Buffers that may be unfinished at a time; beyond, the oldest is dropped. */
const MAX_UNFINISHED = 1024;

/** A buffer that is whole: bytes, or the name of a file in the folder. */
export interface WholeBuffer {
  readonly client: number;
  readonly n: number;
  readonly side: 0 | 1;
  readonly index: number;
  readonly size: number;
  readonly bytes: Uint8Array | null;
  readonly file: string | null;
}

interface Unfinished {
  readonly total: number;
  length: number;
  /** Set for a small buffer, or where there is no folder. */
  readonly bytes: Uint8Array | null;
  readonly file: { readonly path: string; readonly open: Deno.FsFile; readonly hash: Hash } | null;
}

/** Takes pieces in, gives whole buffers out. */
export class ChunkAssembler {
  readonly #folder: string | null;
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #reader = new GroupReader();
  #partials = 0;

  /** @param folder where files go; null keeps everything in memory */
  constructor(folder: string | null) {
    this.#folder = folder;
    if (folder !== null) removePartials(folder);
  }

  /**
   * Takes a piece.
   * @returns the buffer if it is whole now
   * @throws RangeError if the group is malformed or its piece does not fit; Deno's errors if the disk refuses. The buffer is dropped then
   */
  take(frame: Uint8Array, piece: Uint8Array): WholeBuffer | undefined {
    const record = readPiece(this.#reader, frame, piece);
    const name = `${record.client} ${record.n} ${record.side} ${record.index}`;
    try {
      return this.#add(name, record, piece);
    } catch (error) {
      this.#drop(name);
      throw error;
    }
  }

  /** Writes a whole buffer as a file and returns its name. */
  write(bytes: Uint8Array): string {
    if (this.#folder === null) throw new TypeError("Cannot write a buffer: there is no folder");
    Deno.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const name = nodeCrypto().createHash("sha256").update(bytes).digest("hex");
    const partial = this.#partialPath();
    Deno.writeFileSync(partial, bytes, { mode: 0o600 });
    Deno.renameSync(partial, `${this.#folder}/${name}`);
    return name;
  }

  /** Drops what is unfinished. */
  close(): void {
    for (const name of [...this.#unfinished.keys()]) this.#drop(name);
  }

  #add(name: string, record: ChunkRecord, piece: Uint8Array): WholeBuffer | undefined {
    if (record.offset === 0) {
      this.#drop(name);
      this.#begin(name, record.total);
    }
    const buffer = this.#unfinished.get(name);
    if (!buffer || buffer.total !== record.total || buffer.length !== record.offset) {
      throw new RangeError(`Cannot take a chunk at ${record.offset}: the pieces before it are missing`);
    }
    if (buffer.bytes) buffer.bytes.set(piece, buffer.length);
    else if (buffer.file) {
      writeAll(buffer.file.open, piece);
      buffer.file.hash.update(piece);
    }
    buffer.length += piece.length;
    return buffer.length === buffer.total ? this.#finish(name, record, buffer) : undefined;
  }

  #begin(name: string, total: number): void {
    if (this.#unfinished.size >= MAX_UNFINISHED) {
      for (const oldest of this.#unfinished.keys()) {
        this.#drop(oldest);
        break;
      }
    }
    if (total <= ROW_BYTES || this.#folder === null) {
      this.#unfinished.set(name, { total, length: 0, bytes: new Uint8Array(total), file: null });
      return;
    }
    Deno.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#partialPath();
    const open = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    const file = { path, open, hash: nodeCrypto().createHash("sha256") };
    this.#unfinished.set(name, { total, length: 0, bytes: null, file });
  }

  #finish(name: string, record: ChunkRecord, buffer: Unfinished): WholeBuffer {
    this.#unfinished.delete(name);
    let file: string | null = null;
    if (buffer.file) {
      buffer.file.open.close();
      file = buffer.file.hash.digest("hex");
      Deno.renameSync(buffer.file.path, `${this.#folder}/${file}`);
    }
    const { client, n, index } = record;
    return {
      client,
      n,
      side: record.side === 1 ? 1 : 0,
      index,
      size: buffer.total,
      bytes: buffer.bytes,
      file,
    };
  }

  #drop(name: string): void {
    const buffer = this.#unfinished.get(name);
    this.#unfinished.delete(name);
    if (!buffer?.file) return;
    buffer.file.open.close();
    try {
      Deno.removeSync(buffer.file.path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #partialPath(): string {
    return `${this.#folder}/.partial-${Deno.pid}-${this.#partials++}`;
  }
}

/** What a piece is of. @throws RangeError if the group is malformed, or the piece is not as long as it says */
export function readPiece(reader: GroupReader, frame: Uint8Array, piece: Uint8Array): ChunkRecord {
  const header = reader.open(frame);
  if (header.count !== 1) throw new RangeError(`Cannot read a chunk group of ${header.count} records`);
  const record = reader.chunk();
  if (record.length !== piece.length || record.side > 1) {
    throw new RangeError(`Cannot take a chunk that states ${record.length} bytes and has ${piece.length}`);
  }
  return record;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

/** Removes what a hub left that ended in the middle of a buffer. */
function removePartials(folder: string): void {
  try {
    for (const entry of Deno.readDirSync(folder)) {
      if (entry.name.startsWith(".partial-")) Deno.removeSync(`${folder}/${entry.name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
