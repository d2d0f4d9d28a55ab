/**
 * SHA-256 of OpenSSL's libcrypto by FFI: an HMAC on copied inner and outer states costs 1 µs, through node:crypto 8. Where the library is not found,
 * `protocol/mac.ts` falls back.
 */

const SYMBOLS = {
  SHA256_Init: { parameters: ["buffer"], result: "i32" },
  SHA256_Update: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  SHA256_Final: { parameters: ["buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

export type LibCrypto = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Bytes of a SHA256_CTX, with room to spare. */
export const SHA256_CTX_BYTES = 128;

const NAMES: Readonly<Record<string, readonly string[]>> = {
  linux: ["libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"],
  darwin: ["libcrypto.3.dylib", "/opt/homebrew/lib/libcrypto.3.dylib"],
};

let opened: LibCrypto | null | undefined;

/** The library, or null where there is none (then node:crypto serves). */
export function libcrypto(): LibCrypto | null {
  if (opened !== undefined) return opened;
  if (typeof Deno === "undefined") return opened = null;
  for (const name of NAMES[Deno.build.os] ?? []) {
    try {
      return opened = Deno.dlopen(name, SYMBOLS).symbols;
    } catch {
      // The next name.
    }
  }
  return opened = null;
}
