/**
 * Requests of peers on the shell sockets: Jupyter messages, one by one. Cells run as our own tasks do; functions of Python are
 * `peer_apply.ts`, the questions of front-ends `kernel_requests.ts`.
 */
import type { By } from "../protocol/by.ts";
import { ORIGIN, STATUS } from "../protocol/groups.ts";
import type { Dictionary, Header, Message } from "../protocol/frames.ts";
import { engineRequest, ShapeError } from "../protocol/shapes.ts";
import { textsOf } from "../protocol/errors.ts";
import { readValue } from "../protocol/values.ts";
import { type CellError, cellTraceback, placedError } from "./cell_errors.ts";
import type { Answer } from "./core_types.ts";
import type { History } from "./history.ts";
import type { IoPub } from "./iopub.ts";
import type { KernelRequests } from "./kernel_requests.ts";
import type { PeerApplies } from "./peer_apply.ts";
import type { PeerChannel, PeerMessage } from "./peer_channel.ts";
import { plainBundle } from "./plain_json.ts";
import type { PeerReplies, PeerRequest } from "./peer_replies.ts";
import type { FrontEndInput } from "./stdin.ts";

/** The client index under which peers' tasks stand in the table. */
export const PEER_CLIENT = ORIGIN.hub - 1;

/** A cell of a peer, while it waits and runs. */
export interface PeerExecute extends PeerMessage {
  readonly kind: "execute";
  readonly n: number;
  readonly header: Header;
  readonly code: string;
  readonly silent: boolean;
  readonly storesHistory: boolean;
  readonly expressions: Dictionary;
  readonly allowsStdin: boolean;
  readonly stopOnError: boolean;
  isBusy: boolean;
  /** The count that the slot gave it, null before. */
  executionCount: number | null;
  /** Its code was published. */
  hasInput: boolean;
  /** It has published its result itself. */
  hasShown: boolean;
}

export interface PeerParts {
  /** The cluster's own way in and out. */
  readonly channel: PeerChannel;
  readonly iopub: IoPub;
  readonly replies: PeerReplies;
  readonly questions: KernelRequests;
  readonly history: History;
  readonly input: FrontEndInput;
  /** Puts a cell into the queue; false if it is full. */
  readonly execute: (request: PeerExecute) => boolean;
  /** Aborts queued cells of peers. */
  readonly abortWaiting: (ns: readonly number[]) => void;
  readonly cancel: (ns: readonly number[], by: By) => void;
  readonly applies: PeerApplies;
}

/** Ids that were aborted before their request came; the oldest are forgotten. */
const MAX_ABORTED = 10_000;

/** A cell that only wants to go: front-ends close at the payload, and the engine stays. */
const EXIT = /^\s*(?:exit|quit)\s*(?:\(\s*\)\s*)?;?\s*$/;

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
  take(message: Message, channel: PeerChannel = this.#parts.channel): void {
    switch (message.header.msg_type) {
      case "execute_request":
        return this.#execute({ ...message, channel });
      case "apply_request":
        return this.#parts.applies.take({ ...message, channel });
      default:
        return this.#parts.questions.take({ ...message, channel });
    }
  }

  #execute(message: Message & PeerMessage): void {
    const { header } = message;
    const failed = (ename: string, evalue: string) => {
      this.#parts.iopub.status("busy", header);
      this.#replyError(
        { ...message, kind: "execute" },
        { ename, evalue, traceback: [`${ename}: ${evalue}`] },
        0,
      );
      this.#parts.iopub.status("idle", header);
    };
    try {
      const request = this.#requestOf(message);
      if (this.#aborted.delete(header.msg_id)) return this.#parts.replies.aborted(request);
      if (!this.#parts.execute(request)) return failed("EngineError", "The engine's queue is full");
      this.#open.set(request.n, request);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      failed("TypeError", error.message);
    }
  }

  /** @throws ShapeError */
  #requestOf(message: Message & PeerMessage): PeerExecute {
    const { idents, header, metadata, channel } = message;
    const content = engineRequest("execute_request", message.content);
    return {
      kind: "execute",
      n: this.nextNumber(),
      channel,
      idents,
      header,
      metadata,
      code: content.code,
      silent: content.silent,
      storesHistory: !content.silent && content.store_history !== false,
      expressions: content.user_expressions,
      allowsStdin: content.allow_stdin,
      stopOnError: content.stop_on_error,
      isBusy: false,
      executionCount: null,
      hasInput: false,
      hasShown: false,
    };
  }

  // ── a cell's life ──────────────────────────────────────────────────────────────────────────

  /** The cell began. */
  started(request: PeerExecute): void {
    if (request.isBusy) return;
    request.isBusy = true;
    this.#parts.iopub.status("busy", request.header);
  }

  /** Something that the running cell wants. Returns whether that was for this side; the rest is for everyone to see. */
  event(ticket: number, request: PeerExecute, event: Dictionary): boolean {
    switch (event["kind"]) {
      case "cell_begun":
        this.#begun(request, event["execution_count"]);
        return true;
      case "input_request":
        this.#parts.input.ask(ticket, request, event);
        return true;
      case "execute_result":
        request.hasShown = true;
        return false;
      default:
        return false;
    }
  }

  #begun(request: PeerExecute, count: unknown): void {
    if (request.executionCount !== null || typeof count !== "number") return;
    request.executionCount = this.#count = count;
    this.#showInput(request);
  }

  #showInput(request: PeerExecute): void {
    if (request.silent || request.hasInput) return;
    request.hasInput = true;
    const content = { code: request.code, execution_count: request.executionCount ?? this.#count + 1 };
    this.#parts.iopub.publish("execute_input", "execute_input", content, request.header);
  }

  /** The cell gave its answer. */
  finished(
    request: PeerExecute,
    isOk: boolean,
    body: Uint8Array,
    large: readonly Uint8Array[],
    startedAt: number,
  ): void {
    this.#ending(request);
    const value = readOrNull(body, large);
    if (isOk) this.#succeeded(request, value, startedAt);
    else this.#failed(request, asFailure(value), startedAt);
    this.#parts.iopub.status("idle", request.header);
  }

  #ending(request: PeerExecute): void {
    this.started(request);
    this.#showInput(request);
    this.#open.delete(request.n);
    this.#parts.input.forget(request);
  }

  #succeeded(request: PeerExecute, value: Dictionary | null, startedAt: number): void {
    const { executionCount, text, expressions } = value ?? {};
    if (typeof executionCount === "number") this.#count = request.executionCount = executionCount;
    if (!request.silent && !request.hasShown && typeof text === "string") {
      this.#parts.iopub.flush();
      const content = { execution_count: this.#count, data: { "text/plain": text }, metadata: {} };
      this.#parts.iopub.publish("execute_result", "execute_result", content, request.header);
    }
    this.#remember(request, typeof text === "string" ? text : null);
    const content = {
      status: "ok",
      execution_count: this.#count,
      user_expressions: expressionsOf(expressions),
      payload: payloadOf(request),
    };
    this.#parts.replies.reply(request, "execute_reply", content, "ok", startedAt);
  }

  #failed(request: PeerExecute, failure: CellError, startedAt: number): void {
    const count = request.executionCount ?? this.#count + (request.storesHistory ? 1 : 0);
    this.#count = count;
    const error = placedError(failure, request.code, count);
    this.#parts.iopub.error({ ...error }, request.header);
    this.#remember(request, null);
    const stops = !request.silent && request.stopOnError;
    // Front-ends send all cells of a notebook at once: those are behind this one too. What comes after the reply is not.
    if (stops) request.channel.readAhead?.();
    this.#replyError(request, error, startedAt);
    if (stops) {
      this.#parts.abortWaiting(
        [...this.#open.values()].filter((other) => !other.isBusy).map((other) => other.n),
      );
    }
  }

  #remember(request: PeerExecute, output: string | null): void {
    if (request.storesHistory) this.#parts.history.add(this.#count, request.code, output);
  }

  #replyError(request: PeerRequest, error: CellError, startedAt: number): void {
    const more = { execution_count: this.#count, user_expressions: {}, payload: [] };
    this.#parts.replies.error(request, error, startedAt, more);
  }

  /** The engine answers in the cell's place: aborted, interrupted, over a limit, lost. */
  answered(request: PeerExecute, answer: Answer): void {
    if (answer.status === STATUS.aborted) {
      this.started(request);
      this.#open.delete(request.n);
      this.#parts.replies.aborted(request);
    } else {
      this.#ending(request);
      const { evalue, startedAt } = answer;
      const ename = answer.status === STATUS.cancelled ? "KeyboardInterrupt" : answer.ename;
      this.#failed(request, { ename, evalue, traceback: [`${ename}: ${evalue}`] }, startedAt);
    }
    this.#parts.iopub.status("idle", request.header);
  }

  /** The slot has a new process: cells count from 1 again. */
  namespaceIsNew(): void {
    this.#count = 0;
    this.#parts.history.newSession();
  }

  /** Aborts by msg_id what waits, and what is still to come; where somebody stops them in any state, what runs too. */
  abort(msgIds: readonly string[], by?: By): void {
    const wanted = new Set(msgIds);
    if (by !== undefined) {
      const open = [...this.#open.values()].filter(({ header }) => wanted.delete(header.msg_id));
      this.#parts.cancel(open.map(({ n }) => n), by);
    }
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
    this.#parts.applies.abort(msgIds, by);
  }

  /** The controller has given the engine up, and the queue is empty: nobody waits for cells but front-ends of its own, who are told. */
  forget(): void {
    const evalue = "The controller gave the engine up, and with it what it had to do; the cell may have run";
    for (const request of [...this.#open.values()]) {
      if (request.channel === this.#parts.channel) continue;
      this.#ending(request);
      this.#failed(request, { ename: "EngineError", evalue, traceback: [`EngineError: ${evalue}`] }, 0);
      this.#parts.iopub.status("idle", request.header);
    }
    this.#open.clear();
    this.#parts.applies.forget();
  }
}

/** What front-ends shall do beside showing the reply. */
function payloadOf(request: PeerExecute): readonly Dictionary[] {
  return isExit(request) ? [{ source: "ask_exit", keepkernel: true }] : [];
}

/** Whether a front-end's cell only says that it goes. */
export function isExit({ code, channel, silent }: PeerExecute): boolean {
  return !silent && channel.ask !== undefined && EXIT.test(code);
}

/** A slot's value, null if it cannot be read: it comes from the user's code. */
function readOrNull(body: Uint8Array, large: readonly Uint8Array[]): Dictionary | null {
  try {
    const value = readValue(body, large);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

/** Values of a request's expressions as a reply has them. */
function expressionsOf(said: unknown): Dictionary {
  if (typeof said !== "object" || said === null) return {};
  return Object.fromEntries(Object.entries(said).map(([name, value]) => [name, expressionOf(value)]));
}

function expressionOf(value: unknown): unknown {
  const { status, data, metadata, ename, evalue, traceback } = (value ?? {}) as Dictionary;
  if (status !== "ok") {
    return { status: "error", ...asFailure({ ename, evalue, traceback: cellTraceback(textsOf(traceback)) }) };
  }
  const bundle = (of: unknown) => typeof of === "object" && of !== null ? plainBundle(of) : {};
  return { status, data: bundle(data), metadata: bundle(metadata) };
}

function asFailure(value: Dictionary | null): CellError {
  const { ename, evalue, traceback } = value ?? {};
  return {
    ename: typeof ename === "string" ? ename : "Error",
    evalue: typeof evalue === "string" ? evalue : "",
    traceback: textsOf(traceback),
  };
}
