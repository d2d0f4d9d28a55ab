/**
 * `deno task bench [--json] [--quick] [--only name,name] [--runs N]`: measures this machine, our parts and a whole cluster, and reports each figure.
 * With `--runs` all of it N times: medians, least and most. What is skipped, and why, is said on stderr.
 */

import { parseArgs } from "node:util";
import {
  type Figure,
  type Figures,
  jsonLines,
  type Name,
  NAMES,
  reportOf,
  spreadOf,
  tableOf,
} from "./figures.ts";

/** A measurement that gives some figures at once. */
interface Bench {
  readonly names: readonly Name[];
  run(plan: Plan): Promise<Figures>;
}

/** What to measure. */
export interface Plan {
  /** Shorter runs. */
  readonly quick: boolean;
  readonly wants: (name: Name) => boolean;
}

const BENCHES: readonly Bench[] = [
  {
    names: ["raw_relay_msgs_per_s"],
    run: async (plan) => await (await import("./relay_bench.ts")).benchRelay(plan),
  },
  {
    names: ["engines_300_ratio"],
    run: async (plan) => await (await import("./engines_bench.ts")).benchEngines(plan),
  },
  {
    names: ["register_300_s"],
    run: async (plan) => await (await import("./engines_bench.ts")).benchRegistration(plan),
  },
  { names: ["dag_ratio"], run: async (plan) => await (await import("./dag_bench.ts")).benchDag(plan) },
  {
    names: ["balance_ratio"],
    run: async (plan) => await (await import("./balance_bench.ts")).benchBalance(plan),
  },
  {
    names: ["slot_tasks_per_s", "slot_latency_median_us"],
    run: async (plan) => figuresOf(await (await import("./slot_bench.ts")).benchSlot(plan)),
  },
  {
    names: ["isolation_worker_ms", "isolation_process_ms", "isolation_process_decided_ms"],
    run: async (plan) => (await import("./isolation_bench.ts")).benchIsolation(plan),
  },
  {
    names: ["cancel_ready_ms", "cancel_ready_undecided_ms"],
    run: async (plan) => await (await import("./cancel_bench.ts")).benchCancel(plan),
  },
  { names: ["records_per_s"], run: async (plan) => (await import("./records_bench.ts")).benchRecords(plan) },
  {
    names: ["cluster_start_s", "cluster_start_compiled_s"],
    run: async (plan) => await (await import("./start_bench.ts")).benchStart(plan),
  },
  {
    names: [
      "task_latency_median_us",
      "task_latency_p99_us",
      "direct_latency_median_us",
      "tasks_submitted_per_s",
      "tasks_map_per_s",
      "tasks_1kB_per_s",
      "push_MBps",
      "pull_MBps",
      "push_local_MBps",
      "pull_local_MBps",
      "controller_pss_MB",
      "engine_pss_MB",
      "controller_growth_MB",
    ],
    run: async (plan) => await (await import("./cluster_bench.ts")).benchCluster(plan),
  },
  {
    names: ["controller_pss_1M_MB", "controller_growth_1M_MB"],
    run: async () => await (await import("./million_bench.ts")).benchMillion(),
  },
  {
    names: ["broadcast_ratio", "broadcast_MBps"],
    run: async (plan) => await (await import("./broadcast_bench.ts")).benchBroadcast(plan),
  },
  {
    names: ["ref_ratio"],
    run: async (plan) => await (await import("./ref_bench.ts")).benchRefs(plan),
  },
  {
    names: NAMES.filter((name) => name.startsWith("python_")),
    run: async (plan) => await (await import("./python_bench.ts")).benchPython(plan),
  },
];

/** Figures that a bench reports as a list, by name. */
function figuresOf(list: readonly Figure[]): Figures {
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean" },
      quick: { type: "boolean" },
      only: { type: "string" },
      runs: { type: "string", default: "1" },
    },
  });
  const wanted = wantedNames(values.only);
  const plan: Plan = { quick: values.quick === true, wants: (name) => wanted.has(name) };
  const runs: Figure[][] = [];
  for (let left = countOf(values.runs); left > 0; left--) runs.push(await measured(plan));
  const report = runs.length === 1 ? runs[0]! : spreadOf(runs);
  console.log(values.json === true ? jsonLines(report) : tableOf(report));
}

/** One run; of several runs each has its own raw relay, to which its rates are set. */
async function measured(plan: Plan): Promise<Figure[]> {
  const figures: Figures = {};
  for (const { names, run } of BENCHES) {
    if (names.some(plan.wants)) Object.assign(figures, await run(plan));
  }
  return reportOf(
    Object.fromEntries(Object.entries(figures).filter(([name]) => plan.wants(name as Name))),
  );
}

/** @throws RangeError if it is no whole number from 1 */
function countOf(runs: string): number {
  const count = Number(runs);
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`Cannot measure --runs "${runs}" times: a whole number from 1 is needed`);
  }
  return count;
}

/** @throws Error naming all figures if one is asked for that there is not */
function wantedNames(only: string | undefined): ReadonlySet<string> {
  if (only === undefined) return new Set(NAMES);
  // A ratio asks for the two figures that it is of.
  const names = only.replaceAll("python_tasks_ratio", "python_tasks_per_s,python_tasks_per_s_ipcontroller")
    .split(",");
  for (const name of names) {
    if (!NAMES.some((known) => known === name)) {
      throw new Error(`Cannot measure "${name}": there are ${NAMES.join(", ")}`);
    }
  }
  return new Set(names);
}

if (import.meta.main) await main(Deno.args);
