/**
 * Identities: the session of a process (also an engine's uuid), keys and file-safe random names.
 */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case hexadecimal text of bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** A session id in the form that Jupyter's Python session uses: 8 hex digits, a dash, 24 hex digits. */
export function newSession(): string {
  const hex = toHex(crypto.getRandomValues(new Uint8Array(16)));
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

/** A new HMAC key for a cluster: 256 random bits as hexadecimal text. */
export function newKey(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(32)));
}

/** A random number of a controller's run, the nonce that every group of that run carries. */
export function newNonce(): bigint {
  return new DataView(crypto.getRandomValues(new Uint8Array(8)).buffer).getBigUint64(0);
}
