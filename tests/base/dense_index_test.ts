import assert from "node:assert/strict";
import fc from "fast-check";
import { DenseIndex } from "../../src/base/dense_index.ts";

Deno.test("a DenseIndex answers as a Map does", () => {
  const step = fc.record({
    what: fc.constantFrom("set", "set", "delete"),
    key: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    value: fc.nat(2 ** 32),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 2000 }), (steps) => {
    const index = new DenseIndex(), map = new Map<number, number>();
    for (const { what, key, value } of steps) {
      if (what === "set") {
        index.set(key, value);
        map.set(key, value);
      } else assert.equal(index.delete(key), map.delete(key));
      assert.equal(index.size, map.size);
    }
    for (const { key } of steps) assert.equal(index.get(key), map.get(key));
    assert.deepEqual(new Map(index), map);
  }));
});
