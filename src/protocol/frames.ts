/**
 * Jupyter messages: frames to messages and back, signed, and each taken once.
 *
 * `[idents…] DELIMITER signature header parent_header metadata content [buffers…]`. Signatures are made and checked over the bytes
 * of the four dictionaries as they travel, never over something packed again; buffers are not signed. A header's unknown keys are kept.
 */
import { jsonText } from "../base/json.ts";
import { now } from "../base/clock.ts";
import { newSession } from "../base/ids.ts";
import { BadMessage } from "./errors.ts";
import { createMac, type Mac } from "./mac.ts";
import { JSON_PACKER, MAX_DEPTH, type Packer } from "./packers.ts";
import { RecentDictionaries } from "./recent_dictionaries.ts";
import { isoTime } from "./times.ts";

export { BadMessage } from "./errors.ts";
export { isoTime, parseIso } from "./times.ts";

/** The frame between idents and message: `<IDS|MSG>`. */
export const DELIMITER: Uint8Array = new TextEncoder().encode("<IDS|MSG>");

/** The version of Jupyter's messages that we write. */
const VERSION = "5.4";
/** Frames of a message behind the delimiter, without buffers. */
const PARTS = 5;
const HEX = new TextEncoder().encode("0123456789abcdef");
/** Signatures that are remembered; then a random tenth is forgotten. */
const REMEMBERED = 1 << 16;
const FORGOTTEN = 0.1;

/** A dictionary of a message. */
export type Dictionary = Readonly<Record<string, unknown>>;

/** A message's header. `date` is ISO 8601 text with microseconds. */
export interface Header extends Dictionary {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly version: string;
}

/** The header of the request that a message answers, or `{}`. */
export type ParentHeader = Partial<Header> & Dictionary;

/** What relays and schedulers look at. */
export interface Envelope {
  readonly idents: Uint8Array[];
  readonly header: Header;
  readonly parentHeader: ParentHeader;
  readonly metadata: Dictionary;
}

/** A message that was received and checked. */
export interface Message extends Envelope {
  readonly content: Dictionary;
  buffers: Uint8Array[];
}

/** What can still be read of a message that was damaged before it was signed. */
export interface Remains {
  readonly header: ParentHeader;
  readonly parentHeader: ParentHeader;
}

export interface SessionOptions {
  /** The cluster's key; "" for no signatures (CURVE). */
  readonly key: string;
  /** Default: a new one. */
  readonly session?: string | undefined;
  readonly username?: string | undefined;
  /** Stands in the msg_ids. Default: a random number. */
  readonly pid?: number | undefined;
  /** Default: one made from the key. */
  readonly mac?: Mac | undefined;
  /** Default: JSON. */
  readonly packer?: Packer | undefined;
}

export interface MessageOptions {
  /** Header of the request that this answers. */
  readonly parent?: ParentHeader | undefined;
  readonly metadata?: Dictionary | undefined;
  readonly buffers?: readonly Uint8Array[] | undefined;
  /** Keys of the header to set otherwise than a new message would. */
  readonly header?: Partial<Header> | undefined;
}

/** Index of the first frame that is the delimiter, or −1. */
export function findDelimiter(frames: readonly Uint8Array[], from = 0): number {
  for (let i = from; i < frames.length; i++) if (isDelimiter(frames[i])) return i;
  return -1;
}

/** Whether a frame is the delimiter. */
export function isDelimiter(frame: Uint8Array | undefined): boolean {
  if (frame?.length !== DELIMITER.length) return false;
  for (let i = 0; i < DELIMITER.length; i++) if (frame[i] !== DELIMITER[i]) return false;
  return true;
}

/** One party's messages: writes them under its name, reads those of others. */
export class Session {
  readonly session: string;
  readonly username: string;
  readonly pid: number;
  readonly packer: Packer;
  readonly #mac: Mac | undefined;
  #last = 0;
  readonly #signatures = new Set<number>();
  readonly #recent = new RecentDictionaries<Dictionary>();

  constructor(options: SessionOptions) {
    this.session = options.session ?? newSession();
    this.username = options.username ?? "tsparallel";
    this.pid = options.pid ?? 1 + Math.floor(Math.random() * 0x7fff_fffe);
    this.#mac = options.key === "" ? undefined : options.mac ?? createMac(options.key);
    this.packer = options.packer ?? JSON_PACKER;
  }

  /** Takes the next number of this session: messages and tasks share the count, from 1. */
  nextNumber(): number {
    return ++this.#last;
  }

  /** The msg_id of a number of this session. */
  msgId(number: number): string {
    return `${this.session}_${this.pid}_${number}`;
  }

  /** A new header, as `message` makes them. */
  header(type: string, changes: Partial<Header> = {}): Header {
    return {
      msg_id: changes.msg_id ?? this.msgId(this.nextNumber()),
      msg_type: type,
      username: this.username,
      session: this.session,
      date: changes.date ?? isoTime(now()),
      version: VERSION,
      ...changes,
    };
  }

  /** A new message: `[DELIMITER, signature, header, parent, metadata, content, ...buffers]`. */
  message(type: string, content: object, options: MessageOptions = {}): Uint8Array[] {
    return this.pack(this.header(type, options.header), content, options);
  }

  /** A message with this very header, signed. */
  pack(header: Header, content: object, options: Omit<MessageOptions, "header"> = {}): Uint8Array[] {
    const parts = [header, options.parent ?? {}, options.metadata ?? {}, content].map(this.packer.pack);
    return [...this.signed(parts), ...(options.buffers ?? [])];
  }

  /** A new message whose content is in bytes already. */
  messageOf(type: string, content: Uint8Array, options: Omit<MessageOptions, "header"> = {}): Uint8Array[] {
    const parts = [this.header(type), options.parent ?? {}, options.metadata ?? {}].map(this.packer.pack);
    return [...this.signed([...parts, content]), ...(options.buffers ?? [])];
  }

  /** A dictionary's bytes, as they stand in a message. */
  packed(dictionary: object): Uint8Array {
    return this.packer.pack(dictionary);
  }

  /** A message of these bytes of header, parent header, metadata and content, signed anew: `[DELIMITER, signature, ...parts]`. */
  signed(parts: readonly Uint8Array[]): Uint8Array[] {
    return [DELIMITER, this.#sign(parts), ...parts];
  }

  #sign(parts: readonly Uint8Array[]): Uint8Array {
    if (this.#mac === undefined) return new Uint8Array(0);
    const text = this.#mac.hex(parts);
    const signature = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) signature[i] = text.charCodeAt(i);
    return signature;
  }

  /**
   * Reads a message and remembers it: a second one with the same signature is refused.
   * @param from the frame to begin at; idents are the frames from here to the delimiter
   * @throws BadMessage
   */
  parse(frames: readonly Uint8Array[], from = 0): Message {
    const at = delimiterOf(frames, from);
    const signature = this.#verified(frames, at);
    const message = this.#message(frames, from, at);
    this.#remember(signature);
    return message;
  }

  /**
   * Reads a message whose signature somebody else of this cluster has checked and remembers.
   * @throws BadMessage
   */
  parseChecked(frames: readonly Uint8Array[], from = 0): Message {
    return this.#message(frames, from, delimiterOf(frames, from));
  }

  #message(frames: readonly Uint8Array[], from: number, at: number): Message {
    return {
      idents: frames.slice(from, at),
      header: checkedHeader(this.#dictionary(frames[at + 2], "header")),
      parentHeader: this.#recentDictionary(frames[at + 3], "parent_header"),
      metadata: this.#recentDictionary(frames[at + 4], "metadata"),
      content: this.#recentDictionary(frames[at + 5], "content"),
      buffers: frames.slice(at + 6),
    };
  }

  /**
   * Reads what is readable of a message that `parse` refused, and remembers it; a dictionary that cannot be read is empty.
   * @throws BadMessage if nobody of this cluster has signed it, or it was seen before
   */
  remains(frames: readonly Uint8Array[], from = 0): Remains {
    const at = findDelimiter(frames, from);
    if (at < 0) throw new BadMessage("no delimiter", "Cannot read a message: it has no delimiter");
    this.#remember(this.#verified(frames, at));
    return {
      header: this.#dictionaryIfAny(frames[at + 2], "header"),
      parentHeader: this.#dictionaryIfAny(frames[at + 3], "parent_header"),
    };
  }

  #dictionaryIfAny(frame: Uint8Array | undefined, what: string): Dictionary {
    try {
      return this.#dictionary(frame, what);
    } catch {
      return {};
    }
  }

  /** Checks the signature and that it is new; returns what it is remembered by, or undefined if nothing is signed. */
  #verified(frames: readonly Uint8Array[], at: number): number | undefined {
    if (this.#mac === undefined) return undefined;
    const right = this.#mac.digest(frames.slice(at + 2, at + 1 + PARTS));
    if (!isHexOf(frames[at + 1], right)) {
      throw new BadMessage("bad signature", "Cannot take a message: bad signature");
    }
    const print = fingerprint(right);
    if (this.#signatures.has(print)) {
      throw new BadMessage("duplicate", "Cannot take a message: its signature was seen before");
    }
    return print;
  }

  #remember(signature: number | undefined): void {
    if (signature === undefined) return;
    this.#signatures.add(signature);
    if (this.#signatures.size <= REMEMBERED) return;
    for (const old of this.#signatures) if (Math.random() < FORGOTTEN) this.#signatures.delete(old);
  }

  /** A dictionary that other messages may have, too: then it is the same object. */
  #recentDictionary(frame: Uint8Array | undefined, what: string): Dictionary {
    if (frame === undefined || isEmptyJson(frame)) return this.#dictionary(frame, what);
    const known = this.#recent.find(what, frame);
    if (known !== undefined) return known;
    const dictionary = this.#dictionary(frame, what);
    this.#recent.keep(what, frame, dictionary);
    return dictionary;
  }

  #dictionary(frame: Uint8Array | undefined, what: string): Dictionary {
    if (isEmptyJson(frame) && this.packer.name === "json") return {};
    let value: unknown;
    try {
      value = this.packer.unpack(frame ?? DELIMITER);
    } catch (error) {
      throw new BadMessage("not readable", `Cannot read a message: its ${what} is not ${this.packer.name}`, {
        cause: error,
      });
    }
    if (!isDictionary(value)) {
      throw new BadMessage("not readable", `Cannot read a message: its ${what} is no dictionary`);
    }
    // Each level takes a byte at least.
    if (frame !== undefined && frame.length > MAX_DEPTH && isDeeper(value, MAX_DEPTH)) {
      throw new BadMessage(
        "not readable",
        `Cannot read a message: its ${what} nests deeper than ${MAX_DEPTH} levels`,
      );
    }
    return value;
  }
}

/** Whether a value has more levels of lists and dictionaries than that. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  if (levels === 0) return true;
  for (const key in value) if (isDeeper((value as Dictionary)[key], levels - 1)) return true;
  return false;
}

function delimiterOf(frames: readonly Uint8Array[], from: number): number {
  const at = findDelimiter(frames, from);
  if (at < 0) {
    throw new BadMessage("no delimiter", `Cannot read a message: no delimiter in ${frames.length} frames`);
  }
  if (frames.length - at - 1 < PARTS) {
    throw new BadMessage(
      "too few frames",
      `Cannot read a message: ${frames.length - at - 1} frames, at least ${PARTS}`,
    );
  }
  return at;
}

function checkedHeader(header: Dictionary): Header {
  const { msg_id, msg_type, version, session = "", username = "", date = "" } = header;
  if (typeof version !== "string" || !version.startsWith("5")) {
    const what = version === undefined ? "missing" : jsonText(version);
    throw new BadMessage("version", `Cannot read a message: its "version" is ${what}, and only 5 is known`);
  }
  if (isText(msg_id) && isText(msg_type) && isText(session) && isText(username) && isText(date)) {
    const isWhole = header["session"] === session && header["username"] === username &&
      header["date"] === date;
    return (isWhole ? header : { ...header, session, username, date }) as Header;
  }
  const parts = Object.entries({ msg_id, msg_type, session, username, date });
  const name = parts.find(([, value]) => !isText(value))?.[0];
  throw new BadMessage("bad header", `Cannot read a message: "${name}" is no text`);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** `{}`: half of all dictionaries that travel. */
function isEmptyJson(frame: Uint8Array | undefined): boolean {
  return frame?.length === 2 && frame[0] === 0x7b && frame[1] === 0x7d;
}

function isDictionary(value: unknown): value is Dictionary {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a frame is these bytes as lower-case hexadecimal digits. Takes as long wherever the difference is. */
function isHexOf(signature: Uint8Array | undefined, bytes: Uint8Array): boolean {
  if (signature?.length !== 2 * bytes.length) return false;
  let difference = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    difference |= (signature[2 * i]! ^ HEX[byte >> 4]!) | (signature[2 * i + 1]! ^ HEX[byte & 15]!);
  }
  return difference === 0;
}

/** The first 52 bits of a signature: two of those remembered share them by chance once in 10^11 messages. */
function fingerprint(bytes: Uint8Array): number {
  const high = (bytes[0]! << 24 | bytes[1]! << 16 | bytes[2]! << 8 | bytes[3]!) >>> 0;
  return high * 0x10_0000 + (bytes[4]! << 12 | bytes[5]! << 4 | bytes[6]! >> 4);
}
