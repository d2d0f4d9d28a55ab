/** Pickles against real Python, both ways. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readApply, readResult, writeApply, writeResult } from "../../src/protocol/pickle_apply.ts";
import { readPickle } from "../../src/protocol/pickle_read.ts";
import { writePickle } from "../../src/protocol/pickle_write.ts";
import { PYTHON, PythonPeer } from "./python_peer.ts";

function test(name: string, fn: (python: PythonPeer) => Promise<void>) {
  Deno.test({
    name: `${name} (needs TSPARALLEL_PYTHON, a Python with ipyparallel 9.2 and numpy)`,
    ignore: PYTHON === undefined,
    async fn() {
      await using python = new PythonPeer();
      await fn(python);
    },
  });
}

/** Values that are the same after a way through Python and back: no -0 next to 0, keys that stay distinct. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "medium" },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt().filter((n) => n > BigInt(Number.MAX_SAFE_INTEGER) || n < BigInt(Number.MIN_SAFE_INTEGER)),
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array({ maxLength: 300 }),
    fc.float64Array({ maxLength: 30 }),
    fc.int32Array({ maxLength: 300 }),
    fc.bigInt64Array({ maxLength: 30 }),
    fc.uint16Array({ maxLength: 30 }),
    fc.date({ min: new Date("0001-01-02"), max: new Date("9999-12-30"), noInvalidDate: true }),
    fc.array(tie("value"), { maxLength: 8 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 8 }),
    fc.array(fc.tuple(fc.integer(), tie("value"))).map((pairs) => new Map(pairs)).filter((map) =>
      map.size > 0
    ),
    fc.array(fc.oneof(fc.string(), fc.integer({ min: 1 }))).map((items) => new Set(items)),
    fc.tuple(fc.nat(3), fc.nat(3)).map((shape) => ({
      shape,
      dtype: "<f4",
      data: new Float32Array(shape[0] * shape[1]).map((_, i) => i),
    })),
  ),
}));

/** Without prototypes, which differ for what a dictionary makes. */
function plain(x: unknown): unknown {
  if (Array.isArray(x)) return x.map(plain);
  if (x instanceof Map) return new Map([...x].map(([k, v]) => [k, plain(v)]));
  if (typeof x !== "object" || x === null || Object.getPrototypeOf(x) !== null) {
    const isPlain = typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;
    return isPlain ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, plain(v)])) : x;
  }
  return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, plain(v)]));
}

test("thousands of values survive the way through Python, in every protocol", async (python) => {
  let protocol = 0;
  await fc.assert(
    fc.asyncProperty(value, async (sent) => {
      protocol = 2 + (protocol + 1) % 4;
      const echoed = await python.echo(writePickle(sent), protocol);
      assert.deepEqual(plain(readPickle(echoed)), plain(sent));
    }),
    { numRuns: 3000 },
  );
});

test("results and requests are what ipyparallel reads, with large buffers beside the pickle", async (python) => {
  const big = fc.oneof(
    fc.nat(3000).map((length) => new Uint8Array(length).fill(7)),
    fc.nat(600).map((length) => new Float64Array(length).map((_, i) => i)),
    fc.nat(30).map((n) => ({ shape: [n, 30], dtype: "<i4", data: new Int32Array(n * 30).fill(5) })),
    value,
  );
  const wide = fc.oneof(big, fc.array(big, { maxLength: 70 }), fc.dictionary(fc.string(), big));
  await fc.assert(
    fc.asyncProperty(wide, fc.array(wide, { maxLength: 3 }), async (one, args) => {
      const [shown, left] = await python.result(writeResult(one)) as [unknown, number];
      assert.equal(left, 0);
      assert.deepEqual(shown, await python.show(writePickle(one)));
      const kwargs = { zeta: one, "ä": args[0] ?? null };
      const [name, positional, named] = await python.apply(writeApply("f", args, kwargs)) as unknown[];
      assert.equal(name, "len");
      assert.deepEqual(positional, await python.show(writePickle(args)));
      assert.deepEqual(named, await python.show(writePickle(kwargs)));
      const read = readApply(writeApply("f", args, kwargs));
      assert.deepEqual(read.callee, { kind: "reference", name: "f" });
      const own = read.read({});
      assert.deepEqual(plain(own.args), plain(args));
      assert.deepEqual(plain(own.kwargs), plain(kwargs));
      assert.deepEqual(plain(readResult(writeResult(one))), plain(one));
    }),
    { numRuns: 300 },
  );
});

const SAME: readonly [string, unknown][] = [
  ["None", null],
  ["(1, [2, (3,)], {4}, frozenset([5]))", [1, [2, [3]], new Set([4]), new Set([5])]],
  ["2**53 - 1", 2 ** 53 - 1],
  ["2**53", 2n ** 53n],
  ["-(10**40)", -(10n ** 40n)],
  ["[0, 255, 256, 65535, 65536, -1, -256, 2**31-1, 2**31, -2**31, -2**31-1, 1 << 2000]", [
    ...[0, 255, 256, 65535, 65536, -1, -256, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1],
    1n << 2000n,
  ]],
  ["[1.5, -0.0, math.inf, -math.inf, math.nan]", [1.5, -0, Infinity, -Infinity, NaN]],
  ["'\\ud800 x \\U0001f600 \\udfff\\ue000'", "\ud800 x \u{1f600} \udfff\ue000"],
  ["[b'abc', bytearray(b'abc'), b'']", [
    new Uint8Array([97, 98, 99]),
    new Uint8Array([97, 98, 99]),
    new Uint8Array(0),
  ]],
  ["{1: 'a', 'b': None, (1, 2): 3}", new Map<unknown, unknown>([[1, "a"], ["b", null], [[1, 2], 3]])],
  ["{'__proto__': 1}", Object.fromEntries([["__proto__", 1]])],
  ["__import__('collections').OrderedDict(a=1)", { a: 1 }],
  ["datetime.datetime(2020, 2, 29, 12, 30, 15, 250000)", new Date("2020-02-29T12:30:15.250Z")],
  [
    "datetime.datetime(2020, 2, 29, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=-3)))",
    new Date("2020-02-29T15:00:00Z"),
  ],
  ["[range(3), range(5, -1, -2), range(0)]", [[0, 1, 2], [5, 3, 1], []]],
  ["np.arange(4.)", new Float64Array([0, 1, 2, 3])],
  ["np.arange(3, dtype='>i4')", new Int32Array([0, 1, 2])],
  ["np.arange(3)", new BigInt64Array([0n, 1n, 2n])],
  ["np.arange(6, dtype='f4').reshape(2, 3)", {
    shape: [2, 3],
    dtype: "<f4",
    data: new Float32Array([0, 1, 2, 3, 4, 5]),
  }],
  ["np.asfortranarray(np.arange(24, dtype='i2').reshape(2, 3, 4))", {
    shape: [2, 3, 4],
    dtype: "<i2",
    data: new Int16Array(24).map((_, i) => i),
  }],
  ["np.arange(20, dtype='i2')[::3]", new Int16Array([0, 3, 6, 9, 12, 15, 18])],
  ["np.array([True, False])", { shape: [2], dtype: "|b1", data: new Uint8Array([1, 0]) }],
  ["np.array([1, 2], 'u1')", { shape: [2], dtype: "|u1", data: new Uint8Array([1, 2]) }],
  ["np.array(7.5)", { shape: [], dtype: "<f8", data: new Float64Array([7.5]) }],
  ["np.zeros((0, 3))", { shape: [0, 3], dtype: "<f8", data: new Float64Array(0) }],
  ["[np.float64(1.5), np.int64(3), np.bool_(True), np.uint64(2**64 - 1), np.float32(.5)]", [
    ...[1.5, 3, true, 2n ** 64n - 1n, 0.5],
  ]],
];

test("each kind of Python's values is read, in every protocol", async (python) => {
  for (const [expression, expected] of SAME) {
    for (let protocol = 0; protocol <= 5; protocol++) {
      const read = readPickle(await python.dump(expression, protocol));
      assert.deepEqual(read, expected, `${expression} in protocol ${protocol}`);
    }
  }
});

test("what no value stands for is refused by its name", async (python) => {
  for (
    const [expression, said] of [
      ["np.array(['a'])", /numpy's type "U1"/],
      ["np.array([None])", /numpy's type "O8"/],
      ["np.array([1j])", /numpy's type "c16"/],
      ["np.array([(1, 2)], 'i4,i4')", /numpy's type/],
      ["1j", /builtins\.complex/],
      ["range(10**7)", /a range of 10000000 numbers/],
      ["print", /builtins\.print/],
      ["__import__('decimal').Decimal(1)", /decimal\.Decimal/],
      ["__import__('os').system", /posix\.system/],
    ] as const
  ) {
    const pickle = await python.dump(expression, 4);
    assert.throws(() => readPickle(pickle), said, expression);
  }
});
