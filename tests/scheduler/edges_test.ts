import assert from "node:assert/strict";
import fc from "fast-check";
import { Edges } from "../../src/scheduler/edges.ts";

Deno.test("edges are what lists in a map would be", () => {
  const act = fc.record({ isTake: fc.boolean(), key: fc.nat(5), seq: fc.integer({ min: 1, max: 4 }) });
  fc.assert(fc.property(fc.array(act, { maxLength: 900 }), (acts) => {
    const edges = new Edges(), lists = new Map<number, number[]>();
    for (const { isTake, key, seq } of acts) {
      const list = lists.get(key) ?? [];
      if (isTake) {
        assert.deepEqual(edges.take(key), list);
        lists.delete(key);
      } else {
        edges.add(key, seq);
        lists.set(key, list.at(-1) === seq ? list : [...list, seq]);
      }
      assert.equal(edges.size, lists.size);
      assert.equal(edges.has(key), lists.has(key));
    }
  }));
});
