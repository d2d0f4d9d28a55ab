/**
 * What a cluster of two engines does, as its users have it: default profile, sandboxed engines, records in SQLite. Every result is checked
 * while the clock runs.
 */

import { Client } from "../../src/client/client.ts";
import { denoTransport } from "../../src/client/deno_transport.ts";
import type { DirectView } from "../../src/client/direct_view.ts";
import type { LoadBalancedView } from "../../src/client/load_balanced_view.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { type Figures, type Name, quantile } from "./figures.ts";
import { pssOfTrees } from "./memory.ts";
import { controllerPss } from "./million_bench.ts";
import { check, increment, kilobyteRate, mapRate, submitRate } from "./rates.ts";
import type { Plan } from "./run.ts";

const ENGINES = 2;
/** Rounds until what is measured is compiled code, in each process on the way. */
const WARM_UP = 2000;
const BUFFER_BYTES = 64 << 20;
/** Between these numbers of finished tasks the controller's memory must not grow. */
const GROWTH_FROM = 20_000;
const GROWTH_TO = 200_000;
/** Tasks submitted and awaited at once while memory is filled up. */
const BATCH = 20_000;

/** Measures what is wanted on one cluster. */
export async function benchCluster({ quick, wants }: Plan): Promise<Figures> {
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "bench", n: ENGINES });
    await using client = await cluster.client();
    const view = client.loadBalanced();
    await latencies(view, WARM_UP);
    const figures: Figures = {};
    if (wants("task_latency_median_us") || wants("task_latency_p99_us")) {
      const times = await latencies(view, quick ? 1000 : 5000);
      figures.task_latency_median_us = quantile(times, 0.5);
      figures.task_latency_p99_us = quantile(times, 0.99);
    }
    if (wants("direct_latency_median_us")) {
      const direct = engine(client);
      // Other code of the schedulers than that of tasks.
      await latencies(direct, WARM_UP);
      figures.direct_latency_median_us = quantile(await latencies(direct, quick ? 1000 : 5000), 0.5);
    }
    Object.assign(figures, await memoryAndRates({ cluster, view }, { wants }));
    if (wants("tasks_1kB_per_s")) figures.tasks_1kB_per_s = await kilobytes(view, quick ? 5 : 9);
    if (wants("push_MBps") || wants("pull_MBps")) {
      const file = `${profileDir}/security/ipcontroller-bench-client.json`;
      await using remote = await Client.connect({ file, transport: denoTransport({ sharedMemory: false }) });
      await remote.waitForEngines(ENGINES);
      const [push, pull] = await transfers(remote, quick ? 3 : 7);
      Object.assign(figures, { push_MBps: push, pull_MBps: pull });
    }
    if (wants("push_local_MBps") || wants("pull_local_MBps")) {
      const [push, pull] = await transfers(client, quick ? 3 : 7);
      Object.assign(figures, { push_local_MBps: push, pull_local_MBps: pull });
    }
    return figures;
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}

/** One engine's view. */
function engine(client: Client): DirectView<"one"> {
  return client.direct(client.ids[0]!);
}

/** Microseconds of single round trips, one after the other. */
async function latencies(view: LoadBalancedView | DirectView<"one">, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    const result = await view.apply(increment, i);
    times.push((performance.now() - began) * 1000);
    check(result, i + 1);
  }
  return times;
}

interface Running {
  readonly cluster: Cluster;
  readonly view: LoadBalancedView;
}

/** Rates, and the memory that is used after them, when more than 200,000 tasks are through. */
async function memoryAndRates({ cluster, view }: Running, { wants }: Pick<Plan, "wants">): Promise<Figures> {
  const names: readonly Name[] = [
    "tasks_submitted_per_s",
    "tasks_map_per_s",
    "controller_pss_MB",
    "engine_pss_MB",
    "controller_growth_MB",
  ];
  if (!names.some(wants)) return {};
  const submitted = [await submitRate(view, BATCH)];
  const mapped: number[] = [];
  const before = controllerPss(cluster);
  const rounds = (GROWTH_TO - GROWTH_FROM) / BATCH / 2;
  for (let round = 0; round < rounds; round++) {
    submitted.push(await submitRate(view, BATCH));
    mapped.push(await mapRate(view, BATCH));
  }
  const after = controllerPss(cluster);
  return {
    tasks_submitted_per_s: quantile(submitted, 0.5),
    tasks_map_per_s: quantile(mapped, 0.5),
    controller_pss_MB: after,
    engine_pss_MB: pssOfTrees(enginePids(cluster)),
    controller_growth_MB: after - before,
  };
}

/** The median of some rounds, the first of which warms up. */
async function kilobytes(view: LoadBalancedView, rounds: number): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round <= rounds; round++) rates.push(await kilobyteRate(view, BATCH));
  return quantile(rates.slice(1), 0.5);
}

function enginePids(cluster: Cluster): number[] {
  return cluster.parts.filter(({ saved }) => saved.kind !== "controller").map(({ pid }) => pid!);
}

/** MB per second of 64 MiB into and out of an engine's namespace. */
async function transfers(client: Client, rounds: number): Promise<readonly [push: number, pull: number]> {
  const view = engine(client);
  const pushes: number[] = [];
  const pulls: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const data = new Uint8Array(BUFFER_BYTES);
    for (let at = 0; at < data.length; at += 4096) data[at] = at / 4096 + round;
    pushes.push(await rateOf(async () => void (await view.push({ benchData: data }))));
    pulls.push(
      await rateOf(async () => {
        checkBuffer(await view.pull("benchData"), round);
      }),
    );
  }
  return [quantile(pushes, 0.5), quantile(pulls, 0.5)];
}

async function rateOf(transfer: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await transfer();
  return BUFFER_BYTES / 1000 / (performance.now() - began);
}

/** One byte of each page is looked at, as one was written. */
function checkBuffer(found: unknown, round: number): void {
  if (!(found instanceof Uint8Array) || found.length !== BUFFER_BYTES) {
    throw new Error(
      `Cannot trust the cluster: ${BUFFER_BYTES} bytes came back as ${Deno.inspect(found).slice(0, 80)}`,
    );
  }
  for (let at = 0; at < found.length; at += 4096) check(found[at], (at / 4096 + round) & 0xff);
}
