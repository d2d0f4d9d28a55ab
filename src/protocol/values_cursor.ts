/**
 * Where the reader of values takes bytes from: an offset over bytes that are not trusted. Every step is held against what is there.
 */
import {
  decodeUtf8,
  fromCharCode,
  isSafeInteger,
  PrimordialBigInt,
  PrimordialRangeError,
  PrimordialUint8Array,
  typedArrayBuffer,
  typedArrayLength,
  typedArrayOffset,
  typedArraySet,
} from "./primordials.ts";
import * as tag from "./values_tags.ts";

const scratch = new Float64Array(1);
const scratchBytes = new Uint8Array(scratch.buffer);
const scratchBig = new BigInt64Array(scratch.buffer);

/** Most characters of a short string that are joined one by one; above it the runtime's decoder is faster. */
const JOINED = 32;

export class ByteCursor {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = typedArrayLength(bytes);
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** Gives up. */
  fail(reason: string): never {
    throw new PrimordialRangeError(`Cannot read a value: ${reason} at byte ${this.#at} of ${this.#end}`);
  }

  /** The next byte. */
  byte(): number {
    if (this.#at >= this.#end) this.fail("it is cut short");
    return this.#bytes[this.#at++] as number;
  }

  /** Moves over the next byte if it is this one. */
  skip(byte: number): boolean {
    if (this.#at >= this.#end || this.#bytes[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  /** Moves over `length` bytes that must be there; returns where they begin. */
  take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) this.fail(`${length} bytes are declared`);
    this.#at = at + length;
    return at;
  }

  varint(): number {
    let byte = this.byte();
    if (byte < 128) return byte;
    let value = byte & 127;
    for (let scale = 128; byte >= 128; scale *= 128) {
      byte = this.byte();
      value += (byte & 127) * scale;
      if (!isSafeInteger(value)) this.fail("a length is beyond all bounds");
    }
    return value;
  }

  /** A number of items each of which takes at least one byte. */
  items(): number {
    const count = this.varint();
    if (count > this.#end - this.#at) this.fail(`${count} items are declared`);
    return count;
  }

  u32(): number {
    const at = this.take(4);
    const b = this.#bytes;
    return ((b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16)) +
      (b[at + 3] as number) * 0x1000000;
  }

  float(): number {
    this.#eight();
    return scratch[0] as number;
  }

  bigint64(): bigint {
    this.#eight();
    return scratchBig[0] as bigint;
  }

  int16(): number {
    const at = this.take(2);
    return ((this.#bytes[at] as number) | ((this.#bytes[at + 1] as number) << 8)) << 16 >> 16;
  }

  #eight(): void {
    const at = this.take(8);
    for (let i = 0; i < 8; i++) scratchBytes[i] = this.#bytes[at + i] as number;
  }

  /** Text of so many bytes that are all ASCII. */
  ascii(length: number): string {
    let at = this.take(length);
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

  utf8(length: number): string {
    return decodeUtf8(part(this.#bytes, this.take(length), length));
  }

  /** Text that is not well formed in Unicode: its units as they are. */
  utf16(units: number): string {
    let at = this.take(units * 2);
    let text = "";
    for (let i = 0; i < units; i++, at += 2) {
      text += fromCharCode((this.#bytes[at] as number) | ((this.#bytes[at + 1] as number) << 8));
    }
    return text;
  }

  bigint(): bigint {
    const negative = this.byte() === 1;
    const digits = this.varint();
    const at = this.take(digits);
    if (digits === 0 || digits > tag.MAX_BIGINT_DIGITS) this.fail(`a BigInt of ${digits} digits`);
    for (let i = at; i < at + digits; i++) {
      const c = this.#bytes[i] as number;
      if (!((c >= 48 && c <= 57) || (c >= 97 && c <= 102))) this.fail("a BigInt is not in digits");
    }
    const value = PrimordialBigInt("0x" + decodeUtf8(part(this.#bytes, at, digits)));
    return negative ? -value : value;
  }

  /** So many bytes in memory of their own. */
  copy(length: number): Uint8Array {
    const at = this.take(length);
    const copy = new PrimordialUint8Array(length);
    if (length <= 32) { for (let i = 0; i < length; i++) copy[i] = this.#bytes[at + i] as number; }
    else typedArraySet(copy, part(this.#bytes, at, length));
    return copy;
  }
}

function part(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new PrimordialUint8Array(typedArrayBuffer(bytes), typedArrayOffset(bytes) + at, length);
}
