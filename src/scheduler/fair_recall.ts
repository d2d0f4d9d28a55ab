/**
 * Tasks that engines hold ahead stand before whatever another client sends. Where a client has nothing at any engine though it is its turn, an engine is asked for some
 * of them back: at once for what it holds beyond its credit (a user's hwm may be any), and for all but the first when it shows no result for a moment, since then its
 * tasks last longer than its credit was reckoned for. What comes back goes to its place in its client's queue. Engines of peers give nothing back.
 */
import type { Board } from "./board.ts";
import { type EngineState, STALLED_MS } from "./engine_table.ts";

export class FairRecall {
  readonly #board: Board;
  readonly #hwm: number | null;
  /** When an engine counts as stalled, if it is not asked before. */
  nextAt = Infinity;
  #askedAt = -Infinity;

  constructor(board: Board, hwm: number | null) {
    this.#board = board;
    this.#hwm = hwm;
  }

  /** Nobody waits empty-handed any more, as far as is known. */
  forget(): void {
    this.nextAt = Infinity;
  }

  /** A client waits empty-handed for one of these engines. */
  ask(engines: readonly EngineState[], at: number): void {
    const ours = engines.filter((engine) => engine.pool === 0 && !engine.recalling && this.#hasPile(engine));
    if (ours.length === 0) return;
    // What was asked for may be on its way.
    if (at - this.#askedAt < STALLED_MS) return this.#waitUntil(this.#askedAt + STALLED_MS);
    const fullest = ours.reduce((most, engine) => engine.load > most.load ? engine : most);
    const count = this.#countOf(fullest, at);
    if (count === 0) return this.#waitUntil(fullest.progressAt + STALLED_MS);
    fullest.recalling = true;
    this.#askedAt = at;
    this.#board.output.actions.push({ kind: "recall", engine: fullest.id, count });
  }

  /** Whether an engine holds several tasks of one client: of many clients that wait for few places, none takes another's one. */
  #hasPile({ load, last }: EngineState): boolean {
    const { table, accounts } = this.#board;
    if (load <= 1) return false;
    return load > accounts.active || accounts.of(table.client[table.at(last)]!).assigned > 1;
  }

  #waitUntil(at: number): void {
    this.nextAt = Math.min(this.nextAt, at);
  }

  /** How many tasks an engine is to give back. */
  #countOf(engine: EngineState, at: number): number {
    const { load } = engine, credit = engine.limit(null);
    if (at - engine.progressAt >= STALLED_MS) return load - 1;
    // As many as make room for one.
    return load > credit ? load - Math.max(1, Math.min(credit, engine.limit(this.#hwm) - 1)) : 0;
  }
}
