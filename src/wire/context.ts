/**
 * A libzmq context: the owner of sockets and of their I/O threads. One per process or thread of ours is enough.
 */
import { type LibZmq, libzmq } from "../native/libzmq.ts";
import { monotonic } from "../base/clock.ts";
import { giveBackMemory, keepFreedMemory } from "../native/malloc.ts";
import { EINTR, WireError, wireError } from "./errors.ts";
import { Socket, type SocketOptions, type SocketType } from "./socket.ts";

/** Long enough that a series of transfers does not get its memory anew for each. */
const REST_MS = 2000;
const IO_THREADS = 1;
const MAX_SOCKETS = 2;

/** How a context is opened. */
export interface ContextOptions {
  /** Threads that move bytes; 1 by default, which carries about a gigabyte per second. */
  readonly ioThreads?: number;
  /** Most sockets at a time; 16,384 by default. libzmq takes 12 bytes for each at once. */
  readonly maxSockets?: number;
  /** A libzmq file to use instead of the one found by itself. */
  readonly library?: string;
}

export class Context {
  readonly #zmq: LibZmq;
  #handle: Deno.PointerValue;
  readonly #sockets = new Set<Socket>();
  /** When something large passed a socket last, 0 if nothing has since memory was given back. */
  #largeAt = 0;
  readonly #pollers = new Set<{ close(): unknown }>();

  private constructor(zmq: LibZmq, handle: Deno.PointerValue) {
    this.#zmq = zmq;
    this.#handle = handle;
  }

  /**
   * Opens libzmq and makes a context.
   * @throws Error naming what was looked for if the library cannot be opened
   */
  static open(options: ContextOptions = {}): Context {
    const zmq = libzmq(options.library).symbols;
    keepFreedMemory(zmq);
    const handle = zmq.zmq_ctx_new();
    if (handle === null) throw wireError("make a ZeroMQ context", zmq);
    zmq.zmq_ctx_set(handle, IO_THREADS, options.ioThreads ?? 1);
    zmq.zmq_ctx_set(handle, MAX_SOCKETS, options.maxSockets ?? 16_384);
    return new Context(zmq, handle);
  }

  /** Version of libzmq as text, `4.3.5`. */
  static version(): string {
    return libzmq().version;
  }

  /**
   * Opens a socket.
   * @throws WireError if an option is refused, no descriptors are left or the context is closed
   */
  socket(type: SocketType, options: SocketOptions = {}): Socket {
    if (this.#handle === null) {
      throw new WireError(`Cannot open a ${type} socket: the context is closed`, "ETERM");
    }
    const socket: Socket = new Socket({
      zmq: this.#zmq,
      context: this.#handle,
      type,
      options,
      onClose: () => this.#sockets.delete(socket),
      onLarge: () => this.#largeAt = monotonic(),
    });
    this.#sockets.add(socket);
    return socket;
  }

  /** For loops, once in a turn: what was kept of freed memory goes back to the system once nothing large has passed for a while. */
  rest(): void {
    if (this.#largeAt === 0 || monotonic() - this.#largeAt < REST_MS) return;
    this.#largeAt = 0;
    giveBackMemory(this.#zmq);
  }

  /** For pollers: is closed together with the context. Returns what takes that back. */
  onClose(poller: { close(): unknown }): () => void {
    this.#pollers.add(poller);
    return () => this.#pollers.delete(poller);
  }

  get closed(): boolean {
    return this.#handle === null;
  }

  /** Closes its pollers and sockets, and blocks until what they had still to send is gone, as long as their linger allows. Harmless twice. */
  close(): void {
    const handle = this.#handle;
    if (handle === null) return;
    this.#handle = null;
    for (const poller of [...this.#pollers]) poller.close();
    for (const socket of [...this.#sockets]) socket.close();
    while (this.#zmq.zmq_ctx_term(handle) !== 0 && this.#zmq.zmq_errno() === EINTR);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
