/**
 * Where the writer of values puts bytes: one growing buffer, a list of what is too large for it, and a bound on both.
 */
import {
  charCodeAt,
  encodeUtf8,
  encodeUtf8Into,
  isWellFormed,
  PrimordialUint8Array,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArraySet,
} from "./primordials.ts";
import { LARGE_BYTES } from "./groups.ts";
import { put } from "./values_error.ts";
import * as tag from "./values_tags.ts";

/** Most characters that are tested and written one by one; above it the runtime's encoder is faster. */
const SINGLE = 36;

const scratch = new Float64Array(1);
const scratchBytes = new Uint8Array(scratch.buffer);
const scratchBig = new BigInt64Array(scratch.buffer);

/** Thrown when a value cannot be written. It holds a reason and, other than an Error, costs no stack. */
export class Refusal {
  readonly #reason: string;

  constructor(reason: string) {
    this.#reason = reason;
  }

  /** The reason if this is a refusal and not something that a task threw. */
  static reasonOf(thrown: unknown): string | undefined {
    return typeof thrown === "object" && thrown !== null && #reason in thrown ? thrown.#reason : undefined;
  }
}

/** A place to return to. */
export interface Mark {
  readonly length: number;
  readonly buffers: number;
  readonly largeBytes: number;
}

export class ByteSink {
  #bytes: Uint8Array;
  #capacity: number;
  #length = 0;
  #buffers: Uint8Array[] = [];
  #largeBytes = 0;
  #maxBytes: number;
  readonly #inline: boolean;
  /** How many bytes would have been needed when there were too many, 0 if there never were. */
  #overflow = 0;

  constructor(capacity: number, maxBytes: number, inline: boolean) {
    this.#capacity = capacity < 16 ? 16 : capacity > maxBytes ? maxBytes : capacity;
    this.#bytes = new PrimordialUint8Array(this.#capacity);
    this.#maxBytes = maxBytes;
    this.#inline = inline;
  }

  get length(): number {
    return this.#length;
  }

  get buffers(): Uint8Array[] {
    return this.#buffers;
  }

  /** A view of what was written, valid until the next write or reset. */
  view(): Uint8Array {
    return new PrimordialUint8Array(typedArrayBuffer(this.#bytes), 0, this.#length);
  }

  /** Bytes so far, large buffers included; more than there may be, where that was the end of it. */
  get wanted(): number {
    return this.#overflow > 0 ? this.#overflow : this.#length + this.#largeBytes;
  }

  /** Another bound, from the next reset on. */
  bound(maxBytes: number): void {
    this.#maxBytes = maxBytes;
  }

  reset(): void {
    this.#overflow = 0;
    this.#length = 0;
    this.#largeBytes = 0;
    if (this.#buffers.length > 0) this.#buffers = [];
  }

  mark(): Mark {
    return { length: this.#length, buffers: this.#buffers.length, largeBytes: this.#largeBytes };
  }

  rollBack(mark: Mark): void {
    this.#length = mark.length;
    this.#buffers.length = mark.buffers;
    this.#largeBytes = mark.largeBytes;
  }

  /** Refuses what will take at least so many bytes more, if there is no room for them. */
  check(length: number): void {
    const needed = this.#length + this.#largeBytes + length;
    if (needed <= this.#maxBytes) return;
    this.#overflow = needed;
    throw new Refusal(`more than ${this.#maxBytes} bytes`);
  }

  /** Makes room for so many bytes, and counts them against the bound. */
  #grow(length: number): void {
    const needed = this.#length + length;
    this.check(length);
    let capacity = this.#capacity * 2;
    while (capacity < needed) capacity *= 2;
    if (capacity > this.#maxBytes) capacity = this.#maxBytes;
    const bytes = new PrimordialUint8Array(capacity);
    typedArraySet(bytes, this.view());
    this.#bytes = bytes;
    this.#capacity = capacity;
  }

  /** Appends room for so many bytes; returns where it begins. */
  #extend(length: number): number {
    const at = this.#length;
    if (at + length > this.#capacity) this.#grow(length);
    this.#length = at + length;
    return at;
  }

  byte(value: number): void {
    if (this.#length >= this.#capacity) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  setByte(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  varint(value: number): void {
    let left = value;
    while (left >= 128) {
      this.byte((left % 128) | 128);
      left = Math.floor(left / 128);
    }
    this.byte(left);
  }

  number(value: number): void {
    const int = value | 0;
    if (int !== value || (int === 0 && 1 / value < 0)) this.float(tag.FLOAT64, value);
    else if (int >= tag.SMALL_INT_LEAST && int <= tag.SMALL_INT_MOST) {
      this.byte(tag.SMALL_INT + int - tag.SMALL_INT_LEAST);
    } else if (int >= -32768 && int <= 32767) {
      const at = this.#extend(3);
      this.#bytes[at] = tag.INT16;
      this.#bytes[at + 1] = int;
      this.#bytes[at + 2] = int >> 8;
    } else this.#tagAndU32(tag.INT32, int);
  }

  float(first: number, value: number): void {
    scratch[0] = value;
    this.#tagAndEight(first);
  }

  /** A BigInt if it has 64 bits; false if it needs more. */
  bigint64(value: bigint): boolean {
    scratchBig[0] = value;
    if (scratchBig[0] !== value) return false;
    this.#tagAndEight(tag.BIGINT64);
    return true;
  }

  #tagAndEight(first: number): void {
    const at = this.#extend(9);
    this.#bytes[at] = first;
    for (let i = 0; i < 8; i++) this.#bytes[at + 1 + i] = scratchBytes[i] as number;
  }

  #tagAndU32(first: number, value: number): void {
    const at = this.#extend(5);
    this.#bytes[at] = first;
    this.#bytes[at + 1] = value;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value >>> 16;
    this.#bytes[at + 4] = value >>> 24;
  }

  string(text: string): void {
    const length = text.length;
    if (length <= SINGLE && this.#shortAscii(text, length)) return;
    if (length >= LARGE_BYTES && !this.#inline) this.#largeText(text);
    else this.#text(text);
  }

  #shortAscii(text: string, length: number): boolean {
    const at = this.#length;
    if (at + 1 + length > this.#capacity) this.#grow(1 + length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const code = charCodeAt(text, i);
      if (code > 127) return false;
      bytes[at + 1 + i] = code;
    }
    bytes[at] = tag.SHORT_ASCII + length;
    this.#length = at + 1 + length;
    return true;
  }

  #text(text: string): void {
    const units = text.length;
    const most = this.#length + 5 + units * 3;
    if (most > this.#maxBytes) return this.#exactText(text);
    if (most > this.#capacity) this.#grow(5 + units * 3);
    const at = this.#length;
    const room = new PrimordialUint8Array(typedArrayBuffer(this.#bytes), at + 5, units * 3);
    const { written } = encodeUtf8Into(text, room);
    if (written !== units && !isWellFormed(text)) return this.#units(text);
    if (written >= LARGE_BYTES && !this.#inline) return this.#largeText(text);
    this.#tagAndU32(written === units ? tag.ASCII : tag.UTF8, written);
    this.#length += written;
  }

  /** Near the bound, where there may be no room for three bytes a unit. */
  #exactText(text: string): void {
    if (!isWellFormed(text)) return this.#units(text);
    const bytes = encodeUtf8(text);
    this.#tagAndU32(tag.UTF8, typedArrayByteLength(bytes));
    this.raw(bytes);
  }

  #largeText(text: string): void {
    if (!isWellFormed(text)) return this.#units(text);
    this.byte(tag.LARGE_STRING);
    this.large(encodeUtf8(text));
  }

  #units(text: string): void {
    this.#tagAndU32(tag.UTF16, text.length);
    let at = this.#extend(text.length * 2);
    for (let i = 0; i < text.length; i++) {
      const code = charCodeAt(text, i);
      this.#bytes[at++] = code;
      this.#bytes[at++] = code >> 8;
    }
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    const length = typedArrayByteLength(bytes);
    const at = this.#extend(length);
    typedArraySet(this.#bytes, bytes, at);
  }

  /** Whether so many bytes go beside the body. */
  isLarge(length: number): boolean {
    return length >= LARGE_BYTES && !this.#inline;
  }

  /** Takes bytes out of the body. */
  large(bytes: Uint8Array): void {
    const length = typedArrayByteLength(bytes);
    this.check(length);
    this.#largeBytes += length;
    put(this.#buffers, bytes);
  }
}
