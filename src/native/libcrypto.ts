/**
 * SHA-256 of OpenSSL's libcrypto by FFI: an HMAC on copied inner and outer states costs a third of a microsecond, through node:crypto
 * 5 to 10. Where the library is not found, or computes something else, `protocol/mac.ts` falls back.
 */
import { toHex } from "../base/ids.ts";
import { IS_DENO, isGranted } from "../base/runtime.ts";

const SYMBOLS = {
  SHA256_Init: { parameters: ["buffer"], result: "i32" },
  SHA256_Update: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  SHA256_Final: { parameters: ["buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The C functions, typed. */
export type LibCrypto = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Bytes of a SHA256_CTX (112), with room to spare. */
export const SHA256_CTX_BYTES = 128;

/** On macOS only numbered names: the system ends a process that opens its own, unnumbered one. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  linux: ["libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"],
  darwin: [
    "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib",
    "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib",
    "libcrypto.3.dylib",
  ],
};

/** SHA-256 of "abc". */
const KNOWN = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

let opened: LibCrypto | null | undefined;

/** The library, opened once per thread; null where there is none that works (then node:crypto serves). */
export function libcrypto(): LibCrypto | null {
  if (opened === undefined) {
    const names = IS_DENO ? NAMES[Deno.build.os] ?? [] : [];
    opened = openFirst(names.filter((path) => isGranted({ name: "ffi", path })));
  }
  return opened;
}

/** The first of these libraries that opens and computes right. */
export function openFirst(names: readonly string[]): LibCrypto | null {
  for (const name of names) {
    try {
      const library = Deno.dlopen(name, SYMBOLS);
      if (toHex(sha256(library.symbols, new TextEncoder().encode("abc"))) === KNOWN) return library.symbols;
      library.close();
    } catch {
      // Not there, or not allowed: the next name.
    }
  }
  return null;
}

/** SHA-256 of bytes in one go. */
export function sha256(crypto: LibCrypto, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const context = new Uint8Array(SHA256_CTX_BYTES), out = new Uint8Array(32);
  crypto.SHA256_Init(context);
  crypto.SHA256_Update(context, bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.length));
  crypto.SHA256_Final(out, context);
  return out;
}
