// What piscina's threads run.
export const increment = (n) => n + 1;
export const echo = (text) => text;
// Sleeps as Python's time.sleep does, like ours.
export function wait(seconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  return seconds;
}
