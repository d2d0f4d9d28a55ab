import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bootstrap,
  type BootstrapTask,
  DELAYS_NAME,
  estimate,
  planTasks,
  quantileOf,
} from "../../src/demo/bootstrap.ts";
import type { Slice } from "../../src/demo/flights.ts";

/** The generator that the bootstrap uses, written down a second time. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The same by drawing, sorting and looking. */
function directly(sample: readonly number[], { replicates, seed }: { replicates: number; seed: number }) {
  const random = mulberry32(seed);
  const drawn = Array.from({ length: replicates }, () => {
    const values = sample.map(() => sample[Math.floor(random() * sample.length)]!).sort((a, b) => a - b);
    return [
      values[Math.ceil(values.length * 0.5) - 1]!,
      values[Math.ceil(values.length * 0.9) - 1]!,
    ] as const;
  });
  return { median: drawn.map(([median]) => median), high: drawn.map(([, high]) => high) };
}

Deno.test("bootstrap() counts what drawing and sorting gives", () => {
  const delays = fc.array(fc.integer({ min: -1200, max: 1700 }), { minLength: 1, maxLength: 200 });
  fc.assert(fc.property(delays, fc.integer(), fc.integer({ min: 1, max: 5 }), (sample, seed, replicates) => {
    const task: BootstrapTask = { slice: 3, from: 2, to: 2 + sample.length, replicates, seed };
    const result = bootstrap(task, Int16Array.from([999, -999, ...sample, 5]));
    const direct = directly(sample, task);
    assert.equal(result.slice, 3);
    assert.deepEqual([...result.median], direct.median);
    assert.deepEqual([...result.high], direct.high);
  }));
});

Deno.test("bootstrap() needs nothing but its arguments and the delays that were pushed", () => {
  const delays = Int16Array.of(1, 5, 9, 3);
  const task: BootstrapTask = { slice: 0, from: 0, to: 4, replicates: 7, seed: 1 };
  const remote: typeof bootstrap = new Function(DELAYS_NAME, `return (${bootstrap.toString()})`)(delays);
  assert.deepEqual(remote(task), bootstrap(task, delays));
});

Deno.test("estimate() holds the quantile of the data, as wide as theory says", () => {
  const sample = Int16Array.from({ length: 4000 }, (_, i) => i % 1000);
  const { median, high } = bootstrap({ slice: 0, from: 0, to: 4000, replicates: 400, seed: 3 }, sample);
  for (const [quantile, replicates, value] of [[0.5, median, 499], [0.9, high, 899]] as const) {
    const found = estimate(sample, quantile, replicates);
    assert.equal(found.value, value);
    assert.ok(found.low < value && value < found.high);
    const theory = 2 * 1.96 * 1000 * Math.sqrt(quantile * (1 - quantile) / 4000);
    assert.ok(Math.abs(found.high - found.low - theory) < theory / 4);
  }
});

Deno.test("quantileOf() is the smallest value that reaches the share", () => {
  const sample = Int16Array.of(40, 10, 30, 20);
  assert.deepEqual([0, 0.25, 0.5, 0.51, 0.9, 1].map((q) => quantileOf(sample, q)), [10, 10, 20, 30, 40, 40]);
  assert.deepEqual([...sample], [40, 10, 30, 20], "the sample is left as it was");
});

Deno.test("planTasks() gives each slice all its replicates, in tasks of like size with seeds of their own", () => {
  const slices: Slice[] = [100, 5000, 20_000].map((size, i) => ({
    airport: `A${i}`,
    hour: i,
    from: 0,
    to: size,
  }));
  const tasks = planTasks(slices, { replicates: 500, tasks: 300 });
  for (let slice = 0; slice < slices.length; slice++) {
    const own = tasks.filter((task) => task.slice === slice);
    assert.equal(own.reduce((sum, task) => sum + task.replicates, 0), 500);
    assert.ok(own.every((task) => task.replicates > 0 && task.to === slices[slice]!.to));
  }
  assert.ok(tasks.length >= 300 && tasks.length <= 303);
  const largest = Math.max(...tasks.map((task) => task.replicates * (task.to - task.from)));
  assert.ok(largest <= 25_100 * 500 / 300 + 20_000);
  assert.equal(new Set(tasks.map((task) => task.seed)).size, tasks.length);
});
