/**
 * The open tasks as a struct of arrays: no object per task, a task is an index.
 *
 * The scheduler's number of a task, `seq`, also says where it stands: `index = seq & mask`. A place that is still taken is skipped, so numbers
 * are increasing but not dense; at half full the table doubles. Finished tasks leave nothing here.
 */

export const WAITING = 1;
export const DEPENDENT = 2;
export const ASSIGNED = 3;

/** No task. */
export const NONE = -1;

export class TaskTable {
  #mask: number;
  #open = 0;
  #lastSeq = 0;
  /** The scheduler's number at each place, 0 where it is free. */
  seq: Uint32Array;
  client: Uint32Array;
  n: Uint32Array;
  definition: Uint32Array;
  state: Uint8Array;
  /** 0: for our engines, 1: of a peer. */
  pool: Uint8Array;
  /** Id of the engine that has the task. */
  engine: Int32Array;
  /** Neighbours in the engine's list of assigned tasks, by seq (0: none). */
  previous: Uint32Array;
  next: Uint32Array;
  /** Where the task's record lies: frame number, offset, length. */
  frame: Int32Array;
  offset: Uint32Array;
  length: Uint32Array;
  /** 1 where `Rare` has more about the task. */
  rare: Uint8Array;
  /** When it was submitted, in ms. */
  submitted: Float64Array;

  constructor(capacity = 1 << 12) {
    this.#mask = capacity - 1;
    this.seq = new Uint32Array(capacity);
    this.client = new Uint32Array(capacity);
    this.n = new Uint32Array(capacity);
    this.definition = new Uint32Array(capacity);
    this.state = new Uint8Array(capacity);
    this.pool = new Uint8Array(capacity);
    this.engine = new Int32Array(capacity);
    this.previous = new Uint32Array(capacity);
    this.next = new Uint32Array(capacity);
    this.frame = new Int32Array(capacity);
    this.offset = new Uint32Array(capacity);
    this.length = new Uint32Array(capacity);
    this.rare = new Uint8Array(capacity);
    this.submitted = new Float64Array(capacity);
  }

  get open(): number {
    return this.#open;
  }

  /** Takes a place for a new task and returns its seq. */
  add(client: number, n: number, submitted: number): number {
    if (this.#open * 2 > this.#mask) this.#grow();
    let seq = this.#lastSeq;
    do seq = (seq + 1) >>> 0; while (seq === 0 || this.seq[seq & this.#mask] !== 0);
    this.#lastSeq = seq;
    const at = seq & this.#mask;
    this.seq[at] = seq;
    this.client[at] = client;
    this.n[at] = n;
    this.rare[at] = 0;
    this.submitted[at] = submitted;
    this.engine[at] = NONE;
    this.previous[at] = 0;
    this.next[at] = 0;
    this.#open++;
    return seq;
  }

  /** The place of an open task, or NONE. */
  at(seq: number): number {
    const at = seq & this.#mask;
    return seq !== 0 && this.seq[at] === seq ? at : NONE;
  }

  remove(at: number): void {
    this.seq[at] = 0;
    this.#open--;
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const from = this.seq;
    const mask = capacity - 1;
    const move = <A extends Uint8Array | Uint32Array | Int32Array | Float64Array>(column: A, made: A): A => {
      for (let i = 0; i < from.length; i++) {
        const seq = from[i]!;
        if (seq !== 0) made[seq & mask] = column[i]!;
      }
      return made;
    };
    this.client = move(this.client, new Uint32Array(capacity));
    this.n = move(this.n, new Uint32Array(capacity));
    this.definition = move(this.definition, new Uint32Array(capacity));
    this.state = move(this.state, new Uint8Array(capacity));
    this.pool = move(this.pool, new Uint8Array(capacity));
    this.engine = move(this.engine, new Int32Array(capacity));
    this.previous = move(this.previous, new Uint32Array(capacity));
    this.next = move(this.next, new Uint32Array(capacity));
    this.frame = move(this.frame, new Int32Array(capacity));
    this.offset = move(this.offset, new Uint32Array(capacity));
    this.length = move(this.length, new Uint32Array(capacity));
    this.rare = move(this.rare, new Uint8Array(capacity));
    this.submitted = move(this.submitted, new Float64Array(capacity));
    this.seq = move(this.seq, new Uint32Array(capacity));
    this.#mask = mask;
  }
}

/** Most bytes of buffers that lie ready to be used again. */
const MAX_POOLED_BYTES = 4 << 20;

/** Frames that open tasks lie in, each kept as long as one of its tasks lives; their buffers are used again. */
export class FrameStore {
  #frames: (Uint8Array | undefined)[] = [];
  #live: number[] = [];
  #free: number[] = [];
  #bytes = 0;
  /** Buffers to use again, by the logarithm of their size. */
  readonly #pool: ArrayBuffer[][] = Array.from({ length: 32 }, () => []);
  #pooledBytes = 0;

  /** Bytes of all frames kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy of a frame. Whoever adds it holds it: `release` it when all its tasks were taken. */
  add(frame: Uint8Array): number {
    const id = this.#free.pop() ?? this.#frames.length;
    const copy = this.#room(frame.length);
    copy.set(frame);
    this.#frames[id] = copy;
    this.#live[id] = 1;
    this.#bytes += frame.length;
    return id;
  }

  get(id: number): Uint8Array {
    return this.#frames[id]!;
  }

  hold(id: number): void {
    this.#live[id]!++;
  }

  /** One holder less; the frame goes with its last. */
  release(id: number): void {
    if (--this.#live[id]! <= 0) this.#drop(id);
  }

  #room(length: number): Uint8Array {
    const size = 32 - Math.clz32(Math.max(length, 256) - 1);
    const pooled = this.#pool[size]!.pop();
    if (pooled !== undefined) this.#pooledBytes -= pooled.byteLength;
    return new Uint8Array(pooled ?? new ArrayBuffer(2 ** size), 0, length);
  }

  #drop(id: number): void {
    const frame = this.#frames[id];
    if (frame === undefined) return;
    this.#bytes -= frame.length;
    this.#frames[id] = undefined;
    this.#free.push(id);
    const { buffer } = frame;
    if (!(buffer instanceof ArrayBuffer) || this.#pooledBytes + buffer.byteLength > MAX_POOLED_BYTES) return;
    this.#pooledBytes += buffer.byteLength;
    this.#pool[32 - Math.clz32(buffer.byteLength - 1)]!.push(buffer);
  }
}

/** Room that an empty queue keeps. */
const KEPT = 1 << 12;

/** A queue of task numbers that takes at both ends, in one typed array. */
export class SeqQueue {
  #items: Uint32Array;
  #head = 0;
  #length = 0;

  /** @param capacity to begin with, a power of 2 */
  constructor(capacity = 1024) {
    this.#items = new Uint32Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  #room(): void {
    if (this.#length < this.#items.length) return;
    const made = new Uint32Array(this.#items.length * 2);
    for (let i = 0; i < this.#length; i++) {
      made[i] = this.#items[(this.#head + i) & (this.#items.length - 1)]!;
    }
    this.#items = made;
    this.#head = 0;
  }

  push(seq: number): void {
    this.#room();
    this.#items[(this.#head + this.#length++) & (this.#items.length - 1)] = seq;
  }

  unshift(seq: number): void {
    this.#room();
    this.#head = (this.#head - 1) & (this.#items.length - 1);
    this.#items[this.#head] = seq;
    this.#length++;
  }

  /** The number at the front, 0 if there is none. */
  peek(): number {
    return this.#length === 0 ? 0 : this.#items[this.#head]!;
  }

  /** The number at the end, 0 if there is none. */
  last(): number {
    return this.#length === 0 ? 0 : this.#items[(this.#head + this.#length - 1) & (this.#items.length - 1)]!;
  }

  /** Gives back the room of many, where there are none any more. */
  trim(): void {
    if (this.#length > 0 || this.#items.length <= KEPT) return;
    this.#items = new Uint32Array(KEPT);
    this.#head = 0;
  }

  shift(): number {
    const seq = this.peek();
    if (seq === 0) return 0;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length--;
    return seq;
  }
}
