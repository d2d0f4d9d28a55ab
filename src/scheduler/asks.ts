/**
 * Tasks that ask for permissions or isolation: which engines they may go to, where they wait for one, and when nobody can have them any more.
 *
 * A request is a constraint on place. Tasks with the same request wait together, apart from all others, so that tasks without one never meet
 * any of this.
 */
import { STATUS } from "../protocol/groups.ts";
import {
  deniedOf,
  NO_OFFER,
  type Offer,
  offerText,
  type Refusal,
  refusalOf,
  refusedText,
  type TaskAsk,
} from "../protocol/task_asks.ts";
import type { Board } from "./board.ts";
import type { EngineState } from "./engine_table.ts";
import { FairQueue } from "./fair_queue.ts";
import { NONE } from "./task_table.ts";

/** How long tasks wait for another engine that can have them when the last one has left, in ms. */
const PATIENCE_MS = 5000;
/** Groups of engines that a refusal names one by one. */
const SHOWN = 5;

const START = "Cannot run this task: it asks for";

/** Tasks that ask for the same and wait. */
export class AskQueue {
  readonly queue: FairQueue;
  readonly kind = 0;
  /** Since when no engine can have them, Infinity while one can or none was there yet. */
  strandedAt = Infinity;
  /** Whether an engine that could have them was there and left. */
  isForsaken = false;

  constructor(board: Board, readonly ask: TaskAsk) {
    this.queue = new FairQueue(board);
  }
}

export class Asks {
  readonly #board: Board;
  readonly #queues = new Map<TaskAsk, AskQueue>();

  constructor(board: Board) {
    this.#board = board;
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  /** When tasks that nobody can have are to be given up, Infinity for never. */
  get nextAt(): number {
    let next = Infinity;
    if (this.#board.waiting === 0) return next;
    for (const { strandedAt } of this.#queues.values()) next = Math.min(next, strandedAt + PATIENCE_MS);
    return next;
  }

  /** Whether an engine may have tasks that ask for this. */
  canHave(engine: EngineState | undefined, ask: TaskAsk | null): boolean {
    if (ask === null) return true;
    return engine !== undefined && engine.offer !== null && refusalAt(engine, engine.offer, ask) === null;
  }

  /** Living engines that may. */
  #canAnybody(ask: TaskAsk): boolean {
    return this.#board.engines.order.some((engine) => this.canHave(engine, ask));
  }

  /** A task joins those that wait for the same; one that no registered engine can have ends at once. */
  push(seq: number, place: number, ask: TaskAsk): void {
    if (!this.#canAnybody(ask) && this.#board.engines.has(0)) return this.refuse(place, ask);
    this.#queueOf(ask).queue.push(seq, place);
  }

  /** A task that an engine had goes back to its place. */
  takeBack(seq: number, place: number, ask: TaskAsk): void {
    const queue = this.#queueOf(ask);
    queue.isForsaken = true;
    queue.queue.push(seq, place);
  }

  #queueOf(ask: TaskAsk): AskQueue {
    let queue = this.#queues.get(ask);
    if (queue === undefined) this.#queues.set(ask, queue = new AskQueue(this.#board, ask));
    return queue;
  }

  /** An engine has left. */
  left(engine: EngineState): void {
    for (const queue of this.#queues.values()) queue.isForsaken ||= this.canHave(engine, queue.ask);
  }

  /** Queues with tasks that some engine may have. Gives up those that have waited too long for one. */
  *open(at: number): Generator<AskQueue> {
    for (const queue of [...this.#queues.values()]) {
      if (queue.queue.isEmpty) this.#queues.delete(queue.ask);
      else if (this.#canAnybody(queue.ask)) {
        queue.strandedAt = Infinity;
        yield queue;
      } else this.#strand(queue, at);
    }
  }

  #strand(queue: AskQueue, at: number): void {
    // Where no engine is left at all, what any engine could have waits for the next one, as tasks without a request do.
    const isHopeless = this.#board.engines.has(0) ||
      (queue.isForsaken && refusalOf(queue.ask, NO_OFFER) !== null);
    if (queue.strandedAt === Infinity && isHopeless) queue.strandedAt = at;
    if (queue.strandedAt + PATIENCE_MS > at) return;
    for (let place = queue.queue.drop(); place !== NONE; place = queue.queue.drop()) {
      this.refuse(place, queue.ask);
    }
    this.#queues.delete(queue.ask);
  }

  /** Ends a waiting task: none of the engines that it is bound to (default: none at all) can have it. */
  refuse(place: number, ask: TaskAsk, bound?: readonly EngineState[]): void {
    const refusals = (bound ?? this.#board.engines.order).flatMap((engine) => {
      if (engine.offer === null) return [];
      const refusal = refusalAt(engine, engine.offer, ask);
      return refusal === null ? [] : [{ id: engine.id, offer: engine.offer, refusal }];
    });
    const first = refusals.find(({ refusal }) => refusal.kind === "permission") ?? refusals[0];
    const refusal = first?.refusal ?? refusalOf(ask, NO_OFFER);
    const denied = refusal === null ? undefined : deniedOf(refusal, "the scheduler");
    const text = refusals.length > 0 ? textOf(refusals, bound !== undefined) : departedText(refusal);
    this.#board.fail(place, STATUS.error, "PermissionDenied", text, { denied });
  }
}

interface EngineRefusal {
  readonly id: number;
  readonly offer: Offer;
  readonly refusal: Refusal;
}

function refusalAt(engine: EngineState, offer: Offer, ask: TaskAsk): Refusal | null {
  let refusal = engine.refusals.get(ask);
  if (refusal === undefined) engine.refusals.set(ask, refusal = refusalOf(ask, offer));
  return refusal;
}

/** `it asks for net "a:443", and no engine grants it (engines 0, 1: none; engine 2: read /data)` */
function textOf(refusals: readonly EngineRefusal[], isBound: boolean): string {
  const [what = "", ...others] = new Set(refusals.map(({ refusal }) => refusedText(refusal)));
  const isOne = others.length === 0;
  const nobody = isBound ? "none of the engines that it is bound to" : "no engine";
  if (isOne) return `${START} ${what}, and ${nobody} grants it (${list(refusals, offered)})`;
  return `${START} what ${nobody} grants as a whole (${list(refusals, lacking)})`;
}

function departedText(refusal: Refusal | null): string {
  return `${START} ${
    refusal === null ? "permissions" : refusedText(refusal)
  }, and the last engine that granted it has left`;
}

function offered({ refusal, offer }: EngineRefusal): string {
  return offerText(refusal, offer);
}

function lacking({ refusal }: EngineRefusal): string {
  return `not ${refusedText(refusal)}`;
}

/** Engines that have the same to say, together. */
function list(refusals: readonly EngineRefusal[], say: (refusal: EngineRefusal) => string): string {
  const byText = new Map<string, number[]>();
  for (const refusal of refusals) {
    const text = say(refusal);
    byText.set(text, [...byText.get(text) ?? [], refusal.id]);
  }
  const groups = [...byText].map(([text, ids]) =>
    `${ids.length === 1 ? "engine" : "engines"} ${idList(ids)}: ${text}`
  );
  const more = groups.length > SHOWN ? `; and ${groups.length - SHOWN} more` : "";
  return groups.slice(0, SHOWN).join("; ") + more;
}

function idList(ids: readonly number[]): string {
  const sorted = [...ids].sort((a, b) => a - b);
  return sorted.slice(0, 10).join(", ") + (sorted.length > 10 ? `, … (${sorted.length})` : "");
}
