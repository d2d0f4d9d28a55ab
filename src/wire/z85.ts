/** Z85, ZeroMQ's way to write bytes as text (RFC 32): five characters for four bytes. */

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/**
 * Bytes as text.
 * @throws RangeError if their number is no multiple of 4
 */
export function z85(bytes: Uint8Array): string {
  if (bytes.length % 4 !== 0) {
    throw new RangeError(`Cannot write ${bytes.length} bytes as Z85: not a multiple of 4`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let text = "";
  for (let at = 0; at < bytes.length; at += 4) {
    let number = view.getUint32(at), group = "";
    for (let i = 0; i < 5; i++, number = Math.floor(number / 85)) group = DIGITS[number % 85] + group;
    text += group;
  }
  return text;
}
