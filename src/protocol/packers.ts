/**
 * How the four dictionaries of a Jupyter message become bytes: JSON, or msgpack where the connection file says so.
 * Whole numbers beyond 2^53 are bigints here, so that Python gets back all their digits.
 */
import { jsonText, parseJson } from "../base/json.ts";

/** One way of writing dictionaries. */
export interface Packer {
  readonly name: "json" | "msgpack";
  pack(value: unknown): Uint8Array;
  /** Throws if the bytes are not what this packer writes. */
  unpack(bytes: Uint8Array): unknown;
  /** Items of a list behind one another, to be put in by `withList`. */
  items(values: readonly unknown[]): Uint8Array;
  /**
   * The bytes, in parts, of a dictionary (of 1 to 14 entries) with one entry more: a list of `count` items that were packed before.
   * @param pieces what `items` made of them, none of them empty
   */
  withList(dictionary: object, name: string, count: number, pieces: readonly Uint8Array[]): Uint8Array[];
}

/** Levels of lists and dictionaries in a message, at most, as many as Python's json writes: what is deeper could be read, but not packed again (in records, as a reply's parent). */
export const MAX_DEPTH = 1000;
/** What is packed again has some levels more around it. */
const WRITTEN_DEPTH = MAX_DEPTH + 100;
const encoder = new TextEncoder();
const COMMA = encoder.encode(",");
/** Not strict, as Python's is not: it writes names of files as the bytes that they are. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Plain JSON in UTF-8. */
export const JSON_PACKER: Packer = {
  name: "json",
  pack: (value) => encoder.encode(jsonText(value)),
  unpack: (bytes) => parseJson(decoder.decode(bytes)),
  items: (values) => encoder.encode(jsonText(values).slice(1, -1)),
  withList(dictionary, name, _count, pieces) {
    const head = jsonText(dictionary).slice(0, -1);
    const parts: Uint8Array[] = [encoder.encode(`${head},${JSON.stringify(name)}:[`)];
    for (const [i, piece] of pieces.entries()) parts.push(...(i === 0 ? [] : [COMMA]), piece);
    return [...parts, encoder.encode("]}")];
  },
};

/**
 * The packer that a connection file names by `pack` and `unpack`.
 * @throws TypeError for those that only Python can read
 */
export async function loadPacker(pack: string, unpack: string = pack): Promise<Packer> {
  const [packer, unpacker] = [formatOf(pack), formatOf(unpack)];
  if (packer !== unpacker) {
    throw new TypeError(`Cannot use pack "${pack}" with unpack "${unpack}": they must agree`);
  }
  return packer === "json" ? JSON_PACKER : await msgpackPacker();
}

/** Names are plain, or those of Python functions: `jupyter_client.session.json_packer`. */
function formatOf(name: string): "json" | "msgpack" {
  const text = name.toLowerCase();
  if (text.includes("pickle")) {
    throw new TypeError(
      `Cannot use pack "${name}": only Python reads it, and it runs code; choose json or msgpack`,
    );
  }
  if (text.includes("msgpack")) return "msgpack";
  if (text === "" || text.includes("json")) return "json";
  throw new TypeError(`Cannot use pack "${name}": only json, orjson and msgpack are known`);
}

async function msgpackPacker(): Promise<Packer> {
  const { encode, decode } = await import("@msgpack/msgpack");
  const options = { ignoreUndefined: true, maxDepth: WRITTEN_DEPTH };
  const pack = (value: unknown): Uint8Array => {
    try {
      return encode(value, options);
    } catch (error) {
      // It refuses bigints; looking for one beforehand would cost more than all the rest.
      if (!hasBigint(value)) throw error;
      return encode(widened(value), { ...options, useBigInt64: true });
    }
  };
  return {
    name: "msgpack",
    pack,
    unpack: (bytes) => has64Bits(bytes) ? narrowed(decode(bytes, { useBigInt64: true })) : decode(bytes),
    items: (values) => joined(values.map(pack)),
    withList(dictionary, name, count, pieces) {
      const head = pack(dictionary);
      // Up to fifteen entries are counted in the first byte; a list's length stands in four behind 0xdd.
      head[0]!++;
      const list = new Uint8Array(5);
      list[0] = 0xdd;
      new DataView(list.buffer).setUint32(1, count);
      return [head, encode(name), list, ...pieces];
    },
  };
}

/** Whether there may be a number of 64 bits. */
function has64Bits(bytes: Uint8Array): boolean {
  return bytes.includes(0xcf) || bytes.includes(0xd3);
}

/** Numbers of 64 bits that a number holds exactly are numbers. What lists and dictionaries hold is changed in place. */
function narrowed(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (isContainer(value)) { for (const key of Object.keys(value)) value[key] = narrowed(value[key]); }
  return value;
}

/** The same with each whole number of more than 32 bits as a bigint: beside bigints the library writes others as fractions. */
function widened(value: unknown): unknown {
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && Math.abs(value) >= 2 ** 31 ? BigInt(value) : value;
  }
  // Numbers of more than 64 bits have no form here.
  if (typeof value === "bigint") return is64Bits(value) ? value : Number(value);
  if (Array.isArray(value)) return value.map(widened);
  if (!isContainer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, widened(item)]));
}

function is64Bits(value: bigint): boolean {
  return value < 0n ? value >= -(2n ** 63n) : value < 2n ** 64n;
}

function hasBigint(value: unknown): boolean {
  return typeof value === "bigint" || (isContainer(value) && Object.values(value).some(hasBigint));
}

/** A list or a dictionary. */
function isContainer(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const kind: unknown = Object.getPrototypeOf(value);
  return kind === Object.prototype || kind === null || Array.isArray(value);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
