/**
 * Z85, the text in which ZeroMQ's keys are written: five characters for four bytes.
 */
const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const KEY_CHARACTERS = 40;

/** What a key must be, for messages. */
export const Z85_KEY = `a CURVE key has ${KEY_CHARACTERS} characters in Z85`;

/** Whether a text is a key: 32 bytes in Z85. */
export function isZ85Key(text: string): boolean {
  if (text.length !== KEY_CHARACTERS) return false;
  for (let at = 0; at < KEY_CHARACTERS; at += 5) {
    let value = 0;
    for (let i = at; i < at + 5; i++) {
      const digit = DIGITS.indexOf(text[i]!);
      if (digit < 0) return false;
      value = value * 85 + digit;
    }
    // Five digits can say more than four bytes hold.
    if (value >= 2 ** 32) return false;
  }
  return true;
}
