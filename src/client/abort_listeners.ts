/**
 * Many results on one AbortSignal: one listener for all of them. The signal's own list is searched at each removal, which for 80,000 results on one signal
 * takes half a minute.
 */

/** Whoever waits for a signal; the sets live as long as their signals. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `onAbort` once when the signal aborts. Returns the way to take that back. */
export function listenForAbort(signal: AbortSignal, onAbort: () => void): () => void {
  let set = waiting.get(signal);
  if (set === undefined) {
    const all = new Set<() => void>();
    waiting.set(signal, set = all);
    signal.addEventListener("abort", () => {
      const called = [...all];
      all.clear();
      for (const call of called) call();
    }, { once: true });
  }
  set.add(onAbort);
  return () => void set.delete(onAbort);
}
