/**
 * Tasks that name put values: a table in front of the body says where the values' buffers will be, the tail says which values the engine is to have
 * (PROTOCOL.md, "Kept values"). What the controller does not keep goes along as large buffers.
 */
import { INLINE_BODY_BYTES } from "../protocol/groups.ts";
import { keptHead } from "../protocol/values_kept.ts";
import type { EncodedTask } from "./path.ts";
import type { PutValue } from "./ref.ts";

/** Most values that a task names; more go along as large buffers. */
const MAX_NAMES = 1000;
/** Most bytes of the table for each value, and of its beginning. */
const PLACE_BYTES = 10, HEAD_BYTES = 16;

const encoder = new TextEncoder(), decoder = new TextDecoder();

/** @throws RangeError if it has more values than a task can */
export function taskWithValues(task: EncodedTask, values: readonly PutValue[]): EncodedTask {
  const kept = values.filter(({ isKept }) => isKept).slice(0, MAX_NAMES);
  const headBytes = HEAD_BYTES + PLACE_BYTES * values.length;
  if (headBytes > INLINE_BODY_BYTES) {
    throw new RangeError(
      `Cannot send ${values.length} refs with one task: send fewer, or put a list of the values`,
    );
  }
  const buffers = [...task.buffers];
  const firsts = new Map<PutValue, number>();
  for (const value of new Set(values).difference(new Set(kept))) {
    firsts.set(value, buffers.length);
    buffers.push(...value.buffers);
  }
  const isLong = headBytes + task.body.length > INLINE_BODY_BYTES;
  const at = isLong ? buffers.push(task.body.slice()) : 0;
  let next = buffers.length;
  for (const value of kept) {
    firsts.set(value, next);
    next += value.buffers.length;
  }
  const places = values.flatMap((value) => [firsts.get(value)!, value.buffers.length]);
  const body = joined(keptHead(at, places), isLong ? NOTHING : task.body);
  const names = kept.map(({ name, buffers }) => [name, buffers.length]);
  const tail = names.length === 0 ? task.tail : tailWith(task.tail, names);
  return { ...task, body, buffers, tail, values };
}

function tailWith(tail: Uint8Array | null, values: unknown): Uint8Array {
  const options = tail === null ? {} : JSON.parse(decoder.decode(tail));
  return encoder.encode(JSON.stringify({ ...options, values }));
}

const NOTHING = new Uint8Array(0);

function joined(head: Uint8Array, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}
