/**
 * The children of an engine as its core knows them: a lane for each key, with the tasks that wait for such a child, and whose turn it is. One lane
 * works at a time, in slices of work, so that no key waits for another's whole queue. Pure.
 */
import { ChildLife } from "./child_life.ts";
import { MeanTime } from "./pace.ts";
import { TicketQueue } from "./task_table.ts";

/** What is new for each task: nothing, a Worker, a process. */
export type Isolation = "shared" | "worker" | "process";

/** What the core needs to know of a key. Equal keys have the same number. */
export interface LaneKey {
  readonly number: number;
  readonly isolation: Isolation;
}

/** How much work a key may do before another one's turn, in ms. */
const SLICE_MS = 5;
/** Most lanes that are remembered: without a child they are but numbers, by which a client learns that its namespace is lost. */
const MAX_LANES = 4096;
const EPOCH_BITS = 20;

/** One key's tasks and child. */
export class Lane<Key extends LaneKey = LaneKey> {
  readonly waiting = new TicketQueue();
  readonly child = new ChildLife();
  readonly mean = new MeanTime();
  /** Whether it stands in line for its turn. */
  isInLine = false;
  /** Counts turns of the engine: when it had its last one. */
  lastTurn = 0;
  /** When it began to want a child that there was no room for, 0 if it has room. */
  crampedSince = 0;

  /** @param number its place in the list of lanes */
  constructor(readonly number: number, readonly key: Key) {}

  /** Names its namespace: another number means that what was pushed is gone. */
  get epoch(): number {
    return (this.number << EPOCH_BITS | this.child.epoch % (1 << EPOCH_BITS)) >>> 0;
  }
}

export class Lanes<Key extends LaneKey = LaneKey> {
  readonly default: Lane<Key>;
  /** Whose turn it is. */
  current: Lane<Key>;
  readonly #all: Lane<Key>[];
  readonly #byKey = new Map<number, Lane<Key>>();
  /** Lanes with tasks that wait for their turn. */
  #line: Lane<Key>[] = [];
  /** Work of this turn, in ms. */
  #workedMs = 0;
  #turns = 0;

  constructor(key: Key) {
    this.current = this.default = new Lane(0, key);
    this.#all = [this.default];
    this.#byKey.set(key.number, this.default);
  }

  /** By number. */
  at(number: number): Lane<Key> {
    return this.#all[number] ?? this.default;
  }

  get all(): readonly Lane<Key>[] {
    return this.#all;
  }

  /** The lane of a key; a new one at its first task. */
  of(key: Key): Lane<Key> {
    const known = this.#byKey.get(key.number);
    if (known !== undefined) return known;
    const lane = this.#all.length < MAX_LANES ? new Lane(this.#all.length, key) : this.#reuse(key);
    this.#all[lane.number] = lane;
    this.#byKey.set(key.number, lane);
    return lane;
  }

  /** The number of the lane that has had nothing to do for the longest time: its epochs go on, so that nobody takes the new namespace for the old one. */
  #reuse(key: Key): Lane<Key> {
    let oldest: Lane<Key> | undefined;
    for (const lane of this.#all) {
      if (lane === this.default || lane === this.current || lane.isInLine) continue;
      if (lane.child.state !== "absent" || lane.waiting.length > 0) continue;
      if (oldest === undefined || lane.lastTurn < oldest.lastTurn) oldest = lane;
    }
    if (oldest === undefined) throw new RangeError(`Cannot serve more than ${MAX_LANES} keys at once`);
    this.#byKey.delete(oldest.key.number);
    const lane = new Lane(oldest.number, key);
    lane.child.epoch = oldest.child.epoch + 1;
    return lane;
  }

  /** Whether others wait for their turn. */
  get hasOthers(): boolean {
    return this.#line.length > 0;
  }

  /** It has a task to do. */
  enqueue(lane: Lane<Key>): void {
    if (lane === this.current || lane.isInLine) return;
    lane.isInLine = true;
    this.#line.push(lane);
  }

  /** The lane whose turn it is has worked so long. */
  worked(ms: number): void {
    this.#workedMs += Math.max(0, ms);
  }

  /** Whether the current turn is used up. */
  get isSliceOver(): boolean {
    return this.#workedMs >= SLICE_MS;
  }

  /** The next one in line that can work, which leaves the line; undefined if none can. */
  next(canWork: (lane: Lane<Key>) => boolean): Lane<Key> | undefined {
    const index = this.#line.findIndex(canWork);
    if (index < 0) return undefined;
    const [lane] = this.#line.splice(index, 1);
    lane!.isInLine = false;
    return lane;
  }

  /** It is another one's turn; the old one goes to the end of the line if it has more to do. */
  turn(to: Lane<Key>, hasMore: boolean): void {
    const from = this.current;
    from.lastTurn = ++this.#turns;
    this.current = to;
    this.#workedMs = 0;
    if (hasMore) this.enqueue(from);
  }

  /** Lanes in line that have nothing to do any more leave it. */
  prune(hasTask: (lane: Lane<Key>) => boolean): void {
    this.#line = this.#line.filter((lane) => lane.isInLine = hasTask(lane));
  }

  /** Children that there are, dying ones not counted. */
  get alive(): number {
    let count = 0;
    for (const { child } of this.#all) if (child.state === "ready" || child.state === "starting") count++;
    return count;
  }

  /**
   * Whose child has to go so that another key can have one: one that was never used, else the one that was used least recently.
   * @param isBusyToo whether children whose keys have tasks waiting count, once they have done some of their work
   */
  victim(
    mayGo: (lane: Lane<Key>) => boolean,
    hasTask: (lane: Lane<Key>) => boolean,
    isBusyToo: boolean,
  ): Lane<Key> | undefined {
    // A busy one comes last, a namespace in use before that; then whoever had its turn last stays.
    const rank = (lane: Lane<Key>) =>
      hasTask(lane) ? 2 : lane.child.isUsed && lane.key.isolation === "shared" ? 1 : 0;
    const turn = (lane: Lane<Key>) => lane === this.current ? Infinity : lane.lastTurn;
    let found: Lane<Key> | undefined;
    for (const lane of this.#all) {
      if (lane.child.state !== "ready" || !mayGo(lane)) continue;
      if (hasTask(lane) && !(isBusyToo && lane.child.isUsed)) continue;
      const order = found === undefined ? -1 : rank(lane) - rank(found) || turn(lane) - turn(found);
      if (order < 0) found = lane;
    }
    return found;
  }
}
