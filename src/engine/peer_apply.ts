/**
 * apply_requests of peers in the engine host: they wait in the same queue as everything else, their buffers pass to the slot unread
 * (`python_calls.ts` says why), and what comes back becomes an apply_reply.
 */
import type { By } from "../protocol/by.ts";
import { STATUS } from "../protocol/groups.ts";
import type { Message } from "../protocol/frames.ts";
import { textsOf } from "../protocol/errors.ts";
import { readValue } from "../protocol/values.ts";
import type { CellError } from "./cell_errors.ts";
import type { Answer } from "./core_types.ts";
import type { IoPub } from "./iopub.ts";
import type { PeerMessage } from "./peer_channel.ts";
import type { PeerReplies } from "./peer_replies.ts";

/** A peer's apply, while it waits and runs. */
export interface PeerApply extends PeerMessage {
  readonly kind: "apply";
  readonly n: number;
  readonly buffers: readonly Uint8Array[];
  isBusy: boolean;
}

export interface PeerApplyParts {
  readonly iopub: IoPub;
  /** Puts it into the queue; false if that is full. */
  readonly enqueue: (request: PeerApply) => boolean;
  /** Aborts requests of peers that have not begun. */
  readonly abortWaiting: (ns: readonly number[]) => void;
  readonly cancel: (ns: readonly number[], by: By) => void;
  /** A number that no other request of a peer has. */
  readonly nextNumber: () => number;
  readonly replies: PeerReplies;
  /** Counts namespaces: another number means that what was pushed is gone. */
  readonly epoch: () => number;
}

const MAX_SESSIONS = 1000;
/** Ids that were aborted before their request came; the oldest are forgotten. */
const MAX_ABORTED = 10_000;

export class PeerApplies {
  readonly #parts: PeerApplyParts;
  readonly #open = new Map<number, PeerApply>();
  readonly #aborted = new Set<string>();
  /** By client's session: the namespace that it knows of. */
  readonly #epochs = new Map<string, number>();

  constructor(parts: PeerApplyParts) {
    this.#parts = parts;
  }

  /** Takes a request whose signature was right. */
  take({ idents, header, metadata, buffers, channel }: Message & PeerMessage): void {
    const n = this.#parts.nextNumber();
    this.#remember(header.session);
    const request: PeerApply = {
      kind: "apply",
      n,
      channel,
      idents,
      header,
      metadata,
      buffers,
      isBusy: false,
    };
    if (this.#aborted.delete(header.msg_id)) return this.#replyAborted(request);
    if (this.#parts.enqueue(request)) this.#open.set(n, request);
    else {this.#end(request, () =>
        this.#fail(request, plainFailure("EngineError", "The engine's queue is full"), 0));}
  }

  /** A client's first request: what was lost before it, it never had. */
  #remember(session: string): void {
    if (!this.#epochs.has(session)) this.#epochs.set(session, this.#parts.epoch());
    for (const oldest of this.#epochs.keys()) {
      if (this.#epochs.size <= MAX_SESSIONS) break;
      this.#epochs.delete(oldest);
    }
  }

  started(request: PeerApply): void {
    if (request.isBusy) return;
    request.isBusy = true;
    this.#parts.iopub.status("busy", request.header);
  }

  /** Its answer came out of the slot: the buffers of a reply, or what was thrown. */
  finished(
    request: PeerApply,
    isOk: boolean,
    body: Uint8Array,
    large: readonly Uint8Array[],
    startedAt: number,
  ): void {
    const value = readOrNull(body.length === 0 ? large[large.length - 1] ?? body : body, large);
    this.#end(request, () => {
      if (!isOk) return this.#fail(request, this.#explained(request, asFailure(value)), startedAt);
      if (!isBuffers(value)) {
        return this.#fail(request, plainFailure("EngineError", "The answer is unreadable"), startedAt);
      }
      this.#parts.replies.reply(request, "apply_reply", { status: "ok" }, "ok", startedAt, value);
    });
  }

  /** The engine answers in its place: aborted, cancelled, over a limit, lost. */
  answered(request: PeerApply, answer: Answer): void {
    const { status, evalue, startedAt } = answer;
    if (status === STATUS.aborted) return this.#end(request, () => this.#replyAborted(request));
    const ename = status === STATUS.cancelled ? "KeyboardInterrupt" : answer.ename;
    this.#end(request, () => this.#fail(request, plainFailure(ename, evalue), startedAt));
  }

  #end(request: PeerApply, answer: () => void): void {
    this.started(request);
    this.#open.delete(request.n);
    answer();
    this.#parts.iopub.status("idle", request.header);
  }

  /** A name that a client misses first after the slot's process was replaced may have gone with the old one. */
  #explained({ header }: PeerApply, failure: CellError): CellError {
    const epoch = this.#parts.epoch();
    if (failure.ename !== "NameError" || (this.#epochs.get(header.session) ?? epoch) === epoch) {
      return failure;
    }
    this.#epochs.set(header.session, epoch);
    const evalue =
      `${failure.evalue}: the engine's process was replaced, and the names of the one before are lost`;
    return plainFailure("NamespaceLost", evalue);
  }

  #fail(request: PeerApply, failure: CellError, startedAt: number): void {
    const { iopub, replies } = this.#parts;
    iopub.error({ ...failure }, request.header);
    replies.error(request, failure, startedAt);
  }

  #replyAborted(request: PeerApply): void {
    this.#parts.replies.aborted(request);
  }

  /** Aborts by msg_id what waits, and what is still to come; where somebody stops them in any state, what runs too. */
  abort(msgIds: readonly string[], by?: By): void {
    const wanted = new Set(msgIds);
    if (by !== undefined) {
      const open = [...this.#open.values()].filter(({ header }) => wanted.delete(header.msg_id));
      this.#parts.cancel(open.map(({ n }) => n), by);
    }
    const waiting = [...this.#open.values()].filter(({ header, isBusy }) =>
      wanted.delete(header.msg_id) && !isBusy
    );
    for (const id of wanted) this.#aborted.add(id);
    for (const id of this.#aborted) {
      if (this.#aborted.size <= MAX_ABORTED) break;
      this.#aborted.delete(id);
    }
    this.#parts.abortWaiting(waiting.map(({ n }) => n));
  }

  /** Nobody waits for them any more. */
  forget(): void {
    this.#open.clear();
  }
}

function plainFailure(ename: string, evalue: string): CellError {
  return { ename, evalue, traceback: [`${ename}: ${evalue}`] };
}

/** A slot's value, null if it cannot be read: it comes from where the user's code runs. */
function readOrNull(body: Uint8Array, buffers: readonly Uint8Array[]): unknown {
  try {
    return readValue(body, buffers);
  } catch {
    return null;
  }
}

function isBuffers(value: unknown): value is readonly Uint8Array[] {
  return Array.isArray(value) && value.length > 0 && value.every((buffer) => buffer instanceof Uint8Array);
}

function asFailure(value: unknown): CellError {
  const { ename, evalue, traceback } = (value ?? {}) as Partial<Record<keyof CellError, unknown>>;
  return {
    ename: typeof ename === "string" ? ename : "Error",
    evalue: typeof evalue === "string" ? evalue : "",
    traceback: textsOf(traceback),
  };
}
