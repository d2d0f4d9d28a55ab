/**
 * Progress: a bar in a terminal (in a notebook a display, else lines), and what tasks print while they run.
 *
 *     deno run -A examples/progress.ts [--connect]
 */
import { Client } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());

const results = client.loadBalanced().map(
  (ms: number) => new Promise<number>((resolve) => setTimeout(resolve, ms, ms)),
  Array.from({ length: 50 }, (_, i) => 10 + i),
);
// The bar is on stderr; stdout stays free for results.
await results.waitInteractive();
console.log(`${results.progress} tasks, ${(await results).reduce((sum, ms) => sum + ms, 0)} ms of sleep`);

// Text comes as it is written, with who wrote it. The iteration ends when everything has come.
const talking = client.direct("all").apply(async () => {
  for (const step of ["one", "two", "three"]) {
    console.log(`step ${step}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
const said = new Map<number | null, string>();
for await (const { value, engineId } of talking.stdout) {
  said.set(engineId, (said.get(engineId) ?? "") + value);
  console.log(`engine ${engineId}: ${value.trimEnd()} (${talking.done ? "ended" : "running"})`);
}
console.log(`steps of each engine: ${[...said.values()].map((text) => text.trimEnd().split("\n").length)}`);
