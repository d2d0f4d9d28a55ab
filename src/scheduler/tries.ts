/**
 * A result of a task that was tried more than once says so in its tail: the engine that had it last cannot know.
 */
import { jsonText, parseJson } from "../base/json.ts";
import type { GroupWriter } from "../protocol/group_writer.ts";
import { RESULT_FLAG, type ResultRecord } from "../protocol/groups.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Appends the result that was just read from `frame` to `writer`, with the number of its tries in its tail. */
export function copyWithTries(
  writer: GroupWriter,
  frame: Uint8Array,
  result: ResultRecord,
  tries: number,
): void {
  const end = result.bodyOffset + result.bodyLength, bodyEnd = end - result.tailLength;
  const tail = encoder.encode(jsonText({ ...tailOf(frame.subarray(bodyEnd, end)), tries }));
  const body = new Uint8Array(bodyEnd - result.bodyOffset + tail.length);
  body.set(frame.subarray(result.bodyOffset, bodyEnd));
  body.set(tail, body.length - tail.length);
  const { n, client, status, flags, buffers, engine, seq, epoch, started, completed } = result;
  writer.result(
    n,
    client,
    status,
    flags | RESULT_FLAG.tail,
    buffers,
    engine,
    tail.length,
    seq,
    epoch,
    started,
    completed,
    body,
  );
}

function tailOf(bytes: Uint8Array): object {
  if (bytes.length === 0) return {};
  try {
    const tail: unknown = parseJson(decoder.decode(bytes));
    return typeof tail === "object" && tail !== null ? tail : {};
  } catch {
    return {};
  }
}
