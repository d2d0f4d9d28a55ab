// piscina's end of bench:peers, two threads: one question in JSON a line, one answer a line. Every result is checked.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

// Installed elsewhere: the first argument is the folder.
const { Piscina } = createRequire(`${process.argv[2]}/`)("piscina");
const began = performance.now();
const filename = fileURLToPath(new URL("piscina_tasks.mjs", import.meta.url));
const pool = new Piscina({ filename, minThreads: 2, maxThreads: 2 });

function check(found, expected) {
  if (found !== expected) {
    throw new Error(`Cannot trust the peer: ${found} came back in place of ${expected}`);
  }
}

/** Seconds from the first call to the last checked result. */
async function timed(name, items, expectedOf) {
  const start = performance.now();
  const results = await Promise.all(items.map((item) => pool.run(item, { name })));
  results.forEach((found, i) => check(found, expectedOf(items[i])));
  return (performance.now() - start) / 1000;
}

async function answer(name, count) {
  const numbers = Array.from({ length: count }, (_, i) => i);
  // Its docs have no map: many runs and Promise.all are both.
  if (name === "submit" || name === "map") return await timed("increment", numbers, (n) => n + 1);
  if (name === "kilobyte") {
    return await timed("echo", numbers.map((n) => String(n).padStart(1000, "0")), (text) => text);
  }
  if (name === "wait") return await timed("wait", numbers.map(() => 0.01), (seconds) => seconds);
  if (name !== "trips") return null;
  const trips = [];
  for (const n of numbers) trips.push(await timed("increment", [n], (item) => item + 1));
  return trips;
}

await timed("increment", [41], (n) => n + 1);
console.log(JSON.stringify((performance.now() - began) / 1000));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(...JSON.parse(line))));
}
await pool.destroy();
