import assert from "node:assert/strict";
import fc from "fast-check";
import { ahead, ByteRing, ringLayout } from "../../src/engine/ring.ts";

Deno.test("ringLayout() rounds up and leaves no overlap", () => {
  const layout = ringLayout(100, 1, 3_000_000);
  assert.equal(layout.entries, 128);
  const { requests, results, requestBytes, resultBytes, arenaIn, arenaOut, total } = layout;
  const places = [requests, results, requestBytes, resultBytes, arenaIn, arenaOut, total];
  assert.deepEqual(places, places.toSorted((a, b) => a - b));
  assert.ok(results - requests >= 128 * 64 && requestBytes - results >= 128 * 64);
  assert.ok(layout.ringBytes >= 1 << 20 && layout.arenaBytes >= 3_000_000);
});

Deno.test("ahead() is right across the wrap of 32 bits", () => {
  assert.equal(ahead(-0x8000_0000, 0x7fff_ffff), 1);
  assert.equal(ahead(3, 5), -2);
});

Deno.test("ByteRing never gives out what is still used, and always something when it is empty", () => {
  const lengths = fc.array(fc.tuple(fc.integer({ min: 1, max: 1024 }), fc.boolean()), { maxLength: 200 });
  fc.assert(fc.property(lengths, (steps) => {
    const ring = new ByteRing(1024);
    const used: { from: number; to: number; mark: number }[] = [];
    for (const [length, releases] of steps) {
      const oldest = releases ? used.shift() : undefined;
      if (oldest) ring.release(oldest.mark);
      const from = ring.take(length);
      if (from < 0) {
        assert.ok(used.length > 0, "an empty ring refused");
        continue;
      }
      const to = from + length;
      assert.ok(to <= 1024);
      for (const other of used) assert.ok(to <= other.from || from >= other.to, "an overlap");
      used.push({ from, to, mark: ring.mark });
    }
  }));
});
