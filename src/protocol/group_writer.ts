/**
 * Writing groups: records appended to one growing buffer that is used over and over, and closed into a signed frame.
 */
import { putBytes, putPart } from "../base/few_bytes.ts";
import {
  CHUNK_BYTES,
  type ChunkRecord,
  type GroupHeader,
  HEADER_BYTES,
  MAC_BYTES,
  MAGIC,
  NAME_BYTES,
  pad8,
  RESULT_BYTES,
  TASK_BYTES,
  VERSION,
} from "./groups.ts";

/** Appends records to one buffer and closes it into a frame. Reused: `reset()` keeps the memory. */
export class GroupWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = HEADER_BYTES;
  #count = 0;

  constructor(capacity = 64 << 10) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Records so far. */
  get count(): number {
    return this.#count;
  }

  /** Bytes so far, header included. */
  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = HEADER_BYTES;
    this.#count = 0;
  }

  /** Room for `length` more bytes at the end; returns the buffer, which is valid until the next call. */
  #grow(length: number): number {
    const offset = this.#length;
    const needed = offset + length;
    if (needed > this.#bytes.length) {
      let capacity = this.#bytes.length * 2;
      while (capacity < needed) capacity *= 2;
      const bytes = new Uint8Array(capacity);
      bytes.set(this.#bytes.subarray(0, offset));
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    this.#length = needed;
    return offset;
  }

  /** Appends a task; `body` is copied. Returns the record's offset in the frame. */
  task(
    n: number,
    client: number,
    definition: number,
    op: number,
    flags: number,
    buffers: number,
    tailLength: number,
    seq: number,
    submitted: number,
    body: Uint8Array,
  ): number {
    const length = body.length;
    const at = this.#grow(TASK_BYTES + pad8(length));
    const v = this.#view;
    v.setUint32(at, n, true);
    v.setUint32(at + 4, client, true);
    v.setUint32(at + 8, definition, true);
    v.setUint32(at + 12, op | (flags << 8) | (buffers << 16), true);
    v.setUint32(at + 16, length, true);
    v.setUint32(at + 20, tailLength, true);
    v.setUint32(at + 24, seq, true);
    v.setUint32(at + 28, 0, true);
    v.setFloat64(at + 32, submitted, true);
    this.#body(body, at + TASK_BYTES);
    this.#count++;
    return at;
  }

  /** Appends a result; `body` is copied. */
  result(
    n: number,
    client: number,
    status: number,
    flags: number,
    buffers: number,
    engine: number,
    tailLength: number,
    seq: number,
    epoch: number,
    started: number,
    completed: number,
    body: Uint8Array,
  ): number {
    const length = body.length;
    const at = this.#grow(RESULT_BYTES + pad8(length));
    const v = this.#view;
    v.setUint32(at, n, true);
    v.setUint32(at + 4, client, true);
    v.setUint32(at + 8, status | (flags << 8) | (buffers << 16), true);
    v.setUint32(at + 12, engine, true);
    v.setUint32(at + 16, length, true);
    v.setUint32(at + 20, tailLength, true);
    v.setUint32(at + 24, seq, true);
    v.setUint32(at + 28, epoch, true);
    v.setFloat64(at + 32, started, true);
    v.setFloat64(at + 40, completed, true);
    this.#body(body, at + RESULT_BYTES);
    this.#count++;
    return at;
  }

  /** A record's body, and zeros as far as the record is padded. */
  #body(body: Uint8Array, at: number): void {
    const bytes = this.#bytes;
    putBytes(bytes, at, body);
    for (let i = at + body.length; i < this.#length; i++) bytes[i] = 0;
  }

  /** Appends a whole record as it stands in another group (`length` with its padding). Returns its offset here. */
  copy(source: Uint8Array, offset: number, length: number): number {
    const at = this.#grow(length);
    putPart(this.#bytes, at, source, offset, length);
    this.#count++;
    return at;
  }

  /** Writes the scheduler's number into the task record at `offset` of this frame. */
  setSeq(offset: number, seq: number): void {
    this.#view.setUint32(offset + 24, seq, true);
  }

  /** Names a task (cancel, returned, assigned): client, n, the scheduler's seq, and a word that the kind defines. */
  name(client: number, n: number, seq: number, word: number): void {
    const at = this.#grow(NAME_BYTES);
    const v = this.#view;
    v.setUint32(at, client, true);
    v.setUint32(at + 4, n, true);
    v.setUint32(at + 8, seq, true);
    v.setUint32(at + 12, word, true);
    this.#count++;
  }

  /** Bytes behind the last record of a cancel group: who stops the tasks. Nothing may follow. */
  rest(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** The one record of a chunk group, the first of a shared one. */
  chunk(record: ChunkRecord): void {
    const at = this.#grow(CHUNK_BYTES);
    const v = this.#view;
    v.setUint32(at, record.n, true);
    v.setUint32(at + 4, record.client, true);
    v.setUint32(at + 8, record.index | (record.side << 16), true);
    v.setUint32(at + 12, record.length, true);
    v.setFloat64(at + 16, record.offset, true);
    v.setFloat64(at + 24, record.total, true);
    this.#count++;
  }

  /**
   * Fills in the header and signs. The returned bytes are a view of this writer's buffer: send or copy them before `reset()`.
   * @param sign writes 32 bytes of MAC over `bytes[from..to)` at `at`
   */
  close(
    header: Omit<GroupHeader, "count">,
    sign: (bytes: Uint8Array, from: number, to: number, at: number) => void,
  ): Uint8Array {
    const v = this.#view;
    v.setUint32(32, MAGIC, true);
    v.setUint32(36, VERSION | (header.kind << 16), true);
    v.setUint32(40, this.#count, true);
    v.setUint32(44, header.origin, true);
    v.setUint32(48, header.seq, true);
    v.setUint32(52, header.target, true);
    v.setBigUint64(56, header.nonce, true);
    v.setUint32(64, header.acked, true);
    v.setUint32(68, header.committed, true);
    v.setUint32(72, header.window, true);
    v.setUint32(76, this.#length, true);
    sign(this.#bytes, MAC_BYTES, this.#length, 0);
    return this.#bytes.subarray(0, this.#length);
  }
}
