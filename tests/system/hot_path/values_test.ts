/** Values of all sizes and limits of few tasks among thousands of others: right to the byte, and only who breaks a limit feels it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { LimitExceeded } from "../../../src/client/client.ts";
import { queueIsEmpty, Run } from "../run.ts";
import { recordedBy, scaled } from "./counted.ts";

/** Around what fits into records, rings, bodies and chunks. */
const EDGES = [1 << 10, 4 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20];
const SIZES = EDGES.flatMap((edge) => [-81, -48, -8, -1, 0, 1, 7].map((by) => edge + by));

function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(seed);
  for (let i = 0; i < length; i += 13) bytes[i] = i * 7 + seed;
  return bytes;
}

Deno.test("values near the sizes of rings, bodies and chunks, as bytes and as text, at rate", async () => {
  await using run = await Run.start({ n: 2 });
  const view = run.client.loadBalanced();
  const rounds = scaled(10), small = scaled(20_000);
  const echo = (value: Uint8Array | string, seed: number) => [value, value.length, seed] as const;
  const plain = view.map((i: number) => i + 1, Array.from({ length: small }, (_, i) => i));
  for (let round = 0; round < rounds; round++) {
    const results = SIZES.map((size, i) => ({
      bytes: view.apply(echo, bytesOf(size, i + round), i),
      text: view.apply(echo, "y".repeat(size), i),
    }));
    for (const [i, { bytes, text }] of results.entries()) {
      const size = SIZES[i]!, sent = bytesOf(size, i + round);
      const [back, length, seed] = await bytes as readonly [Uint8Array, number, number];
      assert.deepEqual([length, seed], [size, i]);
      assert(Buffer.compare(back, sent) === 0, `${size} bytes`);
      assert.deepEqual(await text, ["y".repeat(size), size, i]);
    }
  }
  assert.deepEqual(await plain, Array.from({ length: small }, (_, i) => i + 1));
  await queueIsEmpty(run.client);
});

Deno.test("arguments of 200 kB at rate", async () => {
  await using run = await Run.start({ n: 2 });
  const tasks = scaled(3000), length = 200_000;
  const check = (value: Uint8Array, i: number) => [value.length, value[0], value[value.length - 1], i];
  const seeds = Array.from({ length: tasks }, (_, i) => i);
  const values = Array.from({ length: 16 }, (_, i) => bytesOf(length, i));
  const results = await run.client.loadBalanced().map(check, seeds.map((i) => values[i % 16]!), seeds);
  for (const [i, result] of results.entries()) {
    const value = values[i % 16]!;
    assert.deepEqual(result, [length, value[0], value[length - 1], i]);
  }
  await queueIsEmpty(run.client);
});

Deno.test("limits of few tasks among thousands without one", async () => {
  await using run = await Run.start({ n: 2 });
  const { client } = run, tasks = scaled(20_000), every = scaled(4000);
  const plain = client.loadBalanced();
  const short = plain.with({ limits: { runTimeoutMs: 100 } });
  const few = plain.with({ limits: { resultLimitBytes: 1000 } });
  const tooLong = (i: number) => {
    if (i % 2 === 0) { for (;;); }
    return i;
  };
  const results = Array.from({ length: tasks }, (_, i) => {
    if (i % every === 1) return short.apply(tooLong, i - 1);
    if (i % every === 2) return few.apply((i: number) => "z".repeat(5000) + i, i);
    if (i % every === 3) return short.apply(tooLong, i);
    return plain.apply((i: number) => i, i);
  });
  const settled = await Promise.allSettled(results);
  let over = 0;
  for (const [i, one] of settled.entries()) {
    const kind = i % every;
    if (one.status === "fulfilled") assert.equal(one.value, i, `task ${i}`);
    else {
      assert(one.reason instanceof LimitExceeded, `task ${i}: ${one.reason}`);
      assert(kind === 1 || kind === 2, `task ${i} broke no limit: ${one.reason}`);
      over++;
    }
  }
  assert.equal(over, 2 * Math.ceil(tasks / every));
  await queueIsEmpty(client);
  const records = await recordedBy(client, ["ok"]);
  assert.equal(records.ok, tasks - over);
});
