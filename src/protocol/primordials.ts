/**
 * The built-in functions that the codec uses, taken at module load.
 *
 * The codec is bundled into the Worker that runs tasks. A task can replace whatever it can reach (`Array.prototype.push`, getters of
 * typed arrays, iteration itself), so the codec calls nothing through an object: neither methods nor `for … of` nor spreading, but
 * what was captured here before any task ran. Plain loops over own indexes, operators and private fields need no capture.
 */

/** A method as a function of its `this`. A bound `call` stays what it is, whatever happens to `Function.prototype`. */
function uncurry<A extends unknown[], R>(method: (...args: A) => R): (self: unknown, ...args: A) => R {
  return Function.prototype.call.bind(method) as (self: unknown, ...args: A) => R;
}

/** The getter of an accessor property as a function of its `this`. */
function getter<R>(prototype: object, name: PropertyKey): (self: unknown) => R {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get;
  if (get === undefined) throw new TypeError(`Cannot find the getter "${String(name)}"`);
  return uncurry(get as () => R);
}

export const { keys, getPrototypeOf, defineProperty } = Object;
export const { isArray } = Array;
export const { fromCharCode } = String;
export const { isView } = ArrayBuffer;
export const { isSafeInteger } = Number;
export const ObjectPrototype = Object.prototype;
export const hasOwn = uncurry(Object.prototype.hasOwnProperty);
export const toStringTag = uncurry(Object.prototype.toString);
export const isPrototypeOf = uncurry(Object.prototype.isPrototypeOf);

export const PrimordialArray = Array;
export const PrimordialMap = Map;
export const PrimordialSet = Set;
export const PrimordialDate = Date;
export const PrimordialRegExp = RegExp;
export const PrimordialRangeError = RangeError;
export const PrimordialReferenceError = ReferenceError;
export const PrimordialUint8Array = Uint8Array;
export const PrimordialObject = Object;
export const PrimordialBigInt = BigInt;
export const PrimordialString = String;

export const mapGet: (self: Map<unknown, number>, key: unknown) => number | undefined = uncurry(
  Map.prototype.get,
);
export const mapSet = uncurry(Map.prototype.set);
export const mapDelete = uncurry(Map.prototype.delete);
export const mapForEach = uncurry(Map.prototype.forEach);
export const mapSize: (self: unknown) => number = getter(Map.prototype, "size");
export const setAdd = uncurry(Set.prototype.add);
export const setForEach = uncurry(Set.prototype.forEach);
export const setSize: (self: unknown) => number = getter(Set.prototype, "size");
export const dateTime = uncurry(Date.prototype.getTime);
export const regExpSource: (self: unknown) => string = getter(RegExp.prototype, "source");
/** Letter and getter of each flag: the getter of `flags` itself would ask properties that can be replaced. */
const FLAGS: readonly (readonly [string, (self: unknown) => boolean])[] = [
  ["d", getter(RegExp.prototype, "hasIndices")],
  ["g", getter(RegExp.prototype, "global")],
  ["i", getter(RegExp.prototype, "ignoreCase")],
  ["m", getter(RegExp.prototype, "multiline")],
  ["s", getter(RegExp.prototype, "dotAll")],
  ["u", getter(RegExp.prototype, "unicode")],
  ["v", getter(RegExp.prototype, "unicodeSets")],
  ["y", getter(RegExp.prototype, "sticky")],
];
export function regExpFlags(self: unknown): string {
  let flags = "";
  for (let i = 0; i < FLAGS.length; i++) {
    const entry = FLAGS[i] as typeof FLAGS[number];
    if (entry[1](self)) flags += entry[0];
  }
  return flags;
}
export const numberValue = uncurry(Number.prototype.valueOf);
export const stringValue = uncurry(String.prototype.valueOf);
export const booleanValue = uncurry(Boolean.prototype.valueOf);
export const bigintValue = uncurry(BigInt.prototype.valueOf);
export const bigintText = uncurry(BigInt.prototype.toString);

export const charCodeAt = uncurry(String.prototype.charCodeAt);
export const stringSlice = uncurry(String.prototype.slice);
export const stringIndexOf = uncurry(String.prototype.indexOf);
export const isWellFormed = uncurry(String.prototype.isWellFormed);

const TypedArrayPrototype: object = Object.getPrototypeOf(Uint8Array.prototype);
/** Name of a typed array's class by what it is, not by what it says; undefined for everything else. */
export const typedArrayName: (self: unknown) => string | undefined = getter(
  TypedArrayPrototype,
  Symbol.toStringTag,
);
export const typedArrayBuffer: (self: unknown) => ArrayBuffer = getter(TypedArrayPrototype, "buffer");
export const typedArrayOffset: (self: unknown) => number = getter(TypedArrayPrototype, "byteOffset");
export const typedArrayByteLength: (self: unknown) => number = getter(TypedArrayPrototype, "byteLength");
export const typedArrayLength: (self: unknown) => number = getter(TypedArrayPrototype, "length");
export const typedArraySet = uncurry(Uint8Array.prototype.set);
export const dataViewBuffer: (self: unknown) => ArrayBuffer = getter(DataView.prototype, "buffer");
export const dataViewOffset: (self: unknown) => number = getter(DataView.prototype, "byteOffset");
export const dataViewByteLength: (self: unknown) => number = getter(DataView.prototype, "byteLength");
/** Throws for everything that is no ArrayBuffer. */
export const bufferByteLength: (self: unknown) => number = getter(ArrayBuffer.prototype, "byteLength");

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const boundEncode = TextEncoder.prototype.encode.bind(encoder);
const boundEncodeInto = TextEncoder.prototype.encodeInto.bind(encoder);
const boundDecode = TextDecoder.prototype.decode.bind(decoder);

export const encodeUtf8: (text: string) => Uint8Array = boundEncode;
export const encodeUtf8Into: (text: string, into: Uint8Array) => { readonly written: number } =
  boundEncodeInto;
/** Malformed parts become U+FFFD. */
export const decodeUtf8: (bytes: Uint8Array) => string = boundDecode;

/** The classes that an error keeps on its way; its place in the list is its number on the wire. */
export const ERROR_CLASSES = [
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  URIError,
  EvalError,
  AggregateError,
  DOMException,
] as const;
export const ERROR_NAMES: readonly string[] = ERROR_CLASSES.map((type) => type.name);
export const ERROR_PROTOTYPES: readonly object[] = ERROR_CLASSES.map((type) => type.prototype);

/** The classes of views; the place in the list is the number on the wire. The last is DataView. */
export const VIEW_NAMES: readonly string[] = [
  "Uint8Array",
  "Uint8ClampedArray",
  "Int8Array",
  "Uint16Array",
  "Int16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
  "DataView",
];
export const DATA_VIEW = 12;
type ViewClass = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;
/** undefined where the runtime does not know the class. */
export const VIEW_CLASSES: readonly (ViewClass | undefined)[] = VIEW_NAMES.map((name) =>
  Reflect.get(globalThis, name) as ViewClass | undefined
);
export const VIEW_ELEMENT_BYTES: readonly number[] = [1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 2, 1];
