/**
 * The memory that an engine host and a slot's Worker share: where everything lies in it, and how room in it is given out.
 * Plain typed-array code, the same at both ends. It runs beside untrusted code, so it calls nothing through an object that a task
 * could have changed.
 *
 * Both directions have a table of entries and bytes for bodies and large buffers. The side that sends fills an entry and
 * publishes it by moving the table's head; the side that receives moves the tail when it is done with it. A head or tail is
 * a 32-bit number that runs on and wraps around; an entry's place is its number modulo the table's length.
 *
 *     host ──► request entries, request bytes, arena in  ──► Worker
 *     host ◄── result entries,  result bytes,  arena out ◄── Worker
 *
 * Each task has a word of state, changed by compare-and-swap from both sides:
 *
 *     offered ──► started ──► finished      by the Worker
 *        └──────► withdrawn                 by the host
 */

/** Words of control, each in a cache line of its own. */
export const CONTROL = {
  /** Requests published. Written by the host. */
  requestHead: 0,
  /** Requests that the Worker is done with. Written by the Worker. */
  requestTail: 16,
  /** Results published. Written by the Worker. */
  resultHead: 32,
  /** Results that the host is done with. Written by the host. */
  resultTail: 48,
  /** 1 while the Worker waits for room: the host rings until it is 0. Written by the Worker. */
  wantsRoom: 64,
  /** Bytes of text that the Worker has counted on each stream, modulo 2^32. Written by the Worker. */
  stdout: 80,
  stderr: 96,
  /** Counts what the host told the running task; then what, to which ticket, and how many bytes of text. Written by the host. */
  told: 112,
  toldKind: 113,
  toldTicket: 114,
  toldLength: 115,
  /** How far the child is before it has a Worker. Written by its main thread. */
  phase: 128,
  /** The ticket of the task that has looked at its signal last. Written by the Worker. */
  looked: 144,
} as const;

/** How many words of control there are. */
export const CONTROL_WORDS = CONTROL.looked + 1;

/** What the host tells a task while it runs: stop waiting; the line that it asked for; why it cannot have one; its signal is aborted. */
export const TOLD = { interrupt: 1, input: 2, refusal: 3, abort: 4 } as const;

/** Most bytes of a line that a task asked for. */
export const INPUT_BYTES = 64 << 10;

/** States of a task. 0 is an entry that was never used. */
export const STATE = { offered: 1, started: 2, finished: 3, withdrawn: 4 } as const;

/** Words of an entry, and of its 64-bit numbers (index / 2 in a Float64Array). */
export const ENTRY_WORDS = 16;

/** A request: a task, a definition, a piece of a large buffer (op `chunk`), or forget the pieces of a ticket (op `drop`). */
export const REQUEST = {
  state: 0,
  op: 1,
  ticket: 2,
  definition: 3,
  /** Number of buffers; of a chunk: which buffer. */
  buffers: 4,
  /** Where the bytes begin in the request bytes, or in the arena. */
  at: 5,
  length: 6,
  /** The ticket under which the task's large buffers came: its own, or one that was given before the task had any. */
  parts: 7,
  /** 64 bits: when the Worker started it; of a chunk: bytes of the whole buffer. */
  started: 8,
  total: 8,
  /** 64 bits: where in the buffer the piece belongs. */
  offset: 10,
  /** 64 bits: most bytes of the result. */
  resultLimit: 12,
} as const;

/**
 * Ops of the ring beside those of protocol/groups.ts. A question is a task of the engine's own: it looks at the namespace. `python`: buffers of
 * an apply_request of Python's.
 */
export const RING_OP = { chunk: 16, drop: 17, question: 18, python: 19 } as const;

export const RESULT = {
  kind: 0,
  /** Number of the request that it belongs to. */
  request: 1,
  ticket: 2,
  /** Number of buffers; of a chunk: which buffer. */
  buffers: 3,
  at: 4,
  length: 5,
  /** How many bytes of text the Worker has written to each stream in its life, modulo 2^32. */
  stdout: 6,
  stderr: 7,
  /** 64 bits: when the task started; of a chunk: bytes of the whole buffer. */
  started: 8,
  total: 8,
  /** 64 bits: when it finished; of a chunk: where in the buffer the piece belongs. */
  finished: 10,
  offset: 10,
} as const;

/** `tooLarge` is an answer whose body says in digits how many bytes the result has at least; `unmet` comes ahead of the error of a task that cannot run here. */
export const RESULT_KIND = {
  ready: 1,
  ok: 2,
  error: 3,
  event: 4,
  chunk: 5,
  tooLarge: 6,
  denied: 7,
  unmet: 8,
} as const;

/**
 * What a task was not allowed to do: records of words, then text (permission, value, where, with zeros between). A record without times is
 * none. Written by the Worker; `denied` is a copy of all of them, ahead of an error.
 */
export const DENIALS = { ticket: 0, times: 1, length: 2, text: 4, most: 32 } as const;
export const DENIAL_BYTES = 512;
export const DENIAL_WORDS = DENIAL_BYTES / 4;

/** The doorbell's byte on fd 0 and fd 1. */
export const BELL = 0;

/** Pieces of large buffers of results have at most this many bytes. */
export const PIECE_BYTES = 1 << 20;

/** Where everything lies: byte offsets into the shared memory. */
export interface RingLayout {
  readonly entries: number;
  readonly ringBytes: number;
  readonly arenaBytes: number;
  readonly requests: number;
  readonly results: number;
  readonly requestBytes: number;
  readonly resultBytes: number;
  readonly arenaIn: number;
  readonly arenaOut: number;
  /** Text of what the host tells a task. */
  readonly input: number;
  /** What the running task was not allowed. */
  readonly denials: number;
  readonly total: number;
}

const PAGE = 4096;
const MIN_RING_BYTES = 1 << 20;

/** The layout for the wanted sizes; entries and bytes are rounded up. */
export function ringLayout(entries: number, ringBytes: number, arenaBytes: number): RingLayout {
  let table = 16;
  while (table < entries) table *= 2;
  const ring = pages(ringBytes > MIN_RING_BYTES ? ringBytes : MIN_RING_BYTES);
  const arena = pages(arenaBytes > 2 * PIECE_BYTES ? arenaBytes : 2 * PIECE_BYTES);
  const requests = PAGE;
  const results = requests + table * ENTRY_WORDS * 4;
  const requestBytes = pages(results + table * ENTRY_WORDS * 4);
  const resultBytes = requestBytes + ring;
  const arenaIn = resultBytes + ring;
  const arenaOut = arenaIn + arena;
  return {
    entries: table,
    ringBytes: ring,
    arenaBytes: arena,
    requests,
    results,
    requestBytes,
    resultBytes,
    arenaIn,
    arenaOut,
    input: arenaOut + arena,
    denials: arenaOut + arena + INPUT_BYTES,
    total: arenaOut + arena + INPUT_BYTES + DENIALS.most * DENIAL_BYTES,
  };
}

function pages(bytes: number): number {
  let whole = bytes - bytes % PAGE;
  if (whole < bytes) whole += PAGE;
  return whole;
}

/** How far a running number is ahead of another, right also after it has wrapped around. */
export function ahead(of: number, than: number): number {
  return (of - than) | 0;
}

/**
 * Gives out room in a ring of bytes, in order; only its own side writes here, and room comes back in the same order. What is given
 * out never wraps around: an end that is too short is skipped.
 */
export class ByteRing {
  readonly #size: number;
  #head = 0;
  #tail = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Everything given out so far, as a mark to `release` up to. */
  get mark(): number {
    return this.#head;
  }

  /** Bytes given out and not come back, skipped ends included. */
  get used(): number {
    return this.#head - this.#tail;
  }

  /** Room for `length` bytes: its offset, or -1 if there is none now. */
  take(length: number): number {
    const size = this.#size;
    if (this.#head === this.#tail) this.#head = this.#tail = this.#head + rest(this.#head, size);
    const rounded = length + (8 - length % 8) % 8;
    const at = this.#head % size;
    const skipped = at + rounded > size ? size - at : 0;
    if (this.#head + skipped + rounded - this.#tail > size) return -1;
    this.#head += skipped + rounded;
    return skipped > 0 ? 0 : at;
  }

  /** Takes room back up to a mark. */
  release(mark: number): void {
    if (mark > this.#tail) this.#tail = mark;
  }
}

/** How much is missing to the next whole multiple: an empty ring begins at its begin again, where its memory is warm. */
function rest(position: number, size: number): number {
  return (size - position % size) % size;
}
