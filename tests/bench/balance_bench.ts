/**
 * How evenly tasks are spread: the time that tasks of 1 to 500 ms at random take on 8 engines, against greedy list scheduling of the same durations in the
 * same order, which knows nothing of messages. Tasks wait for a timer, so the engines do not need 8 processors. No-ops run before: the engines were
 * fast, and nothing tells that the tasks now will not be.
 */
import type { LoadBalancedView } from "../../src/client/load_balanced_view.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { generator } from "./dag_bench.ts";
import { type Figures, quantile } from "./figures.ts";

const ENGINES = 8;
const LONGEST_MS = 500;

export async function benchBalance({ quick }: { readonly quick: boolean }): Promise<Figures> {
  const ratios = await measureBalance(quick ? [80] : [300, 300, 300]);
  return { balance_ratio: quantile(ratios, 0.5) };
}

/** The ratio of each run, of so many tasks. */
async function measureBalance(counts: readonly number[]): Promise<number[]> {
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "balance", n: ENGINES });
    await using client = await cluster.client();
    const view = client.loadBalanced(), ratios: number[] = [];
    for (const [seed, count] of counts.entries()) {
      const random = generator(seed);
      const durations = Array.from({ length: count }, () => 1 + Math.floor(random() * LONGEST_MS));
      await view.map((n: number) => n, Array(2000).keys());
      ratios.push(await makespan(view, durations) / greedy(durations, ENGINES));
    }
    return ratios;
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}

async function makespan(view: LoadBalancedView, durations: readonly number[]): Promise<number> {
  const began = performance.now();
  const results = durations.map((ms) => view.apply(pause, ms));
  for (const [i, ms] of durations.entries()) {
    const result = await results[i]!;
    if (result !== ms) throw new Error(`Cannot trust the cluster: ${result} came back in place of ${ms}`);
  }
  return performance.now() - began;
}

function pause(ms: number): Promise<number> {
  return new Promise((done) => setTimeout(() => done(ms), ms));
}

/** When the last task ends where each in turn goes to the engine that is free first. */
export function greedy(durations: readonly number[], engines: number): number {
  const freeAt = Array<number>(engines).fill(0);
  for (const ms of durations) freeAt[freeAt.indexOf(Math.min(...freeAt))]! += ms;
  return Math.max(...freeAt);
}

if (import.meta.main) console.log(await measureBalance(Deno.args.map(Number)));
