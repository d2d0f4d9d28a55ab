/**
 * What Jupyter front-ends ask beside running cells. Questions on the namespace wait for their turn behind the tasks, as Jupyter's shell is
 * in order; what needs no namespace is answered at once.
 */
import type { Dictionary, Message } from "../protocol/frames.ts";
import { engineRequest, ShapeError } from "../protocol/shapes.ts";
import { readValue } from "../protocol/values.ts";
import { toPoints, toUnits, typedAt } from "./code_cursor.ts";
import { inspectionOf, type LiveNamespace, matchesOf } from "./code_questions.ts";
import type { History } from "./history.ts";
import type { IoPub } from "./iopub.ts";
import type { Completeness } from "./is_complete.ts";
import { kernelInfo } from "./kernel_info.ts";
import type { InternalTask } from "./own_tasks.ts";
import type { PeerMessage } from "./peer_channel.ts";
import type { PeerReplies } from "./peer_replies.ts";
import type { Question } from "./reflection.ts";

export interface KernelRequestsParts {
  readonly iopub: IoPub;
  readonly replies: PeerReplies;
  readonly history: History;
  /** Asks the namespace in its turn; calls back with its answer's bytes, or what went wrong. */
  readonly ask: (question: Question, session: string, done: InternalTask["done"]) => void;
  /** Old front-ends end a kernel by the shell channel. */
  readonly shutdown: (restart: boolean, reply: Dictionary, message: PeerMessage) => void;
  /** Runs on the event loop; what it throws is logged. */
  readonly background: (work: Promise<void>) => void;
}

type Request = Message & PeerMessage;

/** Most matches of a completion. */
const MAX_MATCHES = 1000;
/** Messages that a kernel may ignore. */
const IGNORED = /^comm_/;

export class KernelRequests {
  readonly #parts: KernelRequestsParts;
  #isComplete: ((code: string) => Completeness) | null = null;

  constructor(parts: KernelRequestsParts) {
    this.#parts = parts;
  }

  /** Takes a message that is neither cell nor function. */
  take(request: Request): void {
    try {
      this.#take(request);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      this.#fail(request, "TypeError", error.message);
    }
  }

  #take(request: Request): void {
    const { content, channel } = request;
    switch (request.header.msg_type) {
      case "kernel_info_request":
        return this.#answer(request, kernelInfo());
      case "complete_request":
        return this.#complete(request);
      case "inspect_request":
        return this.#inspect(request);
      case "is_complete_request":
        return this.#judge(request, engineRequest("is_complete_request", content).code);
      case "history_request":
        return this.#findHistory(request);
      case "comm_info_request":
        engineRequest("comm_info_request", content);
        return this.#answer(request, { status: "ok", comms: {} });
      case "connect_request":
        return this.#answer(request, { status: "ok", ...channel.ports });
      case "shutdown_request":
        return this.#shutdown(request);
      default:
        return this.#refuse(request);
    }
  }

  /** Whoever asks is not left waiting; what is no request gets no reply. */
  #refuse(request: Request): void {
    const type = request.header.msg_type;
    if (IGNORED.test(type) || !type.endsWith("_request")) return;
    this.#fail(request, "NotImplementedError", `Cannot take a request of type "${type}"`);
  }

  // ── on the namespace ───────────────────────────────────────────────────────────────────────

  #complete(request: Request): void {
    const { code, cursor_pos } = engineRequest("complete_request", request.content);
    const cursor = cursor_pos === undefined ? code.length : toUnits(code, cursor_pos);
    const typed = typedAt(code, cursor);
    const end = toPoints(code, cursor);
    const reply = (matches: readonly string[]) =>
      this.#answer(request, {
        status: "ok",
        matches: matches.slice(0, MAX_MATCHES),
        cursor_start: typed === null ? end : toPoints(code, typed.start),
        cursor_end: end,
        metadata: {},
      });
    if (typed === null) return reply([]);
    const { path, prefix, kind } = typed;
    const question: Question = { ask: "members", path, prefix, namesOnly: kind !== "key", parts: 0 };
    this.#ask(request, question, (names) => reply(matchesOf(typed, names)));
  }

  #inspect(request: Request): void {
    const { code, cursor_pos, detail_level } = engineRequest("inspect_request", request.content);
    const cursor = cursor_pos === undefined ? code.length : toUnits(code, cursor_pos);
    const inspection = inspectionOf(code, cursor, detail_level);
    const reply = (text: string | null) =>
      this.#answer(request, {
        status: "ok",
        found: text !== null,
        data: text === null ? {} : { "text/plain": text },
        metadata: {},
      });
    if (inspection === null) return reply(null);
    this.#ask(request, inspection.question, (answer) => reply(inspection.text(answer)));
  }

  #ask(request: Request, question: Question, then: (answer: LiveNamespace) => void): void {
    this.#parts.ask(question, request.header.session, (failure, body, large) => {
      if (failure !== null) return this.#fail(request, "EngineError", failure);
      then(body === null ? null : readOrNull(body, large));
    });
  }

  // ── on the code and the past ───────────────────────────────────────────────────────────────

  #judge(request: Request, code: string): void {
    if (this.#isComplete !== null) return this.#answer(request, { ...this.#isComplete(code) });
    this.#parts.background(this.loadParser().then(() => this.#judge(request, code)));
  }

  /** The parsers are large: they are loaded when they are asked for first, or when a front-end is expected. */
  async loadParser(): Promise<void> {
    this.#isComplete ??= (await import("./is_complete.ts")).isComplete;
  }

  #findHistory(request: Request): void {
    const query = engineRequest("history_request", request.content);
    const n = query.n ?? (query.hist_access_type === "tail" ? 10 : Infinity);
    const history = this.#parts.history.find({ ...query, n });
    this.#answer(request, { status: "ok", history });
  }

  #shutdown(request: Request): void {
    const { restart } = engineRequest("shutdown_request", request.content);
    const reply = { status: "ok", restart };
    this.#answer(request, reply);
    this.#parts.shutdown(restart, reply, request);
  }

  // ── replies ────────────────────────────────────────────────────────────────────────────────

  #answer(request: Request, content: Dictionary): void {
    const { iopub, replies } = this.#parts;
    const status = content["status"] === "error" ? "error" : "ok";
    iopub.status("busy", request.header);
    replies.reply(request, request.header.msg_type.replace(/_request$/, "_reply"), content, status, 0);
    iopub.status("idle", request.header);
  }

  #fail(request: Request, ename: string, evalue: string): void {
    this.#answer(request, { status: "error", ename, evalue, traceback: [`${ename}: ${evalue}`] });
  }
}

/** The slot's answer, null if it cannot be read. */
function readOrNull(body: Uint8Array, large: readonly Uint8Array[]): LiveNamespace {
  try {
    return readValue(body, large);
  } catch {
    return null;
  }
}
