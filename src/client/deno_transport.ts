/**
 * Sockets of the client under Deno: libzmq through `src/wire`, waited for on the event loop.
 */
import { Context } from "../wire/context.ts";
import { type CurveKeypair, curveKeypair, curvePublicKey } from "../wire/curve.ts";
import { Hold } from "../wire/hold.ts";
import { HandshakeWatch } from "../wire/handshake.ts";
import { Incoming } from "../wire/incoming.ts";
import { AsyncPoller } from "../wire/poll.ts";
import type { CurveOptions, Socket } from "../wire/socket.ts";
import { environmentIfGranted } from "../base/runtime.ts";
import { makeMemory } from "../wire/memory_file.ts";
import type { Tunnel, TunnelRequest } from "../wire/tunnel.ts";
import { answering, OpenTunnels } from "./remote_ways.ts";
import type { Channel, ChannelOptions, MemoryFile, Transport } from "./transport.ts";

/** Messages of one socket between two turns of the event loop. */
const MESSAGES_PER_TURN = 256;
/** How long unsent messages survive `close`. */
const LINGER_MS = 1000;
const SOCKET_BUFFER_BYTES = 1 << 20;

/** How a transport is made. */
export interface TransportOptions {
  /** false: nothing goes by shared memory. Unset: TSPARALLEL_SHARED_MEMORY says so with "off". */
  readonly sharedMemory?: boolean | undefined;
}

/** Opens libzmq. One transport serves one client. */
export function denoTransport(options: TransportOptions = {}): Transport {
  return new DenoTransport(options);
}

class DenoTransport implements Transport {
  readonly #context = Context.open();
  readonly #hold = new Hold();
  readonly #poller = new AsyncPoller(this.#context, { hold: this.#hold });
  /** One pair for all sockets: a client is one party. */
  #keys: CurveKeypair | undefined;
  readonly #options: TransportOptions;
  readonly #memories = new Set<MemoryFile>();
  readonly #tunnels = new OpenTunnels();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  memory(name: string, bytes: number): MemoryFile | null {
    const { sharedMemory = environmentIfGranted("TSPARALLEL_SHARED_MEMORY") !== "off" } = this.#options;
    if (!sharedMemory) return null;
    const memory = makeMemory(name, bytes, (closed) => this.#memories.delete(closed));
    if (memory !== null) this.#memories.add(memory);
    return memory;
  }

  connect(options: ChannelOptions): Channel {
    const socket = this.#context.socket(options.type, {
      lingerMs: LINGER_MS,
      sendBufferBytes: SOCKET_BUFFER_BYTES,
      receiveBufferBytes: SOCKET_BUFFER_BYTES,
      ...(options.type === "SUB" ? { subscribe: [""] } : {}),
      ...(options.serverKey === undefined
        ? {}
        : { curve: this.#curve(options.serverKey, options.secretKey) }),
    });
    if (options.onRefused !== undefined || options.onState !== undefined) this.#watch(socket, options);
    socket.connect(options.url);
    return new DenoChannel(socket, { poller: this.#poller, hold: this.#hold }, options);
  }

  #curve(serverKey: string, secretKey: string | undefined): CurveOptions {
    this.#keys ??= secretKey === undefined
      ? curveKeypair()
      : { publicKey: curvePublicKey(secretKey), secretKey };
    return { role: "client", serverKey, ...this.#keys };
  }

  #watch(socket: Socket, options: ChannelOptions): void {
    const watch = new HandshakeWatch(this.#context, socket, options);
    this.#poller.add(watch.socket, () => {
      const reason = watch.socket.closed ? undefined : watch.read();
      if (reason === undefined || options.onRefused === undefined) return;
      this.#poller.remove(watch.socket);
      watch.close();
      options.onRefused(reason);
    });
  }

  tunnel(request: TunnelRequest): Promise<Tunnel> {
    return this.#tunnels.open(request);
  }

  answering(hosts: readonly string[], port: number): Promise<string | undefined> {
    return answering(hosts, port);
  }

  async close(): Promise<void> {
    for (const memory of [...this.#memories]) memory.close();
    await this.#poller.close();
    this.#context.close();
    await this.#tunnels.close();
  }
}

class DenoChannel implements Channel {
  readonly #socket: Socket;
  readonly #poller: AsyncPoller;
  readonly #incoming = new Incoming();

  readonly #hold: Hold;

  constructor(
    socket: Socket,
    { poller, hold }: { poller: AsyncPoller; hold: Hold },
    options: ChannelOptions,
  ) {
    const { onMessage } = options;
    this.#socket = socket;
    this.#poller = poller;
    this.#hold = hold;
    poller.add(socket, () => {
      for (let i = 0; i < MESSAGES_PER_TURN; i++) {
        if (socket.closed || !socket.receiveInto(this.#incoming)) return;
        if (options.type === "DEALER") hold.answered();
        onMessage(framesOf(this.#incoming));
      }
    });
  }

  send(frames: readonly Uint8Array[]): void {
    this.#hold.asked();
    this.#socket.send(frames);
  }

  sendLarge(frames: readonly Uint8Array[], from: number): void {
    this.#socket.sendLarge(frames, from);
  }

  close(): void {
    this.#poller.remove(this.#socket);
    this.#socket.close();
  }
}

function framesOf(incoming: Incoming): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let i = 0; i < incoming.count; i++) frames.push(incoming.frame(i));
  return frames;
}
