/** Large buffers that wait for their task, that an open task has, and that nobody will ever ask for. */
import assert from "node:assert/strict";
import { BufferStore } from "../../src/scheduler/buffers.ts";

const piece = (length: number) => ({ record: new Uint8Array(32), bytes: new Uint8Array(length) });

Deno.test("pieces stay from their task's coming to its end", () => {
  const store = new BufferStore(100);
  store.add(1, 1, piece(30));
  store.add(1, 1, piece(20));
  assert.deepEqual([store.get(1, 1).length, store.bytes], [0, 0]);
  store.settle(1, 1, true);
  assert.deepEqual([store.get(1, 1).length, store.bytes], [2, 50]);
  store.add(1, 1, piece(30));
  assert.equal(store.get(1, 1).length, 2, "a piece that comes again is not one more");
  store.drop(1, 1);
  assert.deepEqual([store.get(1, 1).length, store.bytes], [0, 0]);
});

Deno.test("pieces of tasks that are not taken, or never come, take no room for ever", () => {
  const store = new BufferStore(100);
  store.add(1, 1, piece(60));
  store.settle(1, 1, false);
  for (let n = 2; n < 1000; n++) store.add(1, n, piece(40));
  assert.equal(store.bytes, 0);
  store.settle(1, 997, true);
  assert.equal(store.get(1, 997).length, 0, "the oldest went");
  store.settle(1, 999, true);
  assert.deepEqual([store.get(1, 999).length, store.bytes], [1, 40]);
});
