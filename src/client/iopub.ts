/**
 * What tasks publish: their text and displays go to the tasks of this client; everything else is left alone.
 */
import { findDelimiter, type Message, type Session } from "../protocol/frames.ts";
import type { Pending } from "./pending.ts";

const decoder = new TextDecoder();
/** The parent header's place behind the delimiter. */
const PARENT = 3;

/** Takes messages from the IOPub socket. */
export class OutputReceiver {
  readonly #session: Session;
  readonly #pending: Pending;
  readonly #prefix: string;

  constructor(session: Session, pending: Pending) {
    this.#session = session;
    this.#pending = pending;
    this.#prefix = session.msgId(0).slice(0, -1);
  }

  received(frames: readonly Uint8Array[]): void {
    if (!this.#isForUs(frames)) return;
    let message: Message;
    try {
      message = this.#session.parse(frames);
    } catch {
      // Not signed with our key, damaged or seen before: nothing of ours.
      return;
    }
    const n = this.#taskOf(message.parentHeader.msg_id);
    const output = n === 0 ? undefined : this.#pending.outputOf(n);
    if (output === undefined) return;
    const { content } = message;
    const { session: uuid } = message.header;
    switch (message.header.msg_type) {
      case "stream":
        if (typeof content.text === "string") {
          output.add(content.name === "stderr" ? "stderr" : "stdout", content.text, uuid);
        }
        break;
      case "execute_result":
        output.result = content;
        output.show(content, uuid);
        break;
      case "display_data":
        output.show(content, uuid);
        break;
      case "status":
        output.state(content.execution_state, message.header.session);
        break;
    }
  }

  /** A cheap look before the signature is computed: most messages on a busy cluster are for others. */
  #isForUs(frames: readonly Uint8Array[]): boolean {
    const parent = frames[findDelimiter(frames) + PARENT];
    return parent !== undefined && decoder.decode(parent).includes(this.#prefix);
  }

  /** The number of a task of ours, 0 if the msg_id is none. */
  #taskOf(msgId: unknown): number {
    if (typeof msgId !== "string" || !msgId.startsWith(this.#prefix)) return 0;
    const named = this.#pending.numberOf(msgId);
    if (named !== undefined) return named;
    const n = Number(msgId.slice(this.#prefix.length));
    return Number.isSafeInteger(n) ? n : 0;
  }
}
