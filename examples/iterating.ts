/**
 * Iterating: results one by one while others are still being made, in order or as they come, of lists and of inputs without an end.
 *
 *     deno run -A examples/iterating.ts [--connect]
 */
import { Client } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());
const view = client.loadBalanced();

/** The first sleeps longest. */
const nap = (i: number) => new Promise<number>((resolve) => setTimeout(resolve, i === 0 ? 300 : 10, i));

// in the order of the items: each comes when it and those before it are there
const inOrder: number[] = [];
for await (const i of view.map(nap, [0, 1, 2, 3])) inOrder.push(i);
console.log(`in order:     ${inOrder}`);

// as they come: item 0 is overtaken
const asTheyCome: number[] = [];
for await (const i of view.map(nap, [0, 1, 2, 3], { ordered: false })) asTheyCome.push(i);
console.log(`as they come: ${asTheyCome.at(-1)} is last of ${asTheyCome.length}`);

// an input without an end: items are taken as results leave, never more than 8 ahead; `break` cancels what is under way
function* naturals() {
  for (let n = 1;; n++) yield n;
}
const isPrime = (n: number): [number, boolean] => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return [n, false];
  return [n, n > 1];
};
const primes: number[] = [];
for await (const [n, is] of view.imap(isPrime, naturals(), { maxOutstanding: 8 })) {
  if (is) primes.push(n);
  if (primes.length === 10) break;
}
console.log(`imap:         ${primes}`);

// two lists in step, ten items to a task
const left = Array.from({ length: 1000 }, (_, i) => i), right = left.map((i) => 1000 - i);
const sums = await view.map((a: number, b: number) => a + b, left, right, { chunkSize: 10 });
console.log(`in step:      ${sums.length} sums, all ${[...new Set(sums)]}`);

// several calls, each as it ends
const calls = [1, 2, 3].map((i) => view.apply(nap, i));
const ended = new Set<number>();
for (const call of calls) call.then((i) => ended.add(i));
await Promise.all(calls);
console.log(`calls:        ${[...ended].sort()}`);
