/**
 * Copies of small pieces. Most tasks and results have a few bytes: a view of them, or a call of the runtime's, takes longer than to copy them one by one.
 */

/** So many bytes are few. */
export const FEW_BYTES = 64;

/** Copies all bytes to `at`. */
export function putBytes(into: Uint8Array, at: number, bytes: Uint8Array): void {
  const { length } = bytes;
  if (length > FEW_BYTES) into.set(bytes, at);
  else for (let i = 0; i < length; i++) into[at + i] = bytes[i]!;
}

/** Copies `length` bytes from `from` on to `at`. */
export function putPart(into: Uint8Array, at: number, bytes: Uint8Array, from: number, length: number): void {
  if (length > FEW_BYTES) into.set(bytes.subarray(from, from + length), at);
  else for (let i = 0; i < length; i++) into[at + i] = bytes[from + i]!;
}
