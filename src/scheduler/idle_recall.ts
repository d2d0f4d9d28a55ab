/**
 * Where an engine of ours idles and nothing waits, another that holds tasks ahead and shows no result for a moment is asked for a part of them: its tasks last longer
 * than its credit was reckoned for. What comes back goes to those that idle. Engines of peers give nothing back.
 */
import type { Board } from "./board.ts";
import type { EngineState } from "./engine_table.ts";

/** An engine that shows no result for this long may be asked, in ms. */
const STALLED_MS = 4;
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
      if (engine.pool !== 0 || engine.load < 2 || engine.recalling) continue;
      const stallsAt = engine.progressAt + STALLED_MS;
      if (stallsAt > at) next = Math.min(next, stallsAt);
      else if (fullest === null || engine.load > fullest.load) fullest = engine;
    }
    this.#lookAt = Math.max(at + LOOK_MS, fullest === null ? Math.min(next, at + STALLED_MS) : 0);
    if (fullest !== null) this.#ask(fullest);
  }

  /** It keeps as much as each of the idle ones gets. */
  #ask(engine: EngineState): void {
    engine.recalling = true;
    const count = engine.load - Math.ceil(engine.load / (this.#board.engines.counts.idle + 1));
    this.#board.output.actions.push({ kind: "recall", engine: engine.id, count });
  }
}
