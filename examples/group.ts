/**
 * A group: results of different calls as one, with counts, a bound for how many are open, and one way to stop them.
 *
 *     deno run -A examples/group.ts [--connect]
 */
import { AsyncResult, Client, ResultGroup } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());
const view = client.loadBalanced();

// at most 4 open at a time: `submit` waits for room
const group = new ResultGroup<number[]>({ limit: 4 });
let most = 0;
for (let i = 0; i < 40; i++) {
  await group.submit(() => view.apply((x: number) => x ** 2, i));
  most = Math.max(most, group.counts.pending);
}
const squares = await group;
console.log(`${squares.length} squares, the last is ${squares.at(-1)}; never more than 4 open: ${most <= 4}`);

// results of different types keep them: [string, number[]]
const [name, ids] = await AsyncResult.all([
  view.apply(() => "two engines"),
  client.direct("all").apply((x: number) => x + 1, 1),
]);
console.log(`${name.toUpperCase()}: ${ids.map((id) => id.toFixed(1))}`);

// the first failure stops the others
const aborter = new AbortController();
const risky = new ResultGroup({ signal: aborter.signal });
const fail = async (ms: number) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  throw new Error(`failed after ${ms} ms`);
};
for (const ms of [3_600_000, 1, 3_600_000]) risky.add(view.apply(fail, ms));
try {
  for await (const _ of risky);
} catch (error) {
  console.log(String(error));
  aborter.abort("another failed");
}
const { failed, total } = await risky.wait();
console.log(`${failed} of ${total} ended without a value`);
