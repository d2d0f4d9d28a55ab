/**
 * Who stopped a task, and why, in their own words: the JSON behind the names of a cancel group (PROTOCOL.md, "Cancelling").
 */

/** Who stopped a task, and why. `why` is empty where nothing was said. */
export interface By {
  /** User, host and process, or whatever the other says of himself. */
  readonly who: string;
  /** The reason. */
  readonly why: string;
}

/** Most bytes of the JSON in a group. */
export const MAX_BY_BYTES = 4096;
const MAX_WHO = 200;
const MAX_WHY = 500;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What somebody says of himself, cut to what fits into a line of text. An empty `who` is `somebody`. */
export function byOf(who: unknown, why: unknown): By {
  return { who: line(who, MAX_WHO) || "somebody", why: line(why, MAX_WHY) };
}

export function writeBy({ who, why }: By): Uint8Array {
  return encoder.encode(JSON.stringify(byOf(who, why)));
}

/** The JSON of a cancel group; undefined if there is none or it cannot be read. */
export function readBy(bytes: Uint8Array): By | undefined {
  if (bytes.length === 0) return undefined;
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    if (typeof value !== "object" || value === null || !("who" in value)) return undefined;
    return byOf(value.who, "why" in value ? value.why : "");
  } catch {
    return undefined;
  }
}

/** One line without control characters. */
function line(value: unknown, max: number): string {
  if (typeof value !== "string") return "";
  const text = [...value.slice(0, 2 * max + 2).replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, " ").trim()];
  return text.length <= max ? text.join("") : `${text.slice(0, max - 1).join("")}…`;
}

/** `Cancelled by A: B`. */
export function cancelText(by: By | undefined, how = ""): string {
  const why = by?.why ? `: ${by.why}` : "";
  return `Cancelled by ${by?.who ?? "its client"}${how}${why}`;
}
