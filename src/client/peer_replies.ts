/**
 * A peer's reply as the end of a task: its value or error, and what its metadata tell.
 */
import { errorFromContent } from "../protocol/errors.ts";
import { type Dictionary, type Message, parseIso } from "../protocol/frames.ts";
import { STATUS } from "../protocol/groups.ts";
import { dictionaryOf } from "./dictionaries.ts";
import type { PeerAnswer } from "./pending.ts";
import type { Outcome } from "./result_reader.ts";

/** What is needed to read a reply. */
export interface ReplyReader {
  /** The value of a reply that is no error. */
  read(reply: Message): unknown;
  idOf(uuid: string): number;
  /** The task, for errors: its msg_id. */
  readonly msgId: string;
}

/** Reads a reply. Never throws: what cannot be read is the task's error. */
export function readReply(reply: Message, reader: ReplyReader): PeerAnswer {
  const { content, metadata, header } = reply;
  const info = dictionaryOf(content.engine_info);
  const isFromEngine = Object.keys(info).length > 0;
  const uuid = metadata.engine ?? info.engine_uuid;
  const outcome = outcomeOf(reply, reader, isFromEngine);
  return {
    status: statusOf(content, outcome),
    started: timeOf(metadata.started),
    completed: timeOf(header.date) || Date.now(),
    engine: typeof uuid === "string" ? reader.idOf(uuid) : -1,
    outcome,
    // The controller's own errors, and tasks that never ran, publish nothing.
    hasOutput: content.status === "ok" || isFromEngine,
  };
}

function outcomeOf(reply: Message, reader: ReplyReader, isFromEngine: boolean): Outcome {
  const { content } = reply;
  if (content.status === "aborted") return failed("TaskAborted", "Aborted before it ran");
  if (content.status === "ok") return valueOf(reply, reader);
  if (content.status !== "error") {
    const said = JSON.stringify(content.status) ?? "none";
    return {
      kind: "error",
      error: new Error(`Cannot read the reply to ${reader.msgId}: its status is ${said}`),
    };
  }
  const { ename, evalue, traceback } = content;
  const description = {
    ename: typeof ename === "string" ? ename : "Error",
    evalue: typeof evalue === "string" ? evalue : "",
    traceback: Array.isArray(traceback) ? traceback.map(String) : [],
    ...(isFromEngine ? { engine_info: withId(dictionaryOf(content.engine_info), reader) } : {}),
  };
  return { kind: "error", error: errorFromContent(description, isFromEngine) };
}

function valueOf(reply: Message, reader: ReplyReader): Outcome {
  try {
    return { kind: "value", value: reader.read(reply) };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const error = new Error(`Cannot read the result of ${reader.msgId}: ${text}`, { cause });
    return { kind: "error", error };
  }
}

function failed(ename: string, evalue: string): Outcome {
  return { kind: "error", error: errorFromContent({ ename, evalue }) };
}

function statusOf(content: Dictionary, outcome: Outcome): number {
  if (content.status === "aborted") return STATUS.aborted;
  if (outcome.kind === "value") return STATUS.ok;
  return outcome.error.name === "EngineError" ? STATUS.lost : STATUS.error;
}

/** An engine's words on itself, with its id where it names only its uuid. */
function withId(info: Dictionary, { idOf }: ReplyReader): Dictionary {
  const { engine_id, engine_uuid } = info;
  if (typeof engine_id === "number" || typeof engine_uuid !== "string") return info;
  const id = idOf(engine_uuid);
  return id < 0 ? info : { ...info, engine_id: id };
}

/** Milliseconds, 0 for what is no time. */
function timeOf(value: unknown): number {
  const time = typeof value === "string" ? parseIso(value) : NaN;
  return Number.isFinite(time) ? time : 0;
}
