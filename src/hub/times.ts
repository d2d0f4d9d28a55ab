/**
 * Times of records: whole microseconds since 1970, and their text on the wire. A JavaScript `Date` would lose the
 * microseconds that clients send back and compare for equality.
 */

const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:?\d\d)?$/;

/** Microseconds since 1970 of an ISO 8601 time (without a zone: local time), or undefined if `text` is none, or none that there is. */
export function parseTime(text: string): number | undefined {
  const parts = ISO.exec(text);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  if (hour! > 23 || minute! > 59 || second! > 59 || !isDay(year!, month!, day!)) return undefined;
  const micros = Number((parts[7] ?? "0").padEnd(6, "0"));
  const zone = parts[8];
  const ms = zone === undefined
    ? localMs(year!, month!, day!, hour!, minute!, second!)
    : utcMs(year!, month!, day!, hour!, minute!, second!) - zoneMinutes(zone) * 60_000;
  return Number.isFinite(ms) ? ms * 1000 + micros : undefined;
}

/** Whether text has the form of a time; whether there is such a time `parseTime` tells. */
export function looksLikeTime(text: string): boolean {
  return ISO.test(text);
}

/** Python's years begin with 1. */
function isDay(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  return day <= 28 || day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

type Parts = [year: number, month: number, day: number, hour: number, minute: number, second: number];

function utcMs(...[year, month, day, hour, minute, second]: Parts): number {
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  // Of the first hundred years `Date` makes those of the twentieth century.
  return year < 100 ? new Date(ms).setUTCFullYear(year) : ms;
}

function localMs(...[year, month, day, hour, minute, second]: Parts): number {
  const date = new Date(year, month - 1, day, hour, minute, second);
  return year < 100 ? date.setFullYear(year) : date.getTime();
}

/** NaN if there is no such zone. */
function zoneMinutes(zone: string): number {
  if (zone === "Z") return 0;
  const [hours, rest] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  if (hours > 23 || rest > 59) return NaN;
  const minutes = hours * 60 + rest;
  return zone.startsWith("-") ? -minutes : minutes;
}

/** The text of a time as Jupyter writes it: six digits of fraction, or none where it is zero. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = micros - seconds * 1_000_000;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return fraction === 0 ? `${text}Z` : `${text}.${String(fraction).padStart(6, "0")}Z`;
}

/** The largest time that a `Date` can hold, in milliseconds. */
const LAST_MS = 8.64e15;

/** Milliseconds (with a fraction) as whole microseconds; 0, negative, far and not finite ones give null. */
export function toMicros(ms: number): number | null {
  return ms > 0 && ms < LAST_MS / 1000 ? Math.round(ms * 1000) : null;
}
