/**
 * Dependencies: tasks that wait for others, go where others ran, or come only when something failed.
 *
 *     deno run -A examples/dependencies.ts [--connect]
 */
import { Client, ImpossibleDependency } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());
const view = client.loadBalanced();

// after: a task starts when others have succeeded; follow: it runs on an engine where they ran
const loaded = view.apply(() => {
  Object.assign(globalThis, { table: [3, 1, 2] });
  return Date.now();
});
const sorted = view.with({ follow: loaded, label: "sorted" }).apply(() => {
  const { table } = globalThis as unknown as { table: number[] };
  return { table: table.toSorted(), at: Date.now() };
});
const { table, at } = await sorted;
console.log(`follow: ${table} was sorted where it was loaded`);
console.log(`        the same engine: ${sorted.metadata.engineId === loaded.metadata.engineId}`);
console.log(`        later: ${at >= await loaded}`);

// any: the first of several is enough; the one that would take an hour is cancelled
const slow = view.apply(() => new Promise<string>((resolve) => setTimeout(resolve, 3_600_000, "slow")));
const quick = view.apply(() => "quick");
console.log(
  `any:    ${await view.with({ after: { ids: [slow, quick], all: false } }).apply(() => "went on")}`,
);
slow.cancel("one was enough");

// failure: a task for the case that another fails; what needs its success cannot run any more, and is told at once
const broken = view.apply((text: string) => JSON.parse(text) as unknown, "{");
const repaired = view.with({ after: { ids: [broken], success: false, failure: true } }).apply(() =>
  "repaired"
);
const hopeless = view.with({ after: broken }).apply(() => "never");
console.log(`failed: ${await repaired}`);
try {
  await hopeless;
} catch (error) {
  if (!(error instanceof ImpossibleDependency)) throw error;
  console.log("        a task that waits for its success: ImpossibleDependency");
}
