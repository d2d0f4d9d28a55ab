/**
 * What the client needs of sockets, and no more: five methods, so that it runs wherever someone can provide them.
 *
 * Deno's implementation over `src/wire` is `deno_transport.ts`; it is loaded when none is given.
 */
import type { Tunnel, TunnelRequest } from "../wire/tunnel.ts";

/** Takes one message. The frames are views that are valid during the call only. */
export type MessageHandler = (frames: readonly Uint8Array[]) => void;

/** How a channel is made. */
export interface ChannelOptions {
  /** DEALER: requests and answers. SUB: everything that is published. */
  readonly type: "DEALER" | "SUB";
  /** `tcp://…` or `ipc://…`. */
  readonly url: string;
  /** Takes what comes. */
  readonly onMessage: MessageHandler;
  /** The controller's CURVE key in Z85, if the cluster uses CURVE. */
  readonly serverKey?: string | undefined;
  /** The client's own CURVE key in Z85, by which a controller with a policy knows it; without it the transport takes one of its own. */
  readonly secretKey?: string | undefined;
  /** Told once why the two ends will not come together, where the transport can know it (another key, no encryption). */
  readonly onRefused?: ((reason: string) => void) | undefined;
  /** Told whenever the connection stands, and when it breaks, where the transport can know it. */
  readonly onState?: ((isConnected: boolean) => void) | undefined;
}

/** One connected socket. */
export interface Channel {
  /** Sends one message; the frames are copied before it returns. */
  send(frames: readonly Uint8Array[]): void;
  /** Sends one message whose frames from index `from` on may be read until the transport has sent them. */
  sendLarge(frames: readonly Uint8Array[], from: number): void;
  /** Closes it. */
  close(): void;
}

/** A nameless file in memory that another process on the same host can open. */
export interface MemoryFile {
  /** Of this process. */
  readonly pid: number;
  /** Its descriptor here: the other process opens `/proc/<pid>/fd/<fd>`. */
  readonly fd: number;
  /** False if it could not be written. */
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): boolean;
  /** Fills the array; false if it could not be read. */
  read(offset: number, into: Uint8Array<ArrayBuffer>): boolean;
  /** Gives a part back to the system. */
  punch(offset: number, bytes: number): void;
  /** Does something after a while, without keeping the program alive for it. Returns how not to. */
  later(ms: number, action: () => void): () => void;
  /** Lets it go. */
  close(): void;
}

/** Makes channels. */
export interface Transport {
  /** Makes memory to share with engines on this host; null where there is none, absent where it never is. */
  memory?(name: string, bytes: number): MemoryFile | null;
  /**
   * Connects a socket.
   * @throws Error if the address cannot be used
   */
  connect(options: ChannelOptions): Channel;
  /** Opens a tunnel, which is closed with the rest; absent where there can be none. @throws Error in ssh's words */
  tunnel?(request: TunnelRequest): Promise<Tunnel>;
  /** The first of several hosts that takes a connection at a port; undefined if none does. Absent where nobody can try. */
  answering?(hosts: readonly string[], port: number): Promise<string | undefined>;
  /** Closes all channels; nothing of it keeps the process alive afterwards. Messages just sent still leave. */
  close(): Promise<void>;
}
