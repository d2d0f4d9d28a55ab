/** Identities: their form, and that they do not repeat. */
import assert from "node:assert/strict";
import { newKey, newNonce, newSession, toHex } from "../../src/base/ids.ts";

Deno.test("toHex() writes two lower-case digits a byte", () => {
  assert.equal(toHex(new Uint8Array([0, 10, 255])), "000aff");
  assert.equal(toHex(new Uint8Array(0)), "");
});

Deno.test("a session looks like Python's", () => {
  assert.match(newSession(), /^[0-9a-f]{8}-[0-9a-f]{24}$/);
});

Deno.test("a key has 256 bits, a nonce 64", () => {
  assert.match(newKey(), /^[0-9a-f]{64}$/);
  const nonce = newNonce();
  assert.ok(nonce >= 0n && nonce < 2n ** 64n);
});

Deno.test("identities do not repeat", () => {
  const made = Array.from({ length: 1000 }, () => [newSession(), newKey(), String(newNonce())]).flat();
  assert.equal(new Set(made).size, 3000);
});
