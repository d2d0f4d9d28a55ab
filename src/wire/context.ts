/**
 * A libzmq context: the owner of sockets and of their I/O threads. One per process or thread of ours is enough.
 */
import { type LibZmq, libzmq } from "../native/libzmq.ts";
import { wireError } from "./errors.ts";
import { Socket, type SocketOptions, type SocketType } from "./socket.ts";

const IO_THREADS = 1;
const MAX_SOCKETS = 2;

export class Context {
  readonly #zmq: LibZmq;
  #handle: Deno.PointerValue;
  readonly #sockets = new Set<Socket>();

  private constructor(zmq: LibZmq, handle: Deno.PointerValue) {
    this.#zmq = zmq;
    this.#handle = handle;
  }

  /**
   * Opens libzmq and makes a context.
   * @throws Error naming what was looked for if the library cannot be opened
   */
  static open(options: { readonly ioThreads?: number; readonly library?: string } = {}): Context {
    const zmq = libzmq(options.library).symbols;
    const handle = zmq.zmq_ctx_new();
    if (handle === null) throw wireError("make a ZeroMQ context", zmq);
    zmq.zmq_ctx_set(handle, IO_THREADS, options.ioThreads ?? 1);
    zmq.zmq_ctx_set(handle, MAX_SOCKETS, 65_535);
    return new Context(zmq, handle);
  }

  /** Version of libzmq as text, `4.3.5`. */
  static version(): string {
    return libzmq().version;
  }

  socket(type: SocketType, options: SocketOptions = {}): Socket {
    if (this.#handle === null) throw new Error(`Cannot open a ${type} socket: its context is closed`);
    const socket = new Socket(this.#zmq, this.#handle, type, options, () => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    return socket;
  }

  /** Closes all its sockets. What they have still to send goes out as long as their linger says. Harmless twice. */
  close(): void {
    if (this.#handle === null) return;
    for (const socket of [...this.#sockets]) socket.close();
    // Termination waits for the linger of its sockets on a thread of its own; nobody has to wait for that.
    this.#zmq.zmq_ctx_term(this.#handle).catch(() => {});
    this.#handle = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
