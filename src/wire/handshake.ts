/**
 * Whether a connecting socket's handshakes succeed. libzmq tries again for ever and says nothing on the socket itself: a wrong CURVE key
 * looks like a controller that does not answer. Its monitor tells.
 */
import { libzmq } from "../native/libzmq.ts";
import type { Context } from "./context.ts";
import { wireError } from "./errors.ts";
import { cString } from "./options.ts";
import type { Socket } from "./socket.ts";

/** Bits of libzmq's events. */
const FAILED_SILENTLY = 0x0800;
const SUCCEEDED = 0x1000;
const FAILED_PROTOCOL = 0x2000;
const FAILED_AUTH = 0x4000;
const EVENTS = FAILED_SILENTLY | SUCCEEDED | FAILED_PROTOCOL | FAILED_AUTH;
/** The peer's mechanism (none, CURVE) is not ours. */
const MECHANISM_MISMATCH = 0x11000001;

/** A connection that is closed during the handshake so often is refused; once may be a peer that ends. */
const SILENT_FAILURES = 3;

let watched = 0;

export class HandshakeWatch {
  /** For pollers: readable when there is news. */
  readonly socket: Socket;
  #silent = 0;

  /** Watches a socket before it connects. */
  constructor(context: Context, target: Socket) {
    const url = `inproc://handshakes-${watched++}`;
    const zmq = libzmq().symbols;
    if (zmq.zmq_socket_monitor(target.handle, cString(url), EVENTS) !== 0) {
      throw wireError("watch a socket's handshakes", zmq);
    }
    this.socket = context.socket("PAIR");
    this.socket.connect(url);
  }

  /** Reads the news. @returns why the peer and this socket do not come together; undefined as long as they may */
  read(): string | undefined {
    for (let frames = this.socket.receive(); frames !== undefined; frames = this.socket.receive()) {
      const reason = this.#reason(frames[0]);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  #reason(frame: Uint8Array | undefined): string | undefined {
    if (frame === undefined || frame.length < 6) return undefined;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const event = view.getUint16(0, true), value = view.getUint32(2, true);
    switch (event) {
      case SUCCEEDED:
        this.#silent = 0;
        return undefined;
      case FAILED_PROTOCOL:
        return value === MECHANISM_MISMATCH
          ? "one side encrypts (CURVE) and the other does not"
          : `the encrypted handshake failed (0x${value.toString(16)})`;
      case FAILED_AUTH:
        return "it does not accept this key";
      case FAILED_SILENTLY:
        return ++this.#silent < SILENT_FAILURES ? undefined : "it closes the connection during the handshake";
    }
    return undefined;
  }

  close(): void {
    this.socket.close();
  }
}
