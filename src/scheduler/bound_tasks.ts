/**
 * Waiting tasks that only certain engines may run: bound ones (targets, follow) stand in those engines' own queues, and tasks that failed somewhere stand apart, by
 * the engines that they must not go to.
 */
import type { TaskAsk } from "../protocol/task_asks.ts";
import type { Asks } from "./asks.ts";
import { AGE_MS, type Board, NOWHERE, type Rare } from "./board.ts";
import type { EngineState } from "./engine_table.ts";
import { FairQueue, type Front } from "./fair_queue.ts";
import { isBefore } from "./order_heap.ts";
import { refusedBy } from "./refusals.ts";
import { NONE } from "./task_table.ts";

/** They have fewer places to go: among its client's tasks one counts as if it had waited this much longer, in ms. */
const BOUND_MS = AGE_MS / 2;

/** Why a task ends that said everywhere that it cannot run there. */
export const NO_ENGINE_LEFT = "no engine is left that could have it";

/** Tasks that failed at the same engines, and ask for the same. */
interface Excluding {
  readonly queue: FairQueue;
  readonly kind: 0 | 1;
  readonly tried: ReadonlySet<number>;
  /** Those of them on which they cannot run. */
  readonly refused: ReadonlySet<number>;
  readonly ask: TaskAsk | null;
}

/** A queue with the task that is next in it. */
export interface Next {
  readonly queue: FairQueue;
  readonly front: Front;
}

export class BoundTasks {
  readonly #board: Board;
  readonly #asks: Asks;
  /** By engine: tasks of our clients, of peers. */
  readonly #wants = new WeakMap<EngineState, readonly [FairQueue, FairQueue]>();
  /** Tasks that any engine may run but those that failed them, by what their places have in common. */
  readonly #excluding = new Map<string, Excluding>();
  readonly #askIds = new WeakMap<TaskAsk, number>();
  #lastAskId = 0;
  /** How many wait here, each once. */
  #count = 0;

  constructor(board: Board, asks: Asks) {
    this.#board = board;
    this.#asks = asks;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** A task may go to these engines only. */
  push(seq: number, place: number, engines: readonly EngineState[]): void {
    this.#count++;
    for (const engine of engines) this.widen(seq, place, engine);
  }

  /** One that waits here already may go to one more. */
  widen(seq: number, place: number, engine: EngineState): void {
    this.#queues(engine)[this.#kindOf(place)].push(seq, place);
  }

  /** A task that failed somewhere may go to any other engine. */
  exclude(seq: number, place: number, rare: Rare): void {
    this.#count++;
    const kind = this.#kindOf(place), ask = askOf(rare);
    // A peer's task goes nowhere twice in any case, and waits for an engine that it has not tried.
    const refused = kind === 1 ? NOWHERE : refusedBy(rare);
    const key = `${kind} ${this.#askId(ask)} ${sorted(rare.tried)} ${sorted(refused)}`;
    let group = this.#excluding.get(key);
    if (group === undefined) {
      group = { queue: new FairQueue(this.#board), kind, tried: new Set(rare.tried), refused, ask };
      this.#excluding.set(key, group);
    }
    group.queue.push(seq, place);
  }

  #askId(ask: TaskAsk | null): number {
    if (ask === null) return 0;
    let id = this.#askIds.get(ask);
    if (id === undefined) this.#askIds.set(ask, id = ++this.#lastAskId);
    return id;
  }

  /** A task ends that waits here. */
  leave(): void {
    this.#count--;
  }

  /** The queue of the tasks that are bound to an engine, if it ever had one. */
  queueOf(engine: EngineState, kind: 0 | 1): FairQueue | undefined {
    return this.#wants.get(engine)?.[kind];
  }

  #queues(engine: EngineState): readonly [FairQueue, FairQueue] {
    let queues = this.#wants.get(engine);
    if (queues === undefined) {
      queues = [new FairQueue(this.#board, engine.id), new FairQueue(this.#board, engine.id)];
      this.#wants.set(engine, queues);
    }
    return queues;
  }

  #kindOf(place: number): 0 | 1 {
    return this.#board.table.pool[place] === 1 ? 1 : 0;
  }

  /** What is next here at an engine; the order among its client's counts that it is bound. */
  next(engine: EngineState, kind: 0 | 1): Next | null {
    const own = this.queueOf(engine, kind);
    let next = own === undefined ? null : nextOf(own);
    for (const [key, group] of this.#excluding) {
      if (group.queue.isEmpty) this.#excluding.delete(key);
      if (group.kind !== kind || !this.#mayRetry(group, engine)) continue;
      const other = nextOf(group.queue);
      if (other !== null && (next === null || isFirst(this.#board, other.front, next.front))) next = other;
    }
    return next;
  }

  /** Takes out what `next` gave, for an engine; its place. */
  take({ queue }: Next): number {
    this.#count--;
    return queue.take();
  }

  /** Whether tasks that failed elsewhere may run here: where they have not been, or, for our clients, when they have been everywhere. */
  #mayRetry({ kind, tried, refused, ask }: Excluding, engine: EngineState): boolean {
    const { engines } = this.#board;
    const pool = kind === 1 && engines.has(1) ? 1 : 0;
    if (pool !== engine.pool || !this.#asks.canHave(engine, ask)) return false;
    if (!tried.has(engine.id)) return true;
    return kind === 0 && !refused.has(engine.id) &&
      engines.order.every((other) => other.pool !== pool || tried.has(other.id));
  }

  /** An engine has left: ends the tasks that only waited for it, or for others that are gone too. */
  failStranded(engine: EngineState): void {
    for (const kind of [0, 1] as const) {
      const queue = this.queueOf(engine, kind);
      if (queue === undefined) continue;
      for (let place = queue.drop(); place !== NONE; place = queue.drop()) this.#failStranded(engine, place);
    }
    this.#readmit();
  }

  #failStranded(engine: EngineState, place: number): void {
    const { table, engines } = this.#board;
    const rare = this.#board.rare.get(table.seq[place]!)!;
    const hasOther = (this.#board.bound(rare) ?? []).some((id) =>
      engines.isAlive(id) && !rare.tried.has(id) && this.#asks.canHave(engines.get(id), askOf(rare))
    );
    if (hasOther) return;
    this.#count--;
    this.#board.failImpossible(place, `engine ${engine.id}, which it was bound to, is gone`);
  }

  /**
   * Tasks that wait for an engine that has not failed them: where none is left that grants what they ask for, any one will do again, but those on which they cannot
   * run. Where these are all that there are, they end.
   */
  #readmit(): void {
    for (const [key, { queue, tried, refused, ask }] of [...this.#excluding]) {
      const isOver = this.isHopeless(refused, ask);
      const mayGoOn = ask === null || this.hasUntried(tried, ask) ||
        (refused.size > 0 && !this.hasUntried(refused, ask));
      if (!isOver && mayGoOn) continue;
      this.#excluding.delete(key);
      for (let place = queue.drop(); place !== NONE; place = queue.drop()) {
        this.#count--;
        if (isOver) this.#board.failImpossible(place, NO_ENGINE_LEFT);
        else this.#again(place, ask);
      }
    }
  }

  /** A task that failed everywhere gets another round. */
  #again(place: number, ask: TaskAsk | null): void {
    const seq = this.#board.table.seq[place]!, rare = this.#board.rareOf(seq, place);
    rare.tried = refusedBy(rare);
    if (rare.tried.size > 0) this.exclude(seq, place, rare);
    else if (ask !== null) this.#asks.takeBack(seq, place, ask);
  }

  /** Whether there are engines, and tasks with this request cannot run on any of them. */
  isHopeless(refused: ReadonlySet<number>, ask: TaskAsk | null): boolean {
    const { engines } = this.#board;
    if (refused.size === 0 || !engines.has(0)) return false;
    return !engines.order.some((engine) =>
      engine.pool === 0 && !refused.has(engine.id) && this.#asks.canHave(engine, ask)
    );
  }

  /** Whether an engine that grants the request has not had the task. */
  hasUntried(tried: ReadonlySet<number>, ask: TaskAsk): boolean {
    return this.#board.engines.order.some((engine) =>
      !tried.has(engine.id) && this.#asks.canHave(engine, ask)
    );
  }
}

function nextOf(queue: FairQueue): Next | null {
  queue.begin();
  const front = queue.front();
  return front === null ? null : { queue, front: { ...front, key: front.key - BOUND_MS } };
}

/** Whether a task goes before another: its client has had less, or it is the same one's and of higher priority or age. */
export function isFirst({ accounts }: Board, one: Front, other: Front): boolean {
  if (one.account === other.account) return isBefore(one.key, one.seq, other.key, other.seq);
  return accounts.standing(one.account) < accounts.standing(other.account);
}

/** What a task asks for. */
export function askOf(rare: Rare | undefined): TaskAsk | null {
  return rare?.options?.ask ?? null;
}

function sorted(ids: ReadonlySet<number>): readonly number[] {
  return [...ids].sort((a, b) => a - b);
}
