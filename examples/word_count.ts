/**
 * Word count: lines of a text are dealt out to the engines, each counts its own, the counts are added here. The text is the beginning of "Alice's Adventures in
 * Wonderland" (data/alice.txt); another file can be named.
 *
 *     deno run -A examples/word_count.ts [--connect] [file]
 */
import { Client, task } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

type Counts = Map<string, number>;

const countWords = (lines: readonly string[]): Counts => {
  const counts: Counts = new Map();
  for (const [word] of lines.join("\n").toLowerCase().matchAll(/\p{L}+(?:'\p{L}+)*/gu)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
};

function addTo(sum: Counts, counts: Counts): Counts {
  for (const [word, count] of counts) sum.set(word, (sum.get(word) ?? 0) + count);
  return sum;
}

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());

const [file = new URL("data/alice.txt", import.meta.url)] = Deno.args.filter((arg) => !arg.startsWith("--"));
const lines = (await Deno.readTextFile(file)).split("\n");

// The lines stay on the engines as `part`; the function takes them from there, which has to be said.
const all = client.direct("all");
await all.scatter("part", lines);
declare const part: readonly string[];
const counted = task(() => countWords(part), { captures: { countWords }, namespace: ["part"] });
const counts = (await all.apply(counted)).reduce(addTo, new Map());

const total = counts.values().reduce((sum, count) => sum + count, 0);
console.log(`${total} words, ${counts.size} different`);
const isSame = countWords(lines).entries().every(([word, count]) => counts.get(word) === count);
console.log(`as counted here: ${isSame}`);
for (const [word, count] of [...counts].sort(([, a], [, b]) => b - a).slice(0, 10)) {
  console.log(`${String(count).padStart(5)}  ${word}`);
}
