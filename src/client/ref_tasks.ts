/**
 * Tasks that name put values: a table in front of the body says where the values' buffers will be, the tail says which values the engine is to have
 * (PROTOCOL.md, "Kept values"). What the controller does not keep goes along as large buffers.
 */
import { INLINE_BODY_BYTES } from "../protocol/groups.ts";
import { keptHead } from "../protocol/values_kept.ts";
import type { EncodedTask } from "./path.ts";
import type { PutValue } from "./ref.ts";

/** Room for the table beside a body that stays in its record. */
const HEAD_BYTES = 32 << 10;

const encoder = new TextEncoder(), decoder = new TextDecoder();

export function taskWithValues(task: EncodedTask, values: readonly PutValue[]): EncodedTask {
  const buffers = [...task.buffers];
  const firsts = new Map<PutValue, number>();
  for (const value of values) {
    if (value.isKept) continue;
    firsts.set(value, buffers.length);
    buffers.push(...value.buffers);
  }
  const isLong = task.body.length > INLINE_BODY_BYTES - HEAD_BYTES;
  const at = isLong ? buffers.push(task.body.slice()) : 0;
  let next = buffers.length;
  const places = values.flatMap((value) => {
    const first = firsts.get(value) ?? next;
    if (value.isKept) next += value.buffers.length;
    return [first, value.buffers.length];
  });
  const body = joined(keptHead(at, places), isLong ? NOTHING : task.body);
  const kept = values.filter(({ isKept }) => isKept);
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
