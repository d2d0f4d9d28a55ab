/**
 * Cancelling while somebody looks on: a search runs until it has found something or Ctrl-C is pressed; then nothing of it runs any more, and the cluster is as
 * it was.
 *
 *     deno run -A examples/cancel.ts [--connect]
 */
import { Client, TaskCancelled } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());

const pressed = new AbortController();
const onPress = () => pressed.abort("Ctrl-C was pressed");
Deno.addSignalListener("SIGINT", onPress);

/** Looks for a perfect number from here on, and never gives up. */
const search = (from: number): number => {
  for (let n = from;; n++) {
    let sum = 1;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) sum += d + (d * d === n ? 0 : n / d);
    if (sum === n) return n;
  }
};

// Of the signal hear all tasks of the view's calls.
const view = client.loadBalanced({ signal: pressed.signal });
const searches = [2, 10, 100, 1000, 10_000].map((from) => view.apply(search, from));
console.log("Searching; press Ctrl-C to stop");
for (const [i, one] of searches.entries()) {
  try {
    console.log(`search ${i}: found ${await one}`);
  } catch (error) {
    if (!(error instanceof TaskCancelled)) throw error;
    console.log(`search ${i}: ${error.by?.why}`);
  }
}
Deno.removeSignalListener("SIGINT", onPress);

// The engines are free again. One task alone is stopped by its result; one that looks at its signal ends as it likes.
const free = client.loadBalanced();
console.log(`the engines are free: ${await free.apply(() => "yes")}`);
