/**
 * Groups: many tasks or results in one frame between our own parts (PROTOCOL.md, "Groups").
 *
 * One frame holds a fixed header, signed as a whole, and `count` records behind one another, each padded to 8 bytes.
 * Nothing here allocates per record: a writer appends into one growing buffer, a reader moves an offset over the received bytes.
 * Bodies are opaque; only ends (client, Worker) and the record store look inside.
 */

/** What a group says. */
export const KIND = {
  /** Tasks, and definitions that they need. Client → scheduler, client → engine (direct), scheduler → engine. */
  tasks: 1,
  /** Results. Engine → scheduler or direct relay → client; the scheduler makes some itself (lost, timed out). */
  results: 2,
  /** Scheduler → client: every group of the client up to header.acked is accepted. No records. */
  accepted: 3,
  /** Client → owner of the task: stop these (CANCEL records). */
  cancel: 4,
  /** Scheduler → engine: give back up to header.window tasks that were not handed. No records. */
  recall: 5,
  /** Engine → scheduler: tasks that were not and will not be started here (CANCEL records name them). */
  returned: 6,
  /** One piece of a large buffer: one CHUNK record; the piece itself is the frame behind the group. */
  chunk: 7,
  /** Scheduler → hub: these tasks were assigned to engine header.target (CANCEL records name them). */
  assigned: 8,
  /** Engine → scheduler: header.target forgot (lost) its namespace, or other engine state as JSON body. One TEXT record. */
  notice: 9,
} as const;

/** What a task record asks for. */
export const OP = { define: 1, apply: 2, execute: 3, push: 4, pull: 5, clear: 6 } as const;

/** How a task ended. */
export const STATUS = { ok: 0, error: 1, aborted: 2, cancelled: 3, lost: 4 } as const;

/** Bits of a task record's flags. */
export const TASK_FLAG = {
  /** The body ends with `tailLength` bytes of JSON options (after, follow, targets, timeout, retries, label, limits). */
  tail: 1,
  /** Large buffers of this task travel as chunks ahead of it; `buffers` says how many. */
  buffers: 2,
} as const;

/** Bits of a result record's flags. */
export const RESULT_FLAG = {
  /** The body ends with `tailLength` bytes of JSON (output byte counts, limit, who cancelled, engine_info …). */
  tail: 1,
  /** Large buffers of the result travel as chunks ahead of it. */
  buffers: 2,
} as const;

export const MAGIC = 0x47505354; // "TSPG" in memory order
export const VERSION = 1;
export const HEADER_BYTES = 80;
export const MAC_BYTES = 32;
export const TASK_BYTES = 40;
export const RESULT_BYTES = 48;
export const NAME_BYTES = 16;
export const CHUNK_BYTES = 32;

/** header.origin of the scheduler, the hub, and the bit that marks an engine's id. */
export const ORIGIN = { scheduler: 0xffff_ffff, hub: 0xffff_fffe, engineBit: 0x8000_0000 } as const;
/** header.target where no single engine or client is meant. */
export const ANY = 0xffff_ffff;

/** Most bytes that one group may have; what a sender flushes at is far below. */
export const MAX_GROUP_BYTES = 8 << 20;
/** A binary buffer of at least this many bytes travels as chunks instead of inside the group. */
export const LARGE_BYTES = 64 << 10;
/**
 * A body of more bytes than this travels as one more large buffer, the last; the record's own body is then empty
 * (a coded value never is).
 */
export const INLINE_BODY_BYTES = 256 << 10;
/** Size of one chunk. */
export const CHUNK_PIECE_BYTES = 1 << 20;

export interface GroupHeader {
  readonly kind: number;
  readonly count: number;
  /** Client index, or engine id | engineBit, or scheduler or hub. */
  readonly origin: number;
  /** The sender's own running number on this connection, strictly increasing: replays are refused by it. */
  readonly seq: number;
  /** Engine id or client index that the group is for, or ANY. */
  readonly target: number;
  /** Nonce of the controller's run. */
  readonly nonce: bigint;
  /** How many results (to an engine) or groups (to a client) the sender has received so far. */
  readonly acked: number;
  /** How many results of this engine the hub has committed so far. */
  readonly committed: number;
  /** To an engine: at most so many handed tasks may be without an acknowledged result. */
  readonly window: number;
}

/** A task record's fixed fields. `body` bytes are `bytes.subarray(bodyOffset, bodyOffset + bodyLength)`. */
export interface TaskRecord {
  n: number;
  client: number;
  /** Definition id (function) that an apply names, 0 for none; for a define record its own id. */
  definition: number;
  op: number;
  flags: number;
  /** Number of large buffers that came ahead as chunks. */
  buffers: number;
  bodyLength: number;
  tailLength: number;
  /** The scheduler's own number of the task; 0 before it has one. */
  seq: number;
  /** Milliseconds since 1970. */
  submitted: number;
  bodyOffset: number;
}

/** A result record's fixed fields. */
export interface ResultRecord {
  n: number;
  client: number;
  status: number;
  flags: number;
  buffers: number;
  engine: number;
  bodyLength: number;
  tailLength: number;
  seq: number;
  /** Counts the engine's namespaces: another number means that what was pushed before is gone. */
  epoch: number;
  started: number;
  completed: number;
  bodyOffset: number;
}

/** A piece of a large buffer: `offset`, `length` of `total` bytes of buffer `index` of the task or result (client, n). */
export interface ChunkRecord {
  n: number;
  client: number;
  index: number;
  /** 0: of the task's arguments, 1: of its result. */
  side: number;
  offset: number;
  length: number;
  total: number;
}

const pad8 = (length: number) => (length + 7) & ~7;

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
    this.#bytes.set(body, at + TASK_BYTES);
    this.#bytes.fill(0, at + TASK_BYTES + length, this.#length);
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
    this.#bytes.set(body, at + RESULT_BYTES);
    this.#bytes.fill(0, at + RESULT_BYTES + length, this.#length);
    this.#count++;
    return at;
  }

  /** Appends a whole record as it stands in another group (`length` with its padding). Returns its offset here. */
  copy(source: Uint8Array, offset: number, length: number): number {
    const at = this.#grow(length);
    this.#bytes.set(source.subarray(offset, offset + length), at);
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

  /** The one record of a chunk group. */
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

/** Whether a frame looks like a group (it may still be forged): tells it from a Jupyter message's first frame. */
export function isGroup(frame: Uint8Array): boolean {
  return frame.length >= HEADER_BYTES && frame[32] === 0x54 && frame[33] === 0x53 && frame[34] === 0x50 &&
    frame[35] === 0x47;
}

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

  /** Reads the one record of a chunk group; its lengths are checked to lie inside `total`. */
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

/** An empty task record to read into. */
export function emptyTask(): TaskRecord {
  return {
    n: 0,
    client: 0,
    definition: 0,
    op: 0,
    flags: 0,
    buffers: 0,
    bodyLength: 0,
    tailLength: 0,
    seq: 0,
    submitted: 0,
    bodyOffset: 0,
  };
}

/** An empty result record to read into. */
export function emptyResult(): ResultRecord {
  return {
    n: 0,
    client: 0,
    status: 0,
    flags: 0,
    buffers: 0,
    engine: 0,
    bodyLength: 0,
    tailLength: 0,
    seq: 0,
    epoch: 0,
    started: 0,
    completed: 0,
    bodyOffset: 0,
  };
}
