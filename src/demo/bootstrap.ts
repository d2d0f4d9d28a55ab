/**
 * The demo's statistics. A quantile of some thousand delays is itself uncertain; the bootstrap says by how much: draw as many delays
 * as there are, with replacement, take the quantile, and again, a thousand times. The middle 95 % of what came out is the interval.
 * Each task draws some replicates of one slice, from a seed of its own, so its result is the same on any engine.
 */

import type { Slice } from "./flights.ts";

/** The two quantiles that are asked for, and their names everywhere. */
export const QUANTILES = { median: 0.5, high: 0.9 } as const;

/** What one task does. */
export interface BootstrapTask {
  /** Index of the slice. */
  readonly slice: number;
  /** The slice, in the array of all delays. */
  readonly from: number;
  readonly to: number;
  readonly replicates: number;
  readonly seed: number;
}

/** One task's result: the quantiles of each of its replicates, in minutes. */
export interface Replicates {
  readonly slice: number;
  readonly seed: number;
  readonly median: Int16Array;
  readonly high: Int16Array;
}

/** A quantile with its confidence interval, in minutes. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** All delays, as they were pushed into the namespace of each engine. */
declare const flightDelays: Int16Array;

/** The name under which `bootstrap` finds the delays on an engine. */
export const DELAYS_NAME = "flightDelays";

/**
 * Runs one task. It is sent to the engines as its source, so it uses nothing but its arguments and what was pushed.
 * Delays are whole minutes, so a replicate is counted rather than sorted.
 * @param delays all delays; on an engine, those that were pushed
 */
export function bootstrap(task: BootstrapTask, delays: Int16Array = flightDelays): Replicates {
  const sample = delays.subarray(task.from, task.to);
  const size = sample.length;
  let least = 32767;
  let most = -32768;
  for (const delay of sample) {
    if (delay < least) least = delay;
    if (delay > most) most = delay;
  }
  const counts = new Uint32Array(most - least + 1);
  const median = new Int16Array(task.replicates);
  const high = new Int16Array(task.replicates);
  let state = task.seed | 0;
  for (let r = 0; r < task.replicates; r++) {
    counts.fill(0);
    for (let i = 0; i < size; i++) {
      // Mulberry32, a small generator of good quality.
      state = (state + 0x6d2b79f5) | 0;
      let x = Math.imul(state ^ (state >>> 15), state | 1);
      x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
      const random = ((x ^ (x >>> 14)) >>> 0) / 4294967296;
      counts[sample[Math.floor(random * size)]! - least]!++;
    }
    let seen = 0;
    let value = least - 1;
    while (seen < size * 0.5) seen += counts[++value - least]!;
    median[r] = value;
    while (seen < size * 0.9) seen += counts[++value - least]!;
    high[r] = value;
  }
  return { slice: task.slice, seed: task.seed, median, high };
}

/**
 * Cuts the work into about `tasks` tasks of like size; a slice gets at least one.
 * @param options.replicates how many each slice gets in all
 */
export function planTasks(
  slices: readonly Slice[],
  options: { readonly replicates: number; readonly tasks: number },
): BootstrapTask[] {
  const draws = slices.reduce((sum, { from, to }) => sum + to - from, 0) * options.replicates;
  const drawsPerTask = draws / options.tasks;
  return slices.flatMap(({ from, to }, slice) => {
    const wanted = Math.ceil((to - from) * options.replicates / drawsPerTask);
    const parts = Math.max(1, Math.min(options.replicates, wanted));
    return Array.from({ length: parts }, (_, part): BootstrapTask => ({
      slice,
      from,
      to,
      replicates: shareOf(options.replicates, parts, part),
      seed: slice * 100_003 + part,
    }));
  });
}

function shareOf(total: number, parts: number, part: number): number {
  return Math.floor(total * (part + 1) / parts) - Math.floor(total * part / parts);
}

/** The smallest value that at least the share `quantile` of the sample does not exceed. */
export function quantileOf(sample: Int16Array, quantile: number): number {
  const sorted = sample.slice().sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * quantile) - 1)]!;
}

/** A slice's quantile in the data, with the middle 95 % of its replicates. */
export function estimate(sample: Int16Array, quantile: number, replicates: Int16Array): Estimate {
  return {
    value: quantileOf(sample, quantile),
    low: quantileOf(replicates, 0.025),
    high: quantileOf(replicates, 0.975),
  };
}
