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
  /** Scheduler → engine, on any way: what a client may ask for at most. One TASK record with `CAP_DEFINITION` and a body of JSON. */
  notice: 9,
  /** One piece of a large buffer of several tasks: a CHUNK record, then who has it as NAME records (word: the engine). Client → direct scheduler → engine. */
  shared: 10,
  /** Client → engine: memory to share, in JSON behind no records. Engine → client: it is taken. */
  memory: 11,
  /** A piece that lies in shared memory: a CHUNK record and a NAME with its place and the memory's tag. Client → engine, engine → client. */
  located: 12,
  /** Scheduler → client, among results: send this back. Client → scheduler: everything before it has been read. header.window is the mark. No records. */
  mark: 13,
  /** A piece of a value that is kept: a CHUNK record (n: how many buffers the value has) and the value's name. Client → direct scheduler → engine. */
  value: 14,
  /** A word about kept values, header.window, and their names. Between clients, direct scheduler and engines. */
  values: 15,
} as const;

/** Words of groups of kind values. */
export const VALUES = { want: 1, kept: 2, none: 3, drop: 4 } as const;

/** What a task record asks for. */
export const OP = { define: 1, apply: 2, execute: 3, push: 4, pull: 5, clear: 6 } as const;

/** How a task ended. */
export const STATUS = { ok: 0, error: 1, aborted: 2, cancelled: 3, lost: 4 } as const;

/** The definition number under which the scheduler tells what a client may ask for at most; a client's own are below. */
export const CAP_DEFINITION = 0xffff_ffff;

/** Bits of a task record's flags. */
export const TASK_FLAG = {
  /** The body ends with `tailLength` bytes of JSON options (after, follow, targets, timeout, retries, label, limits). */
  tail: 1,
  /** Large buffers of this task travel as chunks ahead of it; `buffers` says how many. */
  buffers: 2,
  /** These came, or come, as shared pieces: by another connection, perhaps after the task. */
  shared: 4,
} as const;

/** Bits of a result record's flags. */
export const RESULT_FLAG = {
  /** The body ends with `tailLength` bytes of JSON (output byte counts, limit, who cancelled, engine_info …). */
  tail: 1,
  /** Large buffers of the result travel as chunks ahead of it. */
  buffers: 2,
  /** The task said that it cannot run on this engine; the tail has its words. */
  unmet: 4,
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
/** Most bytes of the JSON in a group of kind memory. */
export const MAX_MEMORY_BYTES = 512;

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

/** A length rounded up to the 8 bytes that records are padded to. */
export const pad8 = (length: number) => (length + 7) & ~7;

/** Whether a frame looks like a group (it may still be forged): tells it from a Jupyter message's first frame. */
export function isGroup(frame: Uint8Array): boolean {
  return frame.length >= HEADER_BYTES && frame[32] === 0x54 && frame[33] === 0x53 && frame[34] === 0x50 &&
    frame[35] === 0x47;
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
