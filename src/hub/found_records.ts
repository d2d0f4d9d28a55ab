/** What a query has found so far: bounded in number and bytes, since all of it is in memory before an answer leaves. */

import { HUB_BOUNDS } from "./options.ts";
import { bySubmission, type StoredRecord } from "./records.ts";
import { tooLarge, tooMany } from "./request_error.ts";

export class FoundRecords {
  readonly #limit: number;
  readonly #records: StoredRecord[] = [];
  #bytes = 0;

  /** @param limit how many there may be */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws RequestError (ValueError) if it becomes too much */
  add(record: StoredRecord): void {
    if (this.#records.length === this.#limit) throw tooMany(this.#limit);
    this.#records.push(record);
    this.count(record.bytes);
  }

  /** Bytes that belong to the records and are not counted by them. @throws RequestError (ValueError) */
  count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > HUB_BOUNDS.maxAnswerBytes) throw tooLarge(HUB_BOUNDS.maxAnswerBytes);
  }

  /** All of them, in the order of answers. */
  sorted(): StoredRecord[] {
    return this.#records.sort(bySubmission);
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
