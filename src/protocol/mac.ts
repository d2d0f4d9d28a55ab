/**
 * The cluster's HMAC-SHA256, in two forms: 32 raw bytes for groups, lower-case hexadecimal for Jupyter messages.
 */
import { nodeCrypto } from "../base/builtin.ts";
import { toHex } from "../base/ids.ts";
import { type LibCrypto, libcrypto, sha256, SHA256_CTX_BYTES } from "../native/libcrypto.ts";

/** Its functions may be passed on alone: they need no `this`. */
export interface Mac {
  /**
   * Writes the 32 bytes of the MAC over `bytes[from, to)` to `bytes[at …]`. With an empty key they are zero.
   * @throws RangeError if there is no room at `at`
   */
  sign(bytes: Uint8Array, from: number, to: number, at: number): void;
  /** Whether the 32 bytes at `at` are the MAC of `bytes[from, to)`; always true with an empty key. Takes as long wherever they differ. */
  verify(bytes: Uint8Array, from: number, to: number, at: number): boolean;
  /** Hexadecimal MAC over the frames behind one another; "" with an empty key. */
  hex(frames: readonly Uint8Array[]): string;
  /** The same as 32 bytes, valid until the next call; none with an empty key. */
  digest(frames: readonly Uint8Array[]): Uint8Array;
}

/** Computes the MAC of parts behind one another into `out` (32 bytes). */
type Digest = (parts: readonly Uint8Array[], out: Uint8Array<ArrayBuffer>) => void;

const SIZE = 32;
const BLOCK = 64;

/**
 * @param key the cluster's key as in the connection files; "" means that nothing is signed
 * @param implementation for tests: which one to use. Default: libcrypto where there is one
 */
export function createMac(key: string, implementation?: "libcrypto" | "node"): Mac {
  if (key === "") return UNSIGNED;
  const bytes = new TextEncoder().encode(key);
  const crypto = implementation === "node" ? null : libcrypto();
  if (crypto === null && implementation === "libcrypto") throw new Error("Cannot open libcrypto");
  const digest = crypto === null ? nodeDigest(bytes) : libcryptoDigest(crypto, bytes);
  const out = new Uint8Array(SIZE), one: Uint8Array[] = [out];
  return {
    sign(bytes, from, to, at) {
      one[0] = bytes.subarray(from, to);
      digest(one, out);
      bytes.set(out, at);
    },
    verify(bytes, from, to, at) {
      if (at < 0 || at + SIZE > bytes.length) return false;
      one[0] = bytes.subarray(from, to);
      digest(one, out);
      let difference = 0;
      for (let i = 0; i < SIZE; i++) difference |= out[i]! ^ bytes[at + i]!;
      return difference === 0;
    },
    hex(frames) {
      digest(frames, out);
      return toHex(out);
    },
    digest(frames) {
      digest(frames, out);
      return out;
    },
  };
}

const UNSIGNED: Mac = {
  sign: (bytes, _from, _to, at) => bytes.set(new Uint8Array(SIZE), at),
  verify: () => true,
  hex: () => "",
  digest: () => new Uint8Array(0),
};

function nodeDigest(key: Uint8Array): Digest {
  const { createHmac } = nodeCrypto();
  return (parts, out) => {
    const hmac = createHmac("sha256", key);
    for (const part of parts) hmac.update(part);
    out.set(hmac.digest());
  };
}

/** HMAC on copies of two prepared states: the key's blocks are hashed once. */
function libcryptoDigest(crypto: LibCrypto, key: Uint8Array): Digest {
  const block = new Uint8Array(BLOCK);
  block.set(key.length > BLOCK ? sha256(crypto, key) : key);
  const inner = prepared(crypto, block, 0x36), outer = prepared(crypto, block, 0x5c);
  const context = new Uint8Array(SHA256_CTX_BYTES), middle = new Uint8Array(SIZE);
  return (parts, out) => {
    context.set(inner);
    for (const part of parts) {
      crypto.SHA256_Update(context, part as Uint8Array<ArrayBuffer>, BigInt(part.length));
    }
    crypto.SHA256_Final(middle, context);
    context.set(outer);
    crypto.SHA256_Update(context, middle, 32n);
    crypto.SHA256_Final(out, context);
  };
}

/** The state after one block of the key. */
function prepared(crypto: LibCrypto, block: Uint8Array, pad: number): Uint8Array {
  const context = new Uint8Array(SHA256_CTX_BYTES);
  crypto.SHA256_Init(context);
  crypto.SHA256_Update(context, block.map((byte) => byte ^ pad) as Uint8Array<ArrayBuffer>, BigInt(BLOCK));
  return context;
}
