/**
 * Waiting for sockets. `SyncPoller` blocks its thread in one zmq_poll, which halves a round trip and suits a process that does nothing
 * else; `AsyncPoller` waits on the event loop.
 */
import { type LibZmq, libzmq } from "../native/libzmq.ts";
import { Context } from "./context.ts";
import { EINTR, wireError } from "./errors.ts";
import { PollItems } from "./poll_items.ts";
import type { Socket } from "./socket.ts";

/** Rounds over the sockets before the event loop gets a turn. */
const ROUNDS = 4;
const WAKE_URL = "inproc://wake";
const NOTHING = [new Uint8Array(0)];

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
  #isStale = false;

  /** Watches a socket or a file descriptor; `ready` is called when it can be read, or a descriptor is at its end. */
  add(what: Socket | number, ready: () => void): void {
    this.#watched.set(what, { what, ready });
    this.#isStale = true;
  }

  /** Ends the watch. Harmless if there is none. */
  remove(what: Socket | number): void {
    if (this.#watched.delete(what)) this.#isStale = true;
  }

  /**
   * Blocks until something can be read, at most `timeoutMs` (-1: for ever), then calls each `ready` once; these may add and remove.
   * @returns false if a signal interrupted the wait
   * @throws WireError if a context was closed meanwhile
   */
  wait(timeoutMs: number): boolean {
    this.#dropClosed();
    if (this.#isStale) this.#rebuild();
    const list = this.#list;
    const count = this.#zmq.zmq_poll(this.#items.bytes, list.length, BigInt(Math.ceil(timeoutMs)));
    if (count < 0) {
      if (this.#zmq.zmq_errno() === EINTR) return false;
      throw wireError(`wait for ${list.length} sockets`, this.#zmq);
    }
    if (count > 0) this.#callReady(list);
    return true;
  }

  #callReady(list: readonly Watched[]): void {
    // Read first: what is called may wait in turn and overwrite the items.
    const ready = list.filter((_, i) => this.#items.isReady(i));
    for (const watched of ready) {
      if (this.#watched.get(watched.what) === watched) watched.ready();
    }
  }

  #dropClosed(): void {
    for (const { what } of this.#list) {
      if (typeof what !== "number" && what.closed) this.remove(what);
    }
  }

  #rebuild(): void {
    this.#list = [...this.#watched.values()].filter(({ what }) => typeof what === "number" || !what.closed);
    this.#items.room(this.#list.length);
    this.#list.forEach(({ what }, i) => {
      if (typeof what === "number") this.#items.setFd(i, what);
      else this.#items.setSocket(i, what.handle);
    });
    this.#isStale = false;
  }
}

/** One socket of an AsyncPoller. */
interface Entry {
  readonly socket: Socket;
  readonly ready: () => void;
  readonly fd: number;
  /** Whether its events must be read before the next wait. */
  isTouched: boolean;
}

/** How an AsyncPoller is made. */
export interface AsyncPollerOptions {
  /** Closes the poller when it aborts. */
  readonly signal?: AbortSignal;
}

/**
 * Waits on the event loop: one zmq_poll over the sockets' descriptors on a thread of Deno's pool.
 *
 * These descriptors are edge-triggered, and every call on a socket may take the edge away. So each use of a socket marks it, and a
 * marked socket's events are read again: at the end of the tick, and before every wait. Adding, removing and closing end the running
 * wait by a message to a socket pair of the poller's own.
 */
export class AsyncPoller {
  readonly #zmq: LibZmq = libzmq().symbols;
  readonly #entries = new Map<Socket, Entry>();
  readonly #items = new PollItems();
  readonly #context = Context.open({ ioThreads: 0, maxSockets: 8 });
  readonly #inlet: Socket = this.#context.socket("PAIR");
  readonly #outlet: Socket = this.#context.socket("PAIR");
  readonly #done: Promise<void>;
  #state: "running" | "waiting" | "woken" = "running";
  #isClosed = false;
  #isServing = false;
  #isCheckDue = false;

  /** @param context closes the poller together with itself */
  constructor(context?: Context, { signal }: AsyncPollerOptions = {}) {
    this.#outlet.bind(WAKE_URL);
    this.#inlet.connect(WAKE_URL);
    const abort = () => void this.close();
    signal?.addEventListener("abort", abort, { once: true });
    const leave = context?.onClose(this);
    this.#done = this.#run().finally(() => {
      leave?.();
      signal?.removeEventListener("abort", abort);
      this.#context.close();
    });
    if (signal?.aborted) abort();
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  /**
   * Calls `ready` whenever the socket can be read, until it is removed or closed. `ready` should read until nothing is left; what it
   * throws becomes an uncaught error of the program.
   * @throws Error if another poller watches the socket
   */
  add(socket: Socket, ready: () => void): void {
    if (this.#isClosed) throw new Error("Cannot add a socket to a poller that is closed");
    if (this.#entries.has(socket)) socket.watch(null);
    const entry: Entry = { socket, ready, fd: socket.fd, isTouched: true };
    socket.watch({ touched: () => this.#touched(entry), closed: () => this.remove(socket) });
    this.#entries.set(socket, entry);
    this.#wake();
  }

  /** Ends the watch. Harmless if there is none. */
  remove(socket: Socket): void {
    if (!this.#entries.delete(socket)) return;
    socket.watch(null);
    this.#wake();
  }

  /** Ends all watches; once this has settled nothing of the poller keeps the process alive. Harmless twice. */
  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      for (const socket of this.#entries.keys()) socket.watch(null);
      this.#entries.clear();
      this.#wake();
    }
    return this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #touched(entry: Entry): void {
    entry.isTouched = true;
    if (this.#isServing || this.#isCheckDue) return;
    this.#isCheckDue = true;
    queueMicrotask(() => this.#check());
  }

  #check(): void {
    this.#isCheckDue = false;
    if (this.#serve()) this.#wake();
  }

  #wake(): void {
    if (this.#state !== "waiting") return;
    this.#state = "woken";
    this.#inlet.send(NOTHING);
  }

  async #run(): Promise<void> {
    // Callers add their sockets first.
    await Promise.resolve();
    while (!this.#isClosed) await this.#wait(this.#serve() ? 0 : -1);
  }

  /** Calls `ready` of what can be read until nothing can. Returns true if it stopped before that, to give others a turn. */
  #serve(): boolean {
    if (this.#isServing) return false;
    this.#isServing = true;
    try {
      for (let round = 0; round < ROUNDS; round++) {
        if (!this.#serveTouched()) return false;
      }
      return true;
    } finally {
      this.#isServing = false;
    }
  }

  #serveTouched(): boolean {
    let isAny = false;
    for (const entry of [...this.#entries.values()]) {
      const { socket } = entry;
      if (!entry.isTouched || this.#entries.get(socket) !== entry) continue;
      const isReadable = socket.readable;
      entry.isTouched = isReadable;
      if (!isReadable) continue;
      isAny = true;
      try {
        entry.ready();
      } catch (error) {
        reportError(error);
      }
    }
    return isAny;
  }

  async #wait(timeoutMs: number): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#items.room(entries.length + 1);
    this.#items.setFd(0, this.#outlet.fd);
    entries.forEach(({ fd }, i) => this.#items.setFd(i + 1, fd));
    this.#state = "waiting";
    await this.#zmq.poll_async(this.#items.bytes, entries.length + 1, BigInt(timeoutMs));
    this.#state = "running";
    entries.forEach((entry, i) => {
      if (this.#items.isReady(i + 1)) entry.isTouched = true;
    });
    // Reading to the end makes the next message raise the descriptor again.
    while (this.#outlet.receive() !== undefined);
  }
}
