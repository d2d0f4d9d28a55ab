/**
 * Requests of peers on the shell socket: Jupyter messages, one by one. Cells run as our own tasks do; functions of Python are refused with a
 * sentence, and so is what no engine knows.
 */
import { now } from "../base/clock.ts";
import { ORIGIN, STATUS } from "../protocol/groups.ts";
import { type Dictionary, type Header, isoTime, type Message, type Session } from "../protocol/frames.ts";
import { engineRequest, ShapeError } from "../protocol/shapes.ts";
import { readValue } from "../protocol/values.ts";
import type { Answer } from "./core_types.ts";
import type { IoPub } from "./iopub.ts";
import { kernelInfo } from "./kernel_info.ts";
import type { PeerApplies } from "./peer_apply.ts";

/** The client index under which peers' tasks stand in the table. */
export const PEER_CLIENT = ORIGIN.hub - 1;

/** A cell of a peer, while it waits and runs. */
export interface PeerExecute {
  readonly kind: "execute";
  readonly n: number;
  readonly idents: readonly Uint8Array[];
  readonly header: Header;
  readonly metadata: Dictionary;
  readonly code: string;
  readonly silent: boolean;
  readonly stopOnError: boolean;
  isBusy: boolean;
  /** It has published its result itself. */
  hasShown: boolean;
}

export interface PeerParts {
  readonly session: Session;
  readonly iopub: IoPub;
  readonly send: (frames: readonly Uint8Array[]) => void;
  /** Puts a cell into the queue; false if it is full. */
  readonly execute: (request: PeerExecute) => boolean;
  /** Aborts queued cells of peers. */
  readonly abortWaiting: (ns: readonly number[]) => void;
  readonly engineId: () => number;
  readonly applies: PeerApplies;
}

/** Ids that were aborted before their request came; the oldest are forgotten. */
const MAX_ABORTED = 10_000;

interface Failure {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

export class PeerRequests {
  readonly #parts: PeerParts;
  readonly #open = new Map<number, PeerExecute>();
  readonly #aborted = new Set<string>();
  #last = 0;
  #count = 0;

  constructor(parts: PeerParts) {
    this.#parts = parts;
  }

  /** A number for a request of a peer. */
  nextNumber(): number {
    return this.#last = (this.#last + 1) >>> 0;
  }

  /** Takes a message whose signature was right. */
  take(message: Message): void {
    const { idents, header, metadata } = message;
    switch (header.msg_type) {
      case "execute_request":
        return this.#execute(message);
      case "apply_request":
        return this.#parts.applies.take(message);
      case "kernel_info_request":
        this.#parts.iopub.status("busy", header);
        this.reply(idents, header, metadata, "kernel_info_reply", kernelInfo(), "ok", 0);
        return this.#parts.iopub.status("idle", header);
      default:
        return this.#refuseUnknown(message);
    }
  }

  /** Whoever asks is not left waiting; what is no request gets no reply. */
  #refuseUnknown({ idents, header, metadata }: Message): void {
    const [, name] = /^(\w+)_request$/.exec(header.msg_type) ?? [];
    if (name === undefined) return;
    const evalue = `Cannot take a request of type "${header.msg_type}"`;
    const content = { status: "error", ename: "NotImplementedError", evalue, traceback: [] };
    this.reply(idents, header, metadata, `${name}_reply`, content, "error", 0);
  }

  #execute(message: Message): void {
    const { idents, header, metadata } = message;
    const failed = (failure: Failure) => {
      this.#parts.iopub.status("busy", header);
      this.#replyError("execute_reply", message, failure, 0);
      this.#parts.iopub.status("idle", header);
    };
    try {
      const { code, silent, stop_on_error } = engineRequest("execute_request", message.content);
      const request: PeerExecute = {
        kind: "execute",
        n: this.nextNumber(),
        idents,
        header,
        metadata,
        code,
        silent,
        stopOnError: stop_on_error,
        isBusy: false,
        hasShown: false,
      };
      if (this.#aborted.delete(header.msg_id)) return this.#replyAborted(request);
      if (!this.#parts.execute(request)) {
        return failed({ ename: "EngineError", evalue: "The engine's queue is full", traceback: [] });
      }
      this.#open.set(request.n, request);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      failed({ ename: "TypeError", evalue: error.message, traceback: [] });
    }
  }

  // ── a cell's life ──────────────────────────────────────────────────────────────────────────

  /** The cell began. */
  started(request: PeerExecute): void {
    if (request.isBusy) return;
    request.isBusy = true;
    const { iopub } = this.#parts;
    iopub.status("busy", request.header);
    if (request.silent) return;
    const content = { code: request.code, execution_count: this.#count + 1 };
    iopub.publish("execute_input", "execute_input", content, request.header);
  }

  /** The cell gave its answer. */
  finished(request: PeerExecute, isOk: boolean, body: Uint8Array, startedAt: number): void {
    this.started(request);
    this.#open.delete(request.n);
    const value = readOrNull(body);
    if (isOk) this.#succeeded(request, value, startedAt);
    else this.#failed(request, asFailure(value), startedAt);
    this.#parts.iopub.status("idle", request.header);
  }

  #succeeded(request: PeerExecute, value: Dictionary | null, startedAt: number): void {
    const { executionCount, text } = value ?? {};
    this.#count = typeof executionCount === "number" ? executionCount : this.#count;
    if (!request.silent && !request.hasShown && typeof text === "string") {
      this.#parts.iopub.flush();
      const content = { execution_count: this.#count, data: { "text/plain": text }, metadata: {} };
      this.#parts.iopub.publish("execute_result", "execute_result", content, request.header);
    }
    const content = { status: "ok", execution_count: this.#count, user_expressions: {}, payload: [] };
    this.reply(request.idents, request.header, request.metadata, "execute_reply", content, "ok", startedAt);
  }

  #failed(request: PeerExecute, failure: Failure, startedAt: number): void {
    if (!request.silent) this.#count++;
    this.#parts.iopub.error({ ...failure }, request.header);
    this.#replyError("execute_reply", request, failure, startedAt);
    if (!request.silent && request.stopOnError) {
      this.#parts.abortWaiting(
        [...this.#open.values()].filter((other) => !other.isBusy).map((other) => other.n),
      );
    }
  }

  /** The engine answers in the cell's place: aborted, cancelled, over a limit, lost. */
  answered(request: PeerExecute, answer: Answer): void {
    this.started(request);
    this.#open.delete(request.n);
    if (answer.status === STATUS.aborted) this.#replyAborted(request);
    else {
      const { ename, evalue, startedAt } = answer;
      this.#failed(request, { ename, evalue, traceback: [`${ename}: ${evalue}`] }, startedAt);
    }
    this.#parts.iopub.status("idle", request.header);
  }

  /** Aborts by msg_id what waits, and what is still to come. */
  abort(msgIds: readonly string[]): void {
    const wanted = new Set(msgIds);
    const waiting: number[] = [];
    for (const request of this.#open.values()) {
      if (!wanted.delete(request.header.msg_id) || request.isBusy) continue;
      waiting.push(request.n);
    }
    for (const id of wanted) this.#aborted.add(id);
    for (const id of this.#aborted) {
      if (this.#aborted.size <= MAX_ABORTED) break;
      this.#aborted.delete(id);
    }
    this.#parts.abortWaiting(waiting);
    this.#parts.applies.abort(msgIds);
  }

  /** Nobody waits for the queued cells any more. */
  forget(): void {
    this.#open.clear();
    this.#parts.applies.forget();
  }

  // ── replies ────────────────────────────────────────────────────────────────────────────────

  #replyAborted(request: PeerExecute): void {
    const { idents, header, metadata } = request;
    this.reply(idents, header, metadata, "execute_reply", { status: "aborted" }, "aborted", 0);
  }

  #replyError(
    type: "execute_reply" | "apply_reply",
    request: Pick<Message, "header" | "metadata"> & { readonly idents: readonly Uint8Array[] },
    failure: Failure,
    startedAt: number,
  ): void {
    const method = type === "apply_reply" ? "apply" : "execute";
    const engine_info = {
      engine_uuid: this.#parts.session.session,
      engine_id: this.#parts.engineId(),
      method,
    };
    const more = type === "apply_reply"
      ? {}
      : { execution_count: this.#count, user_expressions: {}, payload: [] };
    const content = { status: "error", ...failure, engine_info, ...more };
    this.reply(request.idents, request.header, request.metadata, type, content, "error", startedAt);
  }

  /** Sends a reply with the metadata that schedulers and clients need. */
  reply(
    idents: readonly Uint8Array[],
    parent: Header,
    request: Dictionary,
    type: string,
    content: Dictionary,
    status: string,
    startedAt: number,
    buffers: readonly Uint8Array[] = [],
  ): void {
    const { session } = this.#parts;
    const metadata = {
      engine: session.session,
      status,
      started: isoTime(startedAt === 0 ? now() : startedAt),
      dependencies_met: true,
      is_broadcast: request["is_broadcast"] ?? false,
      is_coalescing: request["is_coalescing"] ?? false,
      original_msg_id: request["original_msg_id"] ?? "",
      label: request["label"] ?? null,
      ...(content["engine_info"] === undefined ? {} : { engine_info: content["engine_info"] }),
    };
    this.#parts.send([...idents, ...session.message(type, content, { parent, metadata, buffers })]);
  }
}

/** A slot's value, null if it cannot be read: it comes from the user's code. */
function readOrNull(body: Uint8Array): Dictionary | null {
  try {
    const value = readValue(body);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

function asFailure(value: Dictionary | null): Failure {
  const { ename, evalue, traceback } = value ?? {};
  return {
    ename: typeof ename === "string" ? ename : "Error",
    evalue: typeof evalue === "string" ? evalue : "",
    traceback: Array.isArray(traceback) ? traceback.map(String) : [],
  };
}
