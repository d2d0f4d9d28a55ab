/**
 * How the four dictionaries of a Jupyter message become bytes: JSON, or msgpack where the connection file says so.
 */

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
  pack: (value) => encoder.encode(JSON.stringify(value)),
  unpack: (bytes) => JSON.parse(decoder.decode(bytes)),
  items: (values) => encoder.encode(JSON.stringify(values).slice(1, -1)),
  withList(dictionary, name, _count, pieces) {
    const head = JSON.stringify(dictionary).slice(0, -1);
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
  return {
    name: "msgpack",
    pack: (value) => encode(value, { ignoreUndefined: true, maxDepth: WRITTEN_DEPTH }),
    unpack: (bytes) => decode(bytes),
    items: (values) =>
      joined(values.map((value) => encode(value, { ignoreUndefined: true, maxDepth: WRITTEN_DEPTH }))),
    withList(dictionary, name, count, pieces) {
      const head = encode(dictionary, { ignoreUndefined: true, maxDepth: WRITTEN_DEPTH });
      // Up to fifteen entries are counted in the first byte; a list's length stands in four behind 0xdd.
      head[0]!++;
      const list = new Uint8Array(5);
      list[0] = 0xdd;
      new DataView(list.buffer).setUint32(1, count);
      return [head, encode(name), list, ...pieces];
    },
  };
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
