/**
 * A directed graph of tasks: 32 nodes, 128 edges at random. Each task starts when all that point to it have ended; then their times are held against the graph.
 *
 *     deno run -A examples/dag.ts [--connect]
 */
import { Client, type GraphNode } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

const NODES = 32;
const EDGES = 128;

/** Edges go from lower to higher numbers, so that there is no cycle; of one, `client.graph` would say its names. */
function randomGraph(): Record<string, GraphNode<number>> {
  const before = Array.from({ length: NODES }, () => new Set<string>());
  for (let made = 0; made < EDGES;) {
    const [a, b] = [Math.floor(Math.random() * NODES), Math.floor(Math.random() * NODES)];
    const [from, to] = [Math.min(a, b), Math.max(a, b)];
    if (from === to || before[to]!.has(`node${from}`)) continue;
    before[to]!.add(`node${from}`);
    made++;
  }
  const run = (ms: number) => new Promise<number>((resolve) => setTimeout(resolve, ms, ms));
  return Object.fromEntries(
    before.map((after, i) => [`node${i}`, { run, args: [Math.random() * 20], after: [...after] }]),
  );
}

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());

const nodes = randomGraph();
const graph = client.graph(nodes);
const slept = Object.values(await graph.values());

let kept = 0;
for (const [name, { after = [] }] of Object.entries(nodes)) {
  const { started } = graph.results[name]!.metadata;
  for (const earlier of after) {
    const { completed } = graph.results[earlier]!.metadata;
    if (started !== null && completed !== null && started >= completed) kept++;
  }
}
console.log(`${slept.length} tasks ran; ${kept} of ${EDGES} edges were kept`);
