/** What a query has found so far: bounded in number and bytes, since all of it is in memory before an answer leaves. */

import { HUB_BOUNDS } from "./options.ts";
import { bySubmission, type Page, type StoredRecord } from "./records.ts";
import { tooLarge, tooMany } from "./request_error.ts";

export class FoundRecords {
  readonly #limit: number;
  readonly #page: Page | null;
  #records: StoredRecord[] = [];
  #bytes = 0;
  /** Nothing that was submitted later can be on the page; microseconds. */
  #latest = Number.MAX_SAFE_INTEGER;

  /** @param limit how many there may be, or which page is wanted */
  constructor(limit: number | Page) {
    this.#page = typeof limit === "number" ? null : limit;
    this.#limit = typeof limit === "number" ? limit : limit.first;
  }

  /** When a record must have been submitted at the latest to be looked at, in microseconds. */
  get latest(): number {
    return this.#latest;
  }

  /** @throws RequestError (ValueError) if it becomes too much */
  add(record: StoredRecord): void {
    if (this.#page !== null) {
      if (!this.#isOnPage(record, this.#page)) return;
      if (this.#records.length >= this.#limit * 2) this.#trim();
    } else if (this.#records.length === this.#limit) throw tooMany(this.#limit);
    this.#records.push(record);
    this.count(record.bytes);
  }

  #isOnPage(record: StoredRecord, { after }: Page): boolean {
    if (record.submitted === null || record.submitted > this.#latest) return false;
    return after === null || bySubmission(record, after) > 0;
  }

  /** Drops what cannot be on the page. */
  #trim(): void {
    this.#records = this.#records.sort(bySubmission).slice(0, this.#limit);
    this.#latest = this.#records.at(-1)?.submitted ?? this.#latest;
    this.#bytes = 0;
    for (const { bytes } of this.#records) this.count(bytes);
  }

  /** Bytes that belong to the records and are not counted by them. @throws RequestError (ValueError) */
  count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > HUB_BOUNDS.maxAnswerBytes) throw tooLarge(HUB_BOUNDS.maxAnswerBytes);
  }

  /** All of them, in the order of answers. */
  sorted(): StoredRecord[] {
    const sorted = this.#records.sort(bySubmission);
    return this.#page === null ? sorted : sorted.slice(0, this.#limit);
  }
}

/** About how many bytes a value of JSON and binary data takes. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 0;
  for (const item of Object.values(value)) bytes += 8 + sizeOf(item);
  return bytes;
}
