/**
 * Where ready tasks wait, and the rule by which engines with room get them.
 *
 * Most tasks may run anywhere and stand in one queue per pool; others in queues by what they ask for, or by the engines that they are bound to. Whose task is next is
 * the same rule in and between all of them (`fair_queue.ts`): of the clients that which has had least engine time, of its tasks that with the highest priority and age.
 */
import type { TaskAsk } from "../protocol/task_asks.ts";
import { Asks } from "./asks.ts";
import type { Board, Rare } from "./board.ts";
import { askOf, BoundTasks, isFirst, NO_ENGINE_LEFT } from "./bound_tasks.ts";
import type { EngineState } from "./engine_table.ts";
import type { CoreOptions } from "./events.ts";
import { FairQueue, type Front } from "./fair_queue.ts";
import { FairRecall } from "./fair_recall.ts";
import { refusedBy } from "./refusals.ts";
import { UNKNOWN_ENGINE } from "./task_options.ts";
import { ASSIGNED, NONE, WAITING } from "./task_table.ts";

/** Most tasks that one choice gives to one engine. */
const MAX_RUN = 128;
/** What waits is given away in at least so many runs. */
const LEAST_RUNS = 4;
/** Up to this hwm it holds also while several clients are there. Beyond, or without a bound, engines have their own credit then: what they hold stands before what another client sends. */
const MOST_CONTENDED = 16;

/** A queue whose tasks may go to several engines. */
export interface Source {
  readonly queue: FairQueue;
  /** 0: tasks of our clients, 1: of peers, which run on peers' engines if there are any and else on ours. */
  readonly kind: 0 | 1;
  /** What all of them ask for. */
  readonly ask: TaskAsk | null;
}

export class WaitingRoom {
  readonly #board: Board;
  readonly #options: CoreOptions;
  /** Tasks that any engine of the pool may run. */
  readonly #main: readonly [Source, Source];
  /** Tasks that ask for permissions or isolation, and may go to any engine that grants it. */
  readonly #asks: Asks;
  readonly #bound: BoundTasks;
  readonly #recall: FairRecall;
  #loads = new Float64Array(16);

  constructor(board: Board, options: CoreOptions) {
    this.#board = board;
    this.#options = options;
    this.#asks = new Asks(board);
    this.#bound = new BoundTasks(board, this.#asks);
    this.#recall = new FairRecall(board, options.hwm);
    this.#main = [
      { queue: new FairQueue(board), kind: 0, ask: null },
      { queue: new FairQueue(board), kind: 1, ask: null },
    ];
  }

  /** When a dispatch is wanted because of the time, Infinity for never. */
  get nextAt(): number {
    return Math.min(this.#asks.isEmpty ? Infinity : this.#asks.nextAt, this.#recall.nextAt);
  }

  /** A plain task of our clients joins the queue. */
  push(seq: number, place: number): void {
    this.#board.table.state[place] = WAITING;
    this.#main[0].queue.pushNewest(seq, place);
  }

  /** A task whose dependencies are met goes where it may wait for an engine, or fails if there is no such place. */
  makeReady(seq: number, place: number, rare: Rare): void {
    const { table, engines } = this.#board;
    table.state[place] = WAITING;
    const bound = this.#board.bound(rare), ask = askOf(rare);
    if (bound === null && rare.peer === undefined && this.#bound.isHopeless(refusedBy(rare), ask)) {
      return this.#board.failImpossible(place, NO_ENGINE_LEFT);
    }
    if (ask !== null && !this.#bound.hasUntried(rare.tried, ask)) rare.tried = refusedBy(rare);
    if (bound === null && rare.tried.size === 0) {
      if (ask !== null) this.#asks.push(seq, place, ask);
      else this.#mainOf(place).push(seq, place);
      return;
    }
    if (bound === null) return this.#bound.exclude(seq, place, rare);
    const reachable = bound.filter((id) => engines.isAlive(id) && this.#mayHave(place, id));
    const alive = reachable.filter((id) => this.#asks.canHave(engines.get(id), ask));
    if (alive.length === 0 && reachable.length > 0) {
      return this.#asks.refuse(place, ask!, reachable.map((id) => engines.get(id)!));
    }
    if (alive.length === 0 && bound.some((id) => engines.isAlive(id))) {
      return this.#board.failImpossible(
        place,
        "the engines that it is bound to are a peer's, which take no groups",
      );
    }
    // Where all of them have had it, a client of ours gets another round.
    if (rare.peer === undefined && alive.every((id) => rare.tried.has(id))) rare.tried = refusedBy(rare);
    const left = alive.filter((id) => !rare.tried.has(id));
    if (left.length > 0) return this.#bound.push(seq, place, left.map((id) => engines.get(id)!));
    this.#board.failImpossible(place, `no engine of ${engineNames(bound, rare)} is there to take it`);
  }

  #mainOf(place: number): FairQueue {
    return this.#main[this.#board.table.pool[place] === 1 ? 1 : 0].queue;
  }

  /** A waiting task may run on one more engine: another of those that it follows has ended there. */
  widen(seq: number, place: number, id: number): void {
    const { engines, rare } = this.#board, engine = engines.get(id);
    if (engine === undefined || !engine.alive || !this.#mayHave(place, id)) return;
    if (this.#asks.canHave(engine, askOf(rare.get(seq)))) this.#bound.widen(seq, place, engine);
  }

  /** Groups go to our engines only, single messages to any. */
  #mayHave(place: number, engine: number): boolean {
    const { table, engines } = this.#board;
    return table.pool[place] === 1 || engines.get(engine)?.pool === 0;
  }

  /** Back to its place: in front of everything of its client that came later. */
  requeue(seq: number, place: number): void {
    const { table } = this.#board;
    table.engine[place] = NONE;
    this.#board.waiting++;
    const stop = this.#board.stopping.get(seq);
    if (stop !== undefined) return this.#board.stop(place, stop);
    const rare = table.rare[place] === 1 ? this.#board.rare.get(seq) : undefined;
    if (rare?.peer !== undefined) this.#board.output.actions.push({ kind: "waits", seq, peer: rare.peer });
    if (rare !== undefined && (rare.tried.size > 0 || this.#board.bound(rare) !== null)) {
      this.makeReady(seq, place, rare);
      return;
    }
    table.state[place] = WAITING;
    const ask = askOf(rare);
    if (ask !== null) this.#asks.takeBack(seq, place, ask);
    else this.#mainOf(place).push(seq, place);
  }

  /** A waiting task is about to end without having been assigned. */
  leave(seq: number, place: number): void {
    const { table } = this.#board;
    if (table.rare[place] !== 1 || table.state[place] !== WAITING) return;
    const rare = this.#board.rare.get(seq)!;
    if (this.#board.bound(rare) !== null || rare.tried.size > 0) this.#bound.leave();
  }

  /** Tasks that only waited for this engine (or others that are gone too) will never run. */
  failStranded(engine: EngineState): void {
    this.#asks.left(engine);
    this.#bound.failStranded(engine);
  }

  /** Gives waiting tasks to engines with room, into the output. */
  dispatch(at: number): void {
    this.#recall.forget();
    if (this.#board.waiting === 0) return;
    this.#board.accounts.at = at;
    const asks: Source[] = this.#asks.isEmpty ? [] : [...this.#asks.open(at)];
    const sources = [...asks, ...this.#main].filter(({ queue }) => !queue.isIdle);
    if (this.#bound.isEmpty && sources.length === 1) this.#dispatchQueue(sources[0]!, Infinity, at);
    else this.#dispatchMixed(sources, at);
    if (this.#board.waiting > 0) this.#askBack(sources, at);
  }

  /** Tasks of several queues, each time of that whose turn it is. */
  #dispatchMixed(sources: readonly Source[], at: number): void {
    let open = [...sources];
    do {
      if (!this.#bound.isEmpty) this.#dispatchBound(open, at);
      const due = dueOf(this.#board, open);
      if (due === null) open = [];
      // Its engines are full: then others need not wait for it.
      else if (this.#dispatchQueue(due, 1, at) === 0) open = open.filter((other) => other !== due);
    } while (open.length > 0);
    if (!this.#bound.isEmpty) this.#dispatchBound(open, at);
  }

  #hasRoom(engine: EngineState, kind: 0 | 1): boolean {
    return engine.hasRoom(this.#hwm(engine), kind === 1);
  }

  /** The user's hwm where it holds. Engines of peers could give nothing back: there it always does. */
  #hwm(engine: EngineState): number | null {
    const { hwm } = this.#options, { pool } = engine;
    if (pool === 1 || hwm === null || (hwm > 0 && hwm <= MOST_CONTENDED)) return hwm;
    const { accounts, engines } = this.#board;
    if (!accounts.isContended(!engines.has(1))) return hwm;
    return hwm === 0 ? null : Math.min(hwm, engine.limit(null));
  }

  /** Engines that may have the tasks of a queue. */
  #reach({ kind, ask }: Source): (engine: EngineState) => boolean {
    const pool = kind === 1 && !this.#board.engines.has(1) ? 0 : kind;
    return (engine) => engine.pool === pool && this.#asks.canHave(engine, ask);
  }

  /** Gives a queue's tasks to engines, in at most so many runs. Returns how many runs there were. */
  #dispatchQueue(source: Source, mostRuns: number, at: number): number {
    const { engines } = this.#board, { queue, kind } = source;
    const reach = this.#reach(source);
    const candidates = engines.order.filter((engine) => this.#hasRoom(engine, kind) && reach(engine));
    if (this.#loads.length < candidates.length) this.#loads = new Float64Array(candidates.length * 2);
    for (let i = 0; i < candidates.length; i++) this.#loads[i] = candidates[i]!.load;
    const used = new Set<EngineState>();
    const share = kind === 1 ? 1 : Math.ceil(queue.length / (2 * Math.max(1, candidates.length)));
    // Short tasks travel together, but a burst of them never all to one engine.
    const together = kind === 1 ? 1 : Math.ceil(queue.length / LEAST_RUNS);
    let runs = 0;
    for (; candidates.length > 0 && !queue.isIdle && runs < mostRuns; runs++) {
      const chosen = this.#options.policy(this.#loads, candidates.length, this.#options.random);
      const engine = candidates[chosen]!;
      used.add(engine);
      const room = kind === 1 ? 1 : engine.limit(this.#hwm(engine)) - engine.load;
      this.#assignRun(
        queue,
        engine,
        Math.min(room, Math.max(share, Math.min(together, engine.run())), MAX_RUN),
        at,
      );
      candidates.splice(chosen, 1);
      this.#loads.copyWithin(chosen, chosen + 1, candidates.length + 1);
      if (!this.#hasRoom(engine, kind)) continue;
      this.#loads[candidates.length] = engine.load;
      candidates.push(engine);
    }
    engines.used(used);
    return runs;
  }

  /** Up to `most` tasks of the queue to one engine. */
  #assignRun(queue: FairQueue, engine: EngineState, most: number, at: number): void {
    queue.begin();
    for (let given = 0; given < most; given++) {
      const place = queue.take();
      if (place === NONE) return;
      this.#assign(place, engine, at);
    }
  }

  #assign(place: number, engine: EngineState, at: number): void {
    const { table } = this.#board;
    if (engine.load === 0) engine.progressAt = at;
    table.state[place] = ASSIGNED;
    table.engine[place] = engine.id;
    engine.append(table, place);
    this.#board.waiting--;
    this.#board.output.assign(table.seq[place]!, engine.id);
  }

  /** Tasks bound to certain engines come first there, as far as it is their client's turn: they have fewer places to go. */
  #dispatchBound(open: readonly Source[], at: number): void {
    for (const engine of [...this.#board.engines.order]) {
      const others = open.filter((source) => this.#reach(source)(engine));
      for (const kind of [0, 1] as const) this.#dispatchBoundTo(engine, kind, others, at);
    }
  }

  #dispatchBoundTo(engine: EngineState, kind: 0 | 1, others: readonly Source[], at: number): void {
    while (this.#hasRoom(engine, kind)) {
      const next = this.#bound.next(engine, kind);
      if (next === null) return;
      const isLater = others.some(({ queue }) => {
        queue.begin();
        const other = queue.front();
        return other !== null && isFirst(this.#board, other, next.front);
      });
      if (isLater) return;
      this.#assign(this.#bound.take(next), engine, at);
    }
  }

  /** Asks engines for tasks back where a client that waits has none at any engine. */
  #askBack(sources: readonly Source[], at: number): void {
    const { order } = this.#board.engines;
    for (const source of sources) {
      if (source.queue.emptyHanded() !== null) this.#recall.ask(order.filter(this.#reach(source)), at);
    }
    if (this.#bound.isEmpty) return;
    for (const engine of order) {
      for (const kind of [0, 1] as const) {
        const queue = this.#bound.queueOf(engine, kind);
        if (queue !== undefined && queue.emptyHanded() !== null) this.#recall.ask([engine], at);
      }
    }
  }
}

/** The queue whose turn it is, null if nothing waits. */
function dueOf(board: Board, sources: readonly Source[]): Source | null {
  let due: Source | null = null, first: Front | null = null;
  for (const source of sources) {
    source.queue.begin();
    const front = source.queue.front();
    if (front === null || (first !== null && !isFirst(board, front, first))) continue;
    due = source;
    first = front;
  }
  return due;
}

/** Engines as a task's client knows them: by id, and by the very names that nobody knows. */
function engineNames(ids: readonly number[], { options }: Rare): string {
  const known = ids.filter((id) => id !== UNKNOWN_ENGINE);
  const unknown = known.length < ids.length ? options?.unknownTargets ?? [] : [];
  return JSON.stringify([...known, ...unknown]);
}
