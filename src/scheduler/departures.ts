/**
 * Engines that leave: they get nothing more at once, and for a while their results still count. Then what may have run is lost, or tried again; the rest goes back to
 * its place in the queue.
 */
import { STATUS } from "../protocol/groups.ts";
import type { TaskAsk } from "../protocol/task_asks.ts";
import type { Board } from "./board.ts";
import type { EngineState } from "./engine_table.ts";
import type { SecondTries } from "./second_tries.ts";
import type { WaitingRoom } from "./waiting_room.ts";

export class Departures {
  readonly #board: Board;
  readonly #room: WaitingRoom;
  readonly #tries: SecondTries;
  readonly #graceMs: readonly [number, number];
  readonly #dying = new Set<EngineState>();

  constructor(board: Board, room: WaitingRoom, tries: SecondTries, graceMs: readonly [number, number]) {
    this.#board = board;
    this.#room = room;
    this.#tries = tries;
    this.#graceMs = graceMs;
  }

  /** When the next grace is over, Infinity if nobody has one. */
  get next(): number {
    let next = Infinity;
    for (const engine of this.#dying) next = Math.min(next, engine.diedAt + this.#graceMs[engine.pool]);
    return next;
  }

  /** An engine has left. Harmless if it had already. */
  begin(id: number, reason: string, at: number): void {
    const { engines } = this.#board;
    const engine = engines.get(id);
    if (engine === undefined || !engine.alive) return;
    engines.retire(engine);
    engine.diedAt = at;
    engine.reason = reason;
    this.#room.failStranded(engine);
    if (engine.load === 0) engines.forget(engine);
    else this.#dying.add(engine);
  }

  expire(at: number): void {
    for (const engine of this.#dying) {
      if (engine.load === 0 || engine.diedAt + this.#graceMs[engine.pool] <= at) this.end(engine, at);
    }
  }

  /** The grace is over: what may have run is lost (or tried again), the rest goes back to its place. */
  end(engine: EngineState, at: number): void {
    const { engines, table } = this.#board;
    this.#dying.delete(engine);
    engines.forget(engine);
    for (const { seq, mayHaveRun } of this.#assignedTo(engine).reverse()) {
      const place = table.at(seq);
      this.#board.unassign(engine, place);
      if (mayHaveRun) this.#lose(seq, place, engine, at);
      else this.#room.requeue(seq, place);
    }
  }

  /**
   * What an engine has, in order. Single messages may have run wherever they stand. Of groups the first ones of each client and request: an engine does them
   * in turns, each in order, and has begun no more of all together than its start window.
   */
  #assignedTo(engine: EngineState): { readonly seq: number; readonly mayHaveRun: boolean }[] {
    const { table, rare } = this.#board;
    const list: { seq: number; mayHaveRun: boolean }[] = [];
    const window = Math.max(1, engine.windowTold);
    const passed = new Map<TaskAsk | null, Map<number, number>>();
    for (let seq = engine.first, place; seq !== 0; seq = table.next[place]!) {
      place = table.at(seq);
      const ask = table.rare[place] === 1 ? rare.get(seq)?.options?.ask ?? null : null;
      const counts = passed.get(ask) ?? new Map<number, number>();
      const client = table.client[place]!, before = counts.get(client) ?? 0;
      if (table.pool[place] === 0) passed.set(ask, counts.set(client, before + 1));
      list.push({ seq, mayHaveRun: table.pool[place] === 1 || before < window });
    }
    return list;
  }

  #lose(seq: number, place: number, engine: EngineState, at: number): void {
    const rare = this.#board.rare.get(seq);
    if (rare !== undefined && rare.retriesLeft > 0) {
      rare.retriesLeft--;
      this.#tries.elsewhere(seq, place, rare, engine, { status: STATUS.lost, started: 0 }, at);
      return;
    }
    const why = engine.reason === "" ? "" : ` (${engine.reason})`;
    const text = `Engine ${engine.id} "${engine.uuid}" died while it had the task${why}: it may have run${
      rare === undefined || rare.tries === 1 ? "" : `, and was tried ${rare.tries} times`
    }`;
    this.#tries.fail(place, STATUS.lost, "EngineError", text);
  }
}
