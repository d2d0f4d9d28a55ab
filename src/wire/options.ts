/**
 * Options of a socket: their names and units here, their numbers and types in libzmq.
 */
import type { LibZmq } from "../native/libzmq.ts";
import { wireError } from "./errors.ts";

/** Keys in Z85 (40 characters): a server gives its secret key, a client the server's public key and a pair of its own. */
export type CurveOptions =
  | { readonly role: "server"; readonly secretKey: string; readonly publicKey?: string }
  | {
    readonly role: "client";
    readonly serverKey: string;
    readonly publicKey: string;
    readonly secretKey: string;
  };

export interface SocketOptions {
  /** Routing id that a ROUTER peer knows this socket by: 1 to 255 bytes, the first one not zero. */
  readonly identity?: string | Uint8Array;
  /** How long unsent messages survive `close()`, in ms; 0 by default. */
  readonly lingerMs?: number;
  /** Prefixes that a SUB takes; `[""]` takes everything. */
  readonly subscribe?: readonly string[];
  /** ROUTER: `send` to an unknown peer returns false instead of dropping. */
  readonly mandatory?: boolean;
  /** ROUTER: a new connection with a known routing id replaces the old one. */
  readonly handover?: boolean;
  /** Messages that may wait to be sent, per peer; 0, the default, is no bound. */
  readonly sendHwm?: number;
  /** Messages that may wait to be received, per peer; 0, the default, is no bound. */
  readonly receiveHwm?: number;
  readonly sendBufferBytes?: number;
  readonly receiveBufferBytes?: number;
  /** A peer that declares a longer frame is disconnected. */
  readonly maxMessageBytes?: number;
  readonly ipv6?: boolean;
  readonly curve?: CurveOptions;
  /** Ping the peer that often, in ms, and drop the connection after three without an answer. */
  readonly heartbeatMs?: number;
  /** How long a peer may take to introduce itself, in ms; 30 s by default. */
  readonly handshakeMs?: number;
  /** Server: the name under which a `ZapHandler` of its context is asked about who connects; without it nobody is asked. */
  readonly zapDomain?: string;
  /** XPUB: every subscription is given to `receive`, repeated ones too. */
  readonly verbose?: boolean;
}

/** Numbers of libzmq's options. */
export const OPTION = {
  identity: 5,
  subscribe: 6,
  unsubscribe: 7,
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
  zapDomain: 55,
  routerHandover: 56,
  handshake: 66,
  heartbeat: 75,
  heartbeatTimeout: 77,
} as const;

const encoder = new TextEncoder();

/** Text as a C string. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** One socket of one library, as the functions here need it. */
export interface Target {
  readonly zmq: LibZmq;
  readonly handle: Deno.PointerValue;
}

/**
 * Sets one option.
 * @throws WireError if libzmq refuses it
 */
export function setOption(
  target: Target,
  name: keyof typeof OPTION,
  value: number | string | Uint8Array,
): void {
  const bytes = typeof value === "number"
    ? new Uint8Array(Int32Array.of(value).buffer)
    : typeof value === "string"
    ? encoder.encode(value)
    : value.slice();
  if (target.zmq.zmq_setsockopt(target.handle, OPTION[name], bytes, BigInt(bytes.length)) !== 0) {
    throw wireError(`set the socket option "${name}"`, target.zmq);
  }
}

/**
 * Sets all options of a new socket.
 * @throws WireError if libzmq refuses one
 */
export function applyOptions(target: Target, options: SocketOptions): void {
  const set = (name: keyof typeof OPTION, value: number | string | Uint8Array | undefined) => {
    if (value !== undefined) setOption(target, name, value);
  };
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : Number(value));
  set("linger", options.lingerMs ?? 0);
  set("sendHwm", options.sendHwm ?? 0);
  set("receiveHwm", options.receiveHwm ?? 0);
  set("identity", options.identity);
  set("sendBuffer", options.sendBufferBytes);
  set("receiveBuffer", options.receiveBufferBytes);
  set("routerMandatory", flag(options.mandatory));
  set("routerHandover", flag(options.handover));
  set("xpubVerbose", flag(options.verbose));
  set("ipv6", flag(options.ipv6));
  set("handshake", options.handshakeMs);
  if (options.maxMessageBytes !== undefined) set("maxMessage", int64(options.maxMessageBytes));
  if (options.heartbeatMs !== undefined) {
    set("heartbeat", options.heartbeatMs);
    set("heartbeatTimeout", options.heartbeatMs * 3);
  }
  set("zapDomain", options.zapDomain);
  if (options.curve !== undefined) applyCurve(target, options.curve);
  for (const prefix of options.subscribe ?? []) set("subscribe", prefix);
}

function applyCurve(target: Target, curve: CurveOptions): void {
  if (curve.role === "server") setOption(target, "curveServer", 1);
  else setOption(target, "curveServerKey", cString(curve.serverKey));
  if (curve.publicKey !== undefined) setOption(target, "curvePublic", cString(curve.publicKey));
  setOption(target, "curveSecret", cString(curve.secretKey));
}

function int64(value: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
}
