/**
 * A program of a user's, without a word of its runtime: Deno and Node run it against the same cluster and have to print the same lines.
 * Arguments: the connection file, and a seed for its random values.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { Client, CompositeError, RemoteError, task, TaskCancelled } from "tsparallel";

const [, , file, seed = "1"] = process.argv;
const say = (what, value) => console.log(`${what}: ${JSON.stringify(value)}`);
const pick = random(Number(seed));

const client = await Client.connect({ file });
say("engines", await client.waitForEngines(2, { timeoutMs: 20_000 }));
const view = client.loadBalanced(), all = client.direct("all");

// Monte Carlo, each part with a seed of its own.
const inside = await view.map((seed) => {
  let state = seed, hits = 0;
  const next = () => (state = (state * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;
  for (let i = 0; i < 20_000; i++) hits += next() ** 2 + next() ** 2 < 1 ? 1 : 0;
  return hits;
}, [1, 2, 3, 4, 5, 6, 7, 8]);
say("pi", 4 * inside.reduce((sum, hits) => sum + hits) / (8 * 20_000));

say("apply", await view.apply((a, b) => `${a}${b}`, "x", 1n << 70n));
say("everywhere", await all.apply(() => 6 * 7));
await all.push({ a: [1, { b: 2 }] });
say("pulled", await all.pull("a"));
say("scattered", await all.scatter("part", [1, 2, 3, 4]).then(() => all.gather("part")));
say("executed", (await client.direct(0).execute("a.length"))?.value ?? null);
const seen = [];
for await (const value of view.map((n) => n * n, range(500), { ordered: true })) seen.push(value);
say("iterated", seen.reduce((sum, n) => sum + n));
say("many", (await Promise.all(Array.from(range(3000), (n) => view.apply((n) => n + 1, n)))).at(-1));

// A module with what it imports, and generators, of a module and by themselves.
const folder = mkdtempSync(join(tmpdir(), "tsparallel-work-"));
writeFileSync(join(folder, "part.mjs"), "export const part = (n) => n < 0 ? missing : n * 2;");
writeFileSync(
  join(folder, "work.mjs"),
  `import { sep } from "node:path";
   import { part } from "./part.mjs";
   export const double = (n) => sep + part(n);
   export function* upTo(n) { for (let i = 0; i < n; i++) yield part(i); }`,
);
const work = await task(pathToFileURL(join(folder, "work.mjs")));
say("module", await view.apply(work.double, 4));
say("in the module", /part\.mjs:\d+:\d+/.exec((await errorOf(view.apply(work.double, -1))).stack)?.[0]);
const streamed = [];
for await (const value of view.stream(work.upTo, 3)) streamed.push(value);
for await (
  const value of client.direct(0).stream(async function* () {
    for (let i = 0;; i++) yield i;
  })
) if (streamed.push(value) > 2500) break;
say("streamed", [streamed.length, streamed.at(-1)]);
rmSync(folder, { recursive: true });

// Text as it comes.
const talking = all.apply(() => {
  console.log("said");
  console.error("complained");
});
const said = [];
for await (const { value } of talking.stdout) said.push(value);
await talking.outputReady();
say("stdout", [said, talking.metadata.map(({ stderr }) => stderr)]);
const shown = [];
await view.map((n) => n, [1, 2, 3]).waitInteractive({ write: (line) => shown.push(line) });
say("progress", shown.at(-1).replace(/[\d.]+ s/, "… s"));

// Errors, with the place where they were thrown.
const failing = await errorOf(view.apply(function failing() {
  throw new RangeError("out of range", { cause: "a cause" });
}));
assert(failing instanceof RemoteError);
say("error", [
  failing.name,
  failing.ename,
  failing.evalue,
  /at failing .*\/(\w+\.mjs:\d+:\d+)/.exec(failing.stack)?.[1],
]);
const several = await errorOf(all.apply(() => {
  throw new TypeError("everywhere");
}));
say("errors", [several instanceof CompositeError, several.errors.map(({ ename }) => ename)]);
say("unsendable", (await errorOf(async () => await view.apply((x) => x, new WeakMap()))).message);
say("unknown engine", (await errorOf(async () => await client.direct(77))).message);

// Stopping.
const endless = client.direct(0).apply(() => new Promise(() => setInterval(() => {}, 1000)));
await errorOf(endless.get({ timeoutMs: 50 })).then(({ name }) => say("a local wait", name));
await endless.cancel("enough");
say("cancelled", [await errorOf(endless) instanceof TaskCancelled, client.pending]);
const controller = new AbortController();
const aborted = view.map((n) => new Promise((resolve) => setTimeout(() => resolve(n), 60_000)), [1, 2, 3], {
  signal: controller.signal,
});
controller.abort(new Error("not any more"));
say("aborted", (await errorOf(aborted)).message);

// Large values, one way, the other, and both.
const large = new Uint8Array(16 << 20);
for (let i = 0; i < large.length; i += 4096) large[i] = i >> 12;
say("large sent", await view.apply((bytes) => bytes.reduce((sum, byte) => sum + byte, 0), large));
say("large got", sum(await client.direct(1).apply(() => new Float64Array(1 << 20).fill(0.5))));
const [one, two] = await all.apply((bytes) => bytes, large);
assert.deepEqual([Buffer.compare(one, large), Buffer.compare(two, large)], [0, 0]);

// Whatever values there are come back as they went.
for (let i = 0; i < 200; i++) {
  const value = anything(4);
  assert.deepEqual(await client.direct(i % 2).apply((x) => x, value), value);
  if (i % 10 === 0) say("value", describe(await view.apply((x) => [x, typeof x], value)));
}

// A second client sees what the first one did.
const other = await Client.connect({ file });
const known = view.apply(() => "for both");
const [[msgId]] = [known.msgIds];
assert.equal(await known, "for both");
say("from another client", await other.result(msgId, { timeoutMs: 10_000 }));
assert.notEqual(other.session, client.session);
await other.close();
await other.close();
say("one is closed", (await errorOf(async () => await other.direct(0).apply(() => 1))).message);
say("the other is not", await view.apply(() => 1));

// Nothing but the client keeps this program alive while it waits, and nothing of it does after.
say("slow", await view.apply(() => new Promise((resolve) => setTimeout(() => resolve("late"), 400))));
const lost = errorOf(view.apply(() => new Promise((resolve) => setTimeout(resolve, 200))));
await client.close();
say("closed", (await lost).message);

function* range(n) {
  for (let i = 0; i < n; i++) yield i;
}

function sum(numbers) {
  return numbers.reduce((total, n) => total + n, 0);
}

async function errorOf(work) {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    return error;
  }
  throw new Error("It did not fail");
}

/** Numbers below n, the same ones in every runtime. */
function random(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * n);
  };
}

function anything(depth) {
  const plain = [
    () => pick(1000) - 500,
    () => [NaN, -0, Infinity, 0.1, 2 ** 53][pick(5)],
    () => BigInt(pick(1e6)) ** BigInt(pick(9)) * (pick(2) === 0 ? 1n : -1n),
    () => ["", "ASCII", "ä€😀", "\u0000\ud800"][pick(4)] + "x".repeat(pick(50)),
    () => [null, undefined, true, false][pick(4)],
    () => new Date(pick(2 ** 31) * 1000),
    () => [/a+/gi, /[\p{L}]/u][pick(2)],
    () =>
      new [Uint8Array, Int16Array, Uint32Array, Float32Array, Float64Array, BigInt64Array][pick(6)](
        pick(300),
      ),
    () => Uint8Array.from({ length: pick(200) }, () => pick(256)).buffer,
    () => new DataView(new ArrayBuffer(pick(50))),
    () => new [Error, TypeError, RangeError][pick(3)]("no " + pick(100)),
    () => new Uint8Array(70_000 + pick(100_000)).fill(pick(256)),
  ];
  const deep = [
    () => Array.from({ length: pick(6) }, () => anything(depth - 1)),
    () => Object.fromEntries(Array.from({ length: pick(6) }, (_, i) => [`k${i}é`, anything(depth - 1)])),
    () => new Map(Array.from({ length: pick(4) }, (_, i) => [i, anything(depth - 1)])),
    () => new Set(Array.from({ length: pick(4) }, (_, i) => `s${i}`)),
    () => {
      const cyclic = { value: anything(depth - 1) };
      cyclic.self = cyclic;
      return cyclic;
    },
  ];
  const ways = depth > 0 && pick(3) > 0 ? deep : plain;
  return ways[pick(ways.length)]();
}

/** A value as text, to every depth. */
function describe(value, above = []) {
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" ? JSON.stringify(value) : String(value);
  }
  if (above.includes(value)) return `↑${above.length - above.indexOf(value)}`;
  const kind = Object.prototype.toString.call(value).slice(8, -1), inner = [...above, value];
  if (value instanceof Error) return `${kind} ${value.name} ${value.message}`;
  if (value instanceof Date || value instanceof RegExp) return `${kind} ${JSON.stringify(value)} ${value}`;
  if (value instanceof ArrayBuffer) return `${kind} ${new Uint8Array(value)}`;
  if (ArrayBuffer.isView(value)) {
    return `${kind} ${value.byteLength} ${
      new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice(0, 20)
    }`;
  }
  const entries = value instanceof Map || value instanceof Set ? [...value.entries()] : Object.entries(value);
  return `${kind}{${entries.map(([key, part]) => `${key}=${describe(part, inner)}`).join(",")}}`;
}
