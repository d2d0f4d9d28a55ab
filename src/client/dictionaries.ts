/** What came over the wire as an object with names, or did not. */
import type { Dictionary } from "../protocol/frames.ts";

export function isDictionary(value: unknown): value is Dictionary {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value, or an empty dictionary where it is none. */
export function dictionaryOf(value: unknown): Dictionary {
  return isDictionary(value) ? value : {};
}
