/**
 * Waiting for sockets. `SyncPoller` blocks its thread in one poll, which halves a round trip and suits a process that does nothing
 * else; `AsyncPoller` waits on the event loop.
 */
import { setImmediate } from "node:timers";
import { monotonic } from "../base/clock.ts";
import { type LibZmq, libzmq } from "../native/libzmq.ts";
import { Context } from "./context.ts";
import { EINTR, wireError } from "./errors.ts";
import { type Hold, HOLD_MS } from "./hold.ts";
import { PollItems } from "./poll_items.ts";
import type { Socket, SocketWatcher } from "./socket.ts";

/** Rounds over the sockets before the event loop gets a turn. */
const ROUNDS = 4;
const WAKE_URL = "inproc://wake";
/** A descriptor that poll leaves out. */
const NO_FD = -1;
const NOTHING = [new Uint8Array(0)];

interface WatchedOptions {
  readonly closed: () => void;
  readonly restMs: number;
}

/** How a SyncPoller watches. */
export interface WatchOptions {
  /** After it was ready it wakes nobody for so long, in ms: for what comes in many small pieces and may wait a little. Default 0. */
  readonly restMs?: number;
}

/** What a SyncPoller watches. Of a descriptor only `ready` counts. */
class Watched implements SocketWatcher {
  readonly isExclusive = false;
  readonly fd: number;
  /** Whether the socket's events must be looked at: its descriptor would not tell. */
  isTouched: boolean;
  /** Whether it is ready in this round. */
  isDue = false;
  /** Until when it wakes nobody; 0 if it does. */
  restsUntil = 0;
  readonly restMs: number;

  constructor(readonly what: Socket | number, readonly ready: () => void, options: WatchedOptions) {
    this.restMs = options.restMs;
    this.closed = options.closed;
    this.fd = typeof what === "number" ? what : what.fd;
    this.isTouched = typeof what !== "number";
    if (typeof what !== "number") what.watch(this);
  }

  readonly closed: () => void;

  touched(): void {
    this.isTouched = true;
  }

  drained(): void {
    this.isTouched = false;
  }

  /** Looks whether a socket can be read, which takes the edge of its descriptor away. */
  look(): boolean {
    return this.isDue = this.isTouched = typeof this.what !== "number" && this.what.readable;
  }
}

/**
 * Waits by blocking the thread. It polls the sockets' descriptors and asks only those sockets that signalled or were used meanwhile: zmq_poll over the
 * sockets themselves asks all of them, twice, at two system calls each.
 */
export class SyncPoller {
  readonly #zmq: LibZmq = libzmq().symbols;
  readonly #items = new PollItems(this.#zmq);
  readonly #watched = new Map<Socket | number, Watched>();
  #list: Watched[] = [];
  #isStale = false;
  /** How many rest. */
  #resting = 0;

  /** Watches a socket or a file descriptor; `ready` is called when it can be read, or a descriptor is at its end. */
  add(what: Socket | number, ready: () => void, { restMs = 0 }: WatchOptions = {}): void {
    this.remove(what);
    this.#watched.set(what, new Watched(what, ready, { closed: () => this.remove(what), restMs }));
    this.#isStale = true;
  }

  /** Ends the watch. Harmless if there is none. */
  remove(what: Socket | number): void {
    const watched = this.#watched.get(what);
    if (watched === undefined) return;
    if (typeof what !== "number") what.unwatch(watched);
    this.#watched.delete(what);
    this.#isStale = true;
  }

  /**
   * Blocks until something can be read, at most `timeoutMs` (-1: for ever), then calls each `ready` once; these may add and remove.
   * @returns false if a signal interrupted the wait
   * @throws WireError if a context was closed meanwhile
   */
  wait(timeoutMs: number): boolean {
    if (this.#isStale) this.#rebuild();
    const until = timeoutMs > 0 ? monotonic() + timeoutMs : 0;
    for (let left = timeoutMs;; left = Math.max(0, until - monotonic())) {
      const patience = this.#resting === 0 ? left : this.#patience(left);
      const isDue = this.#lookAtTouched();
      if (!this.#poll(isDue ? 0 : patience)) return false;
      if (this.#lookAtTouched() || isDue) {
        this.#callReady();
        return true;
      }
      // Descriptors signal connections too, which are nothing to read.
      if (timeoutMs >= 0 && (timeoutMs === 0 || monotonic() >= until)) return true;
    }
  }

  /** Ends the rests that are over. Returns how long may be waited, at most `left`, until the next one is. */
  #patience(left: number): number {
    const at = monotonic();
    let patience = left < 0 ? Infinity : left;
    this.#list.forEach((watched, i) => {
      if (watched.restsUntil === 0) return;
      if (watched.restsUntil > at) patience = Math.min(patience, watched.restsUntil - at);
      else this.#rest(i, watched, 0);
    });
    return patience === Infinity ? -1 : patience;
  }

  #rest(i: number, watched: Watched, until: number): void {
    this.#resting += (until === 0 ? 0 : 1) - (watched.restsUntil === 0 ? 0 : 1);
    watched.restsUntil = until;
    this.#items.setFd(i, until === 0 ? watched.fd : NO_FD);
  }

  /** Whether anything is ready. Sockets stay due until they are called. */
  #lookAtTouched(): boolean {
    let isAny = false;
    for (const watched of this.#list) {
      if (watched.restsUntil > 0) continue;
      if (watched.isDue || (watched.isTouched && watched.look())) isAny = true;
    }
    return isAny;
  }

  /** Waits for the descriptors and marks those that signal; false if a signal interrupted it. */
  #poll(timeoutMs: number): boolean {
    const list = this.#list;
    const count = this.#items.wait(list.length, Math.ceil(timeoutMs));
    if (count < 0) {
      if (this.#zmq.zmq_errno() === EINTR) return false;
      throw wireError(`wait for ${list.length} sockets`, this.#zmq);
    }
    for (let i = 0, left = count; left > 0 && i < list.length; i++) {
      if (!this.#items.isReady(i)) continue;
      left--;
      const watched = list[i]!;
      if (typeof watched.what === "number") watched.isDue = true;
      else watched.isTouched = true;
    }
    return true;
  }

  #callReady(): void {
    // Marks go first: what is called may wait in turn.
    const ready = this.#list.filter((watched) => watched.isDue);
    for (const watched of ready) {
      watched.isDue = false;
      if (watched.restMs > 0) this.#rest(this.#list.indexOf(watched), watched, monotonic() + watched.restMs);
    }
    for (const watched of ready) {
      if (this.#watched.get(watched.what) === watched) watched.ready();
    }
  }

  #rebuild(): void {
    this.#list = [...this.#watched.values()];
    this.#items.room(this.#list.length);
    this.#resting = 0;
    this.#list.forEach((watched, i) => {
      watched.restsUntil = 0;
      this.#items.setFd(i, watched.fd);
    });
    this.#isStale = false;
  }
}

/** One socket of an AsyncPoller. */
class Entry implements SocketWatcher {
  readonly isExclusive = true;
  readonly fd: number;
  /** Whether its events must be read before the next wait. */
  isTouched = true;

  constructor(
    readonly socket: Socket,
    readonly ready: () => void,
    readonly onTouch: () => void,
    readonly closed: () => void,
  ) {
    this.fd = socket.fd;
    socket.watch(this);
  }

  touched(): void {
    this.isTouched = true;
    this.onTouch();
  }

  drained(): void {
    this.isTouched = false;
  }
}

/** How an AsyncPoller is made. */
export interface AsyncPollerOptions {
  /** Closes the poller when it aborts. */
  readonly signal?: AbortSignal;
  /** Says when the program may be held in a synchronous wait; without it never. */
  readonly hold?: Hold;
}

/**
 * Waits on the event loop: one poll over the sockets' descriptors on a thread of Deno's pool.
 *
 * These descriptors are edge-triggered, and every call on a socket may take the edge away. So each use of a socket marks it, and a
 * marked socket's events are read again: at the end of the tick, and before every wait. Adding, removing and closing end the running
 * wait by a message to a socket pair of the poller's own.
 */
export class AsyncPoller {
  readonly #zmq: LibZmq = libzmq().symbols;
  readonly #entries = new Map<Socket, Entry>();
  readonly #items = new PollItems(this.#zmq);
  readonly #context = Context.open({ ioThreads: 0, maxSockets: 8 });
  readonly #inlet: Socket = this.#context.socket("PAIR");
  readonly #outlet: Socket = this.#context.socket("PAIR");
  readonly #done: Promise<void>;
  #state: "running" | "waiting" | "woken" = "running";
  #isClosed = false;
  #isServing = false;
  #isCheckDue = false;
  readonly #hold: Hold | undefined;

  /** @param context closes the poller together with itself */
  constructor(context?: Context, { signal, hold }: AsyncPollerOptions = {}) {
    this.#hold = hold;
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
    this.remove(socket);
    const entry = new Entry(socket, ready, this.#touched, () => this.remove(socket));
    this.#entries.set(socket, entry);
    this.#wake();
  }

  /** Ends the watch. Harmless if there is none. */
  remove(socket: Socket): void {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return;
    this.#entries.delete(socket);
    socket.unwatch(entry);
    this.#wake();
  }

  /** Ends all watches; once this has settled nothing of the poller keeps the process alive. Harmless twice. */
  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      for (const entry of this.#entries.values()) entry.socket.unwatch(entry);
      this.#entries.clear();
      this.#wake();
    }
    return this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #touched = (): void => {
    if (this.#isServing || this.#isCheckDue) return;
    this.#isCheckDue = true;
    queueMicrotask(() => this.#check());
  };

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
    while (!this.#isClosed) {
      const isMore = this.#serve();
      if (!isMore && this.#hold?.isLikely && await this.#held(this.#hold)) continue;
      if (!this.#isClosed) await this.#wait(isMore ? 0 : -1);
    }
  }

  /** Lets who got an answer ask again, and waits for the next one right here; false if there is nothing to wait for, or it does not come. */
  async #held(hold: Hold): Promise<boolean> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#isClosed || !hold.isDue) return false;
    if (this.#serve()) return true;
    const entries = [...this.#entries.values()];
    this.#items.room(entries.length);
    entries.forEach(({ fd }, i) => this.#items.setFd(i, fd));
    if (this.#items.wait(entries.length, HOLD_MS) <= 0) {
      hold.missed();
      return false;
    }
    entries.forEach((entry, i) => entry.isTouched ||= this.#items.isReady(i));
    return true;
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
    await this.#items.waitAside(entries.length + 1, timeoutMs);
    this.#state = "running";
    this.#hold?.looped();
    entries.forEach((entry, i) => {
      if (this.#items.isReady(i + 1)) entry.isTouched = true;
    });
    // Reading to the end makes the next message raise the descriptor again.
    while (this.#outlet.receive() !== undefined);
  }
}
