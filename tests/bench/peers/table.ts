/** What bench:peers reports. */

import Table from "cli-table3";
import { quantile } from "../figures.ts";

/** Unit of every figure that each side is asked for. */
export const UNITS = {
  tasks_submitted_per_s: "tasks/s",
  tasks_map_per_s: "tasks/s",
  tasks_1kB_per_s: "tasks/s",
  task_latency_median_us: "µs",
  task_latency_p99_us: "µs",
  efficiency_10ms: "1",
  push_MBps: "MB/s",
  pull_MBps: "MB/s",
  start_to_first_result_s: "s",
} as const;

export type PeerFigure = keyof typeof UNITS;
export type Samples = Partial<Record<PeerFigure, number[]>>;

/** What became of one side: samples, and why there are no more if it failed. */
export interface Side {
  readonly name: string;
  readonly samples: Samples;
  failure?: string;
}

export interface Line {
  readonly figure: PeerFigure;
  readonly side: string;
  readonly unit: string;
  readonly value: number | null;
  /** Ours by this side's. */
  readonly ours_to_peer: number | null;
  /** Of rates, to the messages that this machine relays a second. */
  readonly to_raw_relay: number | null;
  readonly note: string;
}

/** A line for each figure and side, those without a value with the reason. */
export function linesOf(sides: readonly Side[], rawRelay: number): Line[] {
  const ours = sides.find(({ name }) => name === "ours");
  return (Object.keys(UNITS) as PeerFigure[]).flatMap((figure) =>
    sides.map((side): Line => {
      const value = valueOf(side, figure), our = ours === undefined ? null : valueOf(ours, figure);
      const isRate = UNITS[figure] === "tasks/s";
      const note = side.failure !== undefined
        ? `not measured: ${side.failure}`
        : value === null
        ? "not measured: it has no such thing"
        : "";
      return {
        figure,
        side: side.name,
        unit: UNITS[figure],
        value,
        ours_to_peer: side === ours || value === null || our === null ? null : our / value,
        to_raw_relay: isRate && value !== null ? value / rawRelay : null,
        note,
      };
    })
  );
}

/** A side that failed has no figures: half of its rounds would not stand beside the others' whole ones. */
function valueOf({ samples, failure }: Side, figure: PeerFigure): number | null {
  const values = samples[figure];
  if (failure !== undefined || values === undefined || values.length === 0) return null;
  return quantile(values, figure === "task_latency_p99_us" ? 0.99 : 0.5);
}

export function peersTable(lines: readonly Line[], rawRelay: number): string {
  const table = new Table({
    head: ["figure", "of", "value", "unit", "ours/peer", "to raw relay", ""],
    colAligns: ["left", "left", "right", "left", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const { figure, side, value, unit, ours_to_peer, to_raw_relay, note } of lines) {
    const cells = [digits(value), unit === "1" ? "" : unit, digits(ours_to_peer), digits(to_raw_relay), note];
    table.push([figure, side, ...cells]);
  }
  return `${table}\nraw_relay_msgs_per_s ${digits(rawRelay)}`;
}

function digits(value: number | null): string {
  if (value === null) return "";
  return value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}
