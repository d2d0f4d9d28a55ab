/**
 * What an object is to the codec, told by its insides and not by what it says of itself; and what cannot be sent, in words.
 */
import {
  bigintValue,
  booleanValue,
  bufferByteLength,
  dateTime,
  ERROR_PROTOTYPES,
  isPrototypeOf,
  isView,
  mapSize,
  numberValue,
  regExpSource,
  setSize,
  stringValue,
  toStringTag,
} from "./primordials.ts";

export type ObjectClass =
  | "plain"
  | "error"
  | "map"
  | "set"
  | "date"
  | "regexp"
  | "boxed"
  | "buffer"
  | "view"
  | { readonly refused: string };

type Test = (value: unknown) => unknown;

/** By what `Object.prototype.toString` says: the class, and the built-in that throws unless it is true. */
const CLASSES: Readonly<Record<string, readonly [ObjectClass, Test]>> = table({
  "[object Map]": ["map", mapSize],
  "[object Set]": ["set", setSize],
  "[object Date]": ["date", dateTime],
  "[object RegExp]": ["regexp", regExpSource],
  "[object ArrayBuffer]": ["buffer", bufferByteLength],
  "[object Number]": ["boxed", numberValue],
  "[object String]": ["boxed", stringValue],
  "[object Boolean]": ["boxed", booleanValue],
  "[object BigInt]": ["boxed", bigintValue],
});

const ITERATOR = "an iterator; send an array of its items, or use stream";
const OPEN = "it belongs to this process";

/** What would arrive as an empty object. Told by the name alone: a class of the user's with such a name is refused too. */
const REFUSED: Readonly<Record<string, string>> = table({
  "[object Promise]": "a promise; await it first",
  "[object WeakMap]": "a WeakMap",
  "[object WeakSet]": "a WeakSet",
  "[object WeakRef]": "a WeakRef",
  "[object FinalizationRegistry]": "a FinalizationRegistry",
  "[object Symbol]": "a symbol",
  "[object SharedArrayBuffer]": "a SharedArrayBuffer; send a copy",
  "[object Generator]": ITERATOR,
  "[object AsyncGenerator]": ITERATOR,
  "[object Array Iterator]": ITERATOR,
  "[object Map Iterator]": ITERATOR,
  "[object Set Iterator]": ITERATOR,
  "[object String Iterator]": ITERATOR,
  "[object RegExp String Iterator]": ITERATOR,
  "[object Iterator Helper]": ITERATOR,
  "[object URL]": "a URL; send its href",
  "[object URLSearchParams]": "a URLSearchParams; send its text",
  "[object Headers]": "Headers; send an array of its entries",
  "[object FormData]": "a FormData; send an array of its entries",
  "[object Blob]": "a Blob; send its arrayBuffer()",
  "[object File]": "a File; send its arrayBuffer()",
  "[object Request]": `a Request: ${OPEN}`,
  "[object Response]": `a Response: ${OPEN}`,
  "[object ReadableStream]": `a ReadableStream: ${OPEN}`,
  "[object WritableStream]": `a WritableStream: ${OPEN}`,
  "[object TransformStream]": `a TransformStream: ${OPEN}`,
  "[object MessagePort]": `a MessagePort: ${OPEN}`,
  "[object MessageChannel]": `a MessageChannel: ${OPEN}`,
  "[object BroadcastChannel]": `a BroadcastChannel: ${OPEN}`,
  "[object AbortSignal]": `an AbortSignal: ${OPEN}`,
  "[object AbortController]": `an AbortController: ${OPEN}`,
  "[object Worker]": `a Worker: ${OPEN}`,
  "[object WebSocket]": `a WebSocket: ${OPEN}`,
  "[object CryptoKey]": `a CryptoKey: ${OPEN}`,
  "[object WebAssembly.Module]": "a WebAssembly.Module; send its bytes",
  "[object WebAssembly.Instance]": `a WebAssembly.Instance: ${OPEN}`,
  "[object WebAssembly.Memory]": "a WebAssembly.Memory; send a copy of its buffer",
});

/** Tells what an object is that is neither an array nor directly below Object.prototype. May run code of the object's. */
export function classify(object: object): ObjectClass {
  if (isPrototypeOf(ERROR_PROTOTYPES[0], object)) return "error";
  if (isView(object)) return "view";
  const name = toStringTag(object);
  if (name === "[object Error]" || name === "[object DOMException]") return "error";
  const known = CLASSES[name];
  if (known !== undefined && holds(known[1], object)) return known[0];
  const refused = REFUSED[name];
  return refused === undefined ? "plain" : { refused };
}

/** The primitive in a box. */
export function unbox(object: object): unknown {
  if (holds(numberValue, object)) return numberValue(object);
  if (holds(stringValue, object)) return stringValue(object);
  if (holds(booleanValue, object)) return booleanValue(object);
  return bigintValue(object);
}

/** True if a built-in takes this as its `this`. */
export function holds(test: Test, value: unknown): boolean {
  try {
    test(value);
    return true;
  } catch {
    return false;
  }
}

/** A record that inherits nothing. */
function table<T>(entries: Record<string, T>): Readonly<Record<string, T>> {
  return Object.assign(Object.create(null), entries) as Record<string, T>;
}
