/**
 * How near the scheduler's core comes to greedy list scheduling, which knows nothing of messages: makespans on a clock of its own, 8 engines, 0.2 ms until
 * a result is known. Time is simulated and exact, so the ratios can be asserted.
 */
import assert from "node:assert/strict";
import { World } from "../scheduler/core_world.ts";

const ENGINES = 8;

interface Workload {
  /** Durations in the order of submission. */
  readonly tasks: readonly { readonly ms: number; readonly definition?: number }[];
  /** Most that the makespan may be, as a ratio to greedy list scheduling. */
  readonly most: number;
}

/** Numbers in [0, 1), always the same. */
function generator(): () => number {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

function times(count: number, ms: () => number, definition = 0): Workload["tasks"] {
  return Array.from({ length: count }, () => ({ ms: ms(), definition }));
}

/** A normally distributed number. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const random = generator();

const WORKLOADS: Readonly<Record<string, Workload>> = {
  "1 to 500 ms": { tasks: times(800, () => 1 + 499 * random()), most: 1.01 },
  "99 % 1 ms, 1 % 500 ms": { tasks: times(4000, () => random() < 0.01 ? 500 : 1), most: 1.02 },
  "0.05 ms, then 200 ms": {
    tasks: [...times(4000, () => 0.05), ...times(200, () => 200)],
    most: 1.01,
  },
  "lognormal": { tasks: times(2000, () => 2.7 * Math.exp(1.8 * normal(random))), most: 1.05 },
  "0.003 ms": { tasks: times(20_000, () => 0.003), most: 1.2 },
  "1 ms": { tasks: times(5000, () => 1), most: 1.02 },
  "10 ms": { tasks: times(800, () => 10), most: 1.02 },
  "two functions in turns, 0.02 and 300 ms": {
    tasks: Array.from(
      { length: 1600 },
      (_, i) => i % 8 === 0 ? { ms: 300, definition: 1 } : { ms: 0.02, definition: 2 },
    ),
    most: 1.02,
  },
  "a fast function, then a slow one": {
    tasks: [...times(2000, () => 0.02, 1), ...times(100, () => 100 + 300 * random(), 2)],
    most: 1.02,
  },
};

/** When the last task ends where each in turn goes to the engine that is free first. */
function greedy(tasks: Workload["tasks"]): number {
  const freeAt = Array<number>(ENGINES).fill(0);
  for (const { ms } of tasks) freeAt[freeAt.indexOf(Math.min(...freeAt))]! += ms;
  return Math.max(...freeAt);
}

/** The ratio of the core's makespan to greedy's. */
function ratioOf({ tasks }: Workload): number {
  const world = new World({ engines: ENGINES, lasts: ({ n }) => tasks[n - 1]!.ms });
  const began = world.now;
  for (let i = 0; i < tasks.length;) {
    const { definition = 0 } = tasks[i]!;
    let end = i + 1;
    while (end < tasks.length && (tasks[end]!.definition ?? 0) === definition) end++;
    world.submit(1, end - i, null, definition);
    i = end;
  }
  world.run();
  assert.equal(world.ended.length, tasks.length);
  return (world.now - began) / greedy(tasks);
}

for (const [name, workload] of Object.entries(WORKLOADS)) {
  Deno.test(`simulated makespan of ${name} stays near greedy list scheduling`, () => {
    const ratio = ratioOf(workload);
    assert.ok(ratio <= workload.most, `${ratio}`);
  });
}
