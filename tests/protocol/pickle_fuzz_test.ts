/** Well-formed pickles of random things in random places: calls of what is known with arguments that are not, wrappers without their buffers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readApply, readResult } from "../../src/protocol/pickle_apply.ts";
import { PICKLE_OP as OP } from "../../src/protocol/pickle_ops.ts";
import { PickleError, readPickle } from "../../src/protocol/pickle_read.ts";

const CANNING = "ipyparallel.serialize.canning";
const GLOBALS = [
  ...["bytearray", "bytes", "set", "frozenset", "range", "complex"].map((name) => ["builtins", name]),
  ...["datetime", "timezone", "timedelta"].map((name) => ["datetime", name]),
  ...["_reconstruct", "scalar"].map((name) => ["numpy._core.multiarray", name]),
  ...["ndarray", "dtype"].map((name) => ["numpy", name]),
  ...["Array", "Bytes", "Object", "Function", "Partial", "Class"].map((name) => [CANNING, `Canned${name}`]),
  ["numpy._core.numeric", "_frombuffer"],
  ["_codecs", "encode"],
  ["collections", "OrderedDict"],
  [CANNING, "Reference"],
  ["cloudpickle.cloudpickle", "_make_function"],
] as [string, string][];
const NAMES = [
  "buffers",
  "shape",
  "dtype",
  "pickled",
  "name",
  "obj",
  "f",
  "func",
  "hook",
  "module",
  "__name__",
];
const TEXTS = [
  ...NAMES,
  "nargs",
  "narg_bufs",
  "kw_keys",
  "latin1",
  "<f8",
  ">i4",
  "|b1",
  "f8",
  "F",
  "__proto__",
];

const codes = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const text = fc.constantFrom(...TEXTS).map((word) => [OP.SHORT_BINUNICODE, word.length, ...codes(word)]);
const name = fc.constantFrom(...GLOBALS).map(([module, own]) => [OP.GLOBAL, ...codes(`${module}\n${own}\n`)]);
const bytes = fc.uint8Array({ maxLength: 16 }).map((data) => [OP.SHORT_BINBYTES, data.length, ...data]);
const constant = fc.constantFrom<number[][]>([OP.NONE], [OP.NEWTRUE], [OP.BININT1, 3], [OP.BINGET, 0], [
  OP.EMPTY_TUPLE,
]);

/** Instructions that put one value on the stack. */
const { value } = fc.letrec<{ value: number[]; items: number[]; members: number[]; call: number[] }>((
  tie,
) => ({
  items: fc.array(tie("value"), { maxLength: 4 }).map((parts) => parts.flat()),
  members: fc.array(fc.tuple(fc.oneof(text, tie("value")), tie("value")), { maxLength: 4 }).map((parts) =>
    parts.flat(2)
  ),
  call: fc.tuple(name, tie("items"), fc.constantFrom(OP.REDUCE, OP.NEWOBJ), fc.option(tie("value"))).map(
    ([called, args, how, state]) => [
      ...[...called, OP.MARK, ...args, OP.TUPLE, how, OP.MEMOIZE],
      ...(state === null ? [] : [...state, OP.BUILD]),
    ],
  ),
  value: fc.oneof(
    { depthSize: "medium" },
    constant,
    text,
    bytes,
    name,
    tie("items").map((items) => [OP.EMPTY_LIST, OP.MEMOIZE, OP.MARK, ...items, OP.APPENDS]),
    tie("items").map((items) => [OP.MARK, ...items, OP.TUPLE]),
    tie("items").map((items) => [OP.EMPTY_SET, OP.MEMOIZE, OP.MARK, ...items, OP.ADDITEMS]),
    tie("members").map((members) => [OP.EMPTY_DICT, OP.MEMOIZE, OP.MARK, ...members, OP.SETITEMS]),
    tie("call"),
    tie("call"),
  ),
}));

Deno.test("any well-formed pickle ends in a value or a PickleError, alone, as a result and as a request", () => {
  fc.assert(
    fc.property(value, value, bytes, (one, other, rest) => {
      const [a, b] = [one, other].map((code) => new Uint8Array([...code, OP.STOP])) as [
        Uint8Array,
        Uint8Array,
      ];
      const large = new Uint8Array(rest);
      for (
        const read of [
          () => readPickle(a, { reference: (name) => name }),
          () => readResult([a, large, large]),
          () => readApply([a, b, a, large]).read({ reference: (name) => name }),
        ]
      ) {
        try {
          read();
        } catch (error) {
          assert.ok(error instanceof PickleError, String(error instanceof Error ? error.stack : error));
        }
      }
    }),
    { numRuns: 10_000 },
  );
});
