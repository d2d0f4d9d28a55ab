/**
 * A ZeroMQ socket. Every call is synchronous and none blocks; waiting is the business of `poll.ts`.
 *
 * High-water marks are 0 (no bound) unless said otherwise: bounds are the business of whoever sends, since a ROUTER drops silently at its mark.
 */
import type { LibZmq } from "../native/libzmq.ts";
import { EAGAIN, EHOSTUNREACH, EINTR, WireError, wireError } from "./errors.ts";
import type { Incoming } from "./incoming.ts";

export type SocketType = "PAIR" | "PUB" | "SUB" | "DEALER" | "ROUTER" | "XPUB" | "XSUB";

const TYPES: Readonly<Record<SocketType, number>> = {
  PAIR: 0,
  PUB: 1,
  SUB: 2,
  DEALER: 5,
  ROUTER: 6,
  XPUB: 9,
  XSUB: 10,
};

const DONTWAIT = 1;
const SNDMORE = 2;

/** Numbers of libzmq's options. */
const OPTION = {
  identity: 5,
  subscribe: 6,
  sendBuffer: 11,
  receiveBuffer: 12,
  fd: 14,
  events: 15,
  linger: 17,
  maxMessage: 22,
  sendHwm: 23,
  receiveHwm: 24,
  lastEndpoint: 32,
  routerMandatory: 33,
  xpubVerbose: 40,
  ipv6: 42,
  curveServer: 47,
  curvePublic: 48,
  curveSecret: 49,
  curveServerKey: 50,
  routerHandover: 56,
  handshakeInterval: 66,
  heartbeatInterval: 75,
  heartbeatTimeout: 77,
} as const;

/** Keys in Z85 (40 characters). A server gives its own pair, a client the server's public key and its pair. */
export type CurveOptions =
  | { readonly role: "server"; readonly publicKey: string; readonly secretKey: string }
  | {
    readonly role: "client";
    readonly serverKey: string;
    readonly publicKey: string;
    readonly secretKey: string;
  };

export interface SocketOptions {
  /** Routing id that a ROUTER peer knows this socket by. */
  readonly identity?: string | Uint8Array;
  /** How long unsent messages survive `close()`, in ms; 0 by default. */
  readonly lingerMs?: number;
  /** Prefixes that a SUB takes. */
  readonly subscribe?: readonly string[];
  /** ROUTER: `send` to an unknown peer returns false instead of dropping. */
  readonly mandatory?: boolean;
  /** ROUTER: a new connection with a known routing id replaces the old one. */
  readonly handover?: boolean;
  readonly sendHwm?: number;
  readonly receiveHwm?: number;
  readonly sendBufferBytes?: number;
  readonly receiveBufferBytes?: number;
  /** A peer that declares a longer frame is disconnected. */
  readonly maxMessageBytes?: number;
  readonly ipv6?: boolean;
  readonly curve?: CurveOptions;
  /** Connection-level heartbeat in ms. */
  readonly heartbeatMs?: number;
  /** XPUB: every subscription is given to `receive`, repeated ones too. */
  readonly verbose?: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Text as a C string. */
function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

export class Socket {
  readonly type: SocketType;
  readonly #zmq: LibZmq;
  readonly #onClose: () => void;
  readonly #msg = new Uint8Array(64);
  readonly #value = new Uint8Array(8);
  readonly #size = new Uint8Array(8);
  readonly #number = new Int32Array(this.#value.buffer, 0, 1);
  #handle: Deno.PointerValue;
  #endpoint = "";
  /** Called after each send: an edge-triggered waiter must look at the events again. */
  afterSend: (() => void) | null = null;

  /** Use `Context.socket`. */
  constructor(
    zmq: LibZmq,
    context: Deno.PointerValue,
    type: SocketType,
    options: SocketOptions,
    onClose: () => void,
  ) {
    this.type = type;
    this.#zmq = zmq;
    this.#onClose = onClose;
    this.#handle = zmq.zmq_socket(context, TYPES[type]);
    if (this.#handle === null) throw wireError(`open a ${type} socket`, zmq);
    this.#apply(options);
  }

  get closed(): boolean {
    return this.#handle === null;
  }

  /** The address bound last, with its real port. */
  get endpoint(): string {
    return this.#endpoint;
  }

  /** For pollers: the C pointer. */
  get handle(): Deno.PointerValue {
    return this.#handle;
  }

  #apply(options: SocketOptions): void {
    this.#setNumber(OPTION.linger, options.lingerMs ?? 0);
    this.#setNumber(OPTION.sendHwm, options.sendHwm ?? 0);
    this.#setNumber(OPTION.receiveHwm, options.receiveHwm ?? 0);
    const { identity, maxMessageBytes, curve } = options;
    if (identity !== undefined) {
      this.#set(OPTION.identity, typeof identity === "string" ? encoder.encode(identity) : identity.slice());
    }
    if (options.mandatory) this.#setNumber(OPTION.routerMandatory, 1);
    if (options.handover) this.#setNumber(OPTION.routerHandover, 1);
    if (options.ipv6) this.#setNumber(OPTION.ipv6, 1);
    if (options.verbose) this.#setNumber(OPTION.xpubVerbose, 1);
    if (options.sendBufferBytes !== undefined) this.#setNumber(OPTION.sendBuffer, options.sendBufferBytes);
    if (options.receiveBufferBytes !== undefined) {
      this.#setNumber(OPTION.receiveBuffer, options.receiveBufferBytes);
    }
    if (maxMessageBytes !== undefined) {
      this.#set(OPTION.maxMessage, new Uint8Array(new BigInt64Array([BigInt(maxMessageBytes)]).buffer));
    }
    if (options.heartbeatMs !== undefined) {
      this.#setNumber(OPTION.heartbeatInterval, options.heartbeatMs);
      this.#setNumber(OPTION.heartbeatTimeout, options.heartbeatMs * 3);
    }
    if (curve !== undefined) this.#applyCurve(curve);
    for (const prefix of options.subscribe ?? []) this.#set(OPTION.subscribe, encoder.encode(prefix));
  }

  #applyCurve(curve: CurveOptions): void {
    if (curve.role === "server") this.#setNumber(OPTION.curveServer, 1);
    else this.#set(OPTION.curveServerKey, cString(curve.serverKey));
    this.#set(OPTION.curvePublic, cString(curve.publicKey));
    this.#set(OPTION.curveSecret, cString(curve.secretKey));
  }

  #setNumber(option: number, value: number): void {
    this.#set(option, new Uint8Array(new Int32Array([value]).buffer));
  }

  #set(option: number, value: Uint8Array<ArrayBuffer>): void {
    if (this.#zmq.zmq_setsockopt(this.#handle, option, value, BigInt(value.length)) !== 0) {
      throw wireError(`set option ${option} of a ${this.type} socket`, this.#zmq);
    }
  }

  /** Binds; `tcp://127.0.0.1:*` takes a free port. Returns the real address. Throws WireError, `EADDRINUSE` if the port is taken. */
  bind(url: string): string {
    if (this.#zmq.zmq_bind(this.#open(), cString(url)) !== 0) throw wireError(`bind "${url}"`, this.#zmq);
    const text = new Uint8Array(512), size = new BigUint64Array([512n]);
    this.#zmq.zmq_getsockopt(this.#handle, OPTION.lastEndpoint, text, new Uint8Array(size.buffer));
    this.#endpoint = decoder.decode(text.subarray(0, Number(size[0]) - 1));
    return this.#endpoint;
  }

  unbind(url: string): void {
    if (this.#zmq.zmq_unbind(this.#open(), cString(url)) !== 0) throw wireError(`unbind "${url}"`, this.#zmq);
  }

  /** Connects in the background; nobody has to be there yet. */
  connect(url: string): void {
    if (this.#zmq.zmq_connect(this.#open(), cString(url)) !== 0) {
      throw wireError(`connect to "${url}"`, this.#zmq);
    }
  }

  disconnect(url: string): void {
    if (this.#zmq.zmq_disconnect(this.#open(), cString(url)) !== 0) {
      throw wireError(`disconnect from "${url}"`, this.#zmq);
    }
  }

  #open(): Deno.PointerValue {
    if (this.#handle === null) {
      throw new WireError(`Cannot use a ${this.type} socket that is closed`, "ENOTSOCK");
    }
    return this.#handle;
  }

  /** Sends a message; its bytes are copied. Returns false if it would block or, with `mandatory`, no such peer is there. */
  send(frames: readonly Uint8Array[]): boolean {
    for (let i = 0; i < frames.length; i++) {
      if (!this.sendPart(frames[i]!, i < frames.length - 1)) return false;
    }
    return true;
  }

  /** Like `send`; frames from `from` on are large and go through one copy into libzmq's memory. */
  sendLarge(frames: readonly Uint8Array[], from: number): boolean {
    for (let i = 0; i < frames.length; i++) {
      const more = i < frames.length - 1, frame = frames[i]!;
      if (!(i < from ? this.sendPart(frame, more) : this.#sendCopied(frame, more))) return false;
    }
    return true;
  }

  #sendCopied(frame: Uint8Array, more: boolean): boolean {
    if (this.#zmq.zmq_msg_init_size(this.#msg, BigInt(frame.length)) !== 0) {
      throw wireError(`allocate a message of ${frame.length} bytes`, this.#zmq);
    }
    const data = this.#zmq.zmq_msg_data(this.#msg);
    if (data !== null && frame.length > 0) {
      new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(data, frame.length)).set(frame);
    }
    if (this.sendMessage(this.#msg, more)) return true;
    this.#zmq.zmq_msg_close(this.#msg);
    return false;
  }

  /** Sends one frame of a message; `more` says that others follow. */
  sendPart(frame: Uint8Array, more: boolean): boolean {
    const handle = this.#open();
    const bytes = frame as Uint8Array<ArrayBuffer>;
    for (;;) {
      if (
        this.#zmq.zmq_send(handle, bytes, BigInt(frame.length), more ? DONTWAIT | SNDMORE : DONTWAIT) >= 0
      ) break;
      if (!this.#retry()) return false;
    }
    if (!more) this.afterSend?.();
    return true;
  }

  /** For Incoming: sends a zmq_msg_t, which is empty afterwards. */
  sendMessage(msg: Uint8Array<ArrayBuffer>, more: boolean): boolean {
    const handle = this.#open();
    while (this.#zmq.zmq_msg_send(msg, handle, more ? DONTWAIT | SNDMORE : DONTWAIT) < 0) {
      if (!this.#retry()) return false;
    }
    if (!more) this.afterSend?.();
    return true;
  }

  /** After a failed call: true to try again, false if it cannot be done now. */
  #retry(): boolean {
    const errno = this.#zmq.zmq_errno();
    if (errno === EINTR) return true;
    if (errno === EAGAIN || errno === EHOSTUNREACH) return false;
    throw wireError(`use a ${this.type} socket`, this.#zmq);
  }

  /** The next message as frames of one's own, undefined if none is there. */
  receive(): Uint8Array[] | undefined {
    const frames: Uint8Array[] = [];
    for (;;) {
      const msg = this.#msg;
      this.#zmq.zmq_msg_init(msg);
      const size = this.#receivePart(msg);
      if (size < 0) return undefined;
      frames.push(this.#copyOf(msg, size));
      const more = this.#zmq.zmq_msg_more(msg) === 1;
      this.#zmq.zmq_msg_close(msg);
      if (!more) return frames;
    }
  }

  #copyOf(msg: Uint8Array<ArrayBuffer>, size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    const data = size === 0 ? null : this.#zmq.zmq_msg_data(msg);
    if (data !== null) new Deno.UnsafePointerView(data).copyInto(bytes);
    return bytes;
  }

  /** Receives into an object that is reused; false if no message is there. */
  receiveInto(message: Incoming): boolean {
    message.begin();
    for (;;) {
      const msg = message.next();
      const size = this.#receivePart(msg);
      if (size < 0) return false;
      message.took(size);
      if (this.#zmq.zmq_msg_more(msg) === 0) return true;
    }
  }

  #receivePart(msg: Uint8Array<ArrayBuffer>): number {
    const handle = this.#open();
    for (;;) {
      const size = this.#zmq.zmq_msg_recv(msg, handle, DONTWAIT);
      // A frame of 2 GiB or more has a size that does not fit the result: it is not negative by errno.
      if (size >= 0 || !this.#retry()) return size;
    }
  }

  /** Whether a message can be received now. Costs a system call; it also rearms the edge of `fd`. */
  get readable(): boolean {
    this.#size[0] = 4;
    this.#size.fill(0, 1);
    if (this.#zmq.zmq_getsockopt(this.#open(), OPTION.events, this.#value, this.#size) !== 0) return false;
    return (this.#number[0]! & 1) === 1;
  }

  /** File descriptor that signals, edge-triggered, that something may have changed. */
  get fd(): number {
    this.#size[0] = 4;
    this.#size.fill(0, 1);
    this.#zmq.zmq_getsockopt(this.#open(), OPTION.fd, this.#value, this.#size);
    return this.#number[0]!;
  }

  /** Harmless twice. */
  close(): void {
    if (this.#handle === null) return;
    this.#zmq.zmq_close(this.#handle);
    this.#handle = null;
    this.#onClose();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
