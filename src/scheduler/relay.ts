/**
 * Relays of frames: ROUTER to ROUTER with the first two frames swapped (replies on control), SUB to PUB (IOPub). Bytes are never changed; what is not rightly
 * signed is dropped and counted: Python's clients stumble over what they cannot read, and lose what comes behind it.
 */
import { isDelimiter } from "../protocol/frames.ts";
import { isGroup } from "../protocol/groups.ts";
import { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import type { LinkTopic } from "../protocol/link_topics.ts";
import type { HubLink } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";
import type { PeerDoor } from "./peer_door.ts";

/** What is read, where it goes, and who is told of what is not taken. */
export interface RelayParts {
  readonly from: Socket;
  readonly to: Socket;
  readonly link: HubLink;
  readonly door: PeerDoor;
  /** Who is named when something is dropped. */
  readonly peer: string;
}

/** Passes messages from one ROUTER to another: `[a, b, …]` becomes `[b, a, …]`. */
export class SwapRelay {
  readonly #parts: RelayParts;
  readonly #topic: LinkTopic;
  readonly #incoming = new Incoming();

  constructor(parts: RelayParts, topic: LinkTopic) {
    this.#parts = parts;
    this.#topic = topic;
  }

  /** Reads at most so many messages; true if it stopped before the socket was empty. */
  read(): boolean {
    const { from, to, link } = this.#parts;
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!from.receiveInto(this.#incoming)) return false;
      if (!this.#isSound()) continue;
      const swapped = [this.#incoming.copy(1), this.#incoming.copy(0)];
      link.forward(this.#topic, this.#incoming, swapped, 2);
      this.#incoming.forward(to, swapped, 2);
    }
    return true;
  }

  #isSound(): boolean {
    const { door, peer } = this.#parts;
    const message = this.#incoming;
    if (message.count >= 3) {
      const first = message.frame(2);
      if (isDelimiter(first)) return door.parse(message.views(), peer) !== null;
      if (isGroup(first)) return true;
    }
    door.drop(peer, "neither a message of Jupyter's nor a group behind two addresses");
    return false;
  }
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
    const { from, to, link, door, peer } = this.#parts;
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!link.isOpen || !from.receiveInto(this.#incoming)) return false;
      const message = door.parse(this.#incoming.views(), peer);
      if (message === null) continue;
      // Most of what is published says busy or idle, and no record holds it.
      if (message.header.msg_type !== "status") link.forward("iopub", this.#incoming, [], 0);
      this.#incoming.forward(to, [], 0);
    }
    return true;
  }
}
