/** What a task used, seen from outside. */
import assert from "node:assert/strict";
import { ChildUsage } from "../../src/engine/child_usage.ts";
import type { SlotHandle } from "../../src/engine/slot_contract.ts";

const child = (bytes: number, cpuMs: number) =>
  ({ memory: () => bytes, cpuMs: () => cpuMs }) as Partial<SlotHandle> as SlotHandle;

Deno.test("a task in a new child is not charged with what the child before it used", () => {
  const usage = new ChildUsage();
  const greedy = child(300e6, 500);
  usage.begin(greedy, 1, 1000);
  assert.deepEqual(usage.of(1, 1000), { cpuMs: 0, peakBytes: 300e6 });
  usage.ended(greedy);
  // It is gone before it could be looked at.
  usage.begin(child(0, 0), 2, 1010);
  assert.deepEqual(usage.now, { cpuMs: 0, bytes: 0 });
  assert.deepEqual(usage.of(2, 1015), { cpuMs: 0, peakBytes: 0 });
});

Deno.test("what was seen last of a child stays known when it has ended", () => {
  const usage = new ChildUsage();
  let cpuMs = 10;
  const slot = { memory: () => 50e6, cpuMs: () => cpuMs } as Partial<SlotHandle> as SlotHandle;
  usage.begin(slot, 1, 1000);
  cpuMs = 70;
  usage.look(1030);
  usage.ended(slot);
  assert.deepEqual(usage.of(1, 1090), { cpuMs: 60, peakBytes: 50e6 });
});
