/**
 * The sockets of one engine towards its controller: where each connects, and when.
 */
import type { Context } from "../wire/context.ts";
import { handshakes, HandshakeWatch, monitorHandshakes } from "../wire/handshake.ts";
import type { SocketOptions } from "../wire/options.ts";
import type { SyncPoller } from "../wire/poll.ts";
import type { Socket } from "../wire/socket.ts";
import type { Endpoints } from "./endpoints.ts";

/** How long what is unsent survives the engine's end. */
const LINGER_MS = 1000;
/** The kernel's buffers of the socket that large values pass: a whole piece. */
const BUFFER_BYTES = 1 << 20;

export interface EngineSocketsParts {
  readonly context: Context;
  readonly poller: SyncPoller;
  readonly endpoints: Endpoints;
  /** What every socket gets (CURVE). */
  readonly socket: SocketOptions;
}

export class EngineSockets {
  readonly shell: Socket;
  readonly control: Socket;
  readonly iopub: Socket;
  readonly registration: Socket;
  readonly #parts: EngineSocketsParts;
  #handshakes: HandshakeWatch | null = null;
  #isConnected = false;
  #broadcast = "";
  readonly #shellMonitor: Socket;
  /** Connections of the shell socket that have stood, beyond those that were asked for. */
  #again = 0;

  /** @param uuid the routing id of all of them */
  constructor(parts: EngineSocketsParts, uuid: string) {
    this.#parts = parts;
    const open = (type: "ROUTER" | "DEALER" | "PUB", options: SocketOptions = {}) =>
      parts.context.socket(type, { ...parts.socket, ...options, identity: uuid, lingerMs: LINGER_MS });
    this.shell = open("ROUTER", { sendBufferBytes: BUFFER_BYTES, receiveBufferBytes: BUFFER_BYTES });
    this.control = open("ROUTER");
    this.iopub = open("PUB");
    this.registration = open("DEALER");
    this.#shellMonitor = monitorHandshakes(parts.context, this.shell);
  }

  /** Connects to the hub. A controller that refuses the connection, or speaks it another way, says so with a sentence. */
  greet(onRefused: (reason: string) => void): void {
    const { context, poller, endpoints: { registration: url }, socket: { curve } } = this.#parts;
    const serverKey = curve?.role === "client" ? curve.serverKey : undefined;
    const watch = this.#handshakes = new HandshakeWatch(context, this.registration, { url, serverKey });
    poller.add(watch.socket, () => {
      const reason = watch.read();
      if (reason !== undefined) onRefused(reason);
    });
    this.registration.connect(url);
  }

  /** Calls back when a connection of the shell socket stands that took another one's place: what was in that one is lost. */
  onBroken(broken: () => void): void {
    this.#parts.poller.add(this.#shellMonitor, () => {
      for (const handshake of handshakes(this.#shellMonitor)) {
        if (handshake === "succeeded" && ++this.#again > 0) broken();
      }
    });
  }

  #connectShell(url: string): void {
    this.#again = Math.min(this.#again, 0) - 1;
    this.shell.connect(url);
  }

  /** Connects to the schedulers, once; to the leaf of the broadcast tree that belongs to the id, whenever that changes. */
  connect(id: number): void {
    const { endpoints } = this.#parts;
    if (!this.#isConnected) {
      this.#connectShell(endpoints.mux);
      this.#connectShell(endpoints.task);
      this.control.connect(endpoints.control);
      this.iopub.connect(endpoints.iopub);
      this.#isConnected = true;
    }
    const url = endpoints.broadcast[id % endpoints.broadcast.length] ?? "";
    if (url === this.#broadcast || url === "") return;
    if (this.#broadcast !== "") this.shell.disconnect(this.#broadcast);
    this.#connectShell(url);
    this.#broadcast = url;
  }

  /** Closes all but the shell's, by which pieces for other engines of this process may be on their way. */
  leave(): void {
    this.#close([this.control, this.iopub, this.registration, this.#handshakes?.socket]);
  }

  /** Closes what is open. Harmless twice. */
  close(): void {
    this.leave();
    this.#close([this.shell, this.#shellMonitor]);
  }

  #close(sockets: readonly (Socket | undefined)[]): void {
    for (const socket of sockets) {
      if (socket === undefined) continue;
      this.#parts.poller.remove(socket);
      socket.close();
    }
  }
}
