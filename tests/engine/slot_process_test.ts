import assert from "node:assert/strict";
import { Slot } from "../../src/engine/slot.ts";
import { NO_GRANT } from "../../src/engine/slot_contract.ts";
import { readSet } from "../../src/protocol/permissions.ts";
import { childCommand } from "../../src/engine/slot_start.ts";
import { SETTINGS, SlotHost } from "../contracts/slot_host.ts";
import { processSuite } from "../contracts/slot_process.ts";

processSuite({ name: "slot", command: childCommand });

Deno.test("a slot whose runtime reaches its memory limit ends with that as its reason", () => {
  const [program = "", run = "", ...rest] = childCommand();
  const command = [program, run, "--v8-flags=--max-old-space-size=64", ...rest];
  using host = new SlotHost(Slot.start(SETTINGS, command)).untilReady();
  const ticket = host.offerCall(host.define(() => {
    const kept = [];
    for (;;) kept.push(new Array(10_000).fill(kept.length));
  }));
  host.slot.ring();
  assert.equal(host.untilEnded().reason, "out of memory");
  assert.deepEqual(host.unfinished, [{ ticket, started: true }]);
});

Deno.test("a slot's arenas give their memory back when nothing large came for a while", () => {
  using host = new SlotHost(Slot.start({ ...SETTINGS, arenaBytes: 64 << 20 }, childCommand())).untilReady();
  const length = host.define((bytes: Uint8Array) => bytes.length);
  host.value(host.offerCall(length, new Uint8Array(48 << 20)));
  const blocks = () => Deno.statSync(`/proc/${Deno.pid}/fd/${sharedMemory()}`).blocks ?? 0;
  assert.ok(blocks() * 512 > 40 << 20);
  const deadline = performance.now() + 5000;
  while (blocks() * 512 > 8 << 20 && performance.now() < deadline) host.wait(50);
  assert.ok(blocks() * 512 < 8 << 20, `${blocks()} blocks are still held`);
  assert.equal(host.value(host.offerCall(length, new Uint8Array(1 << 20))), 1 << 20);
});

/** The newest shared memory of this process. */
function sharedMemory(): number {
  const found = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name)).filter((fd) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${fd}`).startsWith("/memfd:slot");
    } catch {
      return false;
    }
  });
  return Math.max(...found);
}

Deno.test("a grant may be larger than a pipe, and one that is too large ends its child and nothing else", () => {
  const permissions = readSet({ env: true }, "permissions");
  const grantOf = (bytes: number) => ({
    ...NO_GRANT,
    permissions,
    environment: { LARGE: "x".repeat(bytes) },
  });
  using host = new SlotHost(Slot.start(SETTINGS, childCommand()), grantOf(100_000)).untilReady();
  assert.equal(host.call(() => Deno.env.get("LARGE")?.length), 100_000);
  using other = new SlotHost(Slot.start(SETTINGS, childCommand()), grantOf(100 << 20));
  assert.match(other.untilEnded().detail, /do not go into its pipe/);
});

Deno.test("a slot that cannot be started says so", () => {
  assert.throws(
    () => Slot.start(SETTINGS, ["/no/such/program"]),
    /Cannot start "\/no\/such\/program": error number 2/,
  );
});
