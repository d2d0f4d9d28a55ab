/**
 * Times of records: whole microseconds since 1970, and their text on the wire. A JavaScript `Date` would lose the
 * microseconds that clients send back and compare for equality.
 */

const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:?\d\d)?$/;

/** Microseconds since 1970 of an ISO 8601 time (without a zone: local time), or undefined if `text` is none. */
export function parseTime(text: string): number | undefined {
  const parts = ISO.exec(text);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  const micros = Number((parts[7] ?? "0").padEnd(6, "0"));
  const zone = parts[8];
  const ms = zone === undefined
    ? new Date(year!, month! - 1, day!, hour!, minute!, second!).getTime()
    : Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - zoneMinutes(zone) * 60_000;
  return Number.isFinite(ms) ? ms * 1000 + micros : undefined;
}

function zoneMinutes(zone: string): number {
  if (zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
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
