import assert from "node:assert/strict";
import fc from "fast-check";
import { OrderHeap } from "../../src/scheduler/order_heap.ts";

Deno.test("shift() gives the smallest key, and of equal ones the number that came first, also where numbers begin anew", () => {
  const seqs = fc.uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(seqs, fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 60 }), (seqs, keys) => {
    const heap = new OrderHeap();
    const wanted = seqs.map((seq, i) => ({ seq, key: keys[i]! }));
    for (const { seq, key } of wanted) heap.push(key, seq >>> 0 === 0 ? 1000 : seq >>> 0);
    wanted.sort((a, b) => a.key - b.key || order(a.seq) - order(b.seq));
    assert.equal(heap.length, seqs.length);
    for (const { seq, key } of wanted) {
      assert.equal(heap.firstKey, key);
      assert.equal(heap.shift(), order(seq) >>> 0);
    }
    assert.equal(heap.shift(), 0);
  }));
});

/** There is no number 0. */
function order(seq: number): number {
  return seq === 0 ? 1000 : seq;
}
