import assert from "node:assert/strict";
import { childCommand } from "../../src/engine/slot_start.ts";
import { probeWalls } from "../../src/engine/probe_walls.ts";
import { Slot } from "../../src/engine/slot.ts";
import { SETTINGS, SlotHost } from "../contracts/slot_host.ts";

Deno.test("probeWalls() says before what a child finds", () => {
  const { landlock, seccomp, missing } = probeWalls();
  using host = new SlotHost(Slot.start(SETTINGS, childCommand())).untilReady();
  assert.deepEqual(
    { landlock: host.walls?.landlock, seccomp: host.walls?.seccomp, missing: host.walls?.missing },
    { landlock, seccomp, missing },
  );
});
