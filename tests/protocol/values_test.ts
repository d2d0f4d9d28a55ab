/** The codec of values: what is kept, what is refused and how that is said. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  encodeError,
  encodeValue,
  readValue,
  UncodableValue,
  ValueWriter,
} from "../../src/protocol/values.ts";
import { LARGE_BYTES } from "../../src/protocol/groups.ts";

function travel<T>(value: T): T {
  const { body, buffers } = encodeValue(value);
  return readValue(body, buffers) as T;
}

function refusal(value: unknown, root = "args"): string {
  try {
    encodeValue(value, root);
  } catch (error) {
    assert.ok(error instanceof UncodableValue);
    return error.message;
  }
  return "(sent)";
}

Deno.test("any value arrives as structured clone would make it", () => {
  const anything = fc.anything(
    {
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withNullPrototype: true,
      withSparseArray: true,
      withBoxedValues: true,
      withUnicodeString: true,
    } as Parameters<typeof fc.anything>[0] & object,
  );
  fc.assert(
    fc.property(anything, (value) => assert.deepStrictEqual(travel(value), structuredClone(value))),
    { numRuns: 2000 },
  );
});

Deno.test("numbers keep their bits", () => {
  const edges = [
    0,
    -0,
    1,
    -1,
    -16,
    -17,
    111,
    112,
    32767,
    32768,
    -32768,
    -32769,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
  ];
  const others = [2 ** 53, 0.1, NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE];
  for (const number of [...edges, ...others]) assert.ok(Object.is(travel(number), number), String(number));
  fc.assert(fc.property(fc.double(), (number) => Object.is(travel(number), number)));
});

Deno.test("BigInts of any size arrive", () => {
  for (
    const big of [
      0n,
      -1n,
      2n ** 63n - 1n,
      2n ** 63n,
      -(2n ** 63n),
      -(2n ** 63n) - 1n,
      2n ** 5000n,
      -(10n ** 99n),
    ]
  ) {
    assert.equal(travel(big), big);
  }
});

Deno.test("strings of every kind and length arrive", () => {
  const kinds = ["a", "é", "漢", "😀", "\ud800", "\udc00x", "\ufeff", "\0"];
  for (const kind of kinds) {
    for (const length of [0, 1, 31, 32, 33, 36, 37, 63, 64, 200, 30_000, 70_000]) {
      const text = kind.repeat(length);
      assert.ok(travel(text) === text, `${JSON.stringify(kind)} ${length} times`);
      assert.ok(travel({ [text]: 1 })[text] === 1);
    }
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => travel(text) === text));
});

Deno.test("holes stay holes, in dense and in sparse arrays", () => {
  // deno-lint-ignore no-sparse-arrays
  const dense = [1, , undefined, , 4, ,];
  assert.deepStrictEqual(travel(dense), dense);
  const sparse: number[] = [];
  sparse[4_000_000_000] = 1;
  sparse[5] = 2;
  const { body } = encodeValue(sparse);
  assert.ok(body.length < 50);
  const back = readValue(body) as number[];
  assert.equal(back.length, 4_000_000_001);
  assert.deepEqual(Object.keys(back), ["5", "4000000000"]);
});

Deno.test("shared references and cycles keep their identity", () => {
  const shared = { name: "shared" };
  const value: Record<string, unknown> = { a: shared, b: [shared], map: new Map([[shared, shared]]) };
  value["self"] = value;
  const back = travel(value) as { a: unknown; b: unknown[]; map: Map<unknown, unknown>; self: unknown };
  assert.equal(back.a, back.b[0]);
  assert.equal(back.map.get(back.a), back.a);
  assert.equal(back.self, back);
  const error: Error & { again?: unknown } = new Error("x");
  error.cause = error;
  error.again = [error];
  const revived = travel(error);
  assert.equal(revived.cause, revived);
  assert.deepEqual(revived.again, [revived]);
});

Deno.test("identity holds among more objects than are compared one by one", () => {
  const objects = Array.from({ length: 100 }, (_, i) => ({ i }));
  const back = travel([...objects, ...objects]);
  for (let i = 0; i < 100; i++) assert.equal(back[i], back[i + 100]);
  assert.equal(new Set(back).size, 100);
});

Deno.test("views send their bytes only, and share a buffer that the first of them spans", () => {
  const big = new Uint8Array(1000);
  const slice = big.subarray(10, 14);
  slice.set([1, 2, 3, 4]);
  assert.ok(encodeValue(slice).body.length < 12);
  assert.deepEqual(travel(slice), new Uint8Array([1, 2, 3, 4]));
  const all = new Uint8Array(16).fill(7);
  const [bytes, floats, part, data, buffer] = travel([
    all,
    new Float64Array(all.buffer, 8, 1),
    all.subarray(2, 4),
    new DataView(all.buffer, 1, 3),
    all.buffer,
  ]) as [Uint8Array, Float64Array, Uint8Array, DataView, ArrayBuffer];
  assert.equal(bytes.buffer, buffer);
  assert.equal(floats.buffer, buffer);
  assert.deepEqual([floats.byteOffset, floats.length], [8, 1]);
  assert.equal(part.buffer, buffer);
  assert.deepEqual([data.buffer, data.byteOffset, data.byteLength], [buffer, 1, 3]);
});

Deno.test("every class of typed arrays arrives, small and large, at odd offsets too", () => {
  const classes = [Int8Array, Uint8ClampedArray, Int16Array, Uint32Array, Float32Array, Float64Array];
  for (const Class of [...classes, BigInt64Array, BigUint64Array]) {
    for (const length of [0, 3, LARGE_BYTES]) {
      const value = new Class(length);
      if (length > 0) value[1] = Class === BigInt64Array || Class === BigUint64Array ? 5n : 5;
      const { body, buffers } = encodeValue(value);
      const moved = buffers.map((buffer) => {
        const odd = new Uint8Array(buffer.length + 1).subarray(1);
        odd.set(buffer);
        return odd;
      });
      const back = readValue(body, moved);
      assert.ok(back instanceof Class);
      assert.ok(Buffer.from(back.buffer, back.byteOffset, back.byteLength).equals(Buffer.from(value.buffer)));
    }
  }
});

Deno.test("large data leaves the body uncopied", () => {
  const large = new Float64Array(LARGE_BYTES / 8 + 10).fill(1.5);
  const text = "x".repeat(LARGE_BYTES);
  const { body, buffers } = encodeValue([large.subarray(10), text, large.subarray(0, 3)]);
  assert.ok(body.length < 100);
  assert.equal(buffers.length, 2);
  assert.equal(buffers[0]!.buffer, large.buffer);
  assert.equal(buffers[0]!.byteOffset, 80);
  const back = readValue(body, buffers) as [Float64Array, string, Float64Array];
  assert.equal(back[0].buffer, large.buffer);
  assert.deepEqual(back, [large.subarray(10), text, large.subarray(0, 3)]);
  assert.equal(encodeValue(new Uint8Array(LARGE_BYTES - 1)).buffers.length, 0);
});

Deno.test("errors keep class, message, stack, code, cause and their own properties", () => {
  class QuotaError extends RangeError {
    code = "E_QUOTA";
    details = { left: 3 };
    callback = () => {};
  }
  const error = new QuotaError("too much", { cause: new TypeError("inner") });
  const back = travel(error);
  assert.ok(back instanceof RangeError);
  assert.equal(back.name, "QuotaError");
  assert.equal(back.message, "too much");
  assert.equal(back.stack, error.stack);
  assert.equal(back.code, "E_QUOTA");
  assert.deepEqual(back.details, { left: 3 });
  assert.ok(!Object.hasOwn(back, "callback"));
  assert.ok(back.cause instanceof TypeError);
  assert.deepEqual(Object.keys(back), ["code", "details"]);
});

Deno.test("built-in classes of errors are revived as themselves", () => {
  const aggregate = travel(new AggregateError([new URIError("a"), "b"], "both"));
  assert.ok(aggregate instanceof AggregateError);
  assert.ok(aggregate.errors[0] instanceof URIError);
  assert.equal(aggregate.errors[1], "b");
  const exception = travel(new DOMException("stopped", "AbortError"));
  assert.ok(exception instanceof DOMException);
  assert.deepEqual([exception.name, exception.message, exception.code], ["AbortError", "stopped", 20]);
  for (const Class of [Error, TypeError, SyntaxError, ReferenceError, EvalError]) {
    assert.equal(Object.getPrototypeOf(travel(new Class("m"))), Class.prototype);
  }
  assert.ok(!Object.hasOwn(travel(new Error()), "name"));
  const notFound = travel(new Deno.errors.NotFound("gone"));
  assert.ok(notFound instanceof Error);
  assert.equal(notFound.name, "NotFound");
});

Deno.test("class instances become plain objects, getters their values", () => {
  class Point {
    #secret = 1;
    constructor(readonly x: number) {}
    get double() {
      return this.x * this.#secret;
    }
  }
  assert.deepStrictEqual(travel(new Point(2)) as unknown, { x: 2 });
  assert.deepStrictEqual(
    travel({
      get now() {
        return 5;
      },
    }) as unknown,
    { now: 5 },
  );
  assert.deepStrictEqual(
    travel(new (class Names extends Map<string, number> {})([["a", 1]])) as unknown,
    new Map([["a", 1]]),
  );
});

Deno.test("a key __proto__ is an own property and changes no prototype", () => {
  const back = travel(JSON.parse('{"__proto__": {"polluted": true}, "a": 1}'));
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
  assert.equal(back.polluted, undefined);
  assert.deepEqual(Object.keys(back), ["__proto__", "a"]);
});

Deno.test("what cannot travel is named by its path", () => {
  const cb = () => {};
  assert.equal(
    refusal([{ options: { cb } }]),
    "Cannot send args[0].options.cb: a function; pass it in captures or as the function of apply",
  );
  assert.equal(
    refusal(cb, "f"),
    "Cannot send f: a function; pass it in captures or as the function of apply",
  );
  assert.equal(refusal([1, Promise.resolve()]), "Cannot send args[1]: a promise; await it first");
  assert.equal(refusal([{ "a b": Symbol("s") }]), 'Cannot send args[0]["a b"]: a symbol');
  assert.equal(refusal([new Map([["k", new WeakMap()]])]), 'Cannot send args[0].get("k"): a WeakMap');
  assert.equal(refusal([new Map([[cb, 1]])]).split(":")[0], "Cannot send args[0].keys()[0]");
  assert.equal(refusal([new Set([1, cb])]).split(":")[0], "Cannot send args[0].values()[1]");
  assert.match(refusal([new URL("http://a")]), /^Cannot send args\[0\]: a URL; send its href$/);
  assert.match(refusal([new SharedArrayBuffer(8)]), /SharedArrayBuffer/);
  assert.match(refusal([[1].values()]), /an iterator/);
  const { port1, port2 } = new MessageChannel();
  assert.match(refusal([port1]), /a MessagePort/);
  port1.close();
  port2.close();
  assert.match(
    refusal([{ ok: { deep: [1, 2, { last: new WeakRef({}) }] } }]),
    /ok\.deep\[2\]\.last: a WeakRef$/,
  );
});

Deno.test("objects that refuse to be read are coding errors with their cause", () => {
  const thrown = new Error("boom");
  const trap = {
    get x(): never {
      throw thrown;
    },
  };
  assert.equal(refusal([1, trap]), "Cannot send args[1].x: it cannot be read (Error: boom)");
  const revocable = Proxy.revocable({}, {});
  revocable.revoke();
  assert.match(refusal([revocable.proxy]), /^Cannot send args\[0\]: it cannot be read \(TypeError: /);
  assert.throws(() => encodeValue(trap), (error: Error) => error.cause === thrown);
});

Deno.test("nesting without end is refused, not followed", () => {
  let nested: unknown = 1;
  for (let i = 0; i < 100_000; i++) nested = [nested];
  assert.match(refusal(nested), /nested more than 2000 deep/);
  const endless: object = new Proxy({}, {
    get: () => endless,
    ownKeys: () => ["a"],
    getOwnPropertyDescriptor: desc,
  });
  function desc() {
    return { value: 1, enumerable: true, configurable: true };
  }
  assert.equal(refusal(endless), "(sent)"); // one object that refers to itself
  const fresh = (): object =>
    new Proxy({}, { get: fresh, ownKeys: () => ["a"], getOwnPropertyDescriptor: desc });
  assert.match(refusal(fresh()), /nested more than 2000 deep/);
  let deep: object = {};
  for (let i = 0; i < 1999; i++) deep = { deep };
  let back = travel(deep);
  for (let i = 0; i < 1999; i++) back = (back as { deep: object }).deep;
  assert.deepEqual(back, {});
});

Deno.test("maxBytes bounds body and buffers", () => {
  const writer = new ValueWriter(64, { maxBytes: 100_000 });
  const wide = new Proxy({}, {
    get: () => "x".repeat(1000),
    ownKeys: () => Array.from({ length: 10_000 }, (_, i) => `k${i}`),
    getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }),
  });
  assert.throws(() => writer.write(wide), /more than 100000 bytes/);
  assert.throws(
    () => writer.write([new Uint8Array(70_000), new Uint8Array(70_000)]),
    /more than 100000 bytes/,
  );
  assert.deepEqual([writer.length, writer.buffers.length], [0, 0]);
  writer.write("y".repeat(60_000));
  assert.equal(writer.length, 60_006);
});

Deno.test("a failed write leaves what was written before", () => {
  const writer = new ValueWriter();
  writer.write([1, new Uint8Array(LARGE_BYTES)]);
  const before = writer.bytes().slice();
  assert.throws(() => writer.write([new Uint8Array(LARGE_BYTES), () => {}]), UncodableValue);
  assert.deepEqual(writer.bytes(), before);
  assert.equal(writer.buffers.length, 1);
  writer.reset();
  assert.deepEqual([writer.length, writer.buffers.length], [0, 0]);
  writer.write("again");
  assert.equal(readValue(writer.bytes()), "again");
});

Deno.test("a writer that is used while it writes says so", () => {
  const writer = new ValueWriter();
  const value = {
    get x() {
      writer.write(1);
      return 1;
    },
  };
  assert.throws(() => writer.write(value), /while another is being written/);
  writer.write(2);
  assert.equal(readValue(writer.bytes()), 2);
});

Deno.test("an array that lies about its length, or is wider than the bound, is refused before it is walked", () => {
  const lying = (length: unknown) =>
    new Proxy([], { get: (target, key) => key === "length" ? length : Reflect.get(target, key) });
  for (const length of ["5", -1, 1.5, NaN, 2 ** 32, 2 ** 53 - 1, {}, null]) {
    assert.match(refusal(lying(length)), /args: an array whose length is no length/, String(length));
  }
  const everywhere = { value: 1, writable: true, enumerable: true, configurable: true };
  const endless = new Proxy([], {
    get: (_, key) => key === "length" ? 2 ** 32 - 1 : 1,
    getOwnPropertyDescriptor: () => everywhere,
  });
  assert.match(refusal({ endless }), /args\.endless: .*more than/);
  assert.match(refusal(new Array(5000).fill(null)), /\(sent\)/);
  assert.throws(
    () => new ValueWriter(16, { maxBytes: 5000 }).write(new Array(6000).fill(0)),
    /more than 5000/,
  );
});

Deno.test("a huge sparse array costs what is in it", () => {
  const sparse = new Array(2 ** 32 - 1);
  sparse[2 ** 31] = "here";
  const { body } = encodeValue({ sparse });
  assert.ok(body.length < 64);
  const { sparse: there } = travel({ sparse });
  assert.equal(there.length, sparse.length);
  assert.deepEqual(Object.keys(there), [String(2 ** 31)]);
});

Deno.test("errors whose properties cannot be sent, at every level, are given up and not tried for ever", () => {
  let error: Error = new Error("innermost");
  for (let level = 0; level < 60; level++) {
    const outer: Error & Record<string, unknown> = Object.assign(new Error(`level ${level}`));
    for (let i = 0; i < 16; i++) outer[`p${i}`] = [error, () => i];
    error = outer;
  }
  assert.equal(travel(error).message, "level 59");
  assert.match(String((readValue(encodeError(error)) as { evalue: string }).evalue), /level 59/);
});

Deno.test("a BigInt of millions of digits is refused without being written out, thrown too", () => {
  const huge = 1n << 400_000_000n;
  assert.match(refusal([huge]), /args\[0\]: a BigInt of too many digits/);
  assert.match(refusal([-huge]), /too many digits/);
  const { ename, evalue } = readValue(encodeError(huge)) as Record<string, string>;
  assert.deepEqual([ename, evalue], ["bigint", "(a BigInt of more than 65536 bits)"]);
});
