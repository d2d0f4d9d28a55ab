/** Pieces that wait for their task: bounded in bytes and in time, and given back once, whatever becomes of them. */
import assert from "node:assert/strict";
import { type PieceMemory, PieceStore, release } from "../../src/engine/piece_store.ts";

/** Counts who holds it. */
class Memory implements PieceMemory {
  users = 0;
  hold(): void {
    this.users++;
  }
  release(): void {
    this.users--;
    assert.ok(this.users >= 0, "given back more often than held");
  }
}

const piece = (length: number, memory?: Memory, total = length, offset = 0, index = 0) => {
  const bytes = new Uint8Array(length);
  return memory === undefined ? { index, total, offset, bytes } : { index, total, offset, bytes, memory };
};

Deno.test("pieces are handed out whole, in order, and only then", () => {
  const store = new PieceStore(), memory = new Memory();
  store.add(1, 1, piece(10, memory, 20), 0);
  assert.equal(store.isWhole(1, 1, 1), false);
  const list = store.add(1, 1, piece(10, memory, 20, 10), 0);
  assert.equal(store.isWhole(1, 1, 1), true);
  assert.equal(store.isWhole(1, 1, 2), false);
  assert.equal(store.take(1, 1, 1), list);
  assert.deepEqual([store.bytes, memory.users], [0, 2]);
  release(list);
  assert.equal(memory.users, 0);
  store.add(1, 2, piece(10, memory, 20, 10), 0);
  assert.equal(store.take(1, 2, 1), null, "its first piece is missing");
  assert.deepEqual([store.bytes, memory.users], [0, 0]);
});

Deno.test("what nobody asks for goes: the oldest for room, the rest after a while", () => {
  const dropped: number[] = [], memory = new Memory();
  const store = new PieceStore({ maxBytes: 100, patienceMs: 1000, onDropped: (_, n) => dropped.push(n) });
  for (let n = 1; n <= 4; n++) store.add(1, n, piece(40, memory, 80), n * 100);
  assert.deepEqual([dropped, store.bytes, memory.users], [[1, 2], 80, 2]);
  assert.deepEqual(store.add(1, 5, piece(200, memory), 450), [], "more than there is room for");
  assert.deepEqual([dropped, store.bytes, memory.users], [[1, 2, 3, 4, 5], 0, 0]);
  store.add(1, 6, piece(40, memory, 80), 500);
  store.add(1, 7, piece(40, memory, 80), 500);
  store.add(1, 6, piece(10, memory, 80, 40), 1200);
  store.expire(1499);
  assert.equal(store.bytes, 90);
  store.expire(1500);
  assert.deepEqual([dropped.slice(5), store.bytes], [[7], 50], "the other one still gets pieces");
  store.clear();
  assert.deepEqual([dropped.slice(5), store.bytes, memory.users], [[7, 6], 0, 0]);
});

Deno.test("pieces that came by two ways are put in order", () => {
  const store = new PieceStore();
  const at = (index: number, offset: number) => piece(10, undefined, 20, offset, index);
  for (const [index, offset] of [[0, 10], [1, 0], [0, 0], [1, 10]] as const) {
    assert.equal(store.isWhole(1, 1, 2), false);
    store.add(1, 1, at(index, offset), 0);
  }
  assert.equal(store.isWhole(1, 1, 2), true);
  const order = store.take(1, 1, 2)!.map(({ index, offset }) => [index, offset]);
  assert.deepEqual(order, [[0, 0], [0, 10], [1, 0], [1, 10]]);
});
