import assert from "node:assert/strict";
import fc from "fast-check";
import { ClientHistory, MAX_N } from "../../src/scheduler/history.ts";

Deno.test("a client's history answers as a map of all its tasks would", () => {
  const step = fc.record({
    n: fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: MAX_N })),
    what: fc.constantFrom("see", "ok", "failed", "open", "close"),
    engine: fc.integer({ min: -1, max: 70_000 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const history = new ClientHistory();
    const seen = new Set<number>(), ended = new Map<number, { ok: boolean; engine: number }>();
    const open = new Map<number, number>();
    for (const [i, { n, what, engine }] of steps.entries()) {
      if (what === "see") {
        history.see(n);
        seen.add(n);
      } else if (what === "ok" || what === "failed") {
        if (ended.has(n)) continue;
        history.finish(n, what === "ok", engine);
        ended.set(n, { ok: what === "ok", engine: engine < 0xffff ? engine : -1 });
      } else if (what === "open" && !open.has(n)) {
        history.open.set(n, i + 1);
        open.set(n, i + 1);
      } else if (what === "close" && open.has(n)) {
        history.open.delete(n);
        open.delete(n);
      }
    }
    for (const { n } of steps) {
      assert.equal(history.seen(n), seen.has(n));
      assert.equal(history.succeeded(n), ended.get(n)?.ok === true);
      assert.equal(history.failed(n), ended.get(n)?.ok === false);
      assert.equal(history.engineOf(n), ended.get(n)?.engine ?? -1);
      assert.equal(history.open.get(n), open.get(n));
    }
  }));
});
