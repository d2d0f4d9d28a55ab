/**
 * Task profiler: what the cluster costs. So many tasks sleep for times at random; the sum of their times over the time that it took is the speed-up, and over the
 * number of engines the efficiency.
 *
 *     deno run -A examples/task_profiler.ts [--connect] [tasks] [least ms] [most ms]
 */
import { Client } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

const [tasks = 200, least = 1, most = 20] = Deno.args.filter((arg) => !arg.startsWith("--")).map(Number);

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());
const engines = (await client.waitForEngines()).length;
const view = client.loadBalanced();

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
await view.map(sleep, Array<number>(engines * 2).fill(1)); // wakes the engines

const times = Array.from({ length: tasks }, () => least + Math.random() * (most - least));
const results = view.map(sleep, times);
await results;

const asked = times.reduce((sum, ms) => sum + ms, 0);
const { serialTime, wallTime, speedup } = results.times;
console.log(`executed ${tasks} tasks on ${engines} engines in ${wallTime.toFixed(0)} ms`);
console.log(`asked to sleep for ${asked.toFixed(0)} ms, slept for ${serialTime.toFixed(0)} ms`);
console.log(`speed-up ${speedup.toFixed(2)}, efficiency ${(100 * speedup / engines).toFixed(0)} %`);
console.log(`throughput ${(1000 * tasks / wallTime).toFixed(0)} tasks/s`);

const byEngine = Map.groupBy(results.metadata, ({ engineId }) => engineId);
for (const [id, own] of [...byEngine].sort(([a], [b]) => (a ?? 0) - (b ?? 0))) {
  console.log(`engine ${id} ran ${own.length} tasks`);
}
