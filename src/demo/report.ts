/** What the demo says in the terminal: a table of the airports, what is worth seeing in it, and how fast the work went. */

import Table from "cli-table3";
import { type Estimate, estimate, QUANTILES, type Replicates } from "./bootstrap.ts";
import type { Slice } from "./flights.ts";

/** A slice's two quantiles with their intervals. */
export interface Finding {
  readonly slice: Slice;
  readonly median: Estimate;
  readonly high: Estimate;
}

/** When one task ran, and where: what its record says. */
export interface TaskRun {
  readonly engine: string;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  readonly completedMs: number;
}

/** What the records say of a run. */
export interface Effort {
  readonly tasks: number;
  /** Time from the first task's start to the last one's end, in seconds. */
  readonly wallSeconds: number;
  /** Time in tasks, all engines together, in seconds. */
  readonly busySeconds: number;
  /** Tasks of each engine, the most first. */
  readonly perEngine: readonly number[];
}

/** Puts the tasks' results together, slice by slice. */
export function findingsOf(
  slices: readonly Slice[],
  delays: Int16Array,
  results: readonly Replicates[],
): Finding[] {
  const parts = slices.map((): Replicates[] => []);
  for (const result of results) parts[result.slice]!.push(result);
  return slices.map((slice, i) => {
    const sample = delays.subarray(slice.from, slice.to);
    return {
      slice,
      median: estimate(sample, QUANTILES.median, join(parts[i]!.map(({ median }) => median))),
      high: estimate(sample, QUANTILES.high, join(parts[i]!.map(({ high }) => high))),
    };
  });
}

function join(parts: readonly Int16Array[]): Int16Array {
  const joined = new Int16Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * A table of airports: the whole day, its best and its worst hour.
 * @param findings whole days and single hours, in any order
 * @param rows how many airports
 */
export function airportTable(findings: readonly Finding[], rows: number): string {
  const table = new Table({
    head: ["airport", "flights", "median", "90 %", "best hour", "90 %", "worst hour", "90 %"],
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const day of days(findings).slice(0, rows)) {
    const hours = hoursOf(findings, day.slice.airport);
    const [best, worst] = [hours.at(0), hours.at(-1)];
    table.push([
      day.slice.airport,
      (day.slice.to - day.slice.from).toLocaleString("en"),
      text(day.median),
      text(day.high),
      best === undefined ? "" : clock(best),
      best === undefined ? "" : text(best.high),
      worst === undefined ? "" : clock(worst),
      worst === undefined ? "" : text(worst.high),
    ]);
  }
  return table.toString();
}

function days(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ slice }) => slice.hour === null);
}

/** An airport's hours, the most punctual first. */
function hoursOf(findings: readonly Finding[], airport: string): Finding[] {
  return findings
    .filter(({ slice }) => slice.hour !== null && slice.airport === airport)
    .sort((a, b) => a.high.value - b.high.value);
}

function text({ value, low, high }: Estimate): string {
  return `${value} [${low}, ${high}]`;
}

function clock({ slice }: Finding): string {
  return `${String(slice.hour ?? 0).padStart(2, "0")}:00`;
}

/** A few sentences on what the numbers show. */
export function observations(findings: readonly Finding[]): string[] {
  const [busiest] = days(findings);
  const hours = findings.filter(({ slice }) => slice.hour !== null).sort((a, b) =>
    b.high.value - a.high.value
  );
  const [worst, best] = [hours.at(0), hours.at(-1)];
  if (busiest === undefined || worst === undefined || best === undefined) return [];
  const own = hoursOf(findings, busiest.slice.airport);
  const evening = days(findings).filter(({ slice }) =>
    (hoursOf(findings, slice.airport).at(-1)?.slice.hour ?? 0) >= 17
  );
  return [
    `Delay grows through the day: in ${evening.length} of ${
      days(findings).length
    } airports the worst hour begins at 17:00 or later.`,
    ...[own.at(0), own.at(-1)].flatMap((hour) =>
      hour === undefined ? [] : [
        `${busiest.slice.airport}, ${
          clock(hour)
        }: one flight in ten is ${hour.high.value} minutes late or more, between ` +
        `${hour.high.low} and ${hour.high.high} with 95 % certainty.`,
      ]
    ),
    `Best of all is ${best.slice.airport} at ${clock(best)} with ${text(best.high)} minutes, worst is ` +
    `${worst.slice.airport} at ${clock(worst)} with ${text(worst.high)}.`,
  ];
}

/** Adds up what the records of a run say. */
export function effortOf(runs: readonly TaskRun[]): Effort {
  const tasks = new Map<string, number>();
  let [first, last, busy] = [Infinity, -Infinity, 0];
  for (const { engine, startedMs, completedMs } of runs) {
    tasks.set(engine, (tasks.get(engine) ?? 0) + 1);
    first = Math.min(first, startedMs);
    last = Math.max(last, completedMs);
    busy += completedMs - startedMs;
  }
  return {
    tasks: runs.length,
    wallSeconds: runs.length === 0 ? 0 : (last - first) / 1000,
    busySeconds: busy / 1000,
    perEngine: [...tasks.values()].sort((a, b) => b - a),
  };
}

/**
 * Says how much faster all engines were than one, in two ways: time in tasks by time that passed, which takes what else the machine
 * had to do for work; and against one engine alone, which takes the machine to be as busy then as before.
 * @param all the records of the whole run
 * @param alone the records of a part of the same work on one engine, with nothing beside it
 * @param share that part's share of the work, 0 to 1
 */
export function speedUpLines(all: Effort, alone: Effort, share: number): string[] {
  const { tasks, perEngine, busySeconds, wallSeconds } = all;
  const one = alone.wallSeconds / share;
  const part = `${(share * 100).toFixed(1)} %`;
  return [
    `${tasks.toLocaleString("en")} task records: ${perEngine.length} engines (${
      perEngine.join(" + ")
    } tasks) worked ` +
    `${busySeconds.toFixed(1)} s in tasks within ${wallSeconds.toFixed(1)} s.`,
    `One engine alone did ${part} of the work again in ${alone.wallSeconds.toFixed(2)} s: ${
      one.toFixed(1)
    } s for all of it.`,
    `Speed-up against one engine: ${(busySeconds / wallSeconds).toFixed(2)} by time in tasks, ` +
    `${(one / wallSeconds).toFixed(2)} by one engine alone.`,
  ];
}
