import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { libcrypto } from "../../src/native/libcrypto.ts";
import { createMac } from "../../src/protocol/mac.ts";

const IMPLEMENTATIONS = ["node", ...(libcrypto() === null ? [] : ["libcrypto"] as const)] as const;
const encoder = new TextEncoder();

/** A buffer with 32 free bytes in front. */
function withRoom(bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(32 + bytes.length);
  all.set(bytes, 32);
  return all;
}

for (const implementation of IMPLEMENTATIONS) {
  Deno.test(`createMac() with ${implementation} equals HMAC-SHA256 for any key and frames`, () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 });
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 150, unit: "grapheme" }), frames, (key, frames) => {
        const mac = createMac(key, implementation);
        const expected = createHmac("sha256", encoder.encode(key)).update(Buffer.concat(frames)).digest();
        assert.equal(mac.hex(frames), expected.toString("hex"));
        const bytes = withRoom(Buffer.concat(frames));
        mac.sign(bytes, 32, bytes.length, 0);
        assert.deepEqual([...bytes.subarray(0, 32)], [...expected]);
        assert(mac.verify(bytes, 32, bytes.length, 0));
      }),
    );
  });

  Deno.test(`createMac() with ${implementation} gives the answer of RFC 4231, case 2`, () => {
    const mac = createMac("Jefe", implementation);
    const frames = [encoder.encode("what do ya want "), encoder.encode("for nothing?")];
    assert.equal(mac.hex(frames), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  });

  Deno.test(`verify() with ${implementation} notices every changed byte`, () => {
    const mac = createMac("key", implementation);
    const bytes = withRoom(crypto.getRandomValues(new Uint8Array(100)));
    mac.sign(bytes, 32, bytes.length, 0);
    for (let i = 0; i < bytes.length; i++) {
      bytes[i]! ^= 1 << (i % 8);
      assert.equal(mac.verify(bytes, 32, bytes.length, 0), false);
      bytes[i]! ^= 1 << (i % 8);
    }
    assert(mac.verify(bytes, 32, bytes.length, 0));
  });

  Deno.test(`sign() with ${implementation} works on a view in a larger buffer, anywhere in it, and without its object`, () => {
    const { sign, verify } = createMac("key", implementation);
    const view = new Uint8Array(new ArrayBuffer(500), 100, 200).fill(7);
    sign(view, 20, 120, 150);
    assert(verify(view, 20, 120, 150));
    assert.deepEqual(new Uint8Array(view.buffer, 0, 100), new Uint8Array(100));
    assert.deepEqual(
      view.subarray(150, 182),
      new Uint8Array(createHmac("sha256", "key").update(view.subarray(20, 120)).digest()),
    );
  });

  Deno.test(`A MAC with ${implementation} that has no room is refused`, () => {
    const mac = createMac("key", implementation);
    assert.throws(() => mac.sign(new Uint8Array(40), 0, 8, 9), RangeError);
    assert.equal(mac.verify(new Uint8Array(40), 0, 8, 9), false);
    assert.equal(mac.verify(new Uint8Array(0), 0, 0, 0), false);
  });
}

Deno.test("createMac() with an empty key signs nothing and accepts everything", () => {
  const mac = createMac("");
  const bytes = new Uint8Array(50).fill(9);
  mac.sign(bytes, 32, 50, 0);
  assert.deepEqual(bytes.subarray(0, 32), new Uint8Array(32));
  assert(mac.verify(bytes.fill(9), 32, 50, 0));
  assert.equal(mac.hex([bytes]), "");
  assert.throws(() => mac.sign(new Uint8Array(10), 0, 10, 0), RangeError);
});
