/**
 * A result of a task that was tried more than once says so in its tail, and where it was: the engine that had it last cannot know.
 */
import { jsonText, parseJson } from "../base/json.ts";
import type { GroupWriter } from "../protocol/group_writer.ts";
import { RESULT_FLAG, type ResultRecord, STATUS } from "../protocol/groups.ts";
import type { AttemptList } from "./attempts.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Appends the result that was just read from `frame` to `writer`, with the number of its tries and what is known of them in its tail. */
export function copyWithTries(
  writer: GroupWriter,
  frame: Uint8Array,
  result: ResultRecord,
  tries: number,
  attempts: AttemptList,
): void {
  const end = result.bodyOffset + result.bodyLength, bodyEnd = end - result.tailLength;
  const before = tailOf(frame.subarray(bodyEnd, end));
  const byDefault = result.status === STATUS.ok ? {} : { ended_by: "error" };
  const post_mortem = { ...byDefault, ...objectOf(before["post_mortem"]), ...attempts };
  const tail = encoder.encode(jsonText({ ...before, tries, post_mortem }));
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

function tailOf(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.length === 0) return {};
  try {
    return objectOf(parseJson(decoder.decode(bytes)));
  } catch {
    return {};
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}
