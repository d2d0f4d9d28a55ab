/**
 * The writing half of the codec of values (`values.ts` says what is kept, `values_tags.ts` has the grammar).
 *
 * It runs beside untrusted code (`primordials.ts`), and objects that it reads may answer with exceptions, with endless nesting or
 * endless width: depth, width and bytes are bounded, before anything of that size is walked, and all of it ends in an UncodableValue.
 */
import {
  bigintText,
  bufferByteLength,
  dateTime,
  encodeUtf8,
  getPrototypeOf,
  hasOwn,
  isArray,
  keys,
  ObjectPrototype,
  PrimordialUint8Array,
  regExpFlags,
  regExpSource,
} from "./primordials.ts";
import { ByteSink, type Mark, Refusal } from "./values_bytes.ts";
import { classify, holds, unbox } from "./values_classify.ts";
import { cut, errorKind, errorName, textOf } from "./values_error.ts";
import {
  checkBigInt,
  isErrorOwn,
  lengthOf,
  mapParts,
  MAX_ITEMS,
  setParts,
  sparseIndexes,
  viewParts,
} from "./values_parts.ts";
import { entryText, memberText, uncodable, type UncodableValue } from "./values_path.ts";
import { Seen } from "./values_seen.ts";
import * as tag from "./values_tags.ts";

export interface ValueWriterOptions {
  /** Most bytes of body and buffers together. Default: 2^31. */
  readonly maxBytes?: number;
  /** Keep all in the body, and cut long messages of errors: for what has no buffers to go with it. */
  readonly inline?: boolean;
  /** Which kept value an object stands for, -1 for none. */
  readonly kept?: (object: object) => number;
}

const FUNCTION = "a function; pass it in captures or as the function of apply";
const MAX_BYTES = 2 ** 31;
/** Properties of an error that may fail before the rest is given up, and those of all errors in a value: each failed one is lost work. */
const FAILED_PROPERTIES = 16;
const FAILED_IN_ALL = 64;
/** Errors within one another; a cause beyond is left out. Reading a stack takes much of the runtime's own. */
const MAX_ERRORS = 100;
/** Names of a path that an error message shows. */
const SHOWN_PATH = 20;

/** Writes values one behind another into one buffer that is reused. */
export class ValueWriter {
  readonly #out: ByteSink;
  readonly #inline: boolean;
  readonly #seen = new Seen();
  #depth = 0;
  /** How many errors are being written, each within the one before. */
  #errors = 0;
  /** Properties of errors that could not be written. */
  #failed = 0;
  #isBusy = false;
  #hasReferences = false;
  readonly #kept: ValueWriterOptions["kept"];
  #hasKept = false;
  /** Names on the way from the root, kept only when a failed value is written again to find the place. */
  #path: string[] | undefined;

  /** @param capacity bytes to begin with */
  constructor(capacity = 1024, options: ValueWriterOptions = {}) {
    this.#inline = options.inline ?? false;
    this.#kept = options.kept;
    this.#out = new ByteSink(capacity, options.maxBytes ?? MAX_BYTES, this.#inline);
  }

  /** Bytes written since the last reset. */
  get length(): number {
    return this.#out.length;
  }

  /** Bytes since the last reset, buffers included; where they were too many, how many would have been needed by then. */
  get wanted(): number {
    return this.#out.wanted;
  }

  /** Another bound of body and buffers together, from the next reset on. */
  bound(maxBytes: number): void {
    this.#out.bound(maxBytes);
  }

  /** What was too large for the body, in order: views of the value's own memory, not copies. A new array after a reset. */
  get buffers(): Uint8Array[] {
    return this.#out.buffers;
  }

  /** What was written since the last reset: a view, valid until the next write or reset. */
  bytes(): Uint8Array {
    return this.#out.view();
  }

  reset(): void {
    this.#out.reset();
  }

  /**
   * Appends a value (`readValue` reads one: reset between values that travel alone). If it throws, nothing was appended.
   * @param root what the value is called in an error's path
   * @throws UncodableValue naming the place that cannot be sent
   */
  write(value: unknown, root = "value"): void {
    if (this.#isBusy) throw new TypeError("Cannot write a value while another is being written");
    const start = this.#out.length;
    const mark = this.#out.buffers.length === 0 ? undefined : this.#out.mark();
    this.#isBusy = true;
    try {
      this.#whole(value);
    } catch (error) {
      this.#out.rollBack(mark ?? { length: start, buffers: 0, largeBytes: 0 });
      throw this.#explain(value, root, error);
    } finally {
      this.#seen.clear();
      this.#isBusy = false;
    }
  }

  #whole(value: unknown): void {
    const start = this.#out.length;
    this.#depth = 0;
    this.#errors = this.#failed = 0;
    this.#hasReferences = this.#hasKept = false;
    this.#out.byte(tag.PLAIN);
    this.#any(value);
    if (!this.#hasReferences && !this.#hasKept) return;
    const format = this.#hasReferences ? tag.WITH_REFERENCES : tag.PLAIN;
    this.#out.setByte(start, this.#hasKept ? format + tag.HAS_KEPT : format);
  }

  /** Writes the failed value again, with names, to find where it fails. */
  #explain(value: unknown, root: string, first: unknown): UncodableValue {
    const mark = this.#out.mark();
    const path: string[] = this.#path = [];
    this.#seen.clear();
    try {
      this.#whole(value);
      return uncodable(root, first);
    } catch (error) {
      let text = root;
      for (let i = 0; i < this.#depth && i < SHOWN_PATH; i++) text += path[i] ?? "";
      return uncodable(this.#depth > SHOWN_PATH ? text + "…" : text, error);
    } finally {
      this.#path = undefined;
      this.#out.rollBack(mark);
    }
  }

  /** Names the part that is written next, while a failed value is written again. */
  #enter(name: string): void {
    if (this.#path !== undefined) this.#path[this.#depth - 1] = name;
  }

  #any(value: unknown): void {
    switch (typeof value) {
      case "number":
        return this.#out.number(value);
      case "string":
        return this.#out.string(value);
      case "object":
        return value === null ? this.#out.byte(tag.NULL) : this.#object(value);
      case "boolean":
        return this.#out.byte(value ? tag.TRUE : tag.FALSE);
      case "undefined":
        return this.#out.byte(tag.UNDEFINED);
      case "bigint":
        return this.#bigint(value);
      case "function":
        throw new Refusal(FUNCTION);
      case "symbol":
        throw new Refusal("a symbol");
    }
  }

  #bigint(value: bigint): void {
    if (this.#out.bigint64(value)) return;
    checkBigInt(value);
    const digits = bigintText(value < 0n ? -value : value, 16);
    this.#out.byte(tag.BIGINT);
    this.#out.byte(value < 0n ? 1 : 0);
    this.#out.varint(digits.length);
    this.#out.raw(encodeUtf8(digits));
  }

  #object(object: object): void {
    const number = this.#seen.find(object);
    if (number >= 0) {
      this.#hasReferences = true;
      this.#out.byte(tag.REFERENCE);
      return this.#out.varint(number);
    }
    this.#seen.add(object);
    this.#depth++;
    if (this.#path !== undefined) this.#enter("");
    if (this.#depth > tag.MAX_DEPTH) throw new Refusal(`it is nested more than ${tag.MAX_DEPTH} deep`);
    if (getPrototypeOf(object) === ObjectPrototype) this.#plain(object);
    else if (isArray(object)) this.#array(object);
    else this.#classified(object);
    this.#depth--;
  }

  #classified(object: object): void {
    const kept = this.#kept?.(object) ?? -1;
    if (kept >= 0) {
      this.#hasKept = true;
      this.#out.byte(tag.KEPT);
      return this.#out.varint(kept);
    }
    const kind = classify(object);
    switch (kind) {
      case "plain":
        return this.#plain(object);
      case "error":
        return this.#error(object);
      case "view":
        return this.#view(object);
      case "map":
        return this.#map(object);
      case "set":
        return this.#set(object);
      case "date":
        return this.#out.float(tag.DATE, dateTime(object));
      case "regexp":
        this.#out.byte(tag.REGEXP);
        this.#out.string(regExpSource(object));
        return this.#out.string(regExpFlags(object));
      case "boxed":
        this.#out.byte(tag.BOXED);
        return this.#any(unbox(object));
      case "buffer":
        return this.#bufferBody(object);
      default:
        this.#depth--;
        throw new Refusal(kind.refused);
    }
  }

  #plain(object: object): void {
    const names = keys(object);
    const values = object as Readonly<Record<string, unknown>>;
    const count = names.length;
    this.#out.check(count * 2);
    this.#out.byte(tag.OBJECT);
    this.#out.varint(count);
    for (let i = 0; i < count; i++) {
      const name = names[i] as string;
      if (this.#path !== undefined) this.#enter(memberText(name));
      this.#out.string(name);
      this.#any(values[name]);
    }
  }

  #array(array: readonly unknown[]): void {
    const count = lengthOf(array);
    const indexes = sparseIndexes(array, count);
    if (indexes !== undefined) return this.#sparse(array, count, indexes);
    if (count > MAX_ITEMS) throw new Refusal(`an array of more than ${MAX_ITEMS} items`);
    this.#out.check(count);
    this.#out.byte(tag.ARRAY);
    this.#out.varint(count);
    for (let i = 0; i < count; i++) {
      if (this.#path !== undefined) this.#enter(`[${i}]`);
      const value = array[i];
      if (value === undefined && !hasOwn(array, i)) this.#out.byte(tag.HOLE);
      else this.#any(value);
    }
  }

  /** Writes a long array that is mostly holes by its items. */
  #sparse(array: readonly unknown[], length: number, indexes: readonly string[]): void {
    const items = indexes.length;
    this.#out.check(items * 2);
    this.#out.byte(tag.SPARSE_ARRAY);
    this.#out.varint(length);
    this.#out.varint(items);
    for (let i = 0; i < items; i++) {
      const index = +(indexes[i] as string);
      this.#enter(`[${index}]`);
      this.#out.varint(index);
      this.#any(array[index]);
    }
  }

  #map(map: object): void {
    const parts = mapParts(map);
    this.#out.byte(tag.MAP);
    this.#out.varint(parts.length / 2);
    for (let i = 0; i < parts.length; i += 2) {
      if (this.#path !== undefined) this.#enter(`.keys()[${i / 2}]`);
      this.#any(parts[i]);
      if (this.#path !== undefined) this.#enter(entryText(parts[i], i / 2));
      this.#any(parts[i + 1]);
    }
  }

  #set(set: object): void {
    const parts = setParts(set);
    this.#out.byte(tag.SET);
    this.#out.varint(parts.length);
    for (let i = 0; i < parts.length; i++) {
      if (this.#path !== undefined) this.#enter(`.values()[${i}]`);
      this.#any(parts[i]);
    }
  }

  #bufferBody(buffer: object): void {
    const length = bufferByteLength(buffer);
    const bytes = new PrimordialUint8Array(buffer as ArrayBuffer, 0, length);
    if (this.#out.isLarge(length)) {
      this.#out.byte(tag.LARGE_BUFFER);
      return this.#out.large(bytes);
    }
    this.#out.byte(tag.BUFFER);
    this.#out.varint(length);
    this.#out.raw(bytes);
  }

  #view(view: object): void {
    const { kind, buffer, offset, length } = viewParts(view);
    if (this.#isShared(buffer, offset, length)) {
      this.#out.byte(tag.VIEW);
      this.#out.byte(kind);
      this.#out.varint(offset);
      this.#out.varint(length);
      return this.#object(buffer);
    }
    const bytes = new PrimordialUint8Array(buffer, offset, length);
    const large = this.#out.isLarge(length);
    this.#out.byte(large ? tag.LARGE_VIEW : tag.OWN_VIEW);
    this.#out.byte(kind);
    if (large) return this.#out.large(bytes);
    this.#out.varint(length);
    this.#out.raw(bytes);
  }

  /** Whether a view's buffer gets a number: it has one already, or the view spans it, so that nothing is sent in vain. */
  #isShared(buffer: ArrayBuffer, offset: number, length: number): boolean {
    if (this.#seen.find(buffer) >= 0) return true;
    return offset === 0 && holds(bufferByteLength, buffer) && bufferByteLength(buffer) === length;
  }

  #error(error: object): void {
    if (++this.#errors > MAX_ERRORS) throw new Refusal(`more than ${MAX_ERRORS} errors in one another`);
    const message = textOf(error, "message");
    const stack = textOf(error, "stack");
    this.#out.byte(tag.ERROR);
    this.#out.byte(errorKind(error));
    this.#out.string(errorName(error));
    this.#any(this.#inline && message !== undefined ? cut(message) : message);
    this.#any(stack === undefined ? undefined : cut(stack));
    let failures = 0;
    for (let i = 0; i < 2; i++) {
      const name = i === 0 ? "cause" : "errors";
      if (hasOwn(error, name)) failures += this.#errorProperty(error, name);
    }
    const names = keys(error);
    for (let i = 0; i < names.length && failures < FAILED_PROPERTIES; i++) {
      const name = names[i] as string;
      if (!isErrorOwn(name)) failures += this.#errorProperty(error, name);
    }
    this.#out.byte(tag.UNDEFINED);
    this.#errors--;
  }

  /** Writes a property of an error, or nothing if it cannot be sent: then 1. */
  #errorProperty(error: object, name: string): 0 | 1 {
    if (this.#failed >= FAILED_IN_ALL) return 1;
    const mark: Mark = this.#out.mark();
    const seen = this.#seen.count;
    const { depth, errors } = { depth: this.#depth, errors: this.#errors };
    try {
      this.#out.string(name);
      this.#any((error as Readonly<Record<string, unknown>>)[name]);
      return 0;
    } catch {
      this.#out.rollBack(mark);
      this.#seen.rollBack(seen);
      this.#depth = depth;
      this.#errors = errors;
      this.#failed++;
      return 1;
    }
  }
}
