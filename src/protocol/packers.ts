/**
 * How the four dictionaries of a Jupyter message become bytes: JSON, or msgpack where the connection file says so.
 */

/** One way of writing dictionaries. */
export interface Packer {
  readonly name: "json" | "msgpack";
  pack(value: unknown): Uint8Array;
  /** Throws if the bytes are not what this packer writes. */
  unpack(bytes: Uint8Array): unknown;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Plain JSON in UTF-8. */
export const JSON_PACKER: Packer = {
  name: "json",
  pack: (value) => encoder.encode(JSON.stringify(value)),
  unpack: (bytes) => JSON.parse(decoder.decode(bytes)),
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
    pack: (value) => encode(value, { ignoreUndefined: true }),
    unpack: (bytes) => decode(bytes),
  };
}
