/** Sockets that speak ipyparallel's wire without any part of ours behind them: an engine's, and a client's. */

import type { ClientConnection, EngineConnection } from "../../src/protocol/connection_file.ts";
import { findDelimiter, type Message, Session } from "../../src/protocol/frames.ts";
import type { Packer } from "../../src/protocol/packers.ts";
import type { Context } from "../../src/wire/context.ts";
import type { Socket } from "../../src/wire/socket.ts";

/** A message that came. */
export interface Received {
  readonly socket: string;
  readonly frames: readonly Uint8Array[];
  readonly message: Message;
}

/** What both need: a context, and what it takes to read and write. */
export interface Stage {
  readonly context: Context;
  readonly key: string;
  readonly packer: Packer;
}

const encoder = new TextEncoder();

/** Messages that came and that nobody has taken. */
class Inbox {
  readonly #stage: Stage;
  readonly #waiting: Received[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  fill(name: string, socket: Socket): void {
    for (let frames = socket.receive(); frames !== undefined; frames = socket.receive()) {
      const message = new Session(this.#stage).parse(frames);
      this.#waiting.push({ socket: name, frames, message });
    }
  }

  take(isWanted: (received: Received) => boolean): Received | undefined {
    const at = this.#waiting.findIndex(isWanted);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0];
  }

  get all(): readonly Received[] {
    return this.#waiting;
  }
}

/** An engine's sockets: it registers as it is told, beats, and says what it is told. */
export class RawEngine {
  readonly inbox: Inbox;
  readonly uuid: string;
  readonly #connection: EngineConnection;
  readonly #sockets: Readonly<Record<"registration" | "shell" | "control" | "iopub", Socket>>;
  readonly #ping: Socket;
  readonly #pong: Socket;

  constructor(stage: Stage, connection: EngineConnection, uuid: string) {
    const identity = encoder.encode(uuid);
    const open = (type: "DEALER" | "ROUTER" | "PUB") => stage.context.socket(type, { identity, lingerMs: 0 });
    this.uuid = uuid;
    this.inbox = new Inbox(stage);
    this.#connection = connection;
    this.#sockets = {
      registration: open("DEALER"),
      shell: open("ROUTER"),
      control: open("ROUTER"),
      iopub: open("PUB"),
    };
    this.#ping = stage.context.socket("SUB", { lingerMs: 0 });
    this.#pong = open("DEALER");
    this.#sockets.registration.connect(this.#url(connection.registration));
  }

  #url(port: number): string {
    return `${this.#connection.interface}:${port}`;
  }

  /** Connects everything else, the heart last. */
  join(id: number): void {
    const { mux, task, broadcast, control, iopub, hb_ping, hb_pong } = this.#connection;
    const { shell } = this.#sockets;
    for (const port of [mux, task, broadcast[id % broadcast.length]!]) shell.connect(this.#url(port));
    this.#sockets.control.connect(this.#url(control));
    this.#sockets.iopub.connect(this.#url(iopub));
    this.#pong.connect(this.#url(hb_pong));
    this.#ping.subscribe("");
    this.#ping.connect(this.#url(hb_ping));
  }

  /** Takes in what has come, and beats. */
  turn(): void {
    for (const name of ["registration", "shell", "control"] as const) {
      this.inbox.fill(name, this.#sockets[name]);
    }
    for (let ping = this.#ping.receive(); ping !== undefined; ping = this.#ping.receive()) {
      this.#pong.send(ping);
    }
  }

  send(name: "registration" | "shell" | "control" | "iopub", frames: readonly Uint8Array[]): void {
    this.#sockets[name].send(frames);
  }

  close(): void {
    for (const socket of [...Object.values(this.#sockets), this.#ping, this.#pong]) socket.close();
  }
}

/** A client's sockets. */
export class RawClient {
  readonly inbox: Inbox;
  readonly #sockets: Readonly<Record<string, Socket>>;

  constructor(stage: Stage, connection: ClientConnection) {
    this.inbox = new Inbox(stage);
    const { registration, mux, control, task, broadcast, notification, iopub } = connection;
    const ports = { registration, mux, control, task, broadcast, notification, iopub };
    const open = ([name, port]: [string, number]) => {
      const isNews = name === "notification" || name === "iopub";
      const socket = stage.context.socket(isNews ? "SUB" : "DEALER", { lingerMs: 0 });
      if (isNews) socket.subscribe("");
      socket.connect(`${connection.interface}:${port}`);
      return [name, socket];
    };
    this.#sockets = Object.fromEntries(Object.entries(ports).map(open));
  }

  turn(): void {
    for (const [name, socket] of Object.entries(this.#sockets)) this.inbox.fill(name, socket);
  }

  send(name: string, frames: readonly Uint8Array[]): void {
    this.#sockets[name]!.send(frames);
  }

  close(): void {
    for (const socket of Object.values(this.#sockets)) socket.close();
  }
}

/** The idents of a message. */
export function identsOf(frames: readonly Uint8Array[]): readonly Uint8Array[] {
  return frames.slice(0, findDelimiter(frames));
}
