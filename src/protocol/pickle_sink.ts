/**
 * Bytes of a pickle as they are written: one buffer that grows, and the few shapes that its instructions have.
 */
import { utcBytes } from "./pickle_date.ts";
import { PICKLE_OP } from "./pickle_ops.ts";
import {
  encodeUtf8,
  isSafeInteger,
  isWellFormed,
  PrimordialUint8Array,
  typedArrayLength,
  typedArraySet,
} from "./primordials.ts";
import { Refusal } from "./values_bytes.ts";
import { checkBigInt } from "./values_parts.ts";

const LEAST_BYTES = 256;

export class PickleSink {
  readonly #maxBytes: number;
  #bytes = new PrimordialUint8Array(LEAST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #beside = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Everything that was written; memory of its own. */
  all(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Counts bytes that go beside the pickle, under the same bound. */
  beside(count: number): void {
    this.#beside += count;
    this.#room(0);
  }

  /** Refuses what will take at least so many bytes more, if there is no room for them. */
  check(count: number): void {
    if (this.#length + count + this.#beside <= this.#maxBytes) return;
    throw new Refusal(`it has more than ${this.#maxBytes} bytes`);
  }

  /** Makes room for so many bytes, and gives their place. What was taken of the buffer before it may be stale after it. */
  #room(count: number): number {
    const at = this.#length, wanted = at + count;
    this.check(count);
    if (wanted > typedArrayLength(this.#bytes)) this.#grow(wanted);
    this.#length = wanted;
    return at;
  }

  #grow(wanted: number): void {
    const before = this.#bytes, doubled = typedArrayLength(before) * 2;
    this.#bytes = new PrimordialUint8Array(doubled > wanted ? doubled : wanted);
    typedArraySet(this.#bytes, before, 0);
    this.#view = new DataView(this.#bytes.buffer);
  }

  byte(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  u32(op: number, value: number): void {
    this.byte(op);
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
  }

  float(op: number, value: number): void {
    this.byte(op);
    const at = this.#room(8);
    this.#view.setFloat64(at, value, false);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(typedArrayLength(bytes));
    typedArraySet(this.#bytes, bytes, at);
  }

  /** Bytes behind their length: in one byte, in four, or in eight where `long` is what that is called. */
  sized(short: number, middle: number, long: number, bytes: Uint8Array): void {
    const length = typedArrayLength(bytes);
    if (length < 256) {
      this.byte(short);
      this.byte(length);
    } else if (length < 2 ** 32) this.u32(middle, length);
    else {
      this.byte(long);
      const at = this.#room(8);
      this.#view.setBigUint64(at, BigInt(length), true);
    }
    this.raw(bytes);
  }

  /** An integer where it is one exactly, else a float. */
  number(value: number): void {
    if (!isSafeInteger(value) || Object.is(value, -0)) return this.float(PICKLE_OP.BINFLOAT, value);
    if (value >= 0 && value < 256) {
      this.byte(PICKLE_OP.BININT1);
      this.byte(value);
    } else if (value >= -(2 ** 31) && value < 2 ** 31) this.u32(PICKLE_OP.BININT, value >>> 0);
    else this.integer(BigInt(value));
  }

  /** A tuple of numbers. */
  tuple(shape: readonly number[]): void {
    this.byte(PICKLE_OP.MARK);
    for (let i = 0; i < shape.length; i++) this.number(shape[i]!);
    this.byte(PICKLE_OP.TUPLE);
  }

  /** Names a class or function. */
  global(module: string, name: string): void {
    this.text(module);
    this.text(name);
    this.byte(PICKLE_OP.STACK_GLOBAL);
  }

  bytes(bytes: Uint8Array): void {
    this.sized(PICKLE_OP.SHORT_BINBYTES, PICKLE_OP.BINBYTES, PICKLE_OP.BINBYTES8, bytes);
  }

  /** `datetime(…, timezone(timedelta(0)))`, to the millisecond. */
  date(timeMs: number): void {
    const { TUPLE1, TUPLE2, REDUCE } = PICKLE_OP;
    this.global("datetime", "datetime");
    this.bytes(utcBytes(timeMs));
    this.global("datetime", "timezone");
    this.global("datetime", "timedelta");
    this.number(0);
    for (const op of [TUPLE1, REDUCE, TUPLE1, REDUCE, TUPLE2, REDUCE]) this.byte(op);
  }

  /** An integer of any size. */
  integer(value: bigint): void {
    checkBigInt(value);
    this.sized(PICKLE_OP.LONG1, PICKLE_OP.LONG4, PICKLE_OP.LONG4, twosComplement(value));
  }

  text(text: string): void {
    this.sized(
      PICKLE_OP.SHORT_BINUNICODE,
      PICKLE_OP.BINUNICODE,
      PICKLE_OP.BINUNICODE8,
      isWellFormed(text) ? encodeUtf8(text) : generalized(text),
    );
  }
}

/** Least bytes of an integer in two's complement, least first. */
function twosComplement(value: bigint): Uint8Array {
  const magnitude = (value < 0n ? -value - 1n : value).toString(16);
  const digits = magnitude.length % 2 === 0 ? magnitude : "0" + magnitude;
  const bytes = new PrimordialUint8Array(digits.length / 2 + 1);
  for (let i = 0, from = digits.length; from > 0; i++, from -= 2) {
    bytes[i] = parseInt(digits.slice(from - 2, from), 16);
  }
  if (value < 0n) { for (let i = 0; i < bytes.length; i++) bytes[i] = ~bytes[i]!; }
  return bytes;
}

/** UTF-8 in which lone surrogates keep their number, as Python writes them. */
function generalized(text: string): Uint8Array {
  const bytes = new PrimordialUint8Array(text.length * 3);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!;
    if (code > 0xffff) i++;
    if (code < 0xd800 || code > 0xdfff) {
      const part = encodeUtf8(String.fromCodePoint(code));
      typedArraySet(bytes, part, length);
      length += typedArrayLength(part);
      continue;
    }
    bytes[length++] = 0xed;
    bytes[length++] = 0x80 | code >> 6 & 0x3f;
    bytes[length++] = 0x80 | code & 0x3f;
  }
  return bytes.subarray(0, length);
}
