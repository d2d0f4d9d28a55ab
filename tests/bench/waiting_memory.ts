/**
 * What a waiting task costs the scheduler's core: bytes of heap and of buffers for each of 100,000, with 300 engines that are all busy; plain ones, and those
 * of a random graph. `deno run -A --v8-flags=--expose-gc tests/bench/waiting_memory.ts`
 */
import { World } from "../scheduler/core_world.ts";

const TASKS = 100_000;
const ENGINES = 300;

function bytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Bytes for each waiting task. */
function measure(submit: (world: World) => void): number {
  const world = new World({ engines: ENGINES, hwm: 1, lasts: () => 1e6 });
  world.submit(1, ENGINES);
  const before = bytes();
  submit(world);
  const after = bytes();
  if (world.core.waiting !== TASKS) throw new Error(`${world.core.waiting} tasks wait`);
  return (after - before) / TASKS;
}

const plain = () =>
  measure((world) => {
    for (let i = 0; i < TASKS; i += 500) world.submit(1, 500);
  });
const graph = () =>
  measure((world) => {
    for (let i = 0; i < TASKS; i++) {
      const last = ENGINES + i, ids = [last, 1 + i * 7 % last, 1 + i * 13 % last].slice(0, 1 + i % 3);
      world.submit(1, 1, { after: { ids, all: i % 2 === 0 } });
    }
  });

console.log(
  `plain: ${plain().toFixed(0)} bytes; graph, two edges each on average: ${graph().toFixed(0)} bytes`,
);
