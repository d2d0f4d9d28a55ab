/**
 * The scheme `pure`: libzmq deals tasks out in turn on a thread of its own. It checks nothing, remembers nothing and cancels nothing; here only the copies of what went
 * by are sorted for the hub, by the type of each message.
 */
import { isDelimiter } from "../protocol/frames.ts";
import type { Context } from "../wire/context.ts";
import { Incoming } from "../wire/incoming.ts";
import { Proxy } from "../wire/proxy.ts";
import type { Socket } from "../wire/socket.ts";
import type { HubLink } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";
import type { PeerDoor } from "./peer_door.ts";

export interface PureParts {
  readonly context: Context;
  readonly clients: Socket;
  readonly engines: Socket;
  readonly link: HubLink;
  readonly door: PeerDoor;
}

export class PureTasks {
  readonly #parts: PureParts;
  readonly #proxy: Proxy;
  readonly #incoming = new Incoming();

  constructor(parts: PureParts) {
    this.#parts = parts;
    this.#proxy = new Proxy(parts.context, parts.clients, parts.engines);
  }

  /** Where copies come in. */
  get socket(): Socket {
    return this.#proxy.capture;
  }

  /** Reads at most so many copies; true if it stopped before there were none. */
  read(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#parts.link.isOpen || !this.#proxy.capture.receiveInto(this.#incoming)) return false;
      this.#sort(this.#incoming);
    }
    return true;
  }

  /** `[client, DELIM, …]`, whichever way it went. */
  #sort(copy: Incoming): void {
    const { door, link } = this.#parts;
    if (copy.count < 2 || !isDelimiter(copy.frame(1))) {
      return door.drop("somebody on the task sockets", "no message of Jupyter's, under scheme pure");
    }
    const frames = copy.views();
    const message = door.parse(frames, "somebody on the task sockets");
    if (message === null) return;
    const isRequest = message.header.msg_type.endsWith("_request");
    link.forward(isRequest ? "intask" : "outtask", copy, [], 0);
  }

  /** Ends the proxy's thread and closes its sockets. */
  stop(): Promise<void> {
    return this.#proxy.stop();
  }
}
