/**
 * The few globals that a pickle may name and that become values: Python's own containers, dates, numpy's arrays, and what ipyparallel wraps
 * large buffers in. Each is a rule of ours for data; nothing of that name is ever called.
 */
import { dateOf } from "./pickle_date.ts";
import { badPickle } from "./pickle_error.ts";
import { OutOfBand, type PickleDict, PickleGlobal, PickleRecord, PickleTuple } from "./pickle_graph.ts";
import { type Charge, readArray, readScalar } from "./pickle_numpy.ts";

/** What the rules need of the reader. */
export interface Reading {
  readonly value: (node: unknown) => unknown;
  readonly list: (items: readonly unknown[]) => unknown[];
  readonly set: (items: readonly unknown[]) => Set<unknown>;
  readonly dict: (dict: PickleDict) => unknown;
  readonly nested: (pickle: Uint8Array) => unknown;
  readonly reference: (name: string) => unknown;
  readonly charge: Charge;
}

/** Most numbers of a range. */
const MAX_RANGE = 1 << 20;

type Rule = (record: PickleRecord, reading: Reading) => unknown;

/** Where ipyparallel wraps what it sends. */
export const CANNING = "ipyparallel.serialize.canning";

const KNOWN: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["builtins.bytearray", (record, reading) => bytesOf(record, reading)],
  ["builtins.bytes", (record, reading) => bytesOf(record, reading)],
  ["builtins.set", ({ args }, reading) => reading.set(itemsOf(args[0] ?? [], reading.charge))],
  ["builtins.frozenset", ({ args }, reading) => reading.set(itemsOf(args[0] ?? [], reading.charge))],
  ["_codecs.encode", (record, reading) => bytesOf(record, reading)],
  ["builtins.range", ({ args }, { charge }) => rangeOf(args, charge)],
  ["builtins.xrange", ({ args }, { charge }) => rangeOf(args, charge)],
  ["collections.OrderedDict", ({ entries }, reading) => reading.dict(entries)],
  ["datetime.datetime", ({ args: [bytes, zone] }, { charge }) => dateOf([plainBytes(bytes, charge), zone])],
  ...numpy("multiarray._reconstruct", ({ args, state }, { charge }) => {
    if (!isNamed(args[0], "numpy.ndarray")) throw badPickle("an array of a class of its own");
    const [, shape, dtype, isFortran, bytes] = state instanceof PickleTuple ? state.items : [];
    return readArray(
      { shape, dtype, bytes: plainBytes(bytes, charge), isFortran: isFortran === true },
      charge,
    );
  }),
  ...numpy("multiarray.scalar", ({ args }, { charge }) => readScalar(args[0], plainBytes(args[1], charge))),
  ...numpy(
    "numeric._frombuffer",
    ({ args: [bytes, dtype, shape, order] }, { charge }) =>
      readArray({ shape, dtype, bytes: plainBytes(bytes, charge), isFortran: order === "F" }, charge),
  ),
  [
    "numpy.ndarray",
    ({ args: [shape, dtype, bytes] }, { charge }) =>
      readArray({ shape, dtype, bytes: plainBytes(bytes, charge), isFortran: false }, charge),
  ],
  [`${CANNING}.CannedArray`, canned],
  [`${CANNING}.CannedBytes`, cannedBytes],
  [`${CANNING}.CannedMemoryView`, cannedBytes],
  [`${CANNING}.CannedObject`, (record, reading) => {
    if (record.member("hook") != null) throw badPickle("a function with a dependency is no data");
    return reading.value(record.member("obj"));
  }],
  [`${CANNING}.Reference`, (record, reading) => {
    const name = record.member("name");
    if (typeof name !== "string") throw badPickle("a Reference without a name");
    return reading.reference(name);
  }],
]);

/** The value of a call or an instance. @throws PickleError naming what is no data here */
export function knownValue(record: PickleRecord, reading: Reading): unknown {
  const rule = KNOWN.get(record.of);
  if (rule !== undefined) return rule(record, reading);
  throw badPickle(`it names ${record.of || "a call of a call"}, which is no data for this side`);
}

/** numpy 2's name of the module and numpy 1's. */
function numpy(name: string, rule: Rule): [string, Rule][] {
  return [[`numpy._core.${name}`, rule], [`numpy.core.${name}`, rule]];
}

function isNamed(node: unknown, name: string): boolean {
  return node instanceof PickleGlobal && node.text === name;
}

function itemsOf(list: unknown, charge: Charge): readonly unknown[] {
  const items = list instanceof PickleTuple ? list.items : list;
  if (!Array.isArray(items)) throw badPickle("a set of no list");
  charge(items.length * 8);
  return items;
}

/** The numbers of a range, as many as may be made of so little. */
function rangeOf([start, stop, step]: readonly unknown[], charge: Charge): number[] {
  if (
    !Number.isSafeInteger(start) || !Number.isSafeInteger(stop) || !Number.isSafeInteger(step) || step === 0
  ) {
    throw badPickle("a range that is none");
  }
  const [from, to, by] = [start, stop, step] as [number, number, number];
  const length = Math.max(0, Math.ceil((to - from) / by));
  if (length > MAX_RANGE) throw badPickle(`a range of ${length} numbers: send a list of them`);
  // A short pickle may name many ranges; together they may be as long as one.
  charge(length);
  return Array.from({ length }, (_, i) => from + i * by);
}

/** A copy of the bytes that a call makes. */
function bytesOf(record: PickleRecord, { charge }: Reading): Uint8Array {
  const bytes = plainBytes(record, charge);
  if (!(bytes instanceof Uint8Array)) throw badPickle("bytes of something else");
  charge(bytes.length);
  return bytes.slice();
}

/** The bytes themselves, where they stand in a call: protocols 0 to 2 know bytes as text with an encoding that keeps each as one character. */
function plainBytes(node: unknown, charge: Charge): unknown {
  for (let i = 0; i < 3 && node instanceof PickleRecord; i++) {
    const [source, encoding] = node.args;
    if (!/^builtins\.(bytes|bytearray)$|^_codecs\.encode$/.test(node.of)) return node;
    if (source === undefined) return new Uint8Array(0);
    if (typeof source !== "string") node = source;
    else if (encoding === "latin1" || encoding === "latin-1") {
      charge(source.length);
      return Uint8Array.from({ length: source.length }, (_, i) => source.charCodeAt(i));
    } else throw badPickle("bytes of an encoding that is not known");
  }
  return node;
}

function buffer(record: PickleRecord, charge: Charge): unknown {
  const buffers = record.member("buffers");
  const bytes = Array.isArray(buffers) ? plainBytes(buffers[0], charge) : undefined;
  if (!(bytes instanceof Uint8Array) && !(bytes instanceof OutOfBand)) {
    throw badPickle("a buffer that should have come with it is missing");
  }
  return bytes;
}

function canned(record: PickleRecord, { nested, charge }: Reading): unknown {
  const bytes = buffer(record, charge);
  if (record.member("pickled") === true) {
    return nested(bytes instanceof OutOfBand ? bytes.bytes : bytes as Uint8Array);
  }
  return readArray(
    { shape: record.member("shape"), dtype: record.member("dtype"), bytes, isFortran: false },
    charge,
  );
}

function cannedBytes(record: PickleRecord, { charge }: Reading): Uint8Array {
  const bytes = buffer(record, charge);
  if (bytes instanceof OutOfBand) return bytes.bytes;
  charge((bytes as Uint8Array).length);
  return (bytes as Uint8Array).slice();
}
