import assert from "node:assert/strict";
import { silentLogger } from "../../src/base/log.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { KIND, OP } from "../../src/protocol/groups.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { GroupDoor } from "../../src/scheduler/group_door.ts";

const HEADER = {
  kind: KIND.tasks,
  origin: 4,
  seq: 1,
  target: 0,
  nonce: 99n,
  acked: 0,
  committed: 0,
  window: 0,
};

function group(mac = createMac("key"), header = HEADER, client = 4, op: number = OP.apply): Uint8Array {
  const writer = new GroupWriter();
  for (let n = 1; n <= 3; n++) writer.task(n, client, 0, op, 0, 0, 0, 0, 1.5, new Uint8Array([n, n]));
  return writer.close(header, mac.sign).slice();
}

function door(): GroupDoor {
  return new GroupDoor(createMac("key"), 99n, silentLogger());
}

Deno.test("a good group passes and can be read from its first record", () => {
  const at = door();
  const header = at.open(group(), "me");
  assert.equal(header?.count, 3);
  assert.equal(at.reader.left, 3);
  assert.equal(at.dropped, 0);
});

for (
  const [what, frame] of [
    ["another key", group(createMac("other"))],
    ["another run", group(createMac("key"), { ...HEADER, nonce: 98n })],
    ["tasks in another client's name", group(createMac("key"), HEADER, 5)],
    ["an op that does not exist", group(createMac("key"), HEADER, 4, 77)],
    ["no bytes", new Uint8Array(0)],
    ["a Jupyter delimiter", new TextEncoder().encode("<IDS|MSG>")],
  ] as const
) {
  Deno.test(`a group with ${what} is dropped and counted`, () => {
    const at = door();
    assert.equal(at.open(frame, "me"), null);
    assert.equal(at.dropped, 1);
  });
}

Deno.test("a group cut or changed at any byte is dropped", () => {
  const frame = group();
  for (let i = 0; i < frame.length; i++) {
    assert.equal(door().open(frame.subarray(0, i), "me"), null, `cut at ${i}`);
    const changed = frame.slice();
    changed[i]! ^= 1;
    assert.equal(door().open(changed, "me"), null, `changed at ${i}`);
  }
});

Deno.test("a rightly signed group that lies about its lengths is dropped", () => {
  const mac = createMac("key");
  for (
    const [offset, value] of [[40, 0xffff_ffff], [40, 2], [40, 4], [80 + 16, 0xffff_fff0], [80 + 20, 99]]
  ) {
    const frame = group(mac);
    new DataView(frame.buffer).setUint32(offset!, value!, true);
    mac.sign(frame, 32, frame.length, 0);
    assert.equal(door().open(frame, "me"), null, `${value} at ${offset}`);
  }
});
