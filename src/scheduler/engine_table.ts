/**
 * The engines as the scheduler sees them: load, credit, start window, and the list of what each was assigned, in order.
 *
 * Credit is how many tasks an engine may hold that are not finished: about 5 ms of work by the running mean of its task times, so that a short task never waits for
 * a round trip and a long one never stands behind another. A user's hwm replaces it.
 */
import type { Offer, Refusal, TaskAsk } from "../protocol/task_asks.ts";
import type { TaskTable } from "./task_table.ts";

/** How far ahead of the running task an engine is supplied, in milliseconds of work. */
const AHEAD_MS = 5;
const MAX_CREDIT = 512;
/** About a millisecond of work may be out of sight: of the shortest tasks some hundreds. With less, every handful of them costs a round trip that wakes all parts. */
const MAX_WINDOW = 512;
/** Tasks longer than this get no second one ahead. */
const LONG_MS = 20;

/** A run of short tasks to one engine lasts so long: a message of its own would cost more than it spreads. */
const RUN_MS = 0.5;

/** How many living engines of ours have nothing, and how many have more than one task. */
export interface LoadCounts {
  idle: number;
  ahead: number;
}

/** An engine that shows no result for this long may be asked for tasks that it has not begun, in ms. */
export const STALLED_MS = 4;

export class EngineState {
  readonly id: number;
  readonly uuid: string;
  /** 0: ours (groups), 1: a peer's (single messages). */
  readonly pool: 0 | 1;
  /** False once it was unregistered: it gets nothing more, its results still count for a moment. */
  alive = true;
  diedAt = 0;
  reason = "";
  /** Tasks assigned and not finished. */
  load = 0;
  /** Ends of the list of assigned tasks. */
  first = 0;
  last = 0;
  /** Result records received from this registration. */
  acked = 0;
  /** Running mean of task times in ms; negative while nothing is known. */
  meanMs = -1;
  /** When it last gave a result or got its first task, for recall. */
  progressAt = 0;
  recalling = false;
  /** Greatest start window told since it was idle. */
  windowTold = 0;
  /** Those of them that came as single messages of peers. */
  singles = 0;
  /** Where its load is counted. */
  counts: LoadCounts | null = null;
  /** What its tasks may ask for; null where it is a peer's. */
  readonly offer: Offer | null;
  /** Why it cannot have tasks with a request, null if it can: what was found out so far. */
  readonly refusals = new WeakMap<TaskAsk, Refusal | null>();

  constructor(id: number, uuid: string, offer: Offer | null) {
    this.id = id;
    this.uuid = uuid;
    this.offer = offer;
    this.pool = offer === null ? 1 : 0;
  }

  /** How many tasks it may hold. `hwm` null: adaptive for ours, 1 for peers; 0: no bound. */
  limit(hwm: number | null): number {
    if (hwm !== null) return hwm === 0 ? Infinity : hwm;
    if (this.pool === 1) return 1;
    if (this.meanMs < 0) return 2;
    const ahead = this.meanMs <= 0 ? MAX_CREDIT : Math.floor(AHEAD_MS / this.meanMs) + 1;
    return Math.min(MAX_CREDIT, Math.max(ahead, this.meanMs <= LONG_MS ? 2 : 1));
  }

  /** Whether it may get one more task. A peer's task on an engine of ours does not wait for our clients' to run dry: it has a place of its own. */
  hasRoom(hwm: number | null, isSingle: boolean): boolean {
    if (hwm === null && isSingle && this.pool === 0) return this.singles < 1;
    return this.load < this.limit(hwm);
  }

  /** How many of its tasks it may have handed to its slot without our knowing their results (PROTOCOL.md, "Start window"). */
  window(): number {
    const window = this.meanMs < 0 ? 2 : this.meanMs === 0 ? MAX_WINDOW : Math.floor(1 / this.meanMs) + 2;
    const told = Math.min(MAX_WINDOW, window);
    this.windowTold = this.load === 0 ? told : Math.max(this.windowTold, told);
    return told;
  }

  /** How many tasks as short as its last ones are worth a message. */
  run(): number {
    return this.meanMs < 0 ? 1 : Math.floor(RUN_MS / Math.max(this.meanMs, 1e-3)) + 1;
  }

  /** Takes in the times of `count` tasks that took `totalMs` together. */
  observe(totalMs: number, count: number): void {
    const mean = Math.max(0, totalMs / count);
    const share = Math.min(0.9, 0.2 * count);
    this.meanMs = this.meanMs < 0 ? mean : this.meanMs + (mean - this.meanMs) * share;
  }

  append(table: TaskTable, at: number): void {
    const seq = table.seq[at]!;
    table.previous[at] = this.last;
    table.next[at] = 0;
    if (this.last !== 0) table.next[table.at(this.last)] = seq;
    else this.first = seq;
    this.last = seq;
    this.#moved(this.load, ++this.load);
    this.singles += table.pool[at]!;
  }

  unlink(table: TaskTable, at: number): void {
    const previous = table.previous[at]!, next = table.next[at]!;
    if (previous !== 0) table.next[table.at(previous)] = next;
    else this.first = next;
    if (next !== 0) table.previous[table.at(next)] = previous;
    else this.last = previous;
    this.#moved(this.load, --this.load);
    this.singles -= table.pool[at]!;
  }

  #moved(before: number, now: number): void {
    if (this.counts === null) return;
    if ((before === 0) !== (now === 0)) this.counts.idle += now === 0 ? 1 : -1;
    if ((before > 1) !== (now > 1)) this.counts.ahead += now > 1 ? 1 : -1;
  }

  /** Its load is counted there from now on, or nowhere. */
  countIn(counts: LoadCounts | null): void {
    for (const [into, sign] of [[this.counts, -1], [counts, 1]] as const) {
      if (into === null) continue;
      if (this.load === 0) into.idle += sign;
      if (this.load > 1) into.ahead += sign;
    }
    this.counts = counts;
  }
}

/** Engines by id and in LRU order: the one that waited longest for a task stands first. */
export class EngineTable {
  readonly #byId = new Map<number, EngineState>();
  /** Living engines, oldest first; new ones go to the front. */
  order: EngineState[] = [];
  readonly counts: LoadCounts = { idle: 0, ahead: 0 };
  /** Living engines of each pool. */
  readonly #pools: [number, number] = [0, 0];

  get(id: number): EngineState | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<EngineState> {
    return this.#byId.values();
  }

  add(engine: EngineState): void {
    this.#byId.set(engine.id, engine);
    this.order.unshift(engine);
    this.#pools[engine.pool]++;
    if (engine.pool === 0) engine.countIn(this.counts);
  }

  /** It gets no more tasks; it stays known until `forget`. */
  retire(engine: EngineState): void {
    if (engine.alive) this.#pools[engine.pool]--;
    engine.alive = false;
    engine.countIn(null);
    this.order = this.order.filter((other) => other !== engine);
  }

  forget(engine: EngineState): void {
    if (this.#byId.get(engine.id) === engine) this.#byId.delete(engine.id);
  }

  /** Moves engines that were just given tasks behind all others. */
  used(engines: ReadonlySet<EngineState>): void {
    if (engines.size === 0) return;
    if (this.order.length > 1) {
      this.order = [...this.order.filter((engine) => !engines.has(engine)), ...engines];
    }
  }

  isAlive(id: number): boolean {
    return this.#byId.get(id)?.alive ?? false;
  }

  /** Whether any living engine belongs to the pool. */
  has(pool: 0 | 1): boolean {
    return this.#pools[pool] > 0;
  }
}
