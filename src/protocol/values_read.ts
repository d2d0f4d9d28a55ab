/**
 * The reading half of the codec of values (`values.ts` has the format).
 *
 * The bytes are hostile: every length is held against what is there before anything is allocated, nesting is bounded, a key named
 * `__proto__` becomes an own property, an error becomes an instance of a built-in class and nothing else, and nothing is ever run.
 * Whatever is wrong ends in a RangeError. What is small is copied out of the bytes; large binary data stays where it arrived.
 */
import {
  bufferByteLength,
  DATA_VIEW,
  decodeUtf8,
  defineProperty,
  ERROR_CLASSES,
  ERROR_NAMES,
  fromCharCode,
  isSafeInteger,
  mapSet,
  PrimordialArray,
  PrimordialBigInt,
  PrimordialDate,
  PrimordialMap,
  PrimordialObject,
  PrimordialRangeError,
  PrimordialRegExp,
  PrimordialSet,
  PrimordialUint8Array,
  setAdd,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayLength,
  typedArrayOffset,
  typedArraySet,
  VIEW_CLASSES,
  VIEW_ELEMENT_BYTES,
} from "./primordials.ts";
import * as tag from "./values_tags.ts";

const scratch = new Float64Array(1);
const scratchBytes = new Uint8Array(scratch.buffer);
const scratchBig = new BigInt64Array(scratch.buffer);

/** Most characters of a short string that are joined one by one; above it the runtime's decoder is faster. */
const JOINED = 32;

/**
 * Reads one value, which must fill `bytes`.
 *
 * Strings and small binary data are copied. A large typed array of the value is a view of its entry of `buffers`, which from
 * then on belongs to the value.
 * @param buffers what the writer took out of the body, in order
 * @throws RangeError if the bytes are not a value
 */
export function readValue(bytes: Uint8Array, buffers: readonly Uint8Array[] = []): unknown {
  return new ValueReader(bytes, buffers).read();
}

class ValueReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #buffers: readonly Uint8Array[];
  #at = 0;
  #buffer = 0;
  #depth = 0;
  /** Objects by number, kept only if the body says that it refers to some. */
  #objects: unknown[] | undefined;
  #count = 0;

  constructor(bytes: Uint8Array, buffers: readonly Uint8Array[]) {
    this.#bytes = bytes;
    this.#end = typedArrayLength(bytes);
    this.#buffers = buffers;
  }

  read(): unknown {
    const head = this.#byte();
    if (head !== tag.PLAIN && head !== tag.WITH_REFERENCES) this.#fail(`unknown format ${head}`);
    if (head === tag.WITH_REFERENCES) this.#objects = [];
    const value = this.#any();
    if (value === HOLE) this.#fail("a hole outside an array");
    if (this.#at !== this.#end) this.#fail(`${this.#end - this.#at} bytes too many`);
    return value;
  }

  #fail(reason: string): never {
    throw new PrimordialRangeError(`Cannot read a value: ${reason} at byte ${this.#at} of ${this.#end}`);
  }

  #byte(): number {
    if (this.#at >= this.#end) this.#fail("it is cut short");
    return this.#bytes[this.#at++] as number;
  }

  /** Moves over `length` bytes that must be there; returns where they begin. */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) this.#fail(`${length} bytes are declared`);
    this.#at = at + length;
    return at;
  }

  #varint(): number {
    let byte = this.#byte();
    if (byte < 128) return byte;
    let value = byte & 127;
    for (let scale = 128; byte >= 128; scale *= 128) {
      byte = this.#byte();
      value += (byte & 127) * scale;
      if (!isSafeInteger(value)) this.#fail("a length is beyond all bounds");
    }
    return value;
  }

  /** A number of items each of which takes at least one byte. */
  #items(): number {
    const count = this.#varint();
    if (count > this.#end - this.#at) this.#fail(`${count} items are declared`);
    return count;
  }

  #u32(): number {
    const at = this.#take(4);
    const b = this.#bytes;
    return ((b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16)) +
      (b[at + 3] as number) * 0x1000000;
  }

  /** Fills the scratch number from eight bytes. */
  #eight(): void {
    const at = this.#take(8);
    for (let i = 0; i < 8; i++) scratchBytes[i] = this.#bytes[at + i] as number;
  }

  /** Numbers an object before its parts are read, so that they can refer to it. */
  #number<T>(object: T): T {
    if (this.#objects !== undefined) this.#objects[this.#count++] = object;
    return object;
  }

  #any(): unknown {
    const first = this.#byte();
    if (first >= tag.SMALL_INT) return first - tag.SMALL_INT + tag.SMALL_INT_LEAST;
    if (first >= tag.SHORT_ASCII) return this.#ascii(first - tag.SHORT_ASCII);
    return this.#tagged(first);
  }

  #tagged(first: number): unknown {
    switch (first) {
      case tag.UNDEFINED:
        return undefined;
      case tag.NULL:
        return null;
      case tag.FALSE:
        return false;
      case tag.TRUE:
        return true;
      case tag.INT16: {
        const at = this.#take(2);
        return ((this.#bytes[at] as number) | ((this.#bytes[at + 1] as number) << 8)) << 16 >> 16;
      }
      case tag.INT32:
        return this.#u32() | 0;
      case tag.FLOAT64:
        this.#eight();
        return scratch[0];
      case tag.ASCII:
        return this.#ascii(this.#u32());
      case tag.UTF8:
        return this.#utf8(this.#u32());
      case tag.HOLE:
        return HOLE;
      default:
        return this.#nested(first);
    }
  }

  #nested(first: number): unknown {
    if (++this.#depth > tag.MAX_DEPTH) this.#fail(`it is nested more than ${tag.MAX_DEPTH} deep`);
    const value = this.#object(first);
    this.#depth--;
    return value;
  }

  #object(first: number): unknown {
    switch (first) {
      case tag.OBJECT:
        return this.#plain();
      case tag.ARRAY:
        return this.#array();
      case tag.MAP:
        return this.#map();
      case tag.SET:
        return this.#set();
      case tag.DATE:
        this.#eight();
        return this.#number(new PrimordialDate(scratch[0] as number));
      case tag.VIEW:
        return this.#view();
      case tag.OWN_VIEW:
        return this.#ownView();
      case tag.LARGE_VIEW:
        return this.#largeView();
      case tag.BUFFER:
        return this.#number(typedArrayBuffer(this.#copy(this.#varint())));
      case tag.LARGE_BUFFER:
        return this.#number(wholeBuffer(this.#next()));
      case tag.ERROR:
        return this.#error();
      case tag.REFERENCE:
        return this.#reference();
      default:
        return this.#rare(first);
    }
  }

  #rare(first: number): unknown {
    switch (first) {
      case tag.BIGINT64:
        this.#eight();
        return scratchBig[0];
      case tag.BIGINT:
        return this.#bigint();
      case tag.UTF16:
        return this.#utf16(this.#u32());
      case tag.LARGE_STRING:
        return decodeUtf8(this.#next());
      case tag.SPARSE_ARRAY:
        return this.#sparse();
      case tag.REGEXP:
        return this.#regExp();
      case tag.BOXED:
        return this.#boxed();
      default:
        return this.#fail(`unknown tag ${first}`);
    }
  }

  #ascii(length: number): string {
    let at = this.#take(length);
    const b = this.#bytes;
    if (length > JOINED) return decodeUtf8(part(b, at, length));
    let text = "";
    let left = length;
    for (; left >= 8; left -= 8, at += 8) {
      text += fromCharCode(
        b[at] as number,
        b[at + 1] as number,
        b[at + 2] as number,
        b[at + 3] as number,
        b[at + 4] as number,
        b[at + 5] as number,
        b[at + 6] as number,
        b[at + 7] as number,
      );
    }
    if (left >= 4) {
      text += fromCharCode(b[at] as number, b[at + 1] as number, b[at + 2] as number, b[at + 3] as number);
      left -= 4;
      at += 4;
    }
    for (; left > 0; left--) text += fromCharCode(b[at++] as number);
    return text;
  }

  #utf8(length: number): string {
    return decodeUtf8(part(this.#bytes, this.#take(length), length));
  }

  /** Text that is not well formed in Unicode: its units as they are. */
  #utf16(units: number): string {
    let at = this.#take(units * 2);
    let text = "";
    for (let i = 0; i < units; i++, at += 2) {
      text += fromCharCode((this.#bytes[at] as number) | ((this.#bytes[at + 1] as number) << 8));
    }
    return text;
  }

  #bigint(): bigint {
    const negative = this.#byte() === 1;
    const digits = this.#varint();
    const at = this.#take(digits);
    if (digits === 0 || digits > tag.MAX_BIGINT_DIGITS) this.#fail(`a BigInt of ${digits} digits`);
    for (let i = at; i < at + digits; i++) {
      const c = this.#bytes[i] as number;
      if (!((c >= 48 && c <= 57) || (c >= 97 && c <= 102))) this.#fail("a BigInt is not in digits");
    }
    const value = PrimordialBigInt("0x" + decodeUtf8(part(this.#bytes, at, digits)));
    return negative ? -value : value;
  }

  #key(): string {
    const key = this.#any();
    if (typeof key !== "string") this.#fail("a key is no string");
    return key;
  }

  /** A value that is not a hole. */
  #value(): unknown {
    const value = this.#any();
    if (value === HOLE) this.#fail("a hole outside an array");
    return value;
  }

  #plain(): object {
    const count = this.#items();
    const object: Record<string, unknown> = {};
    this.#number(object);
    for (let i = 0; i < count; i++) {
      const key = this.#key();
      const value = this.#value();
      if (key === "__proto__") define(object, key, value, true);
      else object[key] = value;
    }
    return object;
  }

  #array(): unknown[] {
    const count = this.#items();
    const array: unknown[] = this.#number([]);
    for (let i = 0; i < count; i++) {
      const value = this.#any();
      if (value !== HOLE) array[i] = value;
    }
    if (array.length !== count) array.length = count;
    return array;
  }

  /** Few items in a long array: its length, then pairs of place and value. */
  #sparse(): unknown[] {
    const length = this.#varint();
    const count = this.#items();
    if (length > 0xffff_ffff) this.#fail(`an array of length ${length}`);
    const array: unknown[] = this.#number(new PrimordialArray(length));
    for (let i = 0; i < count; i++) {
      const index = this.#varint();
      if (index >= length) this.#fail(`item ${index} of an array of length ${length}`);
      array[index] = this.#value();
    }
    return array;
  }

  #map(): Map<unknown, unknown> {
    const count = this.#items();
    const map = this.#number(new PrimordialMap<unknown, unknown>());
    for (let i = 0; i < count; i++) {
      const key = this.#value();
      mapSet(map, key, this.#value());
    }
    return map;
  }

  #set(): Set<unknown> {
    const count = this.#items();
    const set = this.#number(new PrimordialSet<unknown>());
    for (let i = 0; i < count; i++) setAdd(set, this.#value());
    return set;
  }

  #regExp(): RegExp {
    const source = this.#key();
    const flags = this.#key();
    try {
      return this.#number(new PrimordialRegExp(source, flags));
    } catch {
      return this.#fail("a regular expression is none");
    }
  }

  #boxed(): object {
    const value = this.#value();
    if (value === null || value === undefined || typeof value === "object") {
      this.#fail("a box without a primitive");
    }
    return this.#number(PrimordialObject(value));
  }

  #reference(): unknown {
    const index = this.#varint();
    if (this.#objects === undefined || index >= this.#count) this.#fail(`unknown reference ${index}`);
    const object = this.#objects[index];
    if (object === undefined) this.#fail(`reference ${index} to what is not yet there`);
    return object;
  }

  /** The next of the buffers that the writer took out. */
  #next(): Uint8Array {
    const buffer = this.#buffers[this.#buffer++];
    if (buffer === undefined) this.#fail(`buffer ${this.#buffer - 1} is missing`);
    return buffer;
  }

  #copy(length: number): Uint8Array {
    const at = this.#take(length);
    const copy = new PrimordialUint8Array(length);
    if (length <= 32) { for (let i = 0; i < length; i++) copy[i] = this.#bytes[at + i] as number; }
    else typedArraySet(copy, part(this.#bytes, at, length));
    return copy;
  }

  #kind(byteLength: number, kind: number): NonNullable<typeof VIEW_CLASSES[number]> {
    const type = VIEW_CLASSES[kind];
    if (type === undefined) this.#fail(`unknown class ${kind} of views`);
    if (byteLength % (VIEW_ELEMENT_BYTES[kind] as number) !== 0) this.#fail(`a view of ${byteLength} bytes`);
    return type;
  }

  #ownView(): ArrayBufferView {
    const kind = this.#byte();
    const length = this.#varint();
    const type = this.#kind(length, kind);
    const bytes = this.#copy(length);
    if (kind === 0) return this.#number(bytes);
    return this.#number(new type(typedArrayBuffer(bytes), 0, length / (VIEW_ELEMENT_BYTES[kind] as number)));
  }

  #largeView(): ArrayBufferView {
    const kind = this.#byte();
    const bytes = this.#next();
    const length = typedArrayByteLength(bytes);
    const type = this.#kind(length, kind);
    const size = VIEW_ELEMENT_BYTES[kind] as number;
    const aligned = typedArrayOffset(bytes) % size === 0;
    const source = aligned ? bytes : copyOf(bytes);
    return this.#number(new type(typedArrayBuffer(source), typedArrayOffset(source), length / size));
  }

  /** A view of a buffer that has a number of its own, so that several views can share it. */
  #view(): ArrayBufferView {
    const kind = this.#byte();
    const offset = this.#varint();
    const length = this.#varint();
    const type = this.#kind(length, kind);
    const index = this.#count;
    this.#number(undefined);
    const buffer = this.#value() as ArrayBuffer;
    const size = VIEW_ELEMENT_BYTES[kind] as number;
    if (!isBuffer(buffer) || offset + length > bufferByteLength(buffer) || offset % size !== 0) {
      this.#fail(`a view of ${length} bytes at ${offset} outside its buffer`);
    }
    const view = new type(buffer, offset, kind === DATA_VIEW ? length : length / size);
    if (this.#objects !== undefined) this.#objects[index] = view;
    return view;
  }

  #error(): object {
    const kind = this.#byte();
    const name = this.#key();
    const message = this.#any();
    const stack = this.#any();
    if (kind >= ERROR_CLASSES.length) this.#fail(`unknown class ${kind} of errors`);
    const error = this.#number(newError(kind, typeof message === "string" ? message : undefined, name));
    if (name !== ERROR_NAMES[kind] && kind !== tag.DOM_EXCEPTION) define(error, "name", name, false);
    define(error, "stack", typeof stack === "string" ? stack : undefined, false);
    for (let key = this.#any(); key !== undefined; key = this.#any()) {
      if (typeof key !== "string") this.#fail("a key is no string");
      define(error, key, this.#value(), key !== "cause" && key !== "errors");
    }
    return error;
  }
}

/** Stands for an array's hole while it is on its way from the bytes to the array. */
const HOLE: unique symbol = Symbol("hole");

function define(object: object, key: string, value: unknown, enumerable: boolean): void {
  defineProperty(
    object,
    key,
    { value, enumerable, writable: true, configurable: true, __proto__: null } as object,
  );
}

function newError(kind: number, message: string | undefined, name: string): Error {
  if (kind === tag.DOM_EXCEPTION) return new ERROR_CLASSES[8](message ?? "", name);
  if (kind === tag.AGGREGATE_ERROR) return new ERROR_CLASSES[7](NOTHING, message);
  const type = ERROR_CLASSES[kind as 0];
  return new type(message);
}

/** An iterable without items that looks up no iterator of the realm's. */
const NOTHING: Iterable<never> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: true, value: undefined }) }),
};

function part(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new PrimordialUint8Array(typedArrayBuffer(bytes), typedArrayOffset(bytes) + at, length);
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new PrimordialUint8Array(typedArrayLength(bytes));
  typedArraySet(copy, bytes);
  return copy;
}

/** The buffer behind bytes if they fill it, else a copy that they fill. */
function wholeBuffer(bytes: Uint8Array): ArrayBuffer {
  const buffer = typedArrayBuffer(bytes);
  const fills = isBuffer(buffer) && bufferByteLength(buffer) === typedArrayByteLength(bytes);
  return fills ? buffer : typedArrayBuffer(copyOf(bytes));
}

function isBuffer(value: unknown): boolean {
  try {
    bufferByteLength(value);
    return true;
  } catch {
    return false;
  }
}
