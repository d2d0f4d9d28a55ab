/**
 * Many results on one AbortSignal: one listener for all of them. The signal's own list is searched at each removal, which for 80,000 results on one signal
 * takes half a minute.
 */

import { stopTogether } from "./stop_together.ts";
import type { TaskState } from "./task_state.ts";

/** Told when a signal aborts. Tasks that it gives to `stop` are cancelled together, when all have been called. */
export type OnAbort = (stop: (tasks: readonly TaskState[]) => void) => void;

/** Who waits for a signal, and its one listener. */
interface Waiting {
  readonly calls: Set<OnAbort>;
  readonly listener: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/** Calls `onAbort` once when the signal aborts. Returns the way to take that back: with the last one the listener goes too, since it keeps a program with a time-out signal alive. */
export function listenForAbort(signal: AbortSignal, onAbort: OnAbort): () => void {
  const { calls, listener } = waiting.get(signal) ?? listen(signal);
  calls.add(onAbort);
  return () => {
    if (!calls.delete(onAbort) || calls.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener("abort", listener);
  };
}

function listen(signal: AbortSignal): Waiting {
  const calls = new Set<OnAbort>();
  const listener = () => {
    const called = [...calls];
    calls.clear();
    const tasks: TaskState[] = [];
    for (const call of called) call((own) => own.forEach((task) => tasks.push(task)));
    stopTogether(tasks, signal.reason);
  };
  const entry = { calls, listener };
  waiting.set(signal, entry);
  signal.addEventListener("abort", listener, { once: true });
  return entry;
}
