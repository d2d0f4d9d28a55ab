/**
 * `deno run -A --unstable-worker-options tests/bench/parts.ts [map|submit|kilobyte] [tasks]`: where a task's microseconds go. Prints the CPU time of each thread of
 * all processes per task, and how often it slept. Linux only. README.md beside this says what each thread does.
 */

import { Cluster } from "../../src/cluster/cluster.ts";
import type { LoadBalancedView } from "../../src/client/load_balanced_view.ts";
import { treesOf } from "./memory.ts";
import { kilobyteRate, mapRate, submitRate } from "./rates.ts";

const RATES = { map: mapRate, submit: submitRate, kilobyte: kilobyteRate } as const;
const BATCH = 20_000;
/** Threads that take less per task are left out. */
const LEAST_US = 0.05;

interface ThreadUse {
  readonly cpuUs: number;
  readonly sleeps: number;
}

type Use = ReadonlyMap<string, ThreadUse>;

/** By "part pid: thread". */
function useOf(parts: ReadonlyMap<number, string>): Use {
  const use = new Map<string, ThreadUse>();
  for (const [pid, part] of parts) {
    for (const { name: thread } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const file = (name: string) => Deno.readTextFileSync(`/proc/${pid}/task/${thread}/${name}`);
      const sleeps = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(file("status"))?.[1] ?? 0);
      const cpuUs = Number(file("schedstat").split(" ")[0]) / 1000;
      use.set(`${part} ${pid}: ${file("comm").trim()} ${thread}`, { cpuUs, sleeps });
    }
  }
  return use;
}

/** Client, controller, engine host, and the children of the slots that work. */
function partsOf(cluster: Cluster): Map<number, string> {
  const parts = new Map([[Deno.pid, "client"]]);
  for (const { saved, pid: own } of cluster.parts) {
    for (const pid of treesOf([own!])) parts.set(pid, pid === own ? saved.kind : "child");
  }
  return parts;
}

function print(before: Use, after: Use, tasks: number): void {
  let total = 0;
  const lines: [us: number, line: string][] = [];
  for (const [name, { cpuUs, sleeps }] of after) {
    const old = before.get(name) ?? { cpuUs: 0, sleeps: 0 }, us = (cpuUs - old.cpuUs) / tasks;
    total += us;
    const often = ((sleeps - old.sleeps) / tasks * 1000).toFixed(1);
    if (us >= LEAST_US) {
      lines.push([us, `${us.toFixed(2).padStart(7)} µs ${often.padStart(6)} sleeps/1000  ${name}`]);
    }
  }
  for (const [, line] of lines.sort(([a], [b]) => b - a)) console.log(line);
  console.log(`${total.toFixed(2).padStart(7)} µs of CPU per task in all`);
}

async function measure(view: LoadBalancedView, cluster: Cluster, { rate, tasks }: {
  rate: (view: LoadBalancedView, count: number) => Promise<number>;
  tasks: number;
}): Promise<void> {
  for (let i = 0; i < 3; i++) await rate(view, BATCH);
  const parts = partsOf(cluster), before = useOf(parts), began = performance.now();
  for (let done = 0; done < tasks; done += BATCH) await rate(view, BATCH);
  const perSecond = tasks / (performance.now() - began) * 1000;
  print(before, useOf(parts), tasks);
  console.log(`${Math.round(perSecond)} tasks per second`);
}

async function main([way = "map", count = "200000"]: readonly string[]): Promise<void> {
  if (!Object.hasOwn(RATES, way)) throw new Error(`Cannot measure "${way}": there are ${Object.keys(RATES)}`);
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "parts", n: 2 });
    await using client = await cluster.client();
    const rate = RATES[way as keyof typeof RATES];
    await measure(client.loadBalanced(), cluster, { rate, tasks: Number(count) });
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}

if (import.meta.main) await main(Deno.args);
