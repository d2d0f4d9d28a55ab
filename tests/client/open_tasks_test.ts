import assert from "node:assert/strict";
import fc from "fast-check";
import { OpenTasks } from "../../src/client/open_tasks.ts";
import { type TaskRoute, TaskState } from "../../src/client/task_state.ts";

const route: TaskRoute = { isPeer: false, finished() {}, stop() {} };
const owner = { fulfilled() {}, rejected() {} };

function taskOf(n: number): TaskState {
  const task = new TaskState(owner, 0, route, undefined);
  task.n = n;
  return task;
}

Deno.test("open tasks answer as a map of them would, also when old ones stay", () => {
  const n = fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 2 ** 28 }));
  const step = fc.record({ n, isAdded: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 1500, size: "max" }), (steps) => {
    const open = new OpenTasks(), map = new Map<number, TaskState>();
    for (const { n, isAdded } of steps) {
      if (isAdded && !map.has(n)) {
        const task = taskOf(n);
        open.add(task);
        map.set(n, task);
      } else if (!isAdded) assert.equal(open.delete(n), map.delete(n));
      assert.equal(open.get(n), map.get(n));
      assert.equal(open.size, map.size);
    }
    assert.deepEqual(open.all().map(({ n }) => n), [...map.keys()].sort((a, b) => a - b));
  }));
});

Deno.test("a hundred thousand tasks, a few of which stay open, are all found", () => {
  const open = new OpenTasks();
  for (let n = 1; n <= 100_000; n++) {
    open.add(taskOf(n));
    if (n > 300 && (n - 300) % 1000 !== 1) assert.ok(open.delete(n - 300));
  }
  assert.equal(open.size, 400);
  assert.equal(open.get(1)?.n, 1);
  assert.equal(open.get(2), undefined);
  assert.equal(open.get(99_001)?.n, 99_001);
});
