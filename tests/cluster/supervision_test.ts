/** When engines are started again: as plain values. */
import assert from "node:assert/strict";
import { Supervision } from "../../src/cluster/supervision.ts";

const OPTIONS = { maxRestarts: 4, periodMs: 60_000, backoffMs: 500, maxBackoffMs: 1500 };

Deno.test("a set is restarted at once, then later and later, then given up", () => {
  const supervision = new Supervision(OPTIONS);
  const delays = [0, 1000, 2000, 4000].map((now) => supervision.died("a", now));
  assert.deepEqual(delays, [0, 500, 1000, 1500].map((delayMs) => ({ kind: "restart", delayMs })));
  assert.deepEqual(supervision.died("a", 6000), { kind: "give up", restarts: 4 });
});

Deno.test("sets are counted each for itself, and what is long ago does not count", () => {
  const supervision = new Supervision(OPTIONS);
  supervision.died("a", 0);
  assert.deepEqual(supervision.died("b", 1), { kind: "restart", delayMs: 0 });
  assert.deepEqual(supervision.died("a", 60_001), { kind: "restart", delayMs: 0 });
});

Deno.test("no restarts, if none are wanted", () => {
  assert.deepEqual(new Supervision({ ...OPTIONS, maxRestarts: 0 }).died("a", 0), {
    kind: "give up",
    restarts: 0,
  });
});
