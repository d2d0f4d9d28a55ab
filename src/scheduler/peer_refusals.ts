/**
 * Errors that the schedulers answer to a peer's request themselves, and what is said to a second request under an id that is taken.
 *
 * A client tells replies apart by the id of the request alone. While the first request of an id is open, an error under that id would be taken for its result; so to the
 * connection that sent the first one it goes behind the first one's reply.
 */
import type { ParentHeader, Session } from "../protocol/frames.ts";

/** Refusals that wait behind one request's reply, at most; more are dropped. */
const MAX_LATER = 16;

/** What a request is refused with. */
export interface Refusal {
  readonly ename: string;
  readonly evalue: string;
}

/** The message that tells a client why its request was not taken; clients expect no other types. */
export function refusalFrames(
  session: Session,
  header: ParentHeader,
  { ename, evalue }: Refusal,
): Uint8Array[] {
  const type = header.msg_type === "execute_request" ? "execute_reply" : "apply_reply";
  const content = {
    status: "error" as const,
    ename,
    evalue,
    traceback: [`${ename}: ${evalue}`],
    engine_info: {},
  };
  return session.message(type, content, { parent: header, metadata: { status: "error" } });
}

/** What a second request under a known id is told. */
export function takenId(msgId: string): Refusal {
  const evalue =
    `Cannot take the request: its msg_id '${msgId}' was used before, and that request keeps its result`;
  return { ename: "ValueError", evalue };
}

/** What a request is told that is rightly signed and cannot be read. */
export function unreadable(why: string): Refusal {
  return { ename: "TypeError", evalue: `Cannot take the request: ${why}` };
}

/** What a request is told that is neither apply nor execute. */
export function wrongType(type: string): Refusal {
  return { ename: "TypeError", evalue: `Cannot take the request: type "${type}" is none that is scheduled` };
}

/** Why a message cannot be read, as the end of a sentence. */
export function problemOf(error: Error): string {
  return error.message.replace(/^Cannot read a message: /, "");
}

/** Refusals that wait until another request is answered. */
export class LaterRefusals {
  readonly #waiting: { readonly header: ParentHeader; readonly refusal: Refusal }[] = [];

  /** False if there are too many. */
  add(header: ParentHeader, refusal: Refusal): boolean {
    if (this.#waiting.length === MAX_LATER) return false;
    this.#waiting.push({ header, refusal });
    return true;
  }

  /** Their messages, in the order in which they came; none is left. */
  take(session: Session): Uint8Array[][] {
    return this.#waiting.splice(0).map(({ header, refusal }) => refusalFrames(session, header, refusal));
  }
}

/** Whether two frames are the same bytes: two requests of one connection. */
export function isSameFrame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
