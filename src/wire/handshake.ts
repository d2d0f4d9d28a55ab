/**
 * Whether a connecting socket's handshakes succeed. libzmq tries again for ever and says nothing on the socket itself: a wrong CURVE key
 * looks like a controller that does not answer. Its monitor tells.
 */
import { libzmq } from "../native/libzmq.ts";
import type { Context } from "./context.ts";
import { wireError } from "./errors.ts";
import { type ConnectsTo, type Handshake, HandshakeCount } from "./handshake_reason.ts";
import { cString } from "./options.ts";
import type { Socket } from "./socket.ts";

/** Bits of libzmq's events. */
const DISCONNECTED = 0x0200;
const FAILED_SILENTLY = 0x0800;
const SUCCEEDED = 0x1000;
const FAILED_PROTOCOL = 0x2000;
const FAILED_AUTH = 0x4000;
const EVENTS = FAILED_SILENTLY | SUCCEEDED | FAILED_PROTOCOL | FAILED_AUTH;
/** The peer's mechanism (none, CURVE) is not ours. */
const MECHANISM_MISMATCH = 0x11000002;

let watched = 0;

/** A socket on which the handshakes of another one are told, from before that one binds or connects. */
export function monitorHandshakes(context: Context, target: Socket, events = EVENTS): Socket {
  const url = `inproc://handshakes-${watched++}`;
  const zmq = libzmq().symbols;
  if (zmq.zmq_socket_monitor(target.handle, cString(url), events) !== 0) {
    throw wireError("watch a socket's handshakes", zmq);
  }
  const socket = context.socket("PAIR");
  socket.connect(url);
  return socket;
}

/** Reads what such a socket has told. */
export function* handshakes(monitor: Socket): Generator<Handshake> {
  for (let frames = monitor.receive(); frames !== undefined; frames = monitor.receive()) {
    const [frame] = frames;
    if (frame === undefined || frame.length < 6) continue;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const event = view.getUint16(0, true), value = view.getUint32(2, true);
    if (event === SUCCEEDED) yield "succeeded";
    else if (event === DISCONNECTED) yield "lost";
    else if (event === FAILED_SILENTLY) yield "closed";
    else if (event === FAILED_PROTOCOL && value === MECHANISM_MISMATCH) yield "mismatch";
    else if (event === FAILED_AUTH) yield "unlisted";
    else if (event === FAILED_PROTOCOL) yield "refused";
  }
}

/** Watches a connecting socket, and says when there is no point in waiting. */
export class HandshakeWatch {
  /** For pollers: readable when there is news. */
  readonly socket: Socket;
  readonly #count: HandshakeCount;
  readonly #onState: ((isConnected: boolean) => void) | undefined;

  /**
   * Watches a socket before it connects.
   * @param to where it will connect, and whether it has a CURVE key, for the sentence; who is told when a connection stands and when it is lost
   */
  constructor(
    context: Context,
    target: Socket,
    to: ConnectsTo & { readonly onState?: ((isConnected: boolean) => void) | undefined },
  ) {
    this.#count = new HandshakeCount(to);
    this.#onState = to.onState;
    this.socket = monitorHandshakes(context, target, EVENTS | DISCONNECTED);
  }

  /** Reads the news. @returns a sentence if the two do not come together; undefined as long as they may */
  read(): string | undefined {
    for (const handshake of handshakes(this.socket)) {
      if (handshake === "succeeded" || handshake === "lost") this.#onState?.(handshake === "succeeded");
      const reason = this.#count.reason(handshake);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  close(): void {
    this.socket.close();
  }
}
