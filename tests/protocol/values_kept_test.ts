/** Kept values in coded ones, what hostile tables come to, and which large data is copied where. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeValue, readValue, ValueWriter } from "../../src/protocol/values.ts";
import { hasKept, keptHead, keptTable } from "../../src/protocol/values_kept.ts";

class Stand {
  constructor(readonly index: number) {}
}

/** A task's bytes with its buffers: its own, then those of the kept values. */
function task(value: unknown, kept: readonly unknown[], isApart = false) {
  const writer = new ValueWriter(256, { kept: (object) => object instanceof Stand ? object.index : -1 });
  writer.write(value);
  const body = writer.bytes().slice(), buffers = [...writer.buffers];
  const at = isApart ? buffers.push(body) : 0;
  const places: number[] = [];
  for (const one of kept) {
    const coded = encodeValue(one);
    places.push(buffers.length, 1 + coded.buffers.length);
    buffers.push(coded.body.slice(), ...coded.buffers.map((bytes) => bytes.slice()));
  }
  const head = keptHead(at, places);
  const whole = new Uint8Array(head.length + (isApart ? 0 : body.length));
  whole.set(head);
  if (!isApart) whole.set(body, head.length);
  return { body: whole, inner: body, buffers };
}

function read({ body, buffers }: { body: Uint8Array; buffers: readonly Uint8Array[] }): unknown {
  const table = keptTable(body, buffers);
  return readValue(table?.body ?? body, buffers, table);
}

Deno.test("kept values stand where they were put, beside large buffers and references", () => {
  const large = new Float64Array(20_000).fill(1.5), own = new Uint8Array(70_000).fill(3);
  const a = new Stand(0), b = new Stand(1), shared = { x: 1 };
  const value = {
    first: a,
    own,
    list: [b, a, shared, shared],
    map: new Map<unknown, unknown>([["k", b]]),
    set: new Set([a]),
  };
  const kept = [{ deep: [large, "text"] }, "only text"];
  const expected = {
    first: kept[0],
    own,
    list: [kept[1], kept[0], shared, shared],
    map: new Map([["k", kept[1]]]),
    set: new Set([kept[0]]),
  };
  for (const isApart of [false, true]) {
    const got = read(task(value, kept, isApart)) as typeof expected;
    assert.deepEqual(got, expected);
    assert.equal(got.first, got.list[1]);
    assert.equal(got.list[2], got.list[3]);
  }
  assert.equal(hasKept(task(value, kept).inner), true);
  assert.equal(hasKept(encodeValue(value.own).body), false);
  assert.equal(keptTable(encodeValue([1]).body, []), undefined);
});

Deno.test("a kept value that did not come is a ReferenceError, one that the task does not have a RangeError", () => {
  const whole = task([new Stand(0)], [[1, 2]]);
  assert.deepEqual(read(whole), [[1, 2]]);
  assert.throws(() => read({ ...whole, buffers: [] }), /ReferenceError|nobody keeps it any more/);
  assert.throws(() => read(task([new Stand(3)], [[1, 2]])), /RangeError|kept value 3/);
  assert.throws(() => readValue(whole.inner), /kept value 0, which its task does not have/);
  // A kept value that names another one, or itself.
  const nested = task([new Stand(0)], [1]);
  assert.throws(() => read({ body: nested.body, buffers: [nested.inner] }), /kept value 0/);
});

Deno.test("hostile tables end in an error", () => {
  const { inner, buffers } = task([new Stand(0), new Stand(1)], [[1], "x".repeat(100_000)]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const body = new Uint8Array(1 + bytes.length + inner.length);
      body[0] = 3;
      body.set(bytes, 1);
      body.set(inner, 1 + bytes.length);
      try {
        read({ body, buffers });
      } catch (error) {
        assert(error instanceof RangeError || error instanceof ReferenceError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
  assert.throws(() => keptTable(new Uint8Array([3]), []), RangeError);
  assert.throws(() => keptTable(keptHead(2, []), [new Uint8Array(1)]), /its buffer is missing/);
});

Deno.test("large typed arrays and buffers are not copied: not by the writer, not by the reader", () => {
  const floats = new Float64Array(100_000).fill(2), part = floats.subarray(10, 50_000);
  const buffer = new ArrayBuffer(100_000);
  const { buffers } = encodeValue({ floats: part, list: [buffer, new Uint8Array(buffer)] });
  assert.deepEqual(buffers.map((bytes) => bytes.buffer), [floats.buffer, buffer]);
  assert.deepEqual(buffers.map(({ byteOffset, byteLength }) => [byteOffset, byteLength]), [
    [80, part.byteLength],
    [0, 100_000],
  ]);
  const { body } = encodeValue([part, buffer]);
  const came = buffers.map((bytes) => bytes.slice());
  const [view, whole] = readValue(body, came) as [Float64Array, ArrayBuffer];
  assert.equal(view.buffer, came[0]!.buffer);
  assert.equal(whole, came[1]!.buffer);
  assert.deepEqual(view, part);
  // Only what lies askew is, since a Float64Array cannot.
  const askew = new Uint8Array(came[0]!.length + 1).subarray(1);
  askew.set(came[0]!);
  const [moved] = readValue(body, [askew, came[1]!]) as [Float64Array];
  assert.notEqual(moved.buffer, askew.buffer);
  assert.deepEqual(moved, part);
});
