/**
 * Where an engine of ours idles, since nothing waits that could go to it, another that holds tasks ahead and shows no result for a moment is asked for a part of them: its tasks last longer
 * than its credit was reckoned for. What comes back goes to those that idle. Engines of peers give nothing back.
 */
import type { Board } from "./board.ts";
import { type EngineState, STALLED_MS } from "./engine_table.ts";

/** The engines are looked through at most so often, in ms. */
const LOOK_MS = 1;

export class IdleRecall {
  readonly #board: Board;
  #lookAt = 0;

  constructor(board: Board) {
    this.#board = board;
  }

  /** When a look is wanted, Infinity for never. */
  get nextAt(): number {
    return this.#isDue ? this.#lookAt : Infinity;
  }

  /** Whether one idles while another has more than it works at. */
  get #isDue(): boolean {
    const { idle, ahead } = this.#board.engines.counts;
    return idle > 0 && ahead > 0;
  }

  /** Asks the fullest of those that stall. */
  look(at: number): void {
    if (!this.#isDue || at < this.#lookAt) return;
    let fullest: EngineState | null = null, next = Infinity;
    for (const engine of this.#board.engines.order) {
      if (engine.pool !== 0 || engine.load < 2 || engine.recalling || this.#isBound(engine)) continue;
      const stallsAt = engine.progressAt + STALLED_MS;
      if (stallsAt > at) next = Math.min(next, stallsAt);
      else if (fullest === null || engine.load > fullest.load) fullest = engine;
    }
    this.#lookAt = Math.max(at + LOOK_MS, fullest === null ? Math.min(next, at + STALLED_MS) : 0);
    if (fullest !== null) this.#ask(fullest);
  }

  /** Whether what it got last may go nowhere else: it would come back to it at once. */
  #isBound({ last }: EngineState): boolean {
    const rare = this.#board.rare.size === 0 ? undefined : this.#board.rare.get(last);
    return rare !== undefined && this.#board.bound(rare) !== null;
  }

  /** It keeps as much as each of the idle ones gets. */
  #ask(engine: EngineState): void {
    engine.recalling = true;
    const count = engine.load - Math.ceil(engine.load / (this.#board.engines.counts.idle + 1));
    this.#board.output.actions.push({ kind: "recall", engine: engine.id, count });
  }
}
