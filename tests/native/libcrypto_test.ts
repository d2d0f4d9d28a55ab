import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { toHex } from "../../src/base/ids.ts";
import { libcrypto, openFirst, sha256 } from "../../src/native/libcrypto.ts";

const crypto = libcrypto();

Deno.test({
  name: "sha256() equals node:crypto's (needs libcrypto)",
  ignore: crypto === null,
  fn() {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.equal(toHex(sha256(crypto!, bytes)), createHash("sha256").update(bytes).digest("hex"));
    }));
  },
});

Deno.test({
  name: "openFirst() passes over what cannot be opened and what is no libcrypto (needs libcrypto)",
  ignore: crypto === null || Deno.build.os !== "linux",
  sanitizeResources: false,
  fn() {
    const names = ["libno-such-thing.so", "libc.so.6", "libcrypto.so.3", "libcrypto.so.1.1"];
    assert.notEqual(openFirst(names), null);
  },
});

Deno.test("openFirst() answers null where nothing can be opened", () => {
  assert.equal(openFirst(["libno-such-thing.so"]), null);
});
