/**
 * A result's bytes as what the caller gets: the value, or the error that says how the task ended.
 */
import { ANY, type ResultRecord, STATUS } from "../protocol/groups.ts";
import {
  type DeniedPermission,
  EngineError,
  type EngineInfo,
  errorFromContent,
  type Limit,
  TaskAborted,
  TaskCancelled,
  textsOf,
} from "../protocol/errors.ts";
import { type PostMortem, readPostMortem } from "../protocol/post_mortem.ts";
import { readValue } from "../protocol/values.ts";
import { withUserStack } from "./remote_stack.ts";
import { dictionaryOf, isDictionary } from "./dictionaries.ts";
import type { OutputCounts } from "./task_state.ts";

/** The end of a result's body, where it has one. */
export interface ResultTail {
  /** What the task has published. */
  readonly out?: OutputCounts;
  readonly engine?: EngineInfo;
  readonly limit?: Limit;
  readonly denied?: DeniedPermission;
  readonly tries?: number;
  readonly postMortem?: PostMortem;
}

/** How a task ended. */
export type Outcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "error"; readonly error: Error };

const NO_TAIL: ResultTail = {};
const decoder = new TextDecoder();

/** The JSON at the end of a result's body; nothing if it is missing or cannot be read. */
export function readTail(
  bytes: Uint8Array,
  { bodyOffset, bodyLength, tailLength }: ResultRecord,
): ResultTail {
  if (tailLength === 0) return NO_TAIL;
  const end = bodyOffset + bodyLength;
  try {
    const fields = dictionaryOf(JSON.parse(decoder.decode(bytes.subarray(end - tailLength, end))));
    return {
      ...outOf(fields.out),
      ...(isDictionary(fields.engine_info) ? { engine: fields.engine_info } : {}),
      ...limitOf(fields.limit),
      ...deniedOf(fields.denied),
      ...postMortemOf(fields.post_mortem),
      ...(typeof fields.tries === "number" ? { tries: fields.tries } : {}),
    };
  } catch {
    return NO_TAIL;
  }
}

/**
 * Reads a result's body.
 * @param buffers its large buffers, all there; the last is the body itself if the record's own is empty
 */
export function readOutcome(
  bytes: Uint8Array,
  record: ResultRecord,
  tail: ResultTail,
  buffers: readonly Uint8Array[],
): Outcome {
  const length = record.bodyLength - record.tailLength;
  const isLast = length === 0 && buffers.length > 0;
  const body = isLast
    ? buffers[buffers.length - 1]
    : bytes.subarray(record.bodyOffset, record.bodyOffset + length);
  try {
    const value = body === undefined || body.length === 0
      ? undefined
      : readValue(body, isLast ? buffers.slice(0, -1) : buffers);
    return record.status === STATUS.ok
      ? { kind: "value", value }
      : { kind: "error", error: withUserStack(endError(record.status, value, withAttempt(tail, record))) };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    return {
      kind: "error",
      error: new Error(`Cannot read the result of task ${record.n}: ${text}`, { cause }),
    };
  }
}

/** The error of a task that did not end well. */
function endError(status: number, said: unknown, tail: ResultTail): Error {
  const { engine, limit, denied, postMortem } = tail;
  if (isDictionary(said) && typeof said.ename === "string" && typeof said.evalue === "string") {
    const content = {
      ename: said.ename,
      evalue: said.evalue,
      traceback: textsOf(said.traceback),
      ...("error" in said ? { error: said.error } : {}),
      ...(engine === undefined ? {} : { engine_info: engine }),
      ...(limit === undefined ? {} : { limit }),
      ...(denied === undefined ? {} : { denied }),
      postMortem,
    };
    return errorFromContent(content, status === STATUS.error ? undefined : false);
  }
  if (status === STATUS.aborted) return new TaskAborted(undefined, { engine, postMortem });
  if (status === STATUS.cancelled) return new TaskCancelled(undefined, { engine, postMortem });
  return new EngineError("The engine died while it had the task: it may have run", { engine, postMortem });
}

function postMortemOf(value: unknown): { postMortem?: PostMortem } {
  const postMortem = readPostMortem(value);
  return postMortem === undefined ? {} : { postMortem };
}

/** The scheduler names the tries of a task that had several; an only one is the record's. */
function withAttempt(tail: ResultTail, { engine, started, completed, status }: ResultRecord): ResultTail {
  const { postMortem } = tail;
  if (postMortem === undefined || postMortem.attempts.length > 0 || started === 0) return tail;
  const attempt = {
    engineId: engine === ANY ? null : engine,
    engineUuid: tail.engine?.engine_uuid ?? null,
    started,
    ended: completed,
    outcome: OUTCOMES[status] ?? "error",
  };
  return { ...tail, postMortem: { ...postMortem, attempts: [attempt] } };
}

const OUTCOMES = Object.keys(STATUS);

function outOf(value: unknown): { out?: OutputCounts } {
  if (!Array.isArray(value)) return {};
  const [stdout, stderr, displays = 0]: unknown[] = value;
  const areNumbers = typeof stdout === "number" && typeof stderr === "number" && typeof displays === "number";
  return areNumbers ? { out: [stdout, stderr, displays] } : {};
}

function limitOf(value: unknown): { limit?: Limit } {
  if (!isDictionary(value)) return {};
  const { limit, max } = value;
  // JSON has no Infinity: what was more than could be measured comes as null.
  const measured = value.value === null ? Infinity : value.value;
  if (typeof limit !== "string" || typeof measured !== "number" || typeof max !== "number") return {};
  return { limit: { limit, value: measured, max } };
}

function deniedOf(value: unknown): { denied?: DeniedPermission } {
  if (!isDictionary(value)) return {};
  const { permission, value: what, where } = value;
  if (typeof permission !== "string" || typeof what !== "string" || typeof where !== "string") return {};
  return { denied: { permission, value: what, where } };
}
