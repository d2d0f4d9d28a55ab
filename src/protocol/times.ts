/**
 * Times on the wire: ISO 8601 text with microseconds, which peers compare for equality. A JavaScript `Date` keeps milliseconds only.
 */

const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:?\d\d)?$/;

/**
 * A time as the wire has it, always with six digits of fraction.
 * @param msEpoch milliseconds since 1970, with a fraction
 */
export function isoTime(msEpoch: number): string {
  const micros = Math.round(msEpoch * 1000);
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = String(micros - seconds * 1_000_000).padStart(6, "0");
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** Milliseconds since 1970, exact to the microsecond; without a zone it is local time. NaN if the text is no such time. */
export function parseIso(text: string): number {
  const parts = ISO.exec(text);
  if (parts === null) return NaN;
  const [, date, time, zone] = [parts[0], text.slice(0, 10), text.slice(11, 19), parts[8] ?? ""];
  const seconds = Date.parse(
    `${date}T${time}${zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`,
  );
  return (seconds * 1000 + Number((parts[7] ?? "").padEnd(6, "0"))) / 1000;
}
