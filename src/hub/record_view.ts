/**
 * Records as ipyparallel's clients know them, made from what the stores keep: a row of a group's task, or the fields of a peer's.
 * All stores share this file, so that they answer alike.
 */

import { parseJson } from "../base/json.ts";
import { textsOf } from "../protocol/errors.ts";
import { OP, STATUS } from "../protocol/groups.ts";
import { type EngineNote, isolationOf, permissionsOf } from "./engine_notes.ts";
import type { Route } from "./ledger.ts";
import { groupPostMortem, peerPostMortem, peerStatus } from "./post_mortem_view.ts";
import { sizeOf } from "./found_records.ts";
import { isObject } from "./query_match.ts";
import type { RecordKey } from "./record_keys.ts";
import {
  type ClientCard,
  type GroupReplay,
  msgIdOf,
  type OutputKind,
  type PeerFields,
  type StoredRecord,
} from "./records.ts";
import { decoded, readTail, text } from "./record_parts.ts";

/** Output of one task. */
export type Outputs = Partial<Record<OutputKind, string>>;

/** A group's task as a store keeps it; times are microseconds. */
export interface GroupRow {
  readonly card: ClientCard;
  readonly n: number;
  readonly op: number;
  readonly route: Route;
  readonly submitted: number | null;
  /** Arguments, without the tail. */
  readonly body: Uint8Array;
  readonly tail: Uint8Array;
  /** Large buffers that the task has. */
  readonly bufferCount: number;
  /** The engine that a direct request names. */
  readonly engineUuid: string | null;
  readonly result: GroupResult | null;
}

/** How it ended. */
export interface GroupResult {
  readonly status: number;
  readonly engineUuid: string | null;
  readonly epoch: number;
  readonly started: number | null;
  readonly completed: number | null;
  readonly received: number;
  readonly body: Uint8Array;
  readonly tail: Uint8Array;
  readonly bufferCount: number;
}

/** What a view asks the store for when it is wanted. */
export interface RecordLoader {
  definition(): Uint8Array | null;
  /** Large buffers of a side (0: arguments, 1: result) by index; missing ones are absent. */
  buffers(side: 0 | 1): Uint8Array[];
  outputs(): Outputs;
  resubmitted(): string | null;
  /** The engine that has the open task. */
  assigned(): string | null;
  /** What is remembered of an engine of ours. */
  note(uuid: string): EngineNote | null;
}

const STATUS_TEXT = ["ok", "error", "aborted", "cancelled", "lost"] as const;

/** The record of a group's task. */
export class GroupRecord implements StoredRecord {
  readonly msgId: string;
  readonly #row: GroupRow;
  readonly #load: RecordLoader;
  #tail: Record<string, unknown> | undefined;
  #resultTail: Record<string, unknown> | undefined;
  #outputs: Outputs | undefined;

  constructor(row: GroupRow, load: RecordLoader) {
    this.msgId = msgIdOf(row.card, row.n);
    this.#row = row;
    this.#load = load;
  }

  get submitted(): number | null {
    return this.#row.submitted;
  }

  get bytes(): number {
    const { body, tail, result } = this.#row;
    return 200 + body.length + tail.length + (result ? result.body.length + result.tail.length : 0);
  }

  get replay(): GroupReplay {
    const { op, body, tail, bufferCount } = this.#row;
    const definition = this.#load.definition();
    const large = bufferCount === 0 ? [] : this.#load.buffers(0);
    const isReplayable = large.length === bufferCount && (op !== OP.apply || definition !== null);
    return { op, definition, body, tail, large, isReplayable };
  }

  buffers(): Uint8Array[] {
    const { body, bufferCount } = this.#row;
    const definition = this.#load.definition();
    return [...(definition ? [definition] : []), ...bodyFirst(body, bufferCount, this.#load, 0)];
  }

  resultBuffers(): Uint8Array[] {
    const { result } = this.#row;
    return result ? bodyFirst(result.body, result.bufferCount, this.#load, 1) : [];
  }

  field(key: RecordKey): unknown {
    const { card, route, submitted, result } = this.#row;
    switch (key) {
      case "msg_id":
        return this.msgId;
      case "header":
        return {
          msg_id: this.msgId,
          msg_type: this.#messageType("request"),
          username: card.username,
          session: card.session,
          date: text(submitted),
          version: "5.4",
        };
      case "metadata":
        return { ...this.#options, tsparallel: { version: 1, op: OP_TEXT[this.#row.op] ?? "" } };
      case "content":
        return this.#content();
      case "submitted":
        return text(submitted);
      case "client_uuid":
        return card.session;
      case "engine_uuid":
        return this.#engine;
      case "started":
        return text(result?.started ?? null);
      case "completed":
        return text(result ? result.completed ?? result.received : null);
      case "received":
        return text(result?.received ?? null);
      case "resubmitted":
        return this.#load.resubmitted();
      case "queue":
        return route;
      case "label":
        return this.#options["label"] ?? null;
      case "priority":
        return route === "mux" ? null : this.#options["priority"] ?? 0;
      case "result_header":
        return result && this.#resultHeader(result);
      case "result_metadata":
        return result && this.#resultMetadata(result);
      case "result_content":
        return result && this.#resultContent(result);
      case "status":
        return result
          ? STATUS_TEXT[result.status] ?? "error"
          : this.#engine === null
          ? "waiting"
          : "assigned";
      case "post_mortem":
        return result && groupPostMortem(result, STATUS_TEXT, this.#resultTail ??= readTail(result.tail));
      case "permissions":
        return permissionsOf(this.#parts);
      case "isolation":
        return isolationOf(this.#parts);
      case "sandbox":
        return this.#note?.sandbox ?? null;
      case "buffers":
      case "result_buffers":
        return null;
      case "stdout":
      case "stderr":
      case "error":
      case "execute_input":
      case "execute_result":
      case "display_data":
        return outputField(this.#outputs ??= this.#load.outputs(), key) ?? this.#codeIfInput(key);
    }
  }

  get #options(): Record<string, unknown> {
    return this.#tail ??= readTail(this.#row.tail);
  }

  get #engine(): string | null {
    const { result, engineUuid } = this.#row;
    if (result) return result.engineUuid ?? engineUuid;
    return engineUuid ?? this.#load.assigned();
  }

  get #note(): EngineNote | null {
    const engine = this.#engine;
    return engine === null ? null : this.#load.note(engine);
  }

  get #parts() {
    const { result } = this.#row;
    const resultTail = result ? this.#resultTail ??= readTail(result.tail) : null;
    return { tail: this.#options, resultTail, note: this.#note };
  }

  #messageType(suffix: string): string {
    const { op } = this.#row;
    return `${op === OP.execute ? "execute" : op === OP.clear ? "clear" : "apply"}_${suffix}`;
  }

  #content(): Record<string, unknown> {
    if (this.#row.op !== OP.execute) return {};
    const value = decoded(() => this.buffers());
    return isObject(value) ? { silent: false, user_expressions: {}, ...value } : {};
  }

  #codeIfInput(key: OutputKind): unknown {
    if (key !== "execute_input") return null;
    return this.#content()["code"] ?? null;
  }

  #resultHeader(result: GroupResult): Record<string, unknown> {
    return {
      msg_id: `${this.msgId}_reply`,
      msg_type: this.#messageType("reply"),
      username: "engine",
      session: this.#engine ?? "",
      date: text(result.completed ?? result.received),
      version: "5.4",
    };
  }

  #resultMetadata(result: GroupResult): Record<string, unknown> {
    const tail = this.#resultTail ??= readTail(result.tail);
    const status = result.status === STATUS.ok
      ? "ok"
      : result.status === STATUS.aborted
      ? "aborted"
      : "error";
    return {
      engine: this.#engine,
      status,
      started: text(result.started),
      dependencies_met: true,
      is_broadcast: false,
      is_coalescing: false,
      label: this.#options["label"] ?? null,
      ...(tail["engine_info"] === undefined ? {} : { engine_info: tail["engine_info"] }),
      tsparallel: {
        ...tail,
        version: 1,
        status: STATUS_TEXT[result.status] ?? "error",
        op: OP_TEXT[this.#row.op] ?? "",
        epoch: result.epoch,
      },
    };
  }

  #resultContent(result: GroupResult): Record<string, unknown> {
    if (result.status === STATUS.aborted) return { status: "aborted" };
    const isExecute = this.#row.op === OP.execute;
    if (result.status === STATUS.ok && !isExecute) return { status: "ok" };
    const value = decoded(() => this.resultBuffers());
    const fields = isObject(value) ? value : {};
    if (result.status === STATUS.ok) {
      return {
        status: "ok",
        execution_count: typeof fields["executionCount"] === "number" ? fields["executionCount"] : 0,
        user_expressions: {},
        payload: [],
      };
    }
    const tail = this.#resultTail ??= readTail(result.tail);
    const { ename, evalue, traceback } = fields;
    return {
      status: "error",
      ename: typeof ename === "string" ? ename : "Error",
      evalue: typeof evalue === "string" ? evalue : "",
      traceback: textsOf(traceback),
      engine_info: tail["engine_info"] ?? {},
    };
  }
}

const OP_TEXT = ["", "define", "apply", "execute", "push", "pull", "clear"] as const;

/** What a peer's record has in memory or in its row. */
export interface PeerRow extends PeerFields {
  readonly msg_id: string;
}

/** The record of a peer's task. */
export class PeerRecord implements StoredRecord {
  readonly #row: PeerRow;
  readonly #load: Pick<RecordLoader, "buffers" | "outputs" | "note">;
  #outputs: Outputs | undefined;

  constructor(row: PeerRow, load: Pick<RecordLoader, "buffers" | "outputs" | "note">) {
    this.#row = row;
    this.#load = load;
  }

  get msgId(): string {
    return this.#row.msg_id;
  }

  get submitted(): number | null {
    return this.#row.submitted ?? null;
  }

  get bytes(): number {
    return sizeOf(this.#row);
  }

  readonly replay = undefined;

  buffers(): Uint8Array[] {
    return this.#load.buffers(0);
  }

  resultBuffers(): Uint8Array[] {
    return this.#load.buffers(1);
  }

  get #note(): EngineNote | null {
    const uuid = this.#row.engine_uuid;
    return typeof uuid === "string" ? this.#load.note(uuid) : null;
  }

  field(key: RecordKey): unknown {
    const row = this.#row;
    switch (key) {
      case "submitted":
      case "started":
      case "completed":
      case "received":
        return text(row[key] ?? null);
      case "label":
        return row.metadata?.["label"] ?? null;
      case "priority":
        return null;
      case "status":
        return peerStatus(row);
      case "post_mortem":
        return peerPostMortem(row);
      case "permissions":
      case "isolation":
      case "sandbox":
        return this.#note?.[key] ?? null;
      case "buffers":
      case "result_buffers":
        return null;
      case "stdout":
      case "stderr":
      case "error":
      case "execute_input":
      case "execute_result":
      case "display_data":
        return outputField(this.#outputs ??= this.#load.outputs(), key);
      case "msg_id":
      case "header":
      case "metadata":
      case "content":
      case "client_uuid":
      case "engine_uuid":
      case "resubmitted":
      case "result_header":
      case "result_metadata":
      case "result_content":
      case "queue":
        return row[key] ?? null;
    }
  }
}

function outputField(outputs: Outputs, key: OutputKind): unknown {
  const text = outputs[key];
  if (key === "stdout" || key === "stderr") return text ?? "";
  if (text === undefined) return null;
  return key === "execute_input" ? text : parseJson(text);
}

/** The body ahead of its large buffers; where the body itself was large, it travelled as the last of them. */
function bodyFirst(body: Uint8Array, count: number, load: RecordLoader, side: 0 | 1): Uint8Array[] {
  if (count === 0) return [body];
  const large = load.buffers(side);
  if (body.length > 0) return [body, ...large];
  const last = large.length === count ? large.pop() : undefined;
  return [last ?? body, ...large];
}
