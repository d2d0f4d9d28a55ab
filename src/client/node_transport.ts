/**
 * Sockets of the client under Node: the `zeromq` package, which waits on Node's own event loop. There is no memory to share with engines on the same host: large
 * values go by socket. Loaded only outside of Deno.
 */
import { Dealer, type Event, Observer, Subscriber } from "zeromq";
import { nodeCrypto } from "../base/builtin.ts";
import { z85Bytes } from "../base/z85.ts";
import { type Handshake, HandshakeCount } from "../wire/handshake_reason.ts";
import { z85 } from "../wire/z85.ts";
import type { Tunnel, TunnelRequest } from "../wire/tunnel.ts";
import { answering, OpenTunnels } from "./remote_ways.ts";
import type { Channel, ChannelOptions, Transport } from "./transport.ts";

/** How long unsent messages survive `close`. From 500 ms on the package warns on stderr when a program ends. */
const LINGER_MS = 450;
const SOCKET_BUFFER_BYTES = 1 << 20;
/** Longer frames would be lent to libzmq and not copied, and who sends them writes the next ones into the same memory. */
const LENT_BYTES = 128;

/** With a time of 0 the package sends at once, always; else it sends 512 messages and then wants to be waited for. Without a mark nothing is ever refused. */
const SENDING = { sendTimeout: 0, sendHighWaterMark: 0, sendBufferSize: SOCKET_BUFFER_BYTES } as const;

/** In front of the 32 bytes of an X25519 key, which is what CURVE's are: a private key in PKCS #8. */
const PRIVATE_KEY = "302e020100300506032b656e04220420";
const PUBLIC_KEY_BYTES = 32;

interface CurveKeys {
  readonly curvePublicKey: string;
  readonly curveSecretKey: string;
}

/** Opens the package's sockets as they are needed. One transport serves one client. */
export function nodeTransport(): Transport {
  return new NodeTransport();
}

class NodeTransport implements Transport {
  readonly #channels = new Set<NodeChannel>();
  readonly #observers = new Set<Observer>();
  readonly #tunnels = new OpenTunnels();
  /** One pair for all sockets: a client is one party. */
  #keys: CurveKeys | undefined;

  connect(options: ChannelOptions): Channel {
    const settings = {
      linger: LINGER_MS,
      receiveHighWaterMark: 0,
      receiveBufferSize: SOCKET_BUFFER_BYTES,
      ...this.#curve(options),
    };
    const make = () =>
      options.type === "SUB" ? new Subscriber(settings) : new Dealer({ ...settings, ...SENDING });
    const { socket, observer } = options.onRefused === undefined
      ? { socket: make(), observer: undefined }
      : observed(make);
    if (socket instanceof Subscriber) socket.subscribe("");
    // One connection is enough to watch: the hub's breaks with the others.
    if (observer !== undefined) void this.#watch(observer, options);
    try {
      socket.connect(options.url);
    } catch (cause) {
      socket.close();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Cannot connect to "${options.url}": ${why}`, { cause });
    }
    const channel = new NodeChannel(socket, options, () => this.#channels.delete(channel));
    this.#channels.add(channel);
    return channel;
  }

  #curve({ serverKey, secretKey }: ChannelOptions): object {
    if (serverKey === undefined) return {};
    this.#keys ??= curveKeys(secretKey);
    return { curveServerKey: serverKey, ...this.#keys };
  }

  async #watch(observer: Observer, to: ChannelOptions): Promise<void> {
    const count = new HandshakeCount(to);
    this.#observers.add(observer);
    try {
      while (!observer.closed) {
        const handshake = handshakeOf(await observer.receive());
        if (handshake === undefined) continue;
        if (handshake === "succeeded" || handshake === "lost") to.onState?.(handshake === "succeeded");
        const reason = count.reason(handshake);
        if (reason === undefined || to.onRefused === undefined) continue;
        to.onRefused(reason);
        return;
      }
    } catch (error) {
      if (!observer.closed) throwLater(error);
    } finally {
      this.#observers.delete(observer);
      observer.close();
    }
  }

  tunnel(request: TunnelRequest): Promise<Tunnel> {
    return this.#tunnels.open(request);
  }

  answering(hosts: readonly string[], port: number): Promise<string | undefined> {
    return answering(hosts, port);
  }

  async close(): Promise<void> {
    const hasAnswer = [...this.#channels].some((channel) => channel.hasReceived);
    for (const observer of this.#observers) observer.close();
    for (const channel of [...this.#channels]) {
      // Who never said a word gets none, and nobody waits for that at the end of the program.
      if (!hasAnswer) channel.forgetUnsent();
      channel.close();
    }
    if (this.#tunnels.isEmpty) return;
    // What was just sent leaves before the way is shut.
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    await this.#tunnels.close();
  }
}

/** The most sockets that are made until one can be observed. */
const OBSERVE_TRIES = 100;

/**
 * A socket, and what tells of its connections. The package names an observer by the socket's address in memory; where a socket was closed a moment ago, that name may be taken
 * still, so another is made at another address.
 */
function observed(make: () => Dealer | Subscriber): { socket: Dealer | Subscriber; observer: Observer } {
  const unfit: (Dealer | Subscriber)[] = [];
  try {
    for (;;) {
      const socket = make();
      try {
        return { socket, observer: new Observer(socket) };
      } catch (error) {
        unfit.push(socket);
        const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
        if (!isTaken || unfit.length === OBSERVE_TRIES) throw error;
      }
    }
  } finally {
    for (const socket of unfit) socket.close();
  }
}

class NodeChannel implements Channel {
  hasReceived = false;
  readonly #socket: Dealer | Subscriber;
  readonly #onClose: () => void;

  constructor(socket: Dealer | Subscriber, { onMessage }: ChannelOptions, onClose: () => void) {
    this.#socket = socket;
    this.#onClose = onClose;
    void this.#read(onMessage);
  }

  /** Keeps the program alive until the channel is closed. The package gives the event loop its turn after 512 messages. */
  async #read(onMessage: ChannelOptions["onMessage"]): Promise<void> {
    const socket = this.#socket;
    while (!socket.closed) {
      let frames: Uint8Array[];
      try {
        frames = await socket.receive();
      } catch (error) {
        if (!socket.closed) throwLater(error);
        return;
      }
      this.hasReceived = true;
      try {
        onMessage(frames.map(plain));
      } catch (error) {
        throwLater(error);
      }
    }
  }

  send(frames: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (socket instanceof Subscriber) throw new TypeError("Cannot send on a SUB socket");
    if (socket.closed) throw new Error("Cannot use a DEALER socket: it is closed");
    socket.send(frames.map((frame) => frame.length > LENT_BYTES ? new Uint8Array(frame) : frame))
      .catch(throwLater);
  }

  /** Copies, too: memory that was lent, and is then moved to another thread by who owns it, could be gone before it was sent. */
  sendLarge(frames: readonly Uint8Array[], _from: number): void {
    this.send(frames);
  }

  forgetUnsent(): void {
    if (!this.#socket.closed) this.#socket.linger = 0;
  }

  close(): void {
    this.#socket.close();
    this.#onClose();
  }
}

/** A Buffer's methods are not those of the array that it is: its `slice` does not copy. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** What went wrong where nobody waits is an error of the program. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function handshakeOf(event: Event | undefined): Handshake | undefined {
  switch (event?.type) {
    case "handshake":
      return "succeeded";
    case "disconnect":
      return "lost";
    case "handshake:error:other":
      return "closed";
    case "handshake:error:auth":
      return "unlisted";
    case "handshake:error:protocol":
      return event.error.code === "ERR_ZMTP_MECHANISM_MISMATCH" ? "mismatch" : "refused";
    default:
      return undefined;
  }
}

/** The pair of a secret key in Z85, or a new one. */
function curveKeys(secretKey: string | undefined): CurveKeys {
  const { createPrivateKey, createPublicKey, randomBytes } = nodeCrypto();
  const secret = secretKey === undefined ? randomBytes(PUBLIC_KEY_BYTES) : z85Bytes(secretKey);
  if (secret?.length !== PUBLIC_KEY_BYTES) {
    throw new TypeError("Cannot use this secret CURVE key: it has to be 40 characters in Z85");
  }
  const key = new Uint8Array([
    ...Uint8Array.from(PRIVATE_KEY.match(/../g)!, (hex) => parseInt(hex, 16)),
    ...secret,
  ]);
  const der = createPublicKey(createPrivateKey({ key: key as never, format: "der", type: "pkcs8" }))
    .export({ format: "der", type: "spki" });
  return { curvePublicKey: z85(plain(der.subarray(-PUBLIC_KEY_BYTES))), curveSecretKey: z85(plain(secret)) };
}
