/**
 * Relays of frames: ROUTER to ROUTER with the first two frames swapped (mux of peers, control), SUB to PUB (IOPub). Bytes are never changed.
 */
import { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import type { HubLink, Topic } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";

/** Passes messages from one ROUTER to another: `[a, b, …]` becomes `[b, a, …]`. */
export class SwapRelay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #link: HubLink;
  readonly #topic: Topic;
  readonly #incoming = new Incoming();

  constructor(from: Socket, to: Socket, link: HubLink, topic: Topic) {
    this.#from = from;
    this.#to = to;
    this.#link = link;
    this.#topic = topic;
  }

  /** Reads at most so many messages; true if it stopped before the socket was empty. */
  read(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#from.receiveInto(this.#incoming)) return false;
      if (this.#incoming.count < 3) continue;
      const swapped = [this.#incoming.copy(1), this.#incoming.copy(0)];
      this.#link.send(this.#topic, [...swapped, ...this.#incoming.frames().slice(2)]);
      this.#incoming.forward(this.#to, swapped, 2);
    }
    return true;
  }
}

/** Passes what engines publish to all clients and to the hub. */
export class PublishRelay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #link: HubLink;
  readonly #incoming = new Incoming();

  constructor(from: Socket, to: Socket, link: HubLink) {
    this.#from = from;
    this.#to = to;
    this.#link = link;
  }

  /** Like `SwapRelay.read`; stops while the hub does not keep up, so that output waits at the engines. */
  read(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#link.isOpen || !this.#from.receiveInto(this.#incoming)) return false;
      this.#link.send("iopub", this.#incoming.frames());
      this.#incoming.forward(this.#to, [], 0);
    }
    return true;
  }
}
