/**
 * Lines that a running cell asks of the front-end that sent it (`input_request` on stdin). One at a time, as one task runs at a time. A cell
 * whose front-end cannot or may not be asked, or goes away meanwhile, is told so at once instead of waiting for ever.
 */
import type { Dictionary } from "../protocol/frames.ts";
import type { PeerExecute } from "./peer_requests.ts";
import { INPUT_BYTES, TOLD } from "./ring.ts";

/** Tells the slot's running task something; see `SlotHandle.tell`. */
export type Tell = (ticket: number, kind: number, text: Uint8Array) => void;

interface Open {
  readonly ticket: number;
  readonly request: PeerExecute;
  lookAt: number;
}

/** How often it is looked whether the front-end is still there. */
const LOOK_EVERY_MS = 3000;
/** Of a prompt, so much is shown. */
const MAX_PROMPT = 10_000;
const encoder = new TextEncoder();

export class FrontEndInput {
  readonly #tell: Tell;
  readonly #flush: () => void;
  #open: Open | null = null;

  /** @param flush publishes the text so far, which comes before the question */
  constructor(tell: Tell, flush: () => void) {
    this.#tell = tell;
    this.#flush = flush;
  }

  ask(ticket: number, request: PeerExecute, { prompt, password }: Dictionary): void {
    const { channel, allowsStdin, idents, header } = request;
    if (channel.ask === undefined) {
      return this.#refuse(
        ticket,
        "Cannot ask for input: the request came through the cluster, not from a front-end",
      );
    }
    if (!allowsStdin) {
      return this.#refuse(
        ticket,
        "Cannot ask for input: the front-end does not allow it (allow_stdin is false)",
      );
    }
    this.#flush();
    const content = { prompt: String(prompt ?? "").slice(0, MAX_PROMPT), password: password === true };
    if (!channel.ask(idents, header, content)) {
      return this.#refuse(ticket, "Cannot ask for input: the front-end has no stdin channel open");
    }
    this.#open = { ticket, request, lookAt: 0 };
  }

  /** What came on a stdin channel. */
  answered(channel: PeerExecute["channel"], idents: readonly Uint8Array[], { value }: Dictionary): void {
    const open = this.#open;
    if (open === null || open.request.channel !== channel || !isSame(idents, open.request.idents)) return;
    this.#open = null;
    if (typeof value !== "string") {
      return this.#refuse(open.ticket, "Cannot take the front-end's input: its value is no text");
    }
    const text = encoder.encode(value);
    if (text.length > INPUT_BYTES) {
      return this.#refuse(
        open.ticket,
        `Cannot take input of ${text.length} bytes: the most is ${INPUT_BYTES}`,
      );
    }
    this.#tell(open.ticket, TOLD.input, text);
  }

  /** Looks now and then whether the front-end that was asked is still there. */
  turn(at: number): void {
    const open = this.#open;
    if (open === null || at < open.lookAt) return;
    if (open.lookAt > 0 && open.request.channel.isThere?.(open.request.idents) === false) {
      this.#open = null;
      return this.#refuse(open.ticket, "Cannot ask for input: the front-end has gone");
    }
    open.lookAt = at + LOOK_EVERY_MS;
  }

  /** The cell is over. */
  forget(request: PeerExecute): void {
    if (this.#open?.request === request) this.#open = null;
  }

  #refuse(ticket: number, why: string): void {
    this.#tell(ticket, TOLD.refusal, encoder.encode(why));
  }
}

function isSame(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length &&
    a.every((frame, i) => frame.length === b[i]!.length && frame.every((byte, j) => byte === b[i]![j]));
}
