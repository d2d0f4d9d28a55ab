/** Frames that outlive their message. */
import assert from "node:assert/strict";
import { Context } from "../../src/wire/context.ts";
import type { Held } from "../../src/wire/held.ts";
import { Incoming } from "../../src/wire/incoming.ts";

Context.open().close();

function bytesOf(held: Held): Uint8Array {
  const bytes = new Uint8Array(held.length).fill(1);
  held.copyInto(bytes);
  return bytes;
}

Deno.test("a held frame stays as long as somebody holds it, and reads nothing afterwards", () => {
  using context = Context.open();
  const a = context.socket("PAIR"), b = context.socket("PAIR");
  a.bind("inproc://held");
  b.connect("inproc://held");
  const large = new Uint8Array(1 << 20).map((_, i) => i * 7);
  const incoming = new Incoming();
  for (let round = 0; round < 3; round++) {
    a.send([new Uint8Array([1]), large]);
    assert.ok(b.receiveInto(incoming));
    assert.equal(incoming.hold(0), null, "a small frame is copied");
    const held = incoming.hold(1)!;
    held.hold();
    held.hold();
    incoming.release();
    a.send([new Uint8Array(1 << 20).fill(9)]);
    assert.ok(b.receiveInto(incoming));
    assert.deepEqual(bytesOf(held), large);
    held.release();
    assert.deepEqual(bytesOf(held), large);
    held.release();
    assert.deepEqual(bytesOf(held), new Uint8Array(1 << 20));
    held.release();
    incoming.release();
  }
});
