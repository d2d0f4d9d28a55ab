/**
 * Dates as Python's datetime keeps them in a pickle.
 */
import { badPickle } from "./pickle_error.ts";
import type { PickleRecord } from "./pickle_graph.ts";
import { PrimordialUint8Array } from "./primordials.ts";
import { Refusal } from "./values_bytes.ts";

const DAY_MS = 86_400_000;

/** Ten bytes: year, month, day, hour, minute, second, microseconds. A date without a zone is read as UTC: no zone travels with it. */
export function dateOf([bytes, zone]: readonly unknown[]): Date {
  if (!(bytes instanceof Uint8Array) || bytes.length !== 10) throw badPickle("a date that is none");
  const [century, year, month, day, hour, minute, second, high, middle, low] = bytes as unknown as number[];
  const date = new Date(0);
  date.setUTCFullYear(century! * 256 + year!, (month! & 127) - 1, day!);
  date.setUTCHours(hour!, minute!, second!, ((high! << 16) + (middle! << 8) + low!) / 1000);
  return new Date(date.getTime() - offsetMs(zone));
}

function offsetMs(zone: unknown): number {
  if (zone === undefined || zone === null) return 0;
  const record = zone as Partial<PickleRecord>;
  const [delta] = record.of === "datetime.timezone" ? record.args! : [];
  const { of, args } = (delta ?? {}) as Partial<PickleRecord>;
  if (of !== "datetime.timedelta" || args === undefined) {
    throw badPickle(`a date's zone ${record.of ?? ""} that is no fixed offset`);
  }
  const [days, seconds = 0] = args;
  if (typeof days !== "number" || typeof seconds !== "number") throw badPickle("a date's zone that is none");
  return days * DAY_MS + seconds * 1000;
}

/** A time in UTC as those ten bytes. */
export function utcBytes(timeMs: number): Uint8Array {
  const date = new Date(timeMs), year = date.getUTCFullYear();
  if (!(year >= 1 && year <= 9999)) throw new Refusal("a date that Python cannot hold");
  const micros = date.getUTCMilliseconds() * 1000;
  const day = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()];
  const bytes = [year >> 8, year & 255, ...day, date.getUTCSeconds(), micros >> 16, micros >> 8, micros];
  return new PrimordialUint8Array(bytes);
}
