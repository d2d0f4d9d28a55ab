/**
 * What an engine holds, as a table of typed arrays: no object per task, nothing allocated while a group passes through.
 *
 * A task is known by its ticket: the place in the table plus a generation, so that a late word about an old task names nothing.
 * Received groups are kept as one copy as long as any of their tasks may still have to be handed to a slot.
 */

import type { TaskRecord } from "../protocol/groups.ts";

/** Where a task stands. */
export const STATE = {
  free: 0,
  queued: 1,
  handed: 2,
  started: 3,
  /** It had started, and its child was killed for it: its answer waits for that one's end. */
  dying: 4,
} as const;

const PLACE_BITS = 18;
const PLACE_MASK = (1 << PLACE_BITS) - 1;
const GENERATIONS = 1 << 13;

/** Most tasks that one engine holds. */
export const MAX_TASKS = PLACE_MASK;

/** Columns by place. `at(ticket)` gives the place, -1 if that task is over. */
export class TaskTable {
  capacity = 256;
  state = new Uint8Array(256);
  op = new Uint8Array(256);
  /** 1: it came from the scheduler and counts in the start window; 0: direct. */
  scheduled = new Uint8Array(256);
  /** How often a child died with it in hand before it had started. */
  rehanded = new Uint8Array(256);
  generation = new Uint16Array(256);
  buffers = new Uint16Array(256);
  client = new Uint32Array(256);
  n = new Uint32Array(256);
  seq = new Uint32Array(256);
  /** Host-wide number of the function, 0 for none. */
  definition = new Uint32Array(256);
  /** Index of the way back. */
  route = new Uint32Array(256);
  /** Kept group, and the body inside it without its tail. */
  frame = new Int32Array(256);
  offset = new Uint32Array(256);
  length = new Uint32Array(256);
  startedAt = new Float64Array(256);
  /** Number of its key's lane. */
  lane = new Uint16Array(256);
  #free: number[] = [];
  #used = 0;

  /** Tasks in the table. */
  get open(): number {
    return this.#used - this.#free.length;
  }

  /** The place of a task that is not over, else -1. */
  at(ticket: number): number {
    const place = ticket & PLACE_MASK;
    if (place >= this.#used || this.state[place] === STATE.free) return -1;
    return this.generation[place] === ticket >>> PLACE_BITS ? place : -1;
  }

  /** Whether a slot has it, started or not. */
  isInSlot(ticket: number): boolean {
    const place = this.at(ticket);
    return place >= 0 && this.state[place]! >= STATE.handed && this.state[place] !== STATE.dying;
  }

  ticketOf(place: number): number {
    return ((this.generation[place]! << PLACE_BITS) | place) >>> 0;
  }

  /** A new task; 0 if the table is full. Tickets are never 0. */
  add(): number {
    let place = this.#free.pop();
    if (place === undefined) {
      if (this.#used >= MAX_TASKS) return 0;
      place = this.#used++;
      if (place === this.capacity) this.#grow();
    }
    const generation = this.generation[place]! + 1;
    this.generation[place] = generation >= GENERATIONS ? 1 : generation;
    this.state[place] = STATE.queued;
    this.rehanded[place] = 0;
    this.startedAt[place] = 0;
    return this.ticketOf(place);
  }

  /** Takes over what the record says. */
  fill(place: number, record: TaskRecord): void {
    this.client[place] = record.client;
    this.n[place] = record.n;
    this.seq[place] = record.seq;
    this.op[place] = record.op;
    this.buffers[place] = record.buffers;
    this.offset[place] = record.bodyOffset;
    this.length[place] = record.bodyLength - record.tailLength;
  }

  /** What the host knows of it beside its record. */
  bind(
    place: number,
    frame: number,
    route: number,
    isScheduled: boolean,
    definition: number,
    lane: number,
  ): void {
    this.lane[place] = lane;
    this.frame[place] = frame;
    this.route[place] = route;
    this.scheduled[place] = isScheduled ? 1 : 0;
    this.definition[place] = definition;
  }

  remove(place: number): void {
    this.state[place] = STATE.free;
    this.#free.push(place);
  }

  /** Calls `visit` for each task that is not over, in no special order. */
  forEach(visit: (place: number) => void): void {
    for (let place = 0; place < this.#used; place++) {
      if (this.state[place] !== STATE.free) visit(place);
    }
  }

  /** Numbers of the functions of all tasks. */
  get definitions(): number[] {
    const numbers = new Set<number>();
    this.forEach((place) => numbers.add(this.definition[place]!));
    return [...numbers];
  }

  /** Tickets of the tasks that are named by client and n, each with its name. */
  find<Name extends { readonly client: number; readonly n: number }>(
    names: readonly Name[],
  ): [number, Name][] {
    // By client, then by n: both in one number would not be exact for the clients with the highest numbers.
    const wanted = new Map<number, Map<number, Name>>();
    for (const name of names) {
      const own = wanted.get(name.client);
      if (own === undefined) wanted.set(name.client, new Map([[name.n, name]]));
      else own.set(name.n, name);
    }
    const found: [number, Name][] = [];
    this.forEach((place) => {
      const name = wanted.get(this.client[place]!)?.get(this.n[place]!);
      if (name !== undefined) found.push([this.ticketOf(place), name]);
    });
    return found;
  }

  #grow(): void {
    const capacity = this.capacity = this.capacity * 2;
    this.state = wider(this.state, new Uint8Array(capacity));
    this.op = wider(this.op, new Uint8Array(capacity));
    this.scheduled = wider(this.scheduled, new Uint8Array(capacity));
    this.rehanded = wider(this.rehanded, new Uint8Array(capacity));
    this.generation = wider(this.generation, new Uint16Array(capacity));
    this.buffers = wider(this.buffers, new Uint16Array(capacity));
    this.client = wider(this.client, new Uint32Array(capacity));
    this.n = wider(this.n, new Uint32Array(capacity));
    this.seq = wider(this.seq, new Uint32Array(capacity));
    this.definition = wider(this.definition, new Uint32Array(capacity));
    this.route = wider(this.route, new Uint32Array(capacity));
    this.frame = wider(this.frame, new Int32Array(capacity));
    this.offset = wider(this.offset, new Uint32Array(capacity));
    this.length = wider(this.length, new Uint32Array(capacity));
    this.lane = wider(this.lane, new Uint16Array(capacity));
    this.startedAt = wider(this.startedAt, new Float64Array(capacity));
  }
}

function wider<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from);
  return into;
}

/** Tickets in order, open at both ends. */
export class TicketQueue {
  #items = new Uint32Array(256);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The ticket at `index` from the front. */
  get(index: number): number {
    return this.#items[(this.#head + index) & (this.#items.length - 1)]!;
  }

  /** The first ticket from the front of which something holds, 0 if there is none. */
  first(holds: (ticket: number) => boolean): number {
    for (let i = 0; i < this.#length; i++) if (holds(this.get(i))) return this.get(i);
    return 0;
  }

  push(ticket: number): void {
    this.#room();
    this.#items[(this.#head + this.#length++) & (this.#items.length - 1)] = ticket;
  }

  pushFront(ticket: number): void {
    this.#room();
    this.#head = (this.#head - 1) & (this.#items.length - 1);
    this.#items[this.#head] = ticket;
    this.#length++;
  }

  shift(): number {
    if (this.#length === 0) return 0;
    const ticket = this.#items[this.#head]!;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length--;
    return ticket;
  }

  clear(): void {
    this.#head = this.#length = 0;
  }

  #room(): void {
    const old = this.#items;
    if (this.#length < old.length) return;
    const items = new Uint32Array(old.length * 2);
    items.set(old.subarray(this.#head));
    items.set(old.subarray(0, this.#head), old.length - this.#head);
    this.#items = items;
    this.#head = 0;
  }
}

/** Copies of received groups, each kept as long as a task holds it. */
export class FrameStore {
  readonly #frames: (Uint8Array | null)[] = [];
  readonly #holders: number[] = [];
  readonly #free: number[] = [];

  /** Keeps a frame that nobody holds yet. */
  add(frame: Uint8Array): number {
    const id = this.#free.pop() ?? this.#frames.length;
    this.#frames[id] = frame;
    this.#holders[id] = 0;
    return id;
  }

  get(id: number): Uint8Array {
    const frame = this.#frames[id];
    if (frame === null || frame === undefined) {
      throw new RangeError(`Cannot read frame ${id}: it was dropped`);
    }
    return frame;
  }

  hold(id: number): void {
    this.#holders[id]!++;
  }

  release(id: number): void {
    if (--this.#holders[id]! <= 0) this.#drop(id);
  }

  /** Drops a frame of which no task was taken. */
  dropIfUnused(id: number): void {
    if (this.#holders[id] === 0) this.#drop(id);
  }

  /** Frames kept now. */
  get count(): number {
    return this.#frames.length - this.#free.length;
  }

  #drop(id: number): void {
    if (this.#frames[id] === null) return;
    this.#frames[id] = null;
    this.#free.push(id);
  }
}
