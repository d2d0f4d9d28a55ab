/**
 * Monte Carlo: π from random points in a square, as many tasks as there are seeds.
 *
 *     deno run -A examples/pi.ts             # with a cluster of its own
 *     deno run -A examples/pi.ts --connect   # on the cluster that runs
 */
import { Client, task } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

const TASKS = 40;
const POINTS = 100_000;

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32): the same π on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many of the points are nearer than 1. What a task uses from outside goes along as its captures. */
const inside = task((seed: number) => {
  const random = randomFrom(seed);
  let count = 0;
  for (let i = 0; i < POINTS; i++) if (random() ** 2 + random() ** 2 < 1) count++;
  return count;
}, { captures: { randomFrom, POINTS } });

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());

const seeds = Array.from({ length: TASKS }, (_, i) => i + 1);
const counts = await client.loadBalanced().map(inside, seeds);
const pi = 4 * counts.reduce((sum, count) => sum + count, 0) / (TASKS * POINTS);
console.log(`π is about ${pi.toFixed(5)}, from ${TASKS * POINTS} points in ${TASKS} tasks`);
