/**
 * Turns of the event loop for threads that wait synchronously: what they owe to signals, timers and promises now and then.
 */
import { setImmediate } from "node:timers";

/** Most turns until the runtime looks at its descriptors (14 in Deno 2.9.6), and some more. */
const TURNS = 20;

/** Whoever had to wait for so long has nothing urgent to do, in ms. */
const IDLE_MS = 20;

/** What came of a wait. */
interface Wait {
  /** A signal ended it. */
  readonly isInterrupted: boolean;
  readonly ms: number;
}

/** The turn that is due after a wait: one that is in nobody's way where something came. */
export function turnAfter({ isInterrupted, ms }: Wait): Promise<void> {
  return isInterrupted || ms >= IDLE_MS ? fullTurn() : quickTurns();
}

/**
 * A turn in which everything is heard at once, signals too. It has to be a timer: after a message to oneself the runtime does not look at its descriptors,
 * and a SIGTERM is heard only 124 turns later. It takes 1 to 3 ms.
 */
export function fullTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** As many short turns as it takes until signals are heard: less than 0.1 ms in all. */
async function quickTurns(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
