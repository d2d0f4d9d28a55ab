/**
 * Scatter, work in place, reduce: mean and variance of an array whose parts stay on the engines. Only three numbers of each part travel back.
 *
 *     deno run -A examples/reduce.ts [--connect]
 */
import { Client, task } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

/** Count, mean and sum of the squared distances from it: all that is needed to join two parts (Chan, Golub and LeVeque). */
interface Moments {
  readonly n: number;
  readonly mean: number;
  readonly squares: number;
}

const momentsOf = (part: Float64Array): Moments => {
  const mean = part.reduce((sum, x) => sum + x, 0) / part.length;
  return { n: part.length, mean, squares: part.reduce((sum, x) => sum + (x - mean) ** 2, 0) };
};

function joined(a: Moments, b: Moments): Moments {
  const n = a.n + b.n, distance = b.mean - a.mean;
  return {
    n,
    mean: a.mean + distance * b.n / n,
    squares: a.squares + b.squares + distance ** 2 * a.n * b.n / n,
  };
}

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());
const all = client.direct("all");

const numbers = Float64Array.from({ length: 1_000_000 }, (_, i) => i % 1000);
await all.scatter("part", numbers);

// Code of the engines' own works on their names; it is TypeScript with top-level await.
await all.execute("part = part.map((x) => x / 1000)");

declare const part: Float64Array;
const moments = await all.apply(
  task(() => momentsOf(part), { captures: { momentsOf }, namespace: ["part"] }),
);
const { n, mean, squares } = moments.reduce(joined);
console.log(
  `${n} numbers in ${moments.length} parts: mean ${mean.toFixed(6)}, variance ${(squares / n).toFixed(6)}`,
);

// gather joins the parts again, in order
const back = await all.gather("part");
console.log(`gathered ${back.length}, the last is ${back.at(-1)}`);
