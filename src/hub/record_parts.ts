/**
 * Parts of records as they are read from bytes and numbers; what cannot be read is not there.
 */
import { parseJson } from "../base/json.ts";
import { readValue } from "../protocol/values.ts";
import { isObject } from "./query_match.ts";
import { timeText } from "./times.ts";

const decoder = new TextDecoder();

/** A time as it goes on the wire. */
export function text(micros: number | null): string | null {
  return micros === null ? null : timeText(micros);
}

/** The value in a body and its buffers, or undefined where it cannot be read. */
export function decoded(load: () => Uint8Array[]): unknown {
  try {
    const [body, ...buffers] = load();
    return body && body.length > 0 ? readValue(body, buffers) : undefined;
  } catch {
    return undefined;
  }
}

/** The JSON at the end of a body. */
export function readTail(tail: Uint8Array): Record<string, unknown> {
  if (tail.length === 0) return {};
  try {
    const value: unknown = parseJson(decoder.decode(tail));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
