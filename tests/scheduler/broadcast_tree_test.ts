import assert from "node:assert/strict";
import { BroadcastTree } from "../../src/scheduler/broadcast_tree.ts";

const text = (frames: readonly Uint8Array[]) => frames.map((frame) => new TextDecoder().decode(frame));

Deno.test("nodes are named as ipyparallel names them", () => {
  const flat = new BroadcastTree(0);
  assert.deepEqual([flat.leaves, flat.rootId, flat.leafId(0), text(flat.above(0))], [
    1,
    "sub_scheduler_0",
    "sub_scheduler_0",
    [],
  ]);
  const one = new BroadcastTree(1);
  assert.deepEqual([one.leafId(0), one.leafId(1)], ["sub_scheduler_00", "sub_scheduler_01"]);
  assert.deepEqual(text(one.above(1)), ["sub_scheduler_0"]);
  const three = new BroadcastTree(3);
  assert.equal(three.leaves, 8);
  assert.equal(three.leafOf(13), 5);
  assert.equal(three.leafId(5), "sub_scheduler_0101");
  assert.deepEqual(text(three.above(5)), ["sub_scheduler_010", "sub_scheduler_01", "sub_scheduler_0"]);
  assert.throws(() => new BroadcastTree(7), /depth 7: 0 to 6/);
});
