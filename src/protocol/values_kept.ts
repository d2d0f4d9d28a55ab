/**
 * Values that travelled by themselves and stand in a task by a number (PROTOCOL.md, "Kept values"): the table in front of a task's body that says where the
 * task's buffers have them.
 */
import { PrimordialReferenceError } from "./primordials.ts";
import { ByteCursor } from "./values_cursor.ts";
import { put } from "./values_error.ts";
import * as tag from "./values_tags.ts";

/** Where a task's kept values are. */
export interface KeptTable {
  /** The task's own coded value. */
  readonly body: Uint8Array;
  /** Of each kept value its first buffer and how many it has, in turn. */
  readonly places: readonly number[];
  /** All that the task got. */
  readonly buffers: readonly Uint8Array[];
}

/** More than a task can name. */
const MAX_KEPT = 1 << 16;

const GONE =
  "Cannot read a value that was put: nobody keeps it any more (its client is gone, or has deleted it, and controller and engine have dropped it)";

/** Whether a coded value has kept ones in it. */
export function hasKept(bytes: Uint8Array): boolean {
  return bytes[0] === tag.PLAIN + tag.HAS_KEPT || bytes[0] === tag.WITH_REFERENCES + tag.HAS_KEPT;
}

/** The table before a task's value; undefined if it has none. @throws RangeError */
export function keptTable(bytes: Uint8Array, buffers: readonly Uint8Array[]): KeptTable | undefined {
  if (bytes[0] !== tag.KEPT_TABLE) return undefined;
  const cursor = new ByteCursor(bytes);
  cursor.byte();
  const at = cursor.varint(), count = cursor.varint();
  if (count > MAX_KEPT) return cursor.fail(`${count} kept values`);
  const places: number[] = [];
  for (let i = 0; i < 2 * count; i++) put(places, cursor.varint());
  const body = at === 0 ? cursor.copy(cursor.left) : buffers[at - 1];
  return body === undefined ? cursor.fail("its buffer is missing") : { body, places, buffers };
}

/**
 * The buffers of one kept value, its coded body first; undefined if the task has no such value.
 * @throws ReferenceError if it did not come
 */
export function keptBuffers({ places, buffers }: KeptTable, i: number): Uint8Array[] | undefined {
  const first = places[2 * i], count = places[2 * i + 1];
  if (first === undefined || count === undefined || count < 1) return undefined;
  const own: Uint8Array[] = [];
  for (let k = 0; k < count; k++) {
    const bytes = buffers[first + k];
    if (bytes === undefined) throw new PrimordialReferenceError(GONE);
    put(own, bytes);
  }
  return own;
}

/** The table in front of a task's body. @param at 0 if the body follows, else 1 + the number of the buffer that it is in */
export function keptHead(at: number, places: readonly number[]): Uint8Array {
  const bytes: number[] = [tag.KEPT_TABLE];
  for (const value of [at, places.length / 2, ...places]) {
    let left = value;
    for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
    bytes.push(left);
  }
  return new Uint8Array(bytes);
}
