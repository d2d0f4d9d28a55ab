/**
 * The one door to time. Shells ask here and put the answer into events; cores never call it.
 */

/** Wall-clock time in milliseconds since 1970, with a fraction good to about a microsecond. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Milliseconds on a clock that never goes back; only differences mean anything. */
export function monotonic(): number {
  return performance.now();
}
