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
  mapSet,
  PrimordialArray,
  PrimordialDate,
  PrimordialMap,
  PrimordialObject,
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
import { ByteCursor } from "./values_cursor.ts";
import { put } from "./values_error.ts";
import { keptBuffers, type KeptTable } from "./values_kept.ts";
import * as tag from "./values_tags.ts";

/**
 * Reads one value, which must fill `bytes`.
 *
 * Strings and small binary data are copied. A large typed array of the value is a view of its entry of `buffers`, which from
 * then on belongs to the value.
 * @param buffers what the writer took out of the body, in order
 * @param kept the values that its task names
 * @throws RangeError if the bytes are not a value; ReferenceError if a kept value did not come
 */
export function readValue(
  bytes: Uint8Array,
  buffers: readonly Uint8Array[] = [],
  kept?: KeptTable,
): unknown {
  return new ValueReader(bytes, buffers, kept).read();
}

class ValueReader {
  readonly #in: ByteCursor;
  readonly #buffers: readonly Uint8Array[];
  #buffer = 0;
  #depth = 0;
  /** Objects by number, kept only if the body says that it refers to some. */
  #objects: unknown[] | undefined;
  #count = 0;

  readonly #kept: KeptTable | undefined;

  constructor(bytes: Uint8Array, buffers: readonly Uint8Array[], kept: KeptTable | undefined) {
    this.#in = new ByteCursor(bytes);
    this.#buffers = buffers;
    this.#kept = kept;
  }

  read(): unknown {
    const head = this.#in.byte();
    const format = head > tag.HAS_KEPT ? head - tag.HAS_KEPT : head;
    if (format !== tag.PLAIN && format !== tag.WITH_REFERENCES) this.#fail(`unknown format ${head}`);
    if (format === tag.WITH_REFERENCES) this.#objects = [];
    const value = this.#any();
    if (this.#in.left > 0) this.#fail(`${this.#in.left} bytes too many`);
    return value;
  }

  #fail(reason: string): never {
    return this.#in.fail(reason);
  }

  /** Numbers an object before its parts are read, so that they can refer to it. */
  #number<T>(object: T): T {
    if (this.#objects !== undefined) this.#objects[this.#count++] = object;
    return object;
  }

  #any(): unknown {
    const first = this.#in.byte();
    if (first >= tag.SMALL_INT) return first - tag.SMALL_INT + tag.SMALL_INT_LEAST;
    if (first >= tag.SHORT_ASCII) return this.#in.ascii(first - tag.SHORT_ASCII);
    return first < tag.BIGINT64 ? this.#simple(first) : this.#nested(first);
  }

  #simple(first: number): unknown {
    switch (first) {
      case tag.UNDEFINED:
        return undefined;
      case tag.NULL:
        return null;
      case tag.FALSE:
        return false;
      case tag.TRUE:
        return true;
      case tag.INT16:
        return this.#in.int16();
      case tag.INT32:
        return this.#in.u32() | 0;
      default:
        return this.#in.float();
    }
  }

  /** What may hold values. Few calls a level, so that the deepest value fits into a Worker's stack. */
  #nested(first: number): unknown {
    if (++this.#depth > tag.MAX_DEPTH) this.#fail(`it is nested more than ${tag.MAX_DEPTH} deep`);
    let value: unknown;
    if (first === tag.OBJECT) value = this.#plain();
    else if (first === tag.ARRAY) value = this.#array();
    else value = this.#other(first);
    this.#depth--;
    return value;
  }

  #other(first: number): unknown {
    switch (first) {
      case tag.ASCII:
        return this.#in.ascii(this.#in.u32());
      case tag.UTF8:
        return this.#in.utf8(this.#in.u32());
      case tag.MAP:
        return this.#map();
      case tag.SET:
        return this.#set();
      case tag.DATE:
        return this.#number(new PrimordialDate(this.#in.float()));
      case tag.VIEW:
        return this.#view();
      case tag.OWN_VIEW:
        return this.#ownView();
      case tag.LARGE_VIEW:
        return this.#largeView();
      case tag.BUFFER:
        return this.#number(typedArrayBuffer(this.#in.copy(this.#in.varint())));
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
        return this.#in.bigint64();
      case tag.BIGINT:
        return this.#in.bigint();
      case tag.UTF16:
        return this.#in.utf16(this.#in.u32());
      case tag.LARGE_STRING:
        return decodeUtf8(this.#next());
      case tag.SPARSE_ARRAY:
        return this.#sparse();
      case tag.REGEXP:
        return this.#regExp();
      case tag.BOXED:
        return this.#boxed();
      case tag.KEPT:
        return this.#keptValue();
      case tag.HOLE:
        return this.#fail("a hole outside an array");
      default:
        return this.#fail(`unknown tag ${first}`);
    }
  }

  #key(): string {
    const key = this.#any();
    if (typeof key !== "string") this.#fail("a key is no string");
    return key;
  }

  #plain(): object {
    const count = this.#in.items();
    const object: Record<string, unknown> = {};
    this.#number(object);
    for (let i = 0; i < count; i++) {
      const key = this.#key();
      const value = this.#any();
      if (key === "__proto__") define(object, key, value, true);
      else object[key] = value;
    }
    return object;
  }

  #array(): unknown[] {
    const count = this.#in.items();
    const array: unknown[] = this.#number([]);
    for (let i = 0; i < count; i++) {
      if (!this.#in.skip(tag.HOLE)) array[i] = this.#any();
    }
    if (array.length !== count) array.length = count;
    return array;
  }

  /** Few items in a long array: its length, then pairs of place and value. */
  #sparse(): unknown[] {
    const length = this.#in.varint();
    const count = this.#in.items();
    if (length > 0xffff_ffff) this.#fail(`an array of length ${length}`);
    const array: unknown[] = this.#number(new PrimordialArray(length));
    for (let i = 0; i < count; i++) {
      const index = this.#in.varint();
      if (index >= length) this.#fail(`item ${index} of an array of length ${length}`);
      array[index] = this.#any();
    }
    return array;
  }

  #map(): Map<unknown, unknown> {
    const count = this.#in.items();
    const map = this.#number(new PrimordialMap<unknown, unknown>());
    for (let i = 0; i < count; i++) {
      const key = this.#any();
      mapSet(map, key, this.#any());
    }
    return map;
  }

  #set(): Set<unknown> {
    const count = this.#in.items();
    const set = this.#number(new PrimordialSet<unknown>());
    for (let i = 0; i < count; i++) setAdd(set, this.#any());
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
    const value = this.#any();
    if (value === null || value === undefined || typeof value === "object") {
      this.#fail("a box without a primitive");
    }
    return this.#number(PrimordialObject(value));
  }

  #reference(): unknown {
    const index = this.#in.varint();
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

  #kind(byteLength: number, kind: number): NonNullable<typeof VIEW_CLASSES[number]> {
    const type = VIEW_CLASSES[kind];
    if (type === undefined) this.#fail(`unknown class ${kind} of views`);
    if (byteLength % (VIEW_ELEMENT_BYTES[kind] as number) !== 0) this.#fail(`a view of ${byteLength} bytes`);
    return type;
  }

  #ownView(): ArrayBufferView {
    const kind = this.#in.byte();
    const length = this.#in.varint();
    const type = this.#kind(length, kind);
    const bytes = this.#in.copy(length);
    if (kind === 0) return this.#number(bytes);
    return this.#number(new type(typedArrayBuffer(bytes), 0, length / (VIEW_ELEMENT_BYTES[kind] as number)));
  }

  #largeView(): ArrayBufferView {
    const kind = this.#in.byte();
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
    const kind = this.#in.byte();
    const offset = this.#in.varint();
    const length = this.#in.varint();
    const type = this.#kind(length, kind);
    const index = this.#count;
    this.#number(undefined);
    const buffer = this.#any() as ArrayBuffer;
    const size = VIEW_ELEMENT_BYTES[kind] as number;
    if (!isBuffer(buffer) || offset + length > bufferByteLength(buffer) || offset % size !== 0) {
      this.#fail(`a view of ${length} bytes at ${offset} outside its buffer`);
    }
    const view = new type(buffer, offset, kind === DATA_VIEW ? length : length / size);
    if (this.#objects !== undefined) this.#objects[index] = view;
    return view;
  }

  /** A value that was sent by itself: a value of its own, whose numbers mean nothing here. */
  #keptValue(): unknown {
    const number = this.#count;
    this.#number(undefined);
    const i = this.#in.varint();
    const buffers = this.#kept === undefined ? undefined : keptBuffers(this.#kept, i);
    if (buffers === undefined) return this.#fail(`kept value ${i}, which its task does not have`);
    const value = new ValueReader(buffers[0] as Uint8Array, rest(buffers), undefined).read();
    if (this.#objects !== undefined) this.#objects[number] = value;
    return value;
  }

  #error(): object {
    const kind = this.#in.byte();
    const name = this.#key();
    const message = this.#any();
    const stack = this.#any();
    if (kind >= ERROR_CLASSES.length) this.#fail(`unknown class ${kind} of errors`);
    const error = this.#number(newError(kind, typeof message === "string" ? message : undefined, name));
    if (name !== ERROR_NAMES[kind] && kind !== tag.DOM_EXCEPTION) define(error, "name", name, false);
    define(error, "stack", typeof stack === "string" ? stack : undefined, false);
    for (let key = this.#any(); key !== undefined; key = this.#any()) {
      if (typeof key !== "string") this.#fail("a key is no string");
      define(error, key, this.#any(), key !== "cause" && key !== "errors");
    }
    return error;
  }
}

/** All but the first. */
function rest(buffers: readonly Uint8Array[]): Uint8Array[] {
  const others: Uint8Array[] = [];
  for (let i = 1; i < buffers.length; i++) put(others, buffers[i] as Uint8Array);
  return others;
}

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
