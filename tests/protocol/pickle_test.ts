/** Pickles without Python: what is captured of it, broken ones, hostile ones, and what cannot be written. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readApply, readResult, writeApply, writeResult } from "../../src/protocol/pickle_apply.ts";
import { PickleError, readPickle } from "../../src/protocol/pickle_read.ts";
import { Reference } from "../../src/protocol/pickle_reference.ts";
import { UncodableValue, writePickle } from "../../src/protocol/pickle_write.ts";

/** A pickle by its instructions: texts as they are, numbers as bytes. */
function pickle(...parts: readonly (string | number | readonly number[])[]): Uint8Array {
  const bytes = parts.flatMap((part) =>
    typeof part === "string" ? [...part].map((letter) => letter.charCodeAt(0)) : part
  );
  return new Uint8Array(bytes);
}

function fault(bytes: Uint8Array): string {
  try {
    readPickle(bytes);
  } catch (error) {
    assert.ok(error instanceof PickleError, String(error));
    assert.equal(error.name, "UnpicklingError");
    return error.message;
  }
  return "(read)";
}

function refusal(value: unknown): string {
  try {
    writePickle(value, { root: "args[0]" });
  } catch (error) {
    assert.ok(error instanceof UncodableValue, String(error));
    return error.message;
  }
  return "(written)";
}

const MILLION = 1_000_000;

Deno.test("broken and hostile pickles end in a PickleError that says what is wrong", () => {
  const lying = [0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0];
  for (
    const [bytes, said] of [
      [pickle(), /1 bytes wanted/],
      [pickle("N"), /wanted/],
      [pickle("."), /nothing on its stack/],
      [pickle("N.N"), /behind its end/],
      [pickle(0x80, 6, "N."), /protocol 6/],
      [pickle(0x95, lying, "N."), /frame of 2147483647/],
      [pickle("B", lying.slice(0, 4), "abc"), /2147483647 bytes wanted/],
      [pickle(0x8e, lying, "abc"), /2147483647 bytes wanted/],
      [pickle("X", [3, 0, 0, 0], [0xff, 0xfe, 0xfd], "."), /not UTF-8/],
      [pickle(0x8b, lying.slice(0, 4)), /integer of 2147483647/],
      [pickle("h", 3, "."), /remembered under 3/],
      [pickle("t."), /no mark/],
      [pickle("(N", "a."), /nothing on its stack/],
      [pickle("NNa."), /append to no list/],
      [pickle("}(Nu."), /key without a value/],
      [pickle("NNs."), /nothing on its stack/],
      [pickle("Pid\n."), /0x50 at 0 is not known or not allowed/],
      [pickle(0x97, "."), /0x97/],
      [pickle(0x82, 1, "."), /0x82/],
      [pickle("cos\nsystem\n."), /it names os\.system/],
      [pickle("cos\nsystem\n(X", [2, 0, 0, 0], "id", "tR."), /it names os\.system/],
      [pickle("cos\nsystem\n)", 0x81, "}b."), /it names os\.system/],
      [pickle("cbuiltins\neval\n)R)R."), /a call of a call/],
      [pickle("]]]", "aNa", "("), /wanted/],
      [pickle("I99x\n."), /integer is not readable/],
      [pickle("I", "9".repeat(20_000), "\n."), /integer is not readable/],
      [pickle("X", [3, 0, 0, 0], "abc)R."), /a call of a call/],
    ] as const
  ) assert.match(fault(bytes), said);
});

Deno.test("a pickle nested a million deep is refused, whatever it is nested in", () => {
  assert.match(fault(pickle("]".repeat(MILLION), "a".repeat(MILLION - 1), ".")), /1000 deep/);
  assert.match(fault(pickle("N", Array(MILLION).fill(0x85), ".")), /1000 deep/);
  assert.match(fault(pickle("(".repeat(MILLION), "t".repeat(MILLION), ".")), /1000 deep/);
  assert.match(fault(pickle("(".repeat(MILLION), ".")), /nothing on its stack/);
  assert.match(fault(pickle("cos\nf\n", ")R".repeat(MILLION / 2), ".")), /a call of a call/);
  assert.equal(fault(pickle("]".repeat(900), "a".repeat(899), ".")), "(read)");
});

Deno.test("what is remembered and repeated costs no more than it is long", () => {
  // A list of two of a list of two …, 200 times: 2^200 leaves, 200 lists.
  const laughs = pickle("]", ...Array(200).fill(["]2".charCodeAt(0)]).flat(), ".");
  assert.equal(fault(laughs), "(read)");
  const doubled = pickle(")", ...Array(200).fill([0x32, 0x86]), ".");
  let node = readPickle(doubled) as unknown[];
  for (let depth = 0; depth < 200; depth++) {
    assert.equal(node[0], node[1]);
    node = node[0] as unknown[];
  }
  // The same megabyte made into an array again and again.
  const bytes = new Uint8Array(MILLION);
  const array = ["cnumpy\nndarray\n(J", [0x40, 0x42, 0x0f, 0], "X", [3, 0, 0, 0], "|i1h", 0, "tR"] as const;
  const bomb = pickle(
    "]B",
    [0x40, 0x42, 0x0f, 0],
    [...bytes],
    "q",
    0,
    "0",
    ...Array(1000).fill([...array, "a"]).flat(),
    ".",
  );
  assert.match(fault(bomb), /far more of its bytes/);
});

Deno.test("arrays that lie about their size, shape or type are refused", () => {
  const array = (shape: string, dtype: string, bytes: number) =>
    fault(pickle(
      ...["cnumpy\nndarray\n((", shape, "tX", [dtype.length, 0, 0, 0], dtype, "C", bytes],
      ...[Array(bytes).fill(1), "tR."],
    ));
  assert.equal(array("K\x02K\x03", "|i1", 6), "(read)");
  assert.match(array("K\x02K\x03", "|i1", 7), /shape \(2,3\) and type \|i1 with 7 bytes/);
  assert.match(array("J\xff\xff\xff\xff", "|i1", 7), /shape of an array/);
  assert.match(array("J\xff\xff\xff\x7f".repeat(5), "|i1", 7), /shape of an array/);
  assert.match(array("J\xff\xff\xff\x7f", "<f8", 8), /with 8 bytes/);
  assert.match(array("K\x01", "<c8", 8), /numpy's type "<c8"/);
  assert.match(array("K\x01", "|O", 8), /numpy's type "\|O"/);
  assert.match(array("NN", "<f8", 8), /shape of an array/);
});

Deno.test("cycles of a pickle are cycles here, and names are not inherited", () => {
  const list = readPickle(pickle("]", 0x94, "h", 0, "a.")) as unknown[];
  assert.equal(list[0], list);
  const dict = readPickle(pickle("}", 0x94, "X", [9, 0, 0, 0], "__proto__h", 0, "s.")) as object;
  assert.equal(Object.getPrototypeOf(dict), Object.prototype);
  assert.equal(Object.getOwnPropertyDescriptor(dict, "__proto__")?.value, dict);
});

Deno.test("any bytes, and any pickle with some of them changed, end in a value or a PickleError", () => {
  const survives = (bytes: Uint8Array) => {
    for (
      const read of [
        () => readPickle(bytes),
        () => readApply([bytes, bytes, bytes]).read({ reference: (x) => x }),
      ]
    ) {
      try {
        read();
      } catch (error) {
        assert.ok(error instanceof PickleError, String(error instanceof Error ? error.stack : error));
      }
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), survives), { numRuns: 8_000 });
  const seeds = [
    ...VECTORS.flatMap(({ buffers }) => buffers).filter((buffer) => buffer.length < 5000),
    writePickle({
      a: [1, 2n ** 70n, new Set([1]), new Float64Array(3), "x", new Date(0)],
      b: new Map([[1, null]]),
    }),
  ];
  const change = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.nat(seeds.length - 1), change, fc.boolean(), (seed, changes, isCut) => {
      const bytes = seeds[seed]!.slice();
      for (const [where, byte] of changes) bytes[Math.floor(where * (bytes.length - 1))] = byte;
      survives(isCut ? bytes.subarray(0, Math.floor(changes[0]![0] * bytes.length)) : bytes);
    }),
    { numRuns: 8_000 },
  );
});

interface Vector {
  readonly name: string;
  readonly buffers: readonly Uint8Array[];
  readonly expected: unknown;
}

/** Requests of a real Python client, as `vectors/make_pickles.py` wrote them down. */
const VECTORS: readonly Vector[] = JSON.parse(
  Deno.readTextFileSync(new URL("vectors/pickles.json", import.meta.url)),
).map(({ name, buffers, expected }: { name: string; buffers: string[]; expected: unknown }) => ({
  name,
  buffers: buffers.map((text) => Uint8Array.fromBase64(text)),
  expected,
}));

/** A request as plain JSON. */
function told(buffers: readonly Uint8Array[]): unknown {
  const { callee, read } = readApply(buffers);
  try {
    const { args, kwargs } = read({ reference: (name) => `Reference(${name})` });
    const plain = (_: string, value: unknown) =>
      value instanceof Set || ArrayBuffer.isView(value) ? [...value as Iterable<unknown>] : value;
    return {
      callee,
      args: JSON.parse(JSON.stringify(args, plain)),
      kwargs: JSON.parse(JSON.stringify(kwargs, plain)),
    };
  } catch (error) {
    assert.ok(error instanceof PickleError, String(error));
    return { callee, fault: error.message };
  }
}

for (const { name, buffers, expected } of VECTORS) {
  Deno.test(`a request as Python's client sent it: ${name}`, () => assert.deepEqual(told(buffers), expected));
}

Deno.test("wrong numbers of buffers are refused", () => {
  const big = new Uint8Array(5000);
  const request = writeApply("f", [big, 1], { k: big });
  assert.equal(request.length, 7);
  const read = (buffers: readonly Uint8Array[]) => () => readApply(buffers).read({});
  assert.doesNotThrow(read(request));
  assert.throws(read([]), /two at least/);
  assert.throws(read(request.slice(0, 1)), /two at least/);
  assert.throws(read(request.slice(0, 3)), PickleError);
  assert.throws(read(request.slice(0, 6)), PickleError);
  assert.throws(read([...request, big]), /1 buffers are left over/);
  assert.throws(read([...request.slice(0, 2), ...request.slice(3)]), PickleError);
  const info = (value: unknown) => read([request[0]!, writePickle(value), ...request.slice(2)]);
  assert.throws(info({ nargs: 2, narg_bufs: 2, kw_keys: ["k"] }), /than the 2 announced/);
  assert.throws(info({ nargs: 1e15, narg_bufs: 3, kw_keys: [] }), PickleError);
  assert.throws(info({ nargs: -1, narg_bufs: 3, kw_keys: [] }), /nargs/);
  assert.throws(info({ nargs: 2, narg_bufs: 99, kw_keys: [] }), /99 buffers of arguments, 5 there/);
  assert.throws(info(5), /nargs/);
  assert.throws(info(null), /nargs/);
  assert.throws(() => readResult(writeResult(big).slice(0, 1)), /buffers are missing/);
});

Deno.test("large buffers go beside the pickle uncopied, and come out uncopied", () => {
  const array = new Float64Array(100_000);
  const [, buffer] = writeResult([1, array]);
  assert.equal(buffer!.buffer, array.buffer);
  const [, read] = readResult(writeResult([1, array])) as [number, Float64Array];
  assert.equal(read.buffer, array.buffer);
});

Deno.test("what cannot be pickled is named with its place", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = { list: [1, cycle] };
  let deep: unknown = 1;
  for (let i = 0; i < 5000; i++) deep = [deep];
  for (
    const [value, said] of [
      [() => 1, "Cannot send args[0]: a function"],
      [{ a: [1, { "b c": parseInt }] }, 'Cannot send args[0].a[1]["b c"]: a function'],
      [cycle, "Cannot send args[0].self.list[1]: it contains itself"],
      [[Symbol("x")], "Cannot send args[0][0]: a symbol"],
      [Promise.resolve(1), "Cannot send args[0]: a promise; await it first"],
      [{ e: new Error("x") }, "Cannot send args[0].e: an error; send its message"],
      [/x/, "Cannot send args[0]: a regular expression; send its source"],
      [new Map([[{}, 1]]), "Cannot send args[0].keys()[0]: an object where Python wants something hashable"],
      [
        new Set([[1, {}]]),
        "Cannot send args[0].values()[0][1]: an object where Python wants something hashable",
      ],
      [new Date(NaN), "Cannot send args[0]: a date that Python cannot hold"],
    ] as const
  ) assert.equal(refusal(value), said);
  assert.match(refusal(deep), /nested more than 1000 deep/);
  assert.throws(() => writePickle("x".repeat(2000), { maxBytes: 1000 }), /more than 1000 bytes/);
  assert.throws(() => writeResult(new Uint8Array(2000), { maxBytes: 1000 }), /more than 1000 bytes/);
  assert.throws(() => new Reference(""), TypeError);
});

Deno.test("the same object twice is the same object there", () => {
  const shared = { a: 1 }, array = new Int16Array(3);
  const read = readPickle(writePickle([shared, shared, { shared }, array, array])) as unknown[];
  assert.equal(read[0], read[1]);
  assert.equal((read[2] as { shared: unknown }).shared, read[0]);
  assert.equal(read[3], read[4]);
});

Deno.test("sparse, endless and lying arrays are refused before they are walked", () => {
  const sparse = new Array(2 ** 32 - 1);
  sparse[7] = 1;
  assert.equal(
    refusal({ a: [sparse] }),
    "Cannot send args[0].a[0]: an array of 4294967295 places of which 1 are filled; send its entries",
  );
  assert.equal(refusal([1, , 3]), "(written)");
  assert.equal(refusal(new Array(5000)), "(written)");
  for (const length of ["5", -1, 1.5, NaN, 2 ** 53 - 1]) {
    const lying = new Proxy([], {
      get: (target, key) => key === "length" ? length : Reflect.get(target, key),
    });
    assert.match(refusal(lying), /an array whose length is no length/, String(length));
    assert.match(refusal(new Map([[lying, 1]])), /an array whose length is no length/, String(length));
  }
  const filled = new Array(10_000).fill(0);
  assert.throws(() => writePickle(filled, { maxBytes: 9_000 }), /more than 9000 bytes/);
  assert.throws(() => writePickle(new Map([[filled, 1]]), { maxBytes: 9_000 }), /more than 9000 bytes/);
});

Deno.test("a key that holds the same array over and over is written once", () => {
  let key: unknown[] = [1];
  for (let level = 0; level < 60; level++) key = [key, key];
  const bytes = writePickle(new Map([[key, 1]]));
  assert.ok(bytes.length < 1000, `${bytes.length} bytes`);
});

Deno.test("a BigInt of millions of digits is refused without being written out", () => {
  assert.match(refusal([1n << 400_000_000n]), /args\[0\]\[0\]: a BigInt of too many digits/);
  assert.match(refusal([-(1n << 400_000_000n)]), /too many digits/);
});
