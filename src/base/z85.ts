/**
 * Z85, the text in which ZeroMQ's keys are written: five characters for four bytes. `wire/z85.ts` writes it.
 */
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const KEY_CHARACTERS = 40;

/** What a key must be, for messages. */
export const Z85_KEY = `a CURVE key has ${KEY_CHARACTERS} characters in Z85`;

/** Whether a text is a key: 32 bytes in Z85. */
export function isZ85Key(text: string): boolean {
  return text.length === KEY_CHARACTERS && z85Bytes(text) !== undefined;
}

/** The bytes that a text stands for; undefined if it is no Z85. */
export function z85Bytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 5 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 5 * 4), view = new DataView(bytes.buffer);
  for (let at = 0; at < text.length; at += 5) {
    let value = 0;
    for (let i = at; i < at + 5; i++) {
      const digit = DIGITS.indexOf(text[i]!);
      if (digit < 0) return undefined;
      value = value * 85 + digit;
    }
    // Five digits can say more than four bytes hold.
    if (value >= 2 ** 32) return undefined;
    view.setUint32(at / 5 * 4, value);
  }
  return bytes;
}
