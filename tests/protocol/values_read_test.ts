/** Reading hostile bytes: a value or a RangeError, within bounds, and nothing else. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeValue, readValue } from "../../src/protocol/values.ts";
import { LARGE_BYTES } from "../../src/protocol/groups.ts";

function sample(): { body: Uint8Array; buffers: Uint8Array[] } {
  const shared = new Float64Array([1, 2]);
  const error = new AggregateError([new DOMException("d", "AbortError")], "m", { cause: { shared } });
  return encodeValue([
    [1, -5, 300, 70_000, 1.5, 2n, 2n ** 80n, null, undefined, true, "text", "é", "\ud800"],
    { a: 1, nested: { b: [] }, shared, again: shared.subarray(1) },
    new Map<unknown, unknown>([["k", new Set([1])]]),
    new Date(5),
    /x+/gi,
    Object("boxed"),
    new ArrayBuffer(3),
    new DataView(new ArrayBuffer(4)),
    error,
    new Uint8Array(LARGE_BYTES),
    new BigUint64Array(LARGE_BYTES / 8),
    "x".repeat(LARGE_BYTES),
  ]);
}

/** Reads; anything but a value or a RangeError fails the test. */
function attempt(body: Uint8Array, buffers: readonly Uint8Array[] = []): boolean {
  try {
    readValue(body, buffers);
    return true;
  } catch (error) {
    assert.ok(error instanceof RangeError, `${error}`);
    return false;
  }
}

Deno.test("a value cut short at any byte is a RangeError", () => {
  const { body, buffers } = sample();
  assert.ok(attempt(body, buffers));
  for (let length = 0; length < body.length; length++) assert.ok(!attempt(body.slice(0, length), buffers));
});

Deno.test("a value with any one byte changed is a value or a RangeError", () => {
  const { body, buffers } = sample();
  for (let at = 0; at < body.length; at++) {
    for (const change of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
      const changed = body.slice();
      changed[at]! ^= change;
      attempt(changed, buffers);
    }
  }
});

Deno.test("random bytes are a value or a RangeError", () => {
  const buffers = [new Uint8Array(100), new Uint8Array(7)];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      attempt(bytes, buffers);
      attempt(new Uint8Array([1, ...bytes]), buffers);
      attempt(new Uint8Array([2, ...bytes]), buffers);
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("huge declared lengths allocate nothing", () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0x7f];
  const before = Deno.memoryUsage().heapUsed;
  for (let tag = 0; tag < 64; tag++) {
    assert.ok(!attempt(new Uint8Array([1, tag, ...huge])));
    assert.ok(!attempt(new Uint8Array([1, tag, 0, ...huge])));
    assert.ok(!attempt(new Uint8Array([1, tag, 0, 0, ...huge])));
  }
  assert.ok(Deno.memoryUsage().heapUsed - before < 50e6);
});

Deno.test("endless nesting is a RangeError, not a crash", () => {
  const arrays = new Uint8Array(1 + 2 * 1_000_000).fill(1);
  for (let i = 1; i < arrays.length; i += 2) arrays[i] = 13;
  assert.throws(() => readValue(arrays), /nested more than 2000 deep/);
});

Deno.test("bytes behind a value, unknown tags and formats are refused", () => {
  const { body } = encodeValue(1);
  assert.throws(() => readValue(new Uint8Array([...body, 0])), /1 bytes too many/);
  assert.throws(() => readValue(new Uint8Array([1, 63])), /unknown tag 63/);
  assert.throws(() => readValue(new Uint8Array([9, 0])), /unknown format 9/);
  assert.throws(() => readValue(new Uint8Array([1, 14])), /hole outside an array/);
  assert.throws(() => readValue(new Uint8Array(0)), RangeError);
});

Deno.test("a buffer that is missing or of the wrong size is a RangeError", () => {
  const { body } = encodeValue(new Float64Array(LARGE_BYTES));
  assert.ok(!attempt(body, []));
  assert.ok(!attempt(body, [new Uint8Array(0)]));
  assert.ok(!attempt(encodeValue(new Float64Array(LARGE_BYTES).subarray(1)).body, [new Uint8Array(9)]));
});

Deno.test("a reader does not keep the bytes that it read from", () => {
  const { body } = encodeValue([
    new Uint8Array([1, 2, 3]),
    "a text of some length, more than sixty-three characters long",
  ]);
  const value = readValue(body);
  body.fill(0xff);
  assert.deepEqual(value, [
    new Uint8Array([1, 2, 3]),
    "a text of some length, more than sixty-three characters long",
  ]);
});
