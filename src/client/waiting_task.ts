/**
 * A task on its way to a socket: as bytes, and as what a path keeps of it until there is room.
 */
import { INLINE_BODY_BYTES } from "../protocol/groups.ts";
import type { Definition } from "./functions.ts";
import type { PutValue } from "./ref.ts";
import type { SharedUpload } from "./shared_upload.ts";
import type { StopWord, TaskState } from "./task_state.ts";

/** A task as bytes. */
export interface EncodedTask {
  readonly op: number;
  readonly definition: Definition | null;
  /** A view; copied before `submit` returns. */
  readonly body: Uint8Array;
  readonly buffers: readonly Uint8Array[];
  /** JSON options, or null. */
  readonly tail: Uint8Array | null;
  /** Sends the large buffers, where several engines get the same. */
  readonly upload?: SharedUpload;
  /** Put values that it names. */
  readonly values?: readonly PutValue[];
}

const NO_BODY = new Uint8Array(0);

/** A task that waits for room. */
export interface WaitingTask {
  readonly task: TaskState;
  readonly op: number;
  readonly definition: Definition | null;
  readonly body: Uint8Array;
  readonly buffers: readonly Uint8Array[];
  readonly upload?: SharedUpload | undefined;
  readonly tailLength: number;
  stopped: StopWord | null;
  /** Why it was stopped. */
  reason?: unknown;
}

/** A task whose buffers, or whose body, go ahead of it in pieces. */
export function largeTask(task: TaskState, encoded: EncodedTask): WaitingTask {
  const { op, definition, body, upload } = encoded, tail = encoded.tail ?? NO_BODY;
  const isBodyLarge = body.length > INLINE_BODY_BYTES;
  const own = () => isBodyLarge ? [...encoded.buffers, body.slice()] : [...encoded.buffers];
  const buffers = upload?.buffers ?? own();
  const inline = isBodyLarge ? tail : joined(body, tail);
  return { task, op, definition, body: inline, buffers, upload, tailLength: tail.length, stopped: null };
}

/** Bytes that it will count in the window. */
export function sizeOf({ body, buffers }: WaitingTask): number {
  let bytes = body.length;
  for (const buffer of buffers) bytes += buffer.length;
  return bytes;
}

/** A body and what stands behind it. */
export function joined(body: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + tail.length);
  bytes.set(body);
  bytes.set(tail, body.length);
  return bytes;
}
