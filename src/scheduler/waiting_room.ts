/**
 * Where ready tasks wait, and the rule by which engines with room get them.
 *
 * Most tasks may run anywhere and stand in one queue per pool. Tasks bound to engines (targets, follow) stand in those engines' own queues; tasks that failed somewhere
 * stand apart, since their bound is an engine that they must not go to. Nothing ever scans the main queue.
 */
import type { TaskAsk } from "../protocol/task_asks.ts";
import { Asks } from "./asks.ts";
import type { Board, Rare } from "./board.ts";
import type { EngineState } from "./engine_table.ts";
import type { CoreOptions } from "./events.ts";
import { UNKNOWN_ENGINE } from "./task_options.ts";
import { ASSIGNED, NONE, SeqQueue, WAITING } from "./task_table.ts";

/** Most tasks that one choice gives to one engine. */
const MAX_RUN = 64;

export class WaitingRoom {
  readonly #board: Board;
  readonly #options: CoreOptions;
  /** Tasks that any engine of the pool may run. */
  readonly #queues = [new SeqQueue(), new SeqQueue()] as const;
  /** Tasks that any engine may run but those that failed them. */
  #excluding: number[] = [];
  /** Waiting tasks that are not in the main queues. */
  #restricted = 0;
  /** Tasks that ask for permissions or isolation, and may go to any engine that grants it. */
  readonly #asks: Asks;
  #loads = new Float64Array(16);

  constructor(board: Board, options: CoreOptions) {
    this.#board = board;
    this.#options = options;
    this.#asks = new Asks(board);
  }

  /** When a dispatch is wanted because of the time, Infinity for never. */
  get nextAt(): number {
    return this.#asks.isEmpty ? Infinity : this.#asks.nextAt;
  }

  /** A plain task of our clients joins the queue. */
  push(seq: number, place: number): void {
    this.#board.table.state[place] = WAITING;
    this.#queues[0].push(seq);
  }

  /** A task whose dependencies are met goes where it may wait for an engine, or fails if there is no such place. */
  makeReady(seq: number, place: number, rare: Rare): void {
    const { table, engines } = this.#board;
    table.state[place] = WAITING;
    const bound = this.#board.bound(rare), ask = askOf(rare);
    if (ask !== null && !this.#hasUntried(rare, ask)) rare.tried.clear();
    if (bound === null && rare.tried.size === 0) {
      if (ask !== null) this.#asks.push(seq, place, ask);
      else this.#queues[table.pool[place] === 1 ? 1 : 0].push(seq);
      return;
    }
    if (bound === null) {
      this.#restricted++;
      this.#excluding.push(seq);
      return;
    }
    const kind = table.pool[place] === 1 ? 1 : 0;
    const reachable = bound.filter((id) => engines.isAlive(id) && this.#mayHave(kind, id));
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
    if (rare.peer === undefined && alive.every((id) => rare.tried.has(id))) rare.tried.clear();
    const left = alive.filter((id) => !rare.tried.has(id));
    if (left.length === 0) {
      this.#board.failImpossible(place, `no engine of ${engineNames(bound, rare)} is there to take it`);
      return;
    }
    this.#restricted++;
    for (const id of left) engines.get(id)!.wants[kind].push(seq);
  }

  /** A waiting task may run on one more engine: another of those that it follows has ended there. */
  widen(seq: number, place: number, engine: number): void {
    const { table, engines } = this.#board;
    const kind = table.pool[place] === 1 ? 1 : 0;
    const ask = askOf(this.#board.rare.get(seq));
    if (!engines.isAlive(engine) || !this.#asks.canHave(engines.get(engine), ask)) return;
    if (this.#mayHave(kind, engine)) engines.get(engine)!.wants[kind].push(seq);
  }

  /** Groups go to our engines only, single messages to any. */
  #mayHave(kind: 0 | 1, engine: number): boolean {
    return kind === 1 || this.#board.engines.get(engine)?.pool === 0;
  }

  /** Back to its place: in front of everything that came later. */
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
    if (ask !== null) this.#asks.unshift(seq, ask);
    else this.#queues[table.pool[place] === 1 ? 1 : 0].unshift(seq);
  }

  /** A waiting task is about to end without having been assigned. */
  leave(seq: number, place: number): void {
    const { table } = this.#board;
    if (table.rare[place] !== 1 || table.state[place] !== WAITING) return;
    const rare = this.#board.rare.get(seq)!;
    if (this.#board.bound(rare) !== null) this.#restricted--;
    else if (rare.tried.size > 0) {
      this.#restricted--;
      this.#excluding = this.#excluding.filter((other) => other !== seq);
    }
  }

  /** Tasks that only waited for this engine (or others that are gone too) will never run. */
  failStranded(engine: EngineState): void {
    for (const wants of engine.wants) this.#failStranded(engine, wants);
    this.#asks.left(engine);
    if (this.#excluding.length > 0) this.#readmit();
  }

  /** Tasks that wait for an engine that has not failed them: where none is left that grants what they ask for, any one will do again. */
  #readmit(): void {
    const { table, rare } = this.#board;
    this.#excluding = this.#excluding.filter((seq) => {
      const place = table.at(seq), task = rare.get(seq), ask = askOf(task);
      const stays = place === NONE || task === undefined || ask === null || this.#hasUntried(task, ask);
      if (stays) return true;
      task.tried.clear();
      this.#restricted--;
      this.#asks.unshift(seq, ask);
      return false;
    });
  }

  /** Whether an engine that grants the request has not had the task. */
  #hasUntried({ tried }: Rare, ask: TaskAsk): boolean {
    return this.#board.engines.order.some((engine) =>
      !tried.has(engine.id) && this.#asks.canHave(engine, ask)
    );
  }

  #failStranded(engine: EngineState, wants: SeqQueue): void {
    const { table, engines } = this.#board;
    for (let seq = wants.shift(); seq !== 0; seq = wants.shift()) {
      const place = table.at(seq);
      if (place === NONE || table.state[place] !== WAITING) continue;
      const rare = this.#board.rare.get(seq)!;
      const hasOther = (this.#board.bound(rare) ?? []).some((id) =>
        engines.isAlive(id) && !rare.tried.has(id) && this.#asks.canHave(engines.get(id), askOf(rare))
      );
      if (hasOther) continue;
      this.#restricted--;
      this.#board.failImpossible(place, `engine ${engine.id}, which it was bound to, is gone`);
    }
  }

  /** Gives waiting tasks to engines with room, into the output. */
  dispatch(at: number): void {
    if (this.#board.waiting === 0) return;
    if (this.#restricted > 0) this.#dispatchRestricted(at);
    if (!this.#asks.isEmpty) {
      for (const { seqs, ask } of this.#asks.open(at)) this.#dispatchQueue(0, seqs, ask, at);
    }
    this.#dispatchQueue(0, this.#queues[0], null, at);
    if (this.#queues[1].length > 0) this.#dispatchQueue(1, this.#queues[1], null, at);
  }

  #hasRoom(engine: EngineState, kind: 0 | 1): boolean {
    return engine.hasRoom(this.#options.hwm, kind === 1);
  }

  /**
   * @param kind 0: tasks of our clients, 1: of peers, which run on peers' engines if there are any and else on ours
   * @param ask what all tasks of the queue ask for
   */
  #dispatchQueue(kind: 0 | 1, queue: SeqQueue, ask: TaskAsk | null, at: number): void {
    const { engines } = this.#board;
    if (queue.length === 0) return;
    const pool = kind === 1 && !engines.has(1) ? 0 : kind;
    const candidates = engines.order.filter((engine) =>
      engine.pool === pool && this.#hasRoom(engine, kind) && this.#asks.canHave(engine, ask)
    );
    if (this.#loads.length < candidates.length) this.#loads = new Float64Array(candidates.length * 2);
    for (let i = 0; i < candidates.length; i++) this.#loads[i] = candidates[i]!.load;
    const used = new Set<EngineState>();
    const share = kind === 1 ? 1 : Math.ceil(queue.length / (2 * Math.max(1, candidates.length)));
    while (candidates.length > 0 && queue.length > 0) {
      const chosen = this.#options.policy(this.#loads, candidates.length, this.#options.random);
      const engine = candidates[chosen]!;
      used.add(engine);
      const room = kind === 1 ? 1 : engine.limit(this.#options.hwm) - engine.load;
      this.#assignRun(queue, engine, Math.min(room, share, MAX_RUN), at);
      candidates.splice(chosen, 1);
      this.#loads.copyWithin(chosen, chosen + 1, candidates.length + 1);
      if (!this.#hasRoom(engine, kind)) continue;
      this.#loads[candidates.length] = engine.load;
      candidates.push(engine);
    }
    engines.used(used);
  }

  /** Up to `most` tasks of the queue's front to one engine. */
  #assignRun(queue: SeqQueue, engine: EngineState, most: number, at: number): void {
    const { table } = this.#board;
    for (let given = 0; given < most;) {
      const seq = queue.shift();
      if (seq === 0) return;
      const place = table.at(seq);
      if (place === NONE || table.state[place] !== WAITING) continue;
      this.#assign(seq, place, engine, at);
      given++;
    }
  }

  #assign(seq: number, place: number, engine: EngineState, at: number): void {
    const { table } = this.#board;
    if (engine.load === 0) engine.progressAt = at;
    table.state[place] = ASSIGNED;
    table.engine[place] = engine.id;
    engine.append(table, place);
    this.#board.waiting--;
    this.#board.output.assign(seq, engine.id);
  }

  /** Tasks bound to certain engines come first there: they have fewer places to go. */
  #dispatchRestricted(at: number): void {
    for (const engine of [...this.#board.engines.order]) {
      for (const kind of [0, 1] as const) this.#dispatchWanted(engine, kind, at);
    }
  }

  #dispatchWanted(engine: EngineState, kind: 0 | 1, at: number): void {
    while (this.#hasRoom(engine, kind)) {
      const seq = this.#takeWanted(engine, kind);
      if (seq === 0) return;
      this.#restricted--;
      this.#assign(seq, this.#board.table.at(seq), engine, at);
    }
  }

  #takeWanted(engine: EngineState, kind: 0 | 1): number {
    const { table, rare } = this.#board;
    const wants = engine.wants[kind];
    for (let seq = wants.shift(); seq !== 0; seq = wants.shift()) {
      const place = table.at(seq);
      if (place !== NONE && table.state[place] === WAITING && !rare.get(seq)?.tried.has(engine.id)) {
        return seq;
      }
    }
    const index = this.#excluding.findIndex((seq) => this.#mayRetry(seq, engine, kind));
    return index < 0 ? 0 : this.#excluding.splice(index, 1)[0]!;
  }

  /** Whether a task that failed elsewhere may run here: where it has not been, or, for our clients, when it has been everywhere. */
  #mayRetry(seq: number, engine: EngineState, kind: 0 | 1): boolean {
    const { table, engines } = this.#board;
    const place = table.at(seq);
    if (place === NONE || table.state[place] !== WAITING || table.pool[place] !== kind) return false;
    if (this.#board.pool(place) !== engine.pool) return false;
    const rare = this.#board.rare.get(seq)!;
    if (!this.#asks.canHave(engine, askOf(rare))) return false;
    if (!rare.tried.has(engine.id)) return true;
    return rare.peer === undefined &&
      engines.order.every((other) => other.pool !== engine.pool || rare.tried.has(other.id));
  }
}

function askOf(rare: Rare | undefined): TaskAsk | null {
  return rare?.options?.ask ?? null;
}

/** Engines as a task's client knows them: by id, and by the very names that nobody knows. */
function engineNames(ids: readonly number[], { options }: Rare): string {
  const known = ids.filter((id) => id !== UNKNOWN_ENGINE);
  const unknown = known.length < ids.length ? options?.unknownTargets ?? [] : [];
  return JSON.stringify([...known, ...unknown]);
}
