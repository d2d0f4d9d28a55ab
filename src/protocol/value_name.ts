/** Names of kept values: 16 bytes, as the four words of a NAME record and as text. */
import { toHex } from "../base/ids.ts";

/** The name in a record that was read. */
export function nameText(words: Uint32Array): string {
  return toHex(new Uint8Array(words.buffer, words.byteOffset, 16));
}

/** A name's words. */
export function nameWords(name: string): readonly [number, number, number, number] {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = parseInt(name.slice(2 * i, 2 * i + 2), 16);
  const [a = 0, b = 0, c = 0, d = 0] = new Uint32Array(bytes.buffer);
  return [a, b, c, d];
}
