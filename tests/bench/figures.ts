/** What the bench reports: names, units, and how both are written. */

import Table from "cli-table3";

/** Unit of every figure, in the order in which they are reported. */
export const UNITS = {
  raw_relay_msgs_per_s: "messages/s",
  engines_300_ratio: "1",
  register_300_s: "s",
  dag_ratio: "1",
  balance_ratio: "1",
  slot_tasks_per_s: "tasks/s",
  slot_latency_median_us: "µs",
  isolation_worker_ms: "ms",
  isolation_process_ms: "ms",
  isolation_process_decided_ms: "ms",
  cancel_ready_ms: "ms",
  cancel_ready_undecided_ms: "ms",
  records_per_s: "tasks/s",
  cluster_start_s: "s",
  cluster_start_compiled_s: "s",
  task_latency_median_us: "µs",
  task_latency_p99_us: "µs",
  direct_latency_median_us: "µs",
  tasks_submitted_per_s: "tasks/s",
  tasks_map_per_s: "tasks/s",
  tasks_1kB_per_s: "tasks/s",
  push_MBps: "MB/s",
  push_local_MBps: "MB/s",
  pull_local_MBps: "MB/s",
  pull_MBps: "MB/s",
  broadcast_ratio: "1",
  broadcast_MBps: "MB/s",
  ref_ratio: "1",
  controller_pss_MB: "MB",
  engine_pss_MB: "MB",
  controller_growth_MB: "MB",
  controller_pss_1M_MB: "MB",
  controller_growth_1M_MB: "MB",
  python_tasks_per_s: "tasks/s",
  python_tasks_per_s_ipcontroller: "tasks/s",
  python_latency_median_us: "µs",
  python_latency_median_us_ipcontroller: "µs",
  python_controller_pss_MB: "MB",
  python_controller_pss_MB_ipcontroller: "MB",
  python_controller_cpu_us_per_task: "µs",
  python_controller_cpu_us_per_task_ipcontroller: "µs",
} as const;

export type Name = keyof typeof UNITS;

/** What was measured. */
export type Figures = Partial<Record<Name, number>>;

/** A figure as it is reported. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

export const NAMES: readonly Name[] = Object.keys(UNITS) as Name[];

/** Figures of ipyparallel's own controller end so; each stands beside ours. */
const PEER = "_ipcontroller";

/**
 * The measured figures in their order, then the ratio of each rate to what this machine relays at all, and of what Python's client measured
 * at our controller to the same at ipyparallel's own.
 */
export function reportOf(figures: Figures): Figure[] {
  const measured = NAMES.flatMap((name): Figure[] => {
    const value = figures[name];
    return value === undefined ? [] : [{ name, value: rounded(value), unit: UNITS[name] }];
  });
  return [...measured, ...relayRatios(measured), ...peerRatios(measured)];
}

function relayRatios(measured: readonly Figure[]): Figure[] {
  const relay = measured.find(({ name }) => name === "raw_relay_msgs_per_s");
  if (relay === undefined) return [];
  const rates = measured.filter((figure) =>
    figure !== relay && figure.unit.endsWith("s/s") && !figure.name.endsWith(PEER)
  );
  return rates.map(({ name, value }) => ratio(`${name}_ratio`, value, relay.value));
}

function peerRatios(measured: readonly Figure[]): Figure[] {
  return measured.filter(({ name }) => name.endsWith(PEER)).flatMap((peer) => {
    const name = peer.name.slice(0, -PEER.length);
    const ours = measured.find((figure) => figure.name === name);
    if (ours === undefined) return [];
    const named = [ratio(`${name}_to${PEER}`, ours.value, peer.value)];
    // The same under the name by which it is asked for.
    return name === "python_tasks_per_s"
      ? [...named, ratio("python_tasks_ratio", ours.value, peer.value)]
      : named;
  });
}

function ratio(name: string, value: number, to: number): Figure {
  return { name, value: rounded(value / to), unit: "1" };
}

/** Four digits that count. */
function rounded(value: number): number {
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

/** A figure of several runs. */
export interface Spread extends Figure {
  readonly min: number;
  readonly max: number;
}

/** The median of each figure over the runs that have it, with the least and the most; ratios too are of one run each. */
export function spreadOf(runs: readonly (readonly Figure[])[]): Spread[] {
  const firsts = new Map(runs.flat().map((figure) => [figure.name, figure]));
  return [...firsts.values()].map(({ name, unit }) => {
    const values = runs.flatMap((run) =>
      run.filter((figure) => figure.name === name).map(({ value }) => value)
    );
    const median = rounded(medianOf(values));
    return { name, value: median, unit, min: Math.min(...values), max: Math.max(...values) };
  });
}

/** The middle one, or the mean of the two in the middle. */
function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

/** One line of JSON for each figure. */
export function jsonLines(report: readonly Figure[]): string {
  return report.map((figure) => JSON.stringify(figure)).join("\n");
}

/** A table to read. */
export function tableOf(report: readonly (Figure | Spread)[]): string {
  const hasSpread = report.some((figure) => "min" in figure);
  const table = new Table({
    head: ["figure", hasSpread ? "median" : "value", "unit", ...(hasSpread ? ["min", "max"] : [])],
    colAligns: ["left", "right", "left", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const figure of report) {
    const { name, value, unit } = figure;
    const spread = "min" in figure ? [figure.min, figure.max].map((one) => one.toLocaleString("en")) : [];
    table.push([name, value.toLocaleString("en"), unit === "1" ? "" : unit, ...spread]);
  }
  return table.toString();
}

/** The value that the share `quantile` of the values does not exceed. */
export function quantile(values: readonly number[], quantile: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * quantile) - 1)] ?? NaN;
}
