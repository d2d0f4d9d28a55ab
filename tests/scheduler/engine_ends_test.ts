/** The task scheduler's ends towards engines. */
import assert from "node:assert/strict";
import { createMac } from "../../src/protocol/mac.ts";
import { EngineEnds } from "../../src/scheduler/engine_ends.ts";

function emptyEnds(): EngineEnds {
  const sealing = { mac: createMac("key"), nonce: 1n };
  return new EngineEnds(
    { socket: {}, link: {}, states: {}, sealing } as unknown as ConstructorParameters<typeof EngineEnds>[0],
  );
}

Deno.test("groups to an engine that registers anew are numbered on: one of before that comes late must not take a new one's number", () => {
  const ends = emptyEnds();
  ends.add(0, "engine");
  ends.get(0)!.seq = 7;
  ends.add(0, "engine");
  assert.equal(ends.get(0)!.seq, 7);
  ends.add(1, "engine");
  assert.equal(ends.get(1)!.seq, 7);
  ends.add(1, "another process");
  assert.equal(ends.get(1)!.seq, 0);
});
