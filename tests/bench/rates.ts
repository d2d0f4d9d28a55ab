/** Tasks per second in the ways in which users send them; every result is checked while the clock runs. */

import type { LoadBalancedView } from "../../src/client/load_balanced_view.ts";

/** A task that does nothing. */
export const increment = (n: number): number => n + 1;
const echo = (bytes: Uint8Array): Uint8Array => bytes;

const KILOBYTE = 1000;

/** Tasks per second, one `apply` call each, from the first call to the last result. */
export async function submitRate(view: LoadBalancedView, count: number): Promise<number> {
  const began = performance.now();
  const results = Array.from({ length: count }, (_, i) => view.apply(increment, i));
  for (let i = 0; i < count; i++) check(await results[i], i + 1);
  return count / (performance.now() - began) * 1000;
}

/** Tasks per second of a map in which every item is a task of its own. */
export async function mapRate(view: LoadBalancedView, count: number): Promise<number> {
  const began = performance.now();
  let i = 0;
  for await (const result of view.map(increment, Array(count).keys(), { chunkSize: 1, ordered: true })) {
    check(result, ++i);
  }
  check(i, count);
  return count / (performance.now() - began) * 1000;
}

/** Tasks per second, one `apply` call each, with 1,000 bytes there and back. */
export async function kilobyteRate(view: LoadBalancedView, count: number): Promise<number> {
  const data = new Uint8Array(KILOBYTE).map((_, i) => i * 7);
  const began = performance.now();
  const results = Array.from({ length: count }, (_, i) => {
    data[i % KILOBYTE] = i;
    return view.apply(echo, data);
  });
  // The same bytes once more, as each task had them.
  const expected = new Uint8Array(KILOBYTE).map((_, i) => i * 7);
  for (let i = 0; i < count; i++) {
    expected[i % KILOBYTE] = i;
    const found = await results[i]!;
    if (indexedDifference(found, expected, i % KILOBYTE)) check(undefined, i);
  }
  return count / (performance.now() - began) * 1000;
}

/** Whether bytes have another length, or differ in the place that this task changed or in one of each hundred others. */
function indexedDifference(found: Uint8Array, expected: Uint8Array, place: number): boolean {
  if (found.length !== expected.length || found[place] !== expected[place]) return true;
  for (let i = place % 100; i < found.length; i += 100) if (found[i] !== expected[i]) return true;
  return false;
}

/** @throws Error if a result is not the one that the task has */
export function check(found: unknown, expected: number): void {
  if (found !== expected) {
    throw new Error(`Cannot trust the cluster: ${found} came back in place of ${expected}`);
  }
}
