/**
 * Waiting for sockets. `SyncPoller` blocks its thread in one zmq_poll, which halves a round trip and suits a process that does nothing else;
 * `AsyncPoller` waits on the event loop.
 */
import { setImmediate } from "node:timers";
import { type LibZmq, libzmq } from "../native/libzmq.ts";
import type { Context } from "./context.ts";
import { EINTR, wireError } from "./errors.ts";
import type { Socket } from "./socket.ts";

const ITEM_BYTES = 16;
const POLLIN = 1;

/** zmq_pollitem_t's in one buffer. */
class PollItems {
  bytes = new Uint8Array(16 * ITEM_BYTES);
  #view = new DataView(this.bytes.buffer);

  room(count: number): void {
    if (count * ITEM_BYTES <= this.bytes.length) return;
    this.bytes = new Uint8Array(count * 2 * ITEM_BYTES);
    this.#view = new DataView(this.bytes.buffer);
  }

  set(i: number, handle: Deno.PointerValue, fd: number): void {
    const at = i * ITEM_BYTES;
    this.#view.setBigUint64(at, handle === null ? 0n : BigInt(Deno.UnsafePointer.value(handle)), true);
    this.#view.setInt32(at + 8, fd, true);
    this.#view.setInt16(at + 12, POLLIN, true);
    this.#view.setInt16(at + 14, 0, true);
  }

  isReady(i: number): boolean {
    return this.#view.getInt16(i * ITEM_BYTES + 14, true) !== 0;
  }
}

interface Watched {
  readonly what: Socket | number;
  readonly ready: () => void;
}

/** Waits by blocking the thread. */
export class SyncPoller {
  readonly #zmq: LibZmq = libzmq().symbols;
  readonly #items = new PollItems();
  readonly #watched = new Map<Socket | number, Watched>();
  #list: Watched[] = [];
  #changed = false;

  /** Watches a socket or a file descriptor; `ready` is called when it can be read. */
  add(what: Socket | number, ready: () => void): void {
    this.#watched.set(what, { what, ready });
    this.#changed = true;
  }

  remove(what: Socket | number): void {
    if (this.#watched.delete(what)) this.#changed = true;
  }

  /**
   * Blocks until something can be read, at most `timeoutMs` (-1: for ever), then calls its `ready`.
   * @returns false if a signal interrupted the wait
   */
  wait(timeoutMs: number): boolean {
    if (this.#changed) this.#rebuild();
    const list = this.#list;
    const count = this.#zmq.zmq_poll(this.#items.bytes, list.length, BigInt(Math.ceil(timeoutMs)));
    if (count < 0) {
      if (this.#zmq.zmq_errno() === EINTR) return false;
      throw wireError(`wait for ${list.length} sockets`, this.#zmq);
    }
    if (count === 0) return true;
    for (let i = 0; i < list.length; i++) {
      if (this.#items.isReady(i) && this.#watched.get(list[i]!.what) === list[i]) list[i]!.ready();
    }
    return true;
  }

  #rebuild(): void {
    this.#list = [...this.#watched.values()];
    this.#items.room(this.#list.length);
    this.#list.forEach(({ what }, i) => {
      if (typeof what === "number") this.#items.set(i, null, what);
      else this.#items.set(i, what.handle, 0);
    });
    this.#changed = false;
  }
}

let wakeNumber = 0;

/**
 * Waits on the event loop. The descriptors of ZeroMQ sockets are edge-triggered: after every send and before every wait the
 * events are read again, else a socket goes deaf.
 */
export class AsyncPoller {
  readonly #zmq: LibZmq = libzmq().symbols;
  readonly #watched = new Map<Socket, () => void>();
  readonly #wakeIn: Socket;
  readonly #wakeOut: Socket;
  #closed = false;
  #waiting = false;
  #woken = false;
  readonly #done: Promise<void>;

  constructor(context: Context) {
    const url = `inproc://wake-${++wakeNumber}-${crypto.randomUUID()}`;
    this.#wakeIn = context.socket("PAIR");
    this.#wakeOut = context.socket("PAIR");
    this.#wakeIn.bind(url);
    this.#wakeOut.connect(url);
    this.#done = this.#run();
  }

  /** Calls `ready` whenever the socket can be read, until it is removed; `ready` should read until there is nothing. */
  add(socket: Socket, ready: () => void): void {
    this.#watched.set(socket, ready);
    socket.afterSend = () => this.#recheck(socket);
    this.#wake();
  }

  remove(socket: Socket): void {
    if (!this.#watched.delete(socket)) return;
    socket.afterSend = null;
    this.#wake();
  }

  /** Ends the wait; afterwards nothing keeps the process alive. Harmless twice. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      for (const socket of this.#watched.keys()) socket.afterSend = null;
      this.#wake();
    }
    await this.#done;
  }

  #recheck(socket: Socket): void {
    if (!this.#waiting || this.#woken) return;
    if (!socket.closed && socket.readable) this.#wake();
  }

  #wake(): void {
    if (!this.#waiting || this.#woken) return;
    this.#woken = true;
    this.#wakeOut.send([new Uint8Array(1)]);
  }

  async #run(): Promise<void> {
    // Callers add their sockets first.
    await Promise.resolve();
    while (!this.#closed) {
      if (this.#callReady()) await turn();
      else await this.#wait();
    }
    this.#wakeIn.close();
    this.#wakeOut.close();
  }

  /** Calls `ready` of all readable sockets; whether there were any. */
  #callReady(): boolean {
    let any = false;
    for (const [socket, ready] of [...this.#watched]) {
      if (this.#closed) return true;
      if (socket.closed) this.#watched.delete(socket);
      else if (this.#watched.has(socket) && socket.readable) {
        any = true;
        ready();
      }
    }
    return any;
  }

  async #wait(): Promise<void> {
    const sockets = [this.#wakeIn, ...this.#watched.keys()];
    const items = new PollItems();
    items.room(sockets.length);
    sockets.forEach((socket, i) => items.set(i, null, socket.fd));
    this.#waiting = true;
    this.#woken = this.#wakeIn.readable;
    if (!this.#woken) await this.#zmq.poll_async(items.bytes, sockets.length, -1n);
    this.#waiting = false;
    while (this.#wakeIn.receive() !== undefined);
  }
}

/** Lets timers and other I/O have a turn between two rounds. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
