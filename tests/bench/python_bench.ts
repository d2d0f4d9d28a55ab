/**
 * ipyparallel's client and two of its engines on our controller, and the same on its own, in turns in one run: both clusters stand all the
 * time, and what disturbs one disturbs the other. Every result is checked. CPU time and memory are the controller's whole process tree.
 */

import { PYTHON } from "../peers/python.ts";
import { PythonCluster, PythonProgram } from "../peers/python_cluster.ts";
import { type Figures, quantile } from "./figures.ts";
import { cpuSecondsOfTrees, pssOfTrees } from "./memory.ts";
import type { Plan } from "./run.ts";

const ENGINES = 2;
const WARM_UP = 300;
const CLIENT = new URL("python_client.py", import.meta.url);

/** One of the two controllers, with what was measured at it. */
interface Side {
  readonly cluster: PythonCluster;
  readonly client: PythonProgram;
  readonly rates: number[];
  readonly latencies: number[];
  cpuSeconds: number;
  tasks: number;
}

/** Measures both sides; nothing without a Python. */
export async function benchPython({ quick }: Plan): Promise<Figures> {
  if (PYTHON === undefined) {
    console.error("Skipped python_…: TSPARALLEL_PYTHON names no Python with ipyparallel");
    return {};
  }
  await using stack = new AsyncDisposableStack();
  const [ours, theirs] = [await start(stack, PYTHON, "ours"), await start(stack, PYTHON, "ipcontroller")];
  const sides = [ours, theirs];
  for (const side of sides) await side.client.ask(["rate", WARM_UP]);
  const [rounds, count, trips] = quick ? [3, 500, 200] : [10, 1000, 500];
  for (let round = 0; round < rounds; round++) {
    // Who begins changes, so that a drift of the machine's speed favours nobody.
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      await measureRate(side, count);
      side.latencies.push(...await side.client.ask(["latencies", trips]) as number[]);
    }
  }
  return figuresOf(ours, theirs);
}

async function start(
  stack: AsyncDisposableStack,
  python: string,
  controller: "ours" | "ipcontroller",
): Promise<Side> {
  const cluster = stack.use(await PythonCluster.start({ python, controller, engines: ENGINES }));
  const client = stack.use(new PythonProgram(python, CLIENT, [cluster.clientFile]));
  return { cluster, client, rates: [], latencies: [], cpuSeconds: 0, tasks: 0 };
}

/** CPU time is taken over the whole bursts, with what the controller still does when the client has its results. */
async function measureRate(side: Side, count: number): Promise<void> {
  const pids = [side.cluster.controllerPid];
  const before = cpuSecondsOfTrees(pids);
  const seconds = await side.client.ask(["rate", count]) as number;
  side.cpuSeconds += cpuSecondsOfTrees(pids) - before;
  side.rates.push(count / seconds);
  side.tasks += count;
}

function figuresOf(ours: Side, theirs: Side): Figures {
  return {
    python_tasks_per_s: quantile(ours.rates, 0.5),
    python_tasks_per_s_ipcontroller: quantile(theirs.rates, 0.5),
    python_latency_median_us: quantile(ours.latencies, 0.5),
    python_latency_median_us_ipcontroller: quantile(theirs.latencies, 0.5),
    python_controller_pss_MB: pssOfTrees([ours.cluster.controllerPid]),
    python_controller_pss_MB_ipcontroller: pssOfTrees([theirs.cluster.controllerPid]),
    python_controller_cpu_us_per_task: ours.cpuSeconds / ours.tasks * 1e6,
    python_controller_cpu_us_per_task_ipcontroller: theirs.cpuSeconds / theirs.tasks * 1e6,
  };
}
