/** Tasks per second against their size and their duration, at ours and at ipyparallel, and what libzmq relays at all. */

import { quantile } from "../figures.ts";
import type { Question } from "../peers/ours.ts";
import { relayRate } from "../relay_bench.ts";

/** One measured, or as "ideal" computed, place of a line. */
export interface Point {
  readonly panel: "size" | "duration";
  readonly line: "tsparallel" | "ipyparallel" | "libzmq";
  /** Bytes of the argument, which are those of the result too, or seconds that the task sleeps. */
  readonly of: number;
  /** Tasks per second; of libzmq messages per second. */
  readonly perSecond: number;
}

export const SIZES = [0, 64, 1 << 10, 16 << 10, 128 << 10, 1 << 20, 4 << 20, 16 << 20] as const;
export const DURATIONS = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1] as const;
export const ENGINES = 2;

/** How long each place is measured. */
export interface Plan {
  readonly rounds: number;
  readonly burstSeconds: number;
}

type Ask = (question: Question) => Promise<unknown>;

/** Tasks of the first burst, which only says how many the next may have. */
const FIRST_BURST = 4;
const MAX_BURST = 60_000;
/** All values of a burst are in the client's memory at once. */
const MAX_BURST_BYTES = 256 << 20;
/** Bursts that grow before those that count. */
const GROWTH = 5;

/** All places of a panel, the lines in turns, so that a drift of the machine's speed favours none. */
export async function measurePanel(
  panel: Point["panel"],
  asks: ReadonlyMap<"tsparallel" | "ipyparallel", Ask>,
  plan: Plan,
): Promise<Point[]> {
  const points: Point[] = [];
  for (const of of panel === "size" ? SIZES : DURATIONS) {
    for (const [line, ask] of asks) {
      points.push({ panel, line, of, perSecond: await rateOf(ask, [panel, of], plan) });
    }
  }
  return points;
}

/** The median of some bursts. */
async function rateOf(ask: Ask, [name, of]: readonly [Point["panel"], number], plan: Plan): Promise<number> {
  const most = name === "size" ? Math.floor(Math.min(MAX_BURST, MAX_BURST_BYTES / of)) : MAX_BURST;
  const burst = async (count: number) => await ask([name, count, of]) as number;
  let count = FIRST_BURST;
  for (let i = 0; i < GROWTH; i++) {
    const seconds = await burst(count);
    if (seconds > plan.burstSeconds / 2) break;
    count = Math.min(most, Math.max(FIRST_BURST, even(count / seconds * plan.burstSeconds)));
  }
  const rates: number[] = [];
  for (let round = 0; round < plan.rounds; round++) rates.push(count / await burst(count));
  return quantile(rates, 0.5);
}

/** So that each engine has as many. */
function even(count: number): number {
  return ENGINES * Math.round(count / ENGINES);
}

/** Messages of each of these sizes one way through the relay. */
export async function relayPoints(
  sizes: readonly number[],
  { quick }: { readonly quick: boolean },
): Promise<Point[]> {
  const points: Point[] = [];
  for (const of of sizes) {
    const messages = Math.min(quick ? 20_000 : 200_000, Math.ceil((quick ? 64 << 20 : 512 << 20) / of));
    points.push({ panel: "size", line: "libzmq", of, perSecond: await relayRate(of, messages) });
  }
  return points;
}

/** What engines that lose no time would do, as far as the relay brings them tasks. */
export function idealPoints(relayed: number): Point[] {
  return DURATIONS.map((of) => ({
    panel: "duration",
    line: "libzmq",
    of,
    perSecond: Math.min(relayed, ENGINES / of),
  }));
}
