/**
 * Long work on the hub's thread, in slices: hearts, registrations and records have their turn between any two. Of several long works
 * each has a slice in its turn, so that many of them delay others no more than one does.
 */

import { monotonic } from "../base/clock.ts";

/** How long a slice takes. */
const SLICE_MS = 8;

/** Settles when the slice that was asked for last may begin. */
let last: Promise<void> = Promise.resolve();

/** One long work: look at `isOver` often, and wait for `next` when it is. */
export class Slices {
  #until = monotonic() + SLICE_MS;

  /** Whether others are to have their turn. */
  get isOver(): boolean {
    return monotonic() >= this.#until;
  }

  /** Waits for the next slice. */
  async next(): Promise<void> {
    // A timer ends each turn of the event loop, behind whatever came in.
    last = last.then(() => new Promise((resolve) => setTimeout(resolve)));
    await last;
    this.#until = monotonic() + SLICE_MS;
  }
}
