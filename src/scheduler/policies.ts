/**
 * The rules by which an engine is chosen: ipyparallel's five schemes as pure functions over the loads of the engines that have room.
 *
 * `loads` is in LRU order: the engine that waited longest for a task comes first. To add a scheme, add a function and a line to
 * `POLICIES`; `tests/contracts/policy.ts` runs it through the shared suite.
 */

/** Chooses an index below `count` of `loads` (tasks assigned to each engine). `random` gives numbers in [0, 1). */
export type Policy = (loads: Float64Array, count: number, random: () => number) => number;

/** The first of the least loaded. */
function leastload(loads: Float64Array, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (loads[i]! < loads[best]!) best = i;
  return best;
}

/** The one that waited longest, whatever its load. */
function lru(): number {
  return 0;
}

function plainrandom(_loads: Float64Array, count: number, random: () => number): number {
  return Math.floor(random() * count);
}

/** Of two drawn at random the one that waited longer. */
function twobin(_loads: Float64Array, count: number, random: () => number): number {
  return Math.min(Math.floor(random() * count), Math.floor(random() * count));
}

/** Two draws with weight 1 / (1e-6 + load), of which the one with the greater weight is kept. */
function weighted(loads: Float64Array, count: number, random: () => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += weight(loads[i]!);
  const a = draw(loads, count, random() * total);
  const b = draw(loads, count, random() * total);
  return weight(loads[b]!) > weight(loads[a]!) ? b : a;
}

function weight(load: number): number {
  return 1 / (1e-6 + load);
}

function draw(loads: Float64Array, count: number, at: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += weight(loads[i]!);
    if (at < sum) return i;
  }
  return count - 1;
}

/** Names of the schemes, as in `task_scheme` of a connection file. */
export type Scheme = "leastload" | "lru" | "plainrandom" | "twobin" | "weighted";

export const POLICIES: Readonly<Record<Scheme, Policy>> = { leastload, lru, plainrandom, twobin, weighted };
