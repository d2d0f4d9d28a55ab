import assert from "node:assert/strict";
import { DirectCore } from "../../src/scheduler/direct_core.ts";

Deno.test("direct tasks of an engine that dies are named after the grace, once", () => {
  const core = new DirectCore();
  core.registered(0, "a");
  core.submitted("a", 1, 1);
  core.submitted("a", 1, 2);
  assert.equal(core.finished("a", 1, 1), true);
  assert.equal(core.finished("a", 1, 1), false);
  core.unregistered("a", 1000);
  assert.equal(core.idOf("a"), -1);
  assert.deepEqual(core.expired(1050), []);
  assert.equal(core.nextTick, 1100);
  assert.deepEqual(core.expired(1100), [{ engine: 0, uuid: "a", client: 1, n: 2 }]);
  assert.deepEqual(core.expired(2000), []);
  assert.equal(core.nextTick, Infinity);
});

Deno.test("a result inside the grace still counts", () => {
  const core = new DirectCore();
  core.registered(3, "b");
  core.submitted("b", 2, 9);
  core.unregistered("b", 10);
  assert.equal(core.isOpen("b", 2, 9), true);
  assert.equal(core.finished("b", 2, 9), true);
  assert.deepEqual(core.expired(11), []);
});

Deno.test("an engine that registers anew strands what its earlier registration had", () => {
  const core = new DirectCore();
  core.registered(0, "a");
  core.submitted("a", 5, 1);
  assert.deepEqual(core.registered(0, "a"), [{ engine: 0, uuid: "a", client: 5, n: 1 }]);
  assert.equal(core.idOf("a"), 0);
});
