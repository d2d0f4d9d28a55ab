/**
 * How much is handed to the slot: about a millisecond of work by the running mean of task times, and within the scheduler's start window. Pure.
 */

/** How much work is handed ahead of the running task, in ms. */
const AHEAD_MS = 1;
/** Tasks longer than this get none ahead. */
const LONG_MS = 20;
const MAX_AHEAD = 1024;

/** The running mean of how long the tasks of one key take. */
export class MeanTime {
  #meanMs = -1;
  #doneMs = 0;
  #doneCount = 0;

  /** A task took so long. */
  finished(durationMs: number): void {
    this.#doneMs += Math.max(0, durationMs);
    this.#doneCount++;
  }

  /** Most tasks to have in the slot. */
  ahead(): number {
    if (this.#doneCount > 0) this.#settle();
    if (this.#meanMs < 0) return 2;
    if (this.#meanMs > LONG_MS) return 1;
    return Math.min(MAX_AHEAD, Math.floor(AHEAD_MS / Math.max(this.#meanMs, 1e-4)) + 1);
  }

  #settle(): void {
    const mean = this.#doneMs / this.#doneCount;
    const share = Math.min(0.9, 0.2 * this.#doneCount);
    this.#meanMs = this.#meanMs < 0 ? mean : this.#meanMs + (mean - this.#meanMs) * share;
    this.#doneMs = this.#doneCount = 0;
  }
}

/** The scheduler's start window. */
export class Pace {
  #sent = 0;
  #acked = 0;
  #window = 1;
  /** Tasks of the scheduler that are in the slot. */
  scheduledInSlot = 0;

  /** A result goes to the scheduler. */
  sent(): void {
    this.#sent++;
  }

  /** The scheduler has so many results, and allows so many handed tasks without one. */
  told(acked: number, window: number): void {
    this.#acked = acked;
    this.#window = Math.max(1, window);
  }

  /** Whether one more task of the scheduler may be handed. */
  get isWindowOpen(): boolean {
    return this.scheduledInSlot + this.#sent - this.#acked < this.#window;
  }

  /** Begins to count anew, with a new registration. */
  reset(): void {
    this.#sent = this.#acked = 0;
    this.#window = 1;
  }
}

/**
 * In how many ms a slot has to be looked at without a doorbell.
 * @param inSlot tasks in it without an answer
 * @param ranMs how long the running one has run, null if none is known to
 */
export function lookDelay(inSlot: number, ranMs: number | null): number {
  if (inSlot === 0) return Infinity;
  if (ranMs === null) return 2;
  if (inSlot === 1) return Infinity;
  return ranMs < 3 ? 2 : 20;
}
