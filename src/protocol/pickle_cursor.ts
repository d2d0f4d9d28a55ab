/**
 * Reads the parts of a pickle's instructions: every length is checked against what is there before anything is made of it.
 */
import { badPickle } from "./pickle_error.ts";
import { decodeUtf8 } from "./primordials.ts";

const MAX_LINE = 1 << 16;
const SHORT_TEXT = 24;
const NEWLINE = 10;

export class PickleCursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  #skip(count: number): number {
    if (count > this.left) throw badPickle(`${count} bytes wanted at ${this.#at}, ${this.left} there`);
    const at = this.#at;
    this.#at += count;
    return at;
  }

  u8(): number {
    return this.bytes[this.#skip(1)]!;
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  /** A length of eight bytes: exact as far as a pickle can be long. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#skip(8), true));
  }

  float(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  /** A view of so many bytes. */
  take(count: number): Uint8Array {
    const at = this.#skip(count);
    return this.bytes.subarray(at, at + count);
  }

  text(count: number): string {
    return wtf8(this.take(count));
  }

  /** The text up to a line's end, which is skipped. */
  line(): string {
    return wtf8(this.#line(MAX_LINE));
  }

  /** The same where each byte is a character, however long it is. */
  latinLine(): string {
    let text = "";
    for (const byte of this.#line(this.left)) text += String.fromCharCode(byte);
    return text;
  }

  #line(most: number): Uint8Array {
    const end = this.bytes.subarray(this.#at, this.#at + most).indexOf(NEWLINE);
    if (end < 0) throw badPickle(`no end of the line at ${this.#at}`);
    const line = this.take(end);
    this.#at++;
    return line;
  }

  /** An integer in two's complement. */
  long(count: number): number | bigint {
    const bytes = this.take(count);
    if (count === 0) return 0;
    let digits = "";
    for (let i = count - 1; i >= 0; i--) digits += (bytes[i]! + 256).toString(16).slice(1);
    const value = BigInt(`0x${digits}`);
    return asInteger(bytes[count - 1]! >= 128 ? value - (1n << BigInt(count * 8)) : value);
  }
}

/** An integer as a number where that is exact. */
export function asInteger(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** UTF-8 that may hold lone surrogates, as Python writes them ("surrogatepass"). */
function wtf8(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_TEXT) {
    const text = ascii(bytes);
    if (text !== undefined) return text;
  }
  const text = decodeUtf8(bytes);
  return text.includes("\ufffd") ? generalized(bytes) : text;
}

function ascii(bytes: Uint8Array): string | undefined {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte >= 128) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Text between encoded surrogates, and these by hand. */
function generalized(bytes: Uint8Array): string {
  let text = "", from = 0;
  const plain = (to: number) => text += strict(bytes.subarray(from, to));
  for (let i = 0; i + 2 < bytes.length; i++) {
    if (bytes[i] !== 0xed || bytes[i + 1]! < 0xa0 || bytes[i + 1]! > 0xbf) continue;
    plain(i);
    text += String.fromCharCode(0xd000 | (bytes[i + 1]! & 0x3f) << 6 | bytes[i + 2]! & 0x3f);
    from = i + 3;
    i += 2;
  }
  plain(bytes.length);
  return text;
}

function strict(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badPickle("its text is not UTF-8");
  }
}
