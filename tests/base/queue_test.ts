/** A queue with a head: first in, first out, whatever the order of calls. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Queue } from "../../src/base/queue.ts";

Deno.test("a queue does what a plain array does", () => {
  const step = fc.oneof(fc.nat().map((n) => ({ push: n })), fc.constant("shift"), fc.constant("clear"));
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const [queue, model] = [new Queue<number>(), [] as number[]];
    for (const step of steps) {
      if (typeof step === "object") queue.push(step.push), model.push(step.push);
      else if (step === "shift") assert.equal(queue.shift(), model.shift());
      else queue.clear(), model.splice(0);
      assert.equal(queue.length, model.length);
      assert.equal(queue.peek(), model[0]);
    }
    assert.deepEqual([...queue], model);
  }));
});

Deno.test("a queue that never runs empty keeps order and gives memory back", () => {
  const queue = new Queue<number>();
  for (let i = 0; i < 5000; i++) queue.push(i);
  for (let i = 0; i < 100_000; i++) {
    assert.equal(queue.shift(), i);
    queue.push(i + 5000);
  }
  assert.equal(queue.length, 5000);
  assert.equal(queue.peek(), 100_000);
});
