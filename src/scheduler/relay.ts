/**
 * Relays of frames: ROUTER to ROUTER with the first two frames swapped (replies on control), SUB to PUB (IOPub). Bytes are never changed; what has no shape of a message
 * is dropped and counted.
 */
import { findDelimiter, isDelimiter } from "../protocol/frames.ts";
import { isGroup } from "../protocol/groups.ts";
import { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import type { HubLink, Topic } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";

/** What is read, where it goes, and who is told of what is not taken. */
export interface RelayParts {
  readonly from: Socket;
  readonly to: Socket;
  readonly link: HubLink;
  readonly drop: (why: string) => void;
}

/** Frames of a Jupyter message behind its delimiter, without buffers. */
const PARTS = 5;

/** Passes messages from one ROUTER to another: `[a, b, …]` becomes `[b, a, …]`. */
export class SwapRelay {
  readonly #parts: RelayParts;
  readonly #topic: Topic;
  readonly #incoming = new Incoming();

  constructor(parts: RelayParts, topic: Topic) {
    this.#parts = parts;
    this.#topic = topic;
  }

  /** Reads at most so many messages; true if it stopped before the socket was empty. */
  read(): boolean {
    const { from, to, link, drop } = this.#parts;
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!from.receiveInto(this.#incoming)) return false;
      if (!isAddressed(this.#incoming)) {
        drop("neither a message of Jupyter's nor a group behind two addresses");
        continue;
      }
      const swapped = [this.#incoming.copy(1), this.#incoming.copy(0)];
      link.send(this.#topic, [...swapped, ...this.#incoming.frames().slice(2)]);
      this.#incoming.forward(to, swapped, 2);
    }
    return true;
  }
}

function isAddressed(message: Incoming): boolean {
  if (message.count < 3) return false;
  const first = message.frame(2);
  return isDelimiter(first) ? message.count >= 3 + PARTS : isGroup(first);
}

/** Passes what engines publish to all clients and to the hub. */
export class PublishRelay {
  readonly #parts: RelayParts;
  readonly #incoming = new Incoming();

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** Like `SwapRelay.read`; stops while the hub does not keep up, so that output waits at the engines. */
  read(): boolean {
    const { from, to, link, drop } = this.#parts;
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!link.isOpen || !from.receiveInto(this.#incoming)) return false;
      const frames = this.#incoming.frames();
      const at = findDelimiter(frames);
      if (at < 0 || frames.length < at + 1 + PARTS) {
        drop("no message of Jupyter's");
        continue;
      }
      link.send("iopub", frames);
      this.#incoming.forward(to, [], 0);
    }
    return true;
  }
}
