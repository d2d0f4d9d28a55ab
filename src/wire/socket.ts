/**
 * A ZeroMQ socket. Every call is synchronous and none blocks; waiting is the business of `poll.ts`.
 *
 * High-water marks are 0 (no bound) unless said otherwise: bounds are the business of whoever sends, since a ROUTER drops silently at
 * its mark.
 */
import { copyOut, type LibZmq } from "../native/libzmq.ts";
import { EAGAIN, EHOSTUNREACH, EINTR, WireError, wireError } from "./errors.ts";
import type { Incoming } from "./incoming.ts";
import { applyOptions, cString, OPTION, setOption, type SocketOptions } from "./options.ts";
import { userIdOf } from "./user_id.ts";

export type { CurveOptions, SocketOptions } from "./options.ts";

export type SocketType = "PAIR" | "PUB" | "SUB" | "DEALER" | "ROUTER" | "XPUB" | "XSUB" | "REP";

const TYPES: Readonly<Record<SocketType, number>> = {
  PAIR: 0,
  PUB: 1,
  SUB: 2,
  DEALER: 5,
  ROUTER: 6,
  XPUB: 9,
  XSUB: 10,
  REP: 4,
};

/** A frame whose memory is worth a thought. */
const LARGE_BYTES = 256 << 10;
const DONTWAIT = 1;
const SNDMORE = 2;
const POLLIN = 1;

/** Who must know that a socket was used: its descriptor is edge-triggered, and most calls take the edge away. */
export interface SocketWatcher {
  touched(): void;
  /** Nothing is left to receive: the descriptor signals what comes from now on. */
  drained(): void;
  closed(): void;
  /** Whether it suffers no second one of its kind. */
  readonly isExclusive: boolean;
}

/** What `Context.socket` hands over. */
export interface SocketParts {
  readonly zmq: LibZmq;
  readonly context: Deno.PointerValue;
  readonly type: SocketType;
  readonly options: SocketOptions;
  readonly onClose: () => void;
  /** A large frame came or went. */
  readonly onLarge: () => void;
}

export class Socket {
  readonly type: SocketType;
  readonly #zmq: LibZmq;
  readonly #onClose: () => void;
  readonly #onLarge: () => void;
  /** A zmq_msg_t, an option's value and its size; in one buffer that the garbage collector never moves. */
  readonly #memory = new ArrayBuffer(128);
  readonly #msg = new Uint8Array(this.#memory, 0, 64);
  readonly #value = new Uint8Array(this.#memory, 64, 8);
  readonly #number = new Int32Array(this.#memory, 64, 1);
  readonly #size = new Uint8Array(this.#memory, 72, 8);
  #handle: Deno.PointerValue;
  #endpoint = "";
  readonly #asksWho: boolean;
  #sender = "";
  #watchers: readonly SocketWatcher[] = [];

  /** Use `Context.socket`. */
  constructor({ zmq, context, type, options, onClose, onLarge }: SocketParts) {
    this.type = type;
    this.#zmq = zmq;
    this.#onClose = onClose;
    this.#onLarge = onLarge;
    this.#asksWho = options.zapDomain !== undefined;
    this.#handle = zmq.zmq_socket(context, TYPES[type]);
    if (this.#handle === null) throw wireError(`open a ${type} socket`, zmq);
    try {
      applyOptions({ zmq, handle: this.#handle }, options);
    } catch (error) {
      zmq.zmq_close(this.#handle);
      throw error;
    }
  }

  get closed(): boolean {
    return this.#handle === null;
  }

  /** The address bound last, with its real port. */
  get endpoint(): string {
    return this.#endpoint;
  }

  /** For pollers: the C pointer, null once closed. */
  get handle(): Deno.PointerValue {
    return this.#handle;
  }

  /**
   * Binds; `tcp://127.0.0.1:*` takes a free port. Returns the real address.
   * @throws WireError `EADDRINUSE` if the port is taken
   */
  bind(url: string): string {
    if (this.#zmq.zmq_bind(this.#open(), cString(url)) !== 0) throw wireError(`bind "${url}"`, this.#zmq);
    this.#endpoint = this.#lastEndpoint();
    this.#touched();
    return this.#endpoint;
  }

  unbind(url: string): void {
    if (this.#zmq.zmq_unbind(this.#open(), cString(url)) !== 0) throw wireError(`unbind "${url}"`, this.#zmq);
    this.#touched();
  }

  /** Connects in the background; nobody has to be there yet. */
  connect(url: string): void {
    if (this.#zmq.zmq_connect(this.#open(), cString(url)) !== 0) {
      throw wireError(`connect to "${url}"`, this.#zmq);
    }
    this.#touched();
  }

  disconnect(url: string): void {
    if (this.#zmq.zmq_disconnect(this.#open(), cString(url)) !== 0) {
      throw wireError(`disconnect from "${url}"`, this.#zmq);
    }
    this.#touched();
  }

  /** SUB: takes messages with this prefix too. */
  subscribe(prefix: string): void {
    setOption({ zmq: this.#zmq, handle: this.#open() }, "subscribe", prefix);
  }

  /** SUB: takes back one `subscribe` with this prefix. */
  unsubscribe(prefix: string): void {
    setOption({ zmq: this.#zmq, handle: this.#open() }, "unsubscribe", prefix);
  }

  /** Sends a message; its bytes are copied. Returns false if it would block or, with `mandatory`, no such peer is there. */
  send(frames: readonly Uint8Array[]): boolean {
    const last = frames.length - 1;
    for (let i = 0; i <= last; i++) {
      if (!this.sendPart(frames[i]!, i < last)) return false;
    }
    return true;
  }

  /** ROUTER: sends a message and says whether the peer is there; without this a message to nobody vanishes unseen. */
  sendIfThere(frames: readonly Uint8Array[]): boolean {
    const target = { zmq: this.#zmq, handle: this.#open() };
    setOption(target, "routerMandatory", 1);
    try {
      return this.send(frames);
    } finally {
      setOption(target, "routerMandatory", 0);
    }
  }

  /**
   * Like `send`, for frames from `from` on that are large. They are copied once, into libzmq's memory: to lend them instead one would
   * have to know when the last byte has left, which libzmq tells on a thread that JavaScript cannot be called on.
   */
  sendLarge(frames: readonly Uint8Array[], _from: number): boolean {
    return this.send(frames);
  }

  /** For Incoming: sends one frame of a message; `more` says that others follow. Only the first may be refused. */
  sendPart(frame: Uint8Array, more: boolean): boolean {
    const handle = this.#open(), flags = more ? DONTWAIT | SNDMORE : DONTWAIT;
    const bytes = frame as Uint8Array<ArrayBuffer>;
    if (frame.length > LARGE_BYTES) this.#onLarge();
    while (this.#zmq.zmq_send(handle, bytes, BigInt(frame.length), flags) < 0) {
      if (this.#isRetry("send on")) continue;
      this.#touched();
      return false;
    }
    if (!more) this.#touched();
    return true;
  }

  /** For Incoming: sends a zmq_msg_t, which is empty afterwards. */
  sendMessage(msg: Uint8Array<ArrayBuffer>, more: boolean): boolean {
    const handle = this.#open(), flags = more ? DONTWAIT | SNDMORE : DONTWAIT;
    while (this.#zmq.zmq_msg_send(msg, handle, flags) < 0) {
      if (this.#isRetry("send on")) continue;
      this.#touched();
      return false;
    }
    if (!more) this.#touched();
    return true;
  }

  /** After a failed call: true to try again, false if it cannot be done now. */
  #isRetry(action: string): boolean {
    const errno = this.#zmq.zmq_errno();
    if (errno === EINTR) return true;
    if (errno === EAGAIN || errno === EHOSTUNREACH) return false;
    throw wireError(`${action} a ${this.type} socket`, this.#zmq);
  }

  /** Who sent the message that `receive` gave last, as the `ZapHandler` called it; "" where none is asked. */
  get sender(): string {
    return this.#sender;
  }

  /** The next message as frames of one's own, undefined if none is there. */
  receive(): Uint8Array[] | undefined {
    const frames: Uint8Array[] = [], msg = this.#msg;
    for (;;) {
      this.#zmq.zmq_msg_init(msg);
      const size = this.#receivePart(msg);
      if (size < 0) return undefined;
      frames.push(this.#takeFrom(msg, size));
      if (this.#asksWho) this.#sender = userIdOf(this.#zmq, msg);
      const more = this.#zmq.zmq_msg_more(msg) === 1;
      this.#zmq.zmq_msg_close(msg);
      if (!more) return frames;
    }
  }

  #takeFrom(msg: Uint8Array<ArrayBuffer>, size: number): Uint8Array {
    const bytes = new Uint8Array(size < 0x7fffffff ? size : Number(this.#zmq.zmq_msg_size(msg)));
    const data = size === 0 ? null : this.#zmq.zmq_msg_data(msg);
    if (data !== null) copyOut(this.#zmq, data, bytes);
    return bytes;
  }

  /** Receives into an object that is reused, whose frames are valid until the next time; false if no message is there. */
  receiveInto(message: Incoming): boolean {
    message.begin();
    for (;;) {
      const msg = message.next();
      const size = this.#receivePart(msg);
      if (size < 0) break;
      message.took(size);
      if (this.#zmq.zmq_msg_more(msg) === 0) break;
    }
    message.end();
    return message.count > 0;
  }

  #receivePart(msg: Uint8Array<ArrayBuffer>): number {
    const handle = this.#open();
    for (;;) {
      const size = this.#zmq.zmq_msg_recv(msg, handle, DONTWAIT);
      if (size >= 0) {
        if (size > LARGE_BYTES) this.#onLarge();
        this.#touched();
        return size;
      }
      if (this.#isRetry("receive from")) continue;
      for (const watcher of this.#watchers) watcher.drained();
      return -1;
    }
  }

  /** Whether a message can be received now. Costs a system call. */
  get readable(): boolean {
    return (this.#numberOf(OPTION.events) & POLLIN) !== 0;
  }

  /** For pollers: the descriptor that signals, edge-triggered, that something may have changed. */
  get fd(): number {
    return this.#numberOf(OPTION.fd);
  }

  #numberOf(option: number): number {
    const handle = this.#open();
    this.#size.fill(0);
    this.#size[0] = 4;
    while (this.#zmq.zmq_getsockopt(handle, option, this.#value, this.#size) !== 0) {
      if (this.#zmq.zmq_errno() !== EINTR) throw wireError(`ask a ${this.type} socket`, this.#zmq);
    }
    this.#touched();
    return this.#number[0]!;
  }

  #lastEndpoint(): string {
    const text = new Uint8Array(1024), size = BigUint64Array.of(1024n);
    const rc = this.#zmq.zmq_getsockopt(this.#handle, OPTION.lastEndpoint, text, new Uint8Array(size.buffer));
    if (rc !== 0) throw wireError("read the address of a socket", this.#zmq);
    return new TextDecoder().decode(text.subarray(0, Number(size[0]) - 1));
  }

  #open(): Deno.PointerValue {
    if (this.#handle === null) {
      throw new WireError(`Cannot use a ${this.type} socket: it is closed`, "ENOTSOCK");
    }
    return this.#handle;
  }

  /**
   * For pollers: who is told of every use of the socket from now on.
   * @throws Error if it and another one are exclusive
   */
  watch(watcher: SocketWatcher): void {
    if (watcher.isExclusive && this.#watchers.some((other) => other.isExclusive)) {
      throw new Error(`Cannot watch a ${this.type} socket twice`);
    }
    this.#watchers = [...this.#watchers, watcher];
  }

  /** For pollers: is not told any more. */
  unwatch(watcher: SocketWatcher): void {
    this.#watchers = this.#watchers.filter((other) => other !== watcher);
  }

  #touched(): void {
    for (const watcher of this.#watchers) watcher.touched();
  }

  /** Closes; what is unsent lives on as long as `lingerMs`. Harmless twice. */
  close(): void {
    if (this.#handle === null) return;
    this.#zmq.zmq_close(this.#handle);
    this.#handle = null;
    this.#onClose();
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher.closed();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
