/**
 * Tasks with one large value in common: put once and named by a ref, against the value among each task's arguments. Every result depends on the value.
 */
import type { Client } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import type { Figures } from "./figures.ts";
import type { Plan } from "./run.ts";

const ENGINES = 2;
const BYTES = 8 << 20;
/** Most tasks that are open: the value is in memory that often. */
const OPEN = 32;

/** Measures what is wanted on one cluster of two. */
export async function benchRefs({ quick }: Pick<Plan, "quick">): Promise<Figures> {
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "bench", n: ENGINES });
    await using client = await cluster.client();
    await client.direct("all").apply(() => 1);
    const value = new Uint8Array(BYTES).map((_, i) => i);
    await rate(client, value, 8);
    const plain = await rate(client, value, quick ? 32 : 128);
    // The time of the put, and of the ways to the engines, counts.
    const began = performance.now(), count = quick ? 200 : 1000;
    const ref = await client.put(value);
    await rate(client, ref.asValue, count);
    return { ref_ratio: count / (performance.now() - began) * 1000 / plain };
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}

async function rate(client: Client, value: Uint8Array, count: number): Promise<number> {
  const began = performance.now();
  const items = Array.from({ length: count }, (_, i) => [value, i] as const);
  const found = await client.loadBalanced().map(items, ([a, i]) => a[i * 1000]! + a.length, {
    concurrency: OPEN,
  });
  const wrong = found.findIndex((got, i) => got !== ((i * 1000) & 255) + BYTES);
  if (wrong >= 0) throw new Error(`Cannot trust the cluster: task ${wrong} had another value`);
  return count / (performance.now() - began) * 1000;
}
