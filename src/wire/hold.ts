/**
 * When a program that asks one short question after the other may be held in a synchronous wait for the answer, which saves two wake-ups of the four that a
 * wait on the event loop costs. It never stands still for long: not for questions that are not short, not with several under way, and its event loop has its
 * turn before every hold.
 */
import { monotonic } from "../base/clock.ts";

/** Longest hold, in ms. */
export const HOLD_MS = 1;
/** So many answers in a row have to come within a hold's time before one is tried. */
const LIKELY_AFTER = 4;
/** After so long, in ms, the next wait is one on the event loop, where everything else is heard too. */
const LOOP_EVERY_MS = 5;

/** Watches questions and answers, and says when a hold is worth it. */
export class Hold {
  readonly #clock: () => number;
  /** When what is under way was asked; 0: nothing is. */
  #askedAt = 0;
  #shortInRow = 0;
  /** When the event loop had the last wait. */
  #loopAt = 0;

  constructor(clock: () => number = monotonic) {
    this.#clock = clock;
  }

  asked(): void {
    if (this.#askedAt !== 0) this.#shortInRow = 0;
    this.#askedAt = this.#clock();
  }

  answered(): void {
    if (this.#askedAt === 0) return;
    const isShort = this.#clock() - this.#askedAt < HOLD_MS;
    this.#shortInRow = isShort ? this.#shortInRow + 1 : 0;
    this.#askedAt = 0;
  }

  /** A hold ended without an answer. */
  missed(): void {
    this.#shortInRow = 0;
  }

  /** The event loop had a wait of its own. */
  looped(): void {
    this.#loopAt = this.#clock();
  }

  /** Whether the next question, if it comes at once, is worth a hold. */
  get isLikely(): boolean {
    return this.#shortInRow >= LIKELY_AFTER && this.#clock() - this.#loopAt < LOOP_EVERY_MS;
  }

  /** Whether to hold now. */
  get isDue(): boolean {
    return this.#askedAt !== 0 && this.isLikely;
  }
}
