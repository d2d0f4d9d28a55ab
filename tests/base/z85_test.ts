import assert from "node:assert/strict";
import { isZ85Key, z85Bytes } from "../../src/base/z85.ts";
import { z85 } from "../../src/wire/z85.ts";

Deno.test("z85Bytes() reads what z85() writes, and the RFC's own example", () => {
  assert.deepEqual(z85Bytes("HelloWorld"), Uint8Array.of(0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b));
  for (let i = 0; i < 50; i++) {
    const bytes = crypto.getRandomValues(new Uint8Array(i * 4));
    assert.deepEqual(z85Bytes(z85(bytes)), bytes);
  }
});

Deno.test("z85Bytes() answers undefined to other signs, lengths, and more than four bytes can hold", () => {
  for (const text of ["abcd", "abc~e", "#####", "%nSc1"]) assert.equal(z85Bytes(text), undefined, text);
  assert(!isZ85Key("HelloWorld"), "a key is longer");
});
