/**
 * Values as pickles of protocol 4, which every Python from 3.4 on reads with what it ships; arrays want numpy, any version of it.
 *
 *     undefined, null → None; numbers: exact integers → int, others → float; BigInt → int; Date → datetime (UTC)
 *     Uint8Array, ArrayBuffer, DataView → bytes; other typed arrays and NdArray (`nd_array.ts`) → numpy array
 *     array → list; Set → set; plain object, instance of a class → dict; Map → dict; an array as a key → tuple
 *
 * A cycle is refused, as are functions, errors and whatever else is no data, each with its place. What occurs twice is one object
 * there too. In `canned` mode large buffers of the value itself, or of its items, go beside the pickle as ipyparallel has it.
 */
import { byCodePoints } from "./code_point_order.ts";
import { type ArrayData, asNdArray, dtypeOf, isBytesKind, type NdArray } from "./nd_array.ts";
import { type CannedState, closeWrapping, openWrapping, writeInstance } from "./pickle_canned.ts";
import { PICKLE_OP } from "./pickle_ops.ts";
import { PickleSink } from "./pickle_sink.ts";
import { Reference } from "./pickle_reference.ts";
import {
  bufferByteLength,
  dateTime,
  getPrototypeOf,
  isArray,
  keys,
  ObjectPrototype,
  PrimordialMap,
  PrimordialUint8Array,
  typedArrayLength,
} from "./primordials.ts";
import { Refusal } from "./values_bytes.ts";
import { classify, unbox } from "./values_classify.ts";
import { lengthOf, mapParts, MAX_ITEMS, setParts, sparseIndexes, viewParts } from "./values_parts.ts";
import { entryText, memberText, uncodable } from "./values_path.ts";

export { UncodableValue } from "./values_path.ts";

export interface PickleWriteOptions {
  /** What the value is called in an error's path. */
  readonly root?: string;
  /** Most bytes of pickle and buffers together. Default: 2^31. */
  readonly maxBytes?: number;
}

const MAX_DEPTH = 1000;
const MAX_BYTES = 2 ** 31;
/** ipyparallel's own numbers: larger buffers travel apart, containers with so many items are not looked into. */
const APART_BYTES = 1024;
const CANNED_ITEMS = 64;
const SHOWN_PATH = 20;
/** Longest array that may be mostly holes. */
const MAX_HOLES = 1 << 20;

/** Where in a container: index of an array, name of a member; made into text only when something fails there. */
type Place = number | string | { readonly text: () => string };

const NOWHERE: Place = { text: () => "" };

/** A large buffer that goes beside the pickle; `key` is the dict's key that it belongs to, "" in lists. */
interface Apart {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** One pickle of a value. @throws UncodableValue naming the place that cannot be sent */
export function writePickle(value: unknown, options: PickleWriteOptions = {}): Uint8Array {
  return new PickleWriter(options, false).write(value)[0]!;
}

/** A value as ipyparallel's `serialize_object` sends it: its pickle, then its large buffers. @throws UncodableValue */
export function writeCanned(value: unknown, options: PickleWriteOptions = {}): Uint8Array[] {
  return new PickleWriter(options, true).write(value);
}

class PickleWriter {
  readonly #out: PickleSink;
  readonly #root: string;
  readonly #isCanned: boolean;
  /** Number in the memo of what is finished; −1 while it is being written. */
  readonly #seen = new PrimordialMap<object, number>();
  /** The same of what was written as something hashable. */
  readonly #hashed = new PrimordialMap<object, number>();
  readonly #apart: Apart[] = [];
  readonly #path: Place[] = [];
  #remembered = 0;
  #depth = 0;
  /** Buffers of values at most so deep go apart. */
  #cannedDepth = 0;
  #key = "";

  constructor({ root = "value", maxBytes = MAX_BYTES }: PickleWriteOptions, isCanned: boolean) {
    this.#root = root;
    this.#isCanned = isCanned;
    this.#out = new PickleSink(maxBytes);
  }

  write(value: unknown): Uint8Array[] {
    try {
      this.#out.byte(PICKLE_OP.PROTO);
      this.#out.byte(4);
      this.#any(value);
      this.#out.byte(PICKLE_OP.STOP);
    } catch (error) {
      const place = this.#path.slice(0, Math.min(this.#depth, SHOWN_PATH)).map(placeText).join("");
      throw uncodable(this.#root + place + (this.#depth > SHOWN_PATH ? "…" : ""), error);
    }
    const sorted = this.#apart.sort((a, b) => byCodePoints(a.key, b.key));
    return [this.#out.all(), ...sorted.map(({ bytes }) => bytes)];
  }

  #any(value: unknown): void {
    switch (typeof value) {
      case "undefined":
        return this.#out.byte(PICKLE_OP.NONE);
      case "boolean":
        return this.#out.byte(value ? PICKLE_OP.NEWTRUE : PICKLE_OP.NEWFALSE);
      case "number":
        return this.#out.number(value);
      case "bigint":
        return this.#out.integer(value);
      case "string":
        return this.#out.text(value);
      case "object":
        return value === null ? this.#out.byte(PICKLE_OP.NONE) : this.#object(value);
      case "function":
        throw new Refusal("a function");
      case "symbol":
        throw new Refusal("a symbol");
    }
  }

  #object(object: object): void {
    const number = this.#seen.get(object);
    if (number === -1) throw new Refusal("it contains itself");
    if (number !== undefined) return this.#out.u32(PICKLE_OP.LONG_BINGET, number);
    if (++this.#depth > MAX_DEPTH) throw new Refusal(`it is nested more than ${MAX_DEPTH} deep`);
    this.#path[this.#depth - 1] = NOWHERE;
    this.#seen.set(object, -1);
    if (getPrototypeOf(object) === ObjectPrototype) this.#plain(object);
    else if (isArray(object)) this.#list(object);
    else this.#classified(object);
    if (this.#seen.get(object) === -1) this.#seen.delete(object);
    this.#depth--;
  }

  /** Gives what stands on top of the stack a number, for when it comes again. */
  #remember(object: object): void {
    this.#out.byte(PICKLE_OP.MEMOIZE);
    this.#seen.set(object, this.#remembered++);
  }

  #classified(object: object): void {
    if (object instanceof Reference) return this.#instance("Reference", object.name, []);
    const kind = classify(object);
    switch (kind) {
      case "plain":
        return this.#plain(object);
      case "view":
        return this.#viewBody(object);
      case "buffer":
        return this.#bytes(new PrimordialUint8Array(object as ArrayBuffer, 0, bufferByteLength(object)));
      case "map":
        return this.#map(object);
      case "set":
        return this.#set(object);
      case "date":
        return this.#out.date(dateTime(object));
      case "boxed":
        return this.#any(unbox(object));
      case "error":
        throw new Refusal("an error; send its message");
      case "regexp":
        throw new Refusal("a regular expression; send its source");
      default:
        throw new Refusal(kind.refused);
    }
  }

  // ── containers ─────────────────────────────────────────────────────────────────────────────

  /** Whether the items of a container of this size may send buffers apart: only those of the value itself. */
  #openItems(count: number): void {
    if (this.#depth === 1 && this.#isCanned && count < CANNED_ITEMS) this.#cannedDepth = 2;
    else if (this.#depth === 1) this.#cannedDepth = 1;
  }

  get #isApart(): boolean {
    return this.#isCanned && (this.#depth === 1 || this.#depth <= this.#cannedDepth);
  }

  #list(array: readonly unknown[]): void {
    const count = this.#countOf(array);
    this.#openItems(count);
    this.#out.byte(PICKLE_OP.EMPTY_LIST);
    if (count > 0) this.#items(array, count);
    this.#remember(array);
  }

  #items(array: readonly unknown[], count: number): void {
    this.#out.byte(PICKLE_OP.MARK);
    for (let i = 0; i < count; i++) {
      this.#path[this.#depth - 1] = i;
      this.#any(array[i]);
    }
    this.#out.byte(PICKLE_OP.APPENDS);
  }

  /** How many items an array has. A pickle has no holes, so one that is mostly holes must not be long. */
  #countOf(array: readonly unknown[]): number {
    const count = lengthOf(array);
    if (count > MAX_HOLES) {
      const filled = sparseIndexes(array, count)?.length;
      if (filled !== undefined) {
        throw new Refusal(`an array of ${count} places of which ${filled} are filled; send its entries`);
      }
    }
    if (count > MAX_ITEMS) throw new Refusal(`an array of more than ${MAX_ITEMS} items`);
    this.#out.check(count);
    return count;
  }

  #plain(object: object): void {
    const members = object as Readonly<Record<string, unknown>>;
    const array = asNdArray(members);
    if (array !== undefined) return this.#array(array, object);
    const names = keys(object);
    this.#out.check(names.length * 3);
    this.#openItems(names.length);
    this.#out.byte(PICKLE_OP.EMPTY_DICT);
    if (names.length > 0) this.#out.byte(PICKLE_OP.MARK);
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      this.#path[this.#depth - 1] = name;
      if (this.#depth === 1) this.#key = name;
      this.#out.text(name);
      this.#any(members[name]);
    }
    if (names.length > 0) this.#out.byte(PICKLE_OP.SETITEMS);
    this.#remember(object);
  }

  #map(map: object): void {
    const parts = mapParts(map), names = parts.filter((_, i) => i % 2 === 0);
    const isSortable = names.every((name) => typeof name === "string") || names.every(isNumeric);
    const isWrapped = this.#isCanned && this.#depth === 1 && !isSortable && names.length < CANNED_ITEMS;
    if (isWrapped) openWrapping(this.#out);
    this.#out.byte(PICKLE_OP.EMPTY_DICT);
    if (parts.length > 0) this.#out.byte(PICKLE_OP.MARK);
    for (let i = 0; i < parts.length; i += 2) {
      this.#path[this.#depth - 1] = { text: () => `.keys()[${i / 2}]` };
      this.#hashable(parts[i]);
      this.#path[this.#depth - 1] = { text: () => entryText(parts[i], i / 2) };
      this.#any(parts[i + 1]);
    }
    if (parts.length > 0) this.#out.byte(PICKLE_OP.SETITEMS);
    this.#remember(map);
    if (isWrapped) closeWrapping(this.#out);
  }

  #set(set: object): void {
    const parts = setParts(set);
    this.#out.byte(PICKLE_OP.EMPTY_SET);
    if (parts.length > 0) this.#out.byte(PICKLE_OP.MARK);
    for (let i = 0; i < parts.length; i++) {
      this.#path[this.#depth - 1] = { text: () => `.values()[${i}]` };
      this.#hashable(parts[i]);
    }
    if (parts.length > 0) this.#out.byte(PICKLE_OP.ADDITEMS);
    this.#remember(set);
  }

  /** A key, or an item of a set: what Python takes there, arrays as tuples and sets as frozen ones. */
  #hashable(value: unknown): void {
    if (typeof value !== "object" || value === null) return this.#any(value);
    const isSet = !isArray(value) && classify(value) === "set";
    if (!isArray(value) && !isSet) return this.#hashableObject(value);
    if (this.#seen.get(value) === -1) throw new Refusal("it contains itself");
    const number = this.#hashed.get(value);
    if (number !== undefined) return this.#out.u32(PICKLE_OP.LONG_BINGET, number);
    if (++this.#depth > MAX_DEPTH) throw new Refusal(`it is nested more than ${MAX_DEPTH} deep`);
    const before = this.#seen.get(value);
    this.#seen.set(value, -1);
    this.#out.byte(PICKLE_OP.MARK);
    const items = isSet ? setParts(value) : value as readonly unknown[];
    const count = isSet ? items.length : this.#countOf(items);
    for (let i = 0; i < count; i++) {
      this.#path[this.#depth - 1] = i;
      this.#hashable(items[i]);
    }
    this.#out.byte(isSet ? PICKLE_OP.FROZENSET : PICKLE_OP.TUPLE);
    this.#out.byte(PICKLE_OP.MEMOIZE);
    this.#hashed.set(value, this.#remembered++);
    if (before === undefined) this.#seen.delete(value);
    else this.#seen.set(value, before);
    this.#depth--;
  }

  #hashableObject(value: object): void {
    const kind = classify(value);
    const isBytes = kind === "buffer" || kind === "view" && isBytesKind(viewParts(value).kind);
    if (!isBytes && kind !== "date" && kind !== "boxed") {
      throw new Refusal("an object where Python wants something hashable");
    }
    this.#object(value);
  }

  // ── bytes and arrays ───────────────────────────────────────────────────────────────────────

  #viewBody(view: object): void {
    const { kind, buffer, offset, length } = viewParts(view);
    if (isBytesKind(kind)) return this.#bytes(new PrimordialUint8Array(buffer, offset, length));
    const data = view as ArrayData;
    this.#array({ shape: [typedArrayLength(data)], dtype: dtypeOf(kind), data }, view);
  }

  #bytes(bytes: Uint8Array): void {
    if (this.#isApart && typedArrayLength(bytes) > APART_BYTES) {
      return this.#instance("CannedBytes", null, [bytes]);
    }
    this.#out.bytes(bytes);
  }

  /** `numpy.ndarray(shape, dtype, bytearray(…))`: spelled alike in every numpy, and writable there. */
  #array({ shape, dtype, data }: NdArray, object: object): void {
    const { buffer, offset, length } = viewParts(data);
    const bytes = new PrimordialUint8Array(buffer, offset, length);
    if (this.#isApart && length > APART_BYTES) {
      return this.#instance("CannedArray", { shape, dtype }, [bytes]);
    }
    this.#out.global("numpy", "ndarray");
    this.#out.byte(PICKLE_OP.MARK);
    this.#out.tuple(shape);
    this.#out.text(dtype);
    this.#out.global("builtins", "bytearray");
    this.#out.bytes(bytes);
    this.#out.byte(PICKLE_OP.TUPLE1);
    this.#out.byte(PICKLE_OP.REDUCE);
    this.#out.byte(PICKLE_OP.TUPLE);
    this.#out.byte(PICKLE_OP.REDUCE);
    this.#remember(object);
  }

  /** One of ipyparallel's wrappers; its buffers go beside the pickle. */
  #instance(type: string, state: CannedState, buffers: readonly Uint8Array[]): void {
    writeInstance(this.#out, type, state, buffers);
    const key = this.#depth > 1 ? this.#key : "";
    for (const bytes of buffers) this.#apart.push({ key, bytes });
  }
}

function placeText(place: Place): string {
  if (typeof place === "number") return `[${place}]`;
  return typeof place === "string" ? memberText(place) : place.text();
}

function isNumeric(key: unknown): boolean {
  return typeof key === "bigint" || typeof key === "boolean" || typeof key === "number" && key === key;
}
