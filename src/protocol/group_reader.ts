/**
 * Reading groups: an offset that moves over the received bytes. Every length is checked against the frame's, so that a hostile one ends in an error.
 */
import {
  CHUNK_BYTES,
  type ChunkRecord,
  type GroupHeader,
  HEADER_BYTES,
  isGroup,
  NAME_BYTES,
  pad8,
  RESULT_BYTES,
  type ResultRecord,
  TASK_BYTES,
  type TaskRecord,
  VERSION,
} from "./groups.ts";

/** Reads a group frame; every offset is checked against the frame's length, so hostile lengths end in an error. */
export class GroupReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #offset = HEADER_BYTES;
  #left = 0;

  /** The frame being read. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Records not read yet. */
  get left(): number {
    return this.#left;
  }

  /**
   * Starts on a frame. The MAC must have been verified before.
   * @throws RangeError if the frame is no group of our version, or its length is not the one it states
   */
  open(frame: Uint8Array): GroupHeader {
    if (!isGroup(frame)) throw new RangeError(`Cannot read a group: ${frame.length} bytes without its mark`);
    const v = this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#bytes = frame;
    const version = v.getUint16(36, true);
    if (version !== VERSION) {
      throw new RangeError(`Cannot read a group of version ${version}, only ${VERSION}`);
    }
    if (v.getUint32(76, true) !== frame.length) {
      throw new RangeError(
        `Cannot read a group: it states ${v.getUint32(76, true)} bytes and has ${frame.length}`,
      );
    }
    this.#offset = HEADER_BYTES;
    this.#left = v.getUint32(40, true);
    return {
      kind: v.getUint16(38, true),
      count: this.#left,
      origin: v.getUint32(44, true),
      seq: v.getUint32(48, true),
      target: v.getUint32(52, true),
      nonce: v.getBigUint64(56, true),
      acked: v.getUint32(64, true),
      committed: v.getUint32(68, true),
      window: v.getUint32(72, true),
    };
  }

  /** Moves over `length` bytes, which must be there, and returns where they began. */
  #take(length: number): number {
    const at = this.#offset;
    if (at + length > this.#bytes.length) {
      throw new RangeError(`Cannot read a group: a record at ${at} is longer than the frame`);
    }
    this.#offset = at + length;
    return at;
  }

  /** Reads the next task into `into`; false at the end. The record spans `recordOffset` to `nextOffset`. */
  task(into: TaskRecord): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const at = this.#take(TASK_BYTES);
    const v = this.#view;
    into.n = v.getUint32(at, true);
    into.client = v.getUint32(at + 4, true);
    into.definition = v.getUint32(at + 8, true);
    const word = v.getUint32(at + 12, true);
    into.op = word & 0xff;
    into.flags = (word >>> 8) & 0xff;
    into.buffers = word >>> 16;
    into.bodyLength = v.getUint32(at + 16, true);
    into.tailLength = v.getUint32(at + 20, true);
    into.seq = v.getUint32(at + 24, true);
    into.submitted = v.getFloat64(at + 32, true);
    into.bodyOffset = at + TASK_BYTES;
    this.#body(into.bodyLength, into.tailLength);
    return true;
  }

  /** Reads the next result into `into`; false at the end. */
  result(into: ResultRecord): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const at = this.#take(RESULT_BYTES);
    const v = this.#view;
    into.n = v.getUint32(at, true);
    into.client = v.getUint32(at + 4, true);
    const word = v.getUint32(at + 8, true);
    into.status = word & 0xff;
    into.flags = (word >>> 8) & 0xff;
    into.buffers = word >>> 16;
    into.engine = v.getUint32(at + 12, true);
    into.bodyLength = v.getUint32(at + 16, true);
    into.tailLength = v.getUint32(at + 20, true);
    into.seq = v.getUint32(at + 24, true);
    into.epoch = v.getUint32(at + 28, true);
    into.started = v.getFloat64(at + 32, true);
    into.completed = v.getFloat64(at + 40, true);
    into.bodyOffset = at + RESULT_BYTES;
    this.#body(into.bodyLength, into.tailLength);
    return true;
  }

  #body(length: number, tail: number): void {
    if (tail > length) {
      throw new RangeError(`Cannot read a group: a tail of ${tail} bytes in a body of ${length}`);
    }
    // A length near 2^32 would be padded to a negative one: hold it against the frame first.
    if (length > this.#bytes.length) {
      throw new RangeError(
        `Cannot read a group: a body of ${length} bytes in a frame of ${this.#bytes.length}`,
      );
    }
    this.#take(pad8(length));
  }

  /** Reads the next name record as [client, n, seq, word] into `into`; false at the end. */
  name(into: Uint32Array): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const at = this.#take(NAME_BYTES);
    for (let i = 0; i < 4; i++) into[i] = this.#view.getUint32(at + i * 4, true);
    return true;
  }

  /** What stands behind the last record, to the frame's end: of a cancel group who stops the tasks. A view. */
  rest(): Uint8Array {
    return this.#left > 0 ? this.#bytes.subarray(this.#bytes.length) : this.#bytes.subarray(this.#offset);
  }

  /** Reads the one record of a chunk group, or the first of a shared one; its lengths are checked to lie inside `total`. */
  chunk(): ChunkRecord {
    if (this.#left === 0) throw new RangeError("Cannot read a group of chunks: it has no record");
    const at = this.#take(CHUNK_BYTES);
    this.#left--;
    const v = this.#view;
    const word = v.getUint32(at + 8, true);
    const record = {
      n: v.getUint32(at, true),
      client: v.getUint32(at + 4, true),
      index: word & 0xffff,
      side: word >>> 16,
      length: v.getUint32(at + 12, true),
      offset: v.getFloat64(at + 16, true),
      total: v.getFloat64(at + 24, true),
    };
    const { offset, length, total } = record;
    if (
      !(Number.isSafeInteger(offset) && Number.isSafeInteger(total) && offset >= 0 &&
        offset + length <= total)
    ) {
      throw new RangeError(`Cannot read a chunk of ${length} bytes at ${offset} of ${total}`);
    }
    return record;
  }

  /** Where the record that was read last ends: together with its `bodyOffset` what `GroupWriter.copy` wants. */
  get offset(): number {
    return this.#offset;
  }
}
