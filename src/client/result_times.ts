/** How long tasks took, in milliseconds: from their own times, as engines and this client have seen them. */
import { now } from "../base/clock.ts";

/** What is read of a task. 0: not known, or it never was. */
export interface TaskTimes {
  readonly submitted: number;
  readonly started: number;
  readonly completed: number;
  readonly received: number;
}

/** Times of a call whose tasks have all ended. */
export interface ResultTimes {
  /** What its tasks took, one after the other as it were. */
  readonly serialTime: number;
  /** From the first submission to the arrival of the last result. */
  readonly wallTime: number;
  /** `serialTime` over `wallTime`. */
  readonly speedup: number;
}

/** Times of tasks that have ended. Those that never started took no time. */
export function timesOf(tasks: readonly TaskTimes[]): ResultTimes {
  let serialTime = 0;
  for (const { started, completed } of tasks) {
    if (started > 0 && completed > started) serialTime += completed - started;
  }
  const wallTime = elapsedOf(tasks, true);
  return { serialTime, wallTime, speedup: wallTime === 0 ? 0 : serialTime / wallTime };
}

/** From the first submission to the arrival of the last result, or until now. */
export function elapsedOf(tasks: readonly TaskTimes[], areDone: boolean): number {
  let first = Infinity, last = areDone ? 0 : now();
  for (const { submitted, completed, received } of tasks) {
    if (submitted > 0) first = Math.min(first, submitted);
    if (areDone) last = Math.max(last, received > 0 ? received : completed);
  }
  return Math.max(0, last - (first === Infinity ? last : first));
}
