/**
 * JSON whose whole numbers keep all their digits: those beyond 2^53 are read as bigint, and written as digits again. Python's are of any length, and what it puts
 * into labels, metadata and headers comes back as it went in.
 *
 * Hardly any text has such a number, so the plain `JSON` does the work wherever no long run of digits is in sight.
 */

/** Fewest digits of a number that is not exact: 2^53 has sixteen. */
const LONG = 16;
/** Python itself reads no longer ones; they stay what `JSON.parse` makes of them. */
const MAX_DIGITS = 4300;
const DIGITS = /^-?\d+$/;

/** What V8 gives a reviver beside key and value. */
interface Source {
  readonly source?: string;
}

/** V8 has these two, and TypeScript's library does not know them yet. */
const { parse, rawJSON } = JSON as unknown as {
  parse(text: string, reviver?: (key: string, value: unknown, context: Source) => unknown): unknown;
  rawJSON(text: string): unknown;
};

/** Reads JSON. @throws SyntaxError if it is none */
export function parseJson(text: string): unknown {
  return hasLongNumber(text) ? parse(text, exactly) : parse(text);
}

/** Writes JSON, as `JSON.stringify` does but for bigints, which become digits. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // It refuses bigints; looking for one beforehand would cost more than all the rest.
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_key, item) => typeof item === "bigint" ? rawJSON(String(item)) : item);
  }
}

/** Whether sixteen digits stand in a row that are no fraction. One of sixteen neighbours is at a multiple of sixteen: no other place is looked at. */
function hasLongNumber(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let from = at, to = at + 1;
    while (from > 0 && isDigit(text.charCodeAt(from - 1))) from--;
    while (to < text.length && isDigit(text.charCodeAt(to))) to++;
    if (to - from >= LONG && text[from - 1] !== ".") return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function exactly(_key: string, value: unknown, { source }: Source): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || source === undefined) return value;
  return source.length <= MAX_DIGITS && DIGITS.test(source) ? BigInt(source) : value;
}
