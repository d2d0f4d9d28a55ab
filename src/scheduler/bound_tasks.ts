/**
 * Waiting tasks that only certain engines may run: bound ones (targets, follow) stand in those engines' own queues, and tasks that failed somewhere stand apart, since
 * their bound is an engine that they must not go to.
 */
import type { TaskAsk } from "../protocol/task_asks.ts";
import type { Asks } from "./asks.ts";
import { AGE_MS, type Board, NOWHERE, type Rare } from "./board.ts";
import type { EngineState } from "./engine_table.ts";
import { FairQueue, type Front } from "./fair_queue.ts";
import { NONE, WAITING } from "./task_table.ts";

/** They have fewer places to go: among its client's tasks one counts as if it had waited this much longer, in ms. */
const BOUND_MS = AGE_MS / 2;

export class BoundTasks {
  readonly #board: Board;
  readonly #asks: Asks;
  /** By engine: tasks of our clients, of peers. */
  readonly #wants = new WeakMap<EngineState, readonly [FairQueue, FairQueue]>();
  /** Tasks that any engine may run but those that failed them. */
  #excluding: number[] = [];
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
  exclude(seq: number): void {
    this.#count++;
    this.#excluding.push(seq);
  }

  /** A task ends that waits here, or goes elsewhere. */
  leave(seq: number, isBound: boolean): void {
    this.#count--;
    if (!isBound) this.#excluding = this.#excluding.filter((other) => other !== seq);
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

  /** The task that is next here at an engine, with its order among its client's. */
  front(engine: EngineState, kind: 0 | 1): Front | null {
    const queue = this.queueOf(engine, kind);
    queue?.begin();
    const front = queue?.front() ?? this.#retryAt(engine, kind);
    return front === null ? null : { ...front, key: front.key - BOUND_MS };
  }

  /** Takes out what `front` gave. */
  take({ seq, account }: Front, engine: EngineState, kind: 0 | 1): void {
    this.#count--;
    const index = this.#excluding.indexOf(seq);
    if (index < 0) return void this.queueOf(engine, kind)?.take();
    this.#excluding.splice(index, 1);
    this.#board.accounts.served(account);
  }

  #retryAt(engine: EngineState, kind: 0 | 1): Front | null {
    const seq = this.#excluding.find((seq) => this.#mayRetry(seq, engine, kind));
    if (seq === undefined) return null;
    const { table, accounts } = this.#board, place = table.at(seq);
    return { seq, account: accounts.of(table.client[place]!), key: this.#board.orderOf(place) };
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

  /** An engine has left: ends the tasks that only waited for it, or for others that are gone too. */
  failStranded(engine: EngineState): void {
    for (const kind of [0, 1] as const) {
      const queue = this.queueOf(engine, kind);
      if (queue === undefined) continue;
      for (let place = queue.drop(); place !== NONE; place = queue.drop()) this.#failStranded(engine, place);
    }
    if (this.#excluding.length > 0) this.#readmit();
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

  /** Tasks that wait for an engine that has not failed them: where none is left that grants what they ask for, any one will do again. */
  #readmit(): void {
    const { table, rare } = this.#board;
    this.#excluding = this.#excluding.filter((seq) => {
      const place = table.at(seq), task = rare.get(seq), ask = askOf(task);
      const stays = place === NONE || task === undefined || ask === null || this.hasUntried(task, ask);
      if (stays) return true;
      task.tried = NOWHERE;
      this.#count--;
      this.#asks.takeBack(seq, place, ask);
      return false;
    });
  }

  /** Whether an engine that grants the request has not had the task. */
  hasUntried({ tried }: Rare, ask: TaskAsk): boolean {
    return this.#board.engines.order.some((engine) =>
      !tried.has(engine.id) && this.#asks.canHave(engine, ask)
    );
  }
}

/** What a task asks for. */
export function askOf(rare: Rare | undefined): TaskAsk | null {
  return rare?.options?.ask ?? null;
}
