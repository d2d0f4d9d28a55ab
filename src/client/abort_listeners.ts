/**
 * Many results on one AbortSignal: one listener for all of them. The signal's own list is searched at each removal, which for 80,000 results on one signal
 * takes half a minute.
 */

/** Who waits for a signal, and its one listener. */
interface Waiting {
  readonly calls: Set<() => void>;
  readonly listener: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/** Calls `onAbort` once when the signal aborts. Returns the way to take that back: with the last one the listener goes too, since it keeps a program with a time-out signal alive. */
export function listenForAbort(signal: AbortSignal, onAbort: () => void): () => void {
  const { calls, listener } = waiting.get(signal) ?? listen(signal);
  calls.add(onAbort);
  return () => {
    if (!calls.delete(onAbort) || calls.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener("abort", listener);
  };
}

function listen(signal: AbortSignal): Waiting {
  const calls = new Set<() => void>();
  const listener = () => {
    const called = [...calls];
    calls.clear();
    for (const call of called) call();
  };
  const entry = { calls, listener };
  waiting.set(signal, entry);
  signal.addEventListener("abort", listener, { once: true });
  return entry;
}
