/**
 * An engine as a Jupyter kernel: five more sockets on loopback, through which front-ends share its queue and namespace with the cluster. They
 * are sockets of their own, since those of the cluster may speak CURVE, which front-ends do not.
 */
import { BadMessage, type Dictionary, type Message, type ParentHeader, Session } from "../protocol/frames.ts";
import type { Context } from "../wire/context.ts";
import type { SyncPoller } from "../wire/poll.ts";
import type { Socket, SocketType } from "../wire/socket.ts";
import { Control, type ControlActions } from "./control.ts";
import type { Outlet } from "./iopub.ts";
import { type KernelConnection, readKernelFile, removeKernelFile, writeKernelFile } from "./kernel_file.ts";
import { kernelInfo } from "./kernel_info.ts";
import type { PeerChannel } from "./peer_channel.ts";
import type { PeerRequests } from "./peer_requests.ts";
import type { FrontEndInput } from "./stdin.ts";

export interface KernelPortsParts {
  readonly context: Context;
  /** The cluster's; "" where CURVE stands in its place. */
  readonly key: string;
  readonly uuid: string;
  /** Jupyter looks after the file. */
  readonly isJupyters: boolean;
  readonly controlActions: ControlActions;
  readonly peers: PeerRequests;
  readonly input: FrontEndInput;
  /** Counts what is thrown away. */
  readonly drop: (reason: string) => void;
}

const NAMES = ["shell", "control", "iopub", "stdin", "hb"] as const;
type Name = typeof NAMES[number];
const TYPES: Readonly<Record<Name, SocketType>> = {
  shell: "ROUTER",
  control: "ROUTER",
  iopub: "XPUB",
  stdin: "ROUTER",
  hb: "ROUTER",
};
/** A front-end that declares a longer frame is disconnected. */
const MAX_MESSAGE_BYTES = 256 << 20;
const LINGER_MS = 1000;
/** Messages that wait for a front-end that does not read; then it misses some. */
const IOPUB_HWM = 10_000;
/** Messages of one socket before the rest of the host gets its turn. */
const MESSAGES_PER_TURN = 64;
const SUBSCRIBE = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class KernelPorts {
  /** The connection file. */
  readonly file: string;
  /** Where everything is published too. */
  readonly outlet: Outlet;
  readonly #parts: KernelPortsParts;
  readonly #sockets: Readonly<Record<Name, Socket>>;
  readonly #session: Session;
  readonly #channel: PeerChannel;
  readonly #control: Control;
  #isClosed = false;

  /**
   * Binds the ports that the file names, or free ones, and then writes it.
   * @throws Error if the file cannot be used or a port is taken
   */
  static open(file: string, parts: KernelPortsParts): KernelPorts {
    const wanted = readKernelFile(file);
    const key = wanted?.key ?? (parts.key === "" ? crypto.randomUUID() : parts.key);
    const sockets = bindAll(parts.context, wanted);
    const ports = portsOf(sockets);
    const isWhole = NAMES.every((name) => (wanted?.[`${name}_port`] ?? 0) > 0);
    if (!isWhole) {
      const rest = { ip: "127.0.0.1", key, transport: "tcp", signature_scheme: "hmac-sha256" } as const;
      try {
        writeKernelFile(file, { ...wanted, ...ports, ...rest, kernel_name: wanted?.kernel_name ?? "" });
      } catch (error) {
        for (const socket of Object.values(sockets)) socket.close();
        throw error;
      }
    }
    return new KernelPorts(file, key, sockets, parts);
  }

  private constructor(
    file: string,
    key: string,
    sockets: Readonly<Record<Name, Socket>>,
    parts: KernelPortsParts,
  ) {
    this.file = file;
    this.#parts = parts;
    this.#sockets = sockets;
    const session = this.#session = new Session({ key, session: parts.uuid });
    this.outlet = { socket: sockets.iopub, session };
    this.#control = new Control(session, parts.controlActions, (frames) => sockets.control.send(frames));
    this.#channel = {
      session,
      ports: portsOf(sockets),
      send: (frames) => sockets.shell.send(frames),
      ask: (idents, parent, content) =>
        sockets.stdin.send([...idents, ...session.message("input_request", content, { parent })]),
      // A message that answers nothing, which front-ends pass over: only sending tells whether somebody is there.
      isThere: (idents) =>
        sockets.shell.send([...idents, ...session.message("kernel_info_reply", kernelInfo())]),
    };
  }

  watch(poller: SyncPoller, guard: (work: () => void) => void): void {
    const { peers, input } = this.#parts;
    const take: Readonly<Record<Name, (frames: readonly Uint8Array[]) => void>> = {
      shell: (frames) => peers.take(this.#session.parse(frames), this.#channel),
      control: (frames) => this.#control.take(frames),
      stdin: (frames) => this.#takeInput(this.#session.parse(frames), input),
      iopub: (frames) => this.#welcome(frames),
      hb: (frames) => void this.#sockets.hb.send(frames),
    };
    for (const name of NAMES) {
      poller.add(this.#sockets[name], () => guard(() => this.#read(this.#sockets[name], take[name])));
    }
  }

  #read(socket: Socket, take: (frames: readonly Uint8Array[]) => void): void {
    for (let i = 0; i < MESSAGES_PER_TURN && !this.#isClosed; i++) {
      const frames = socket.receive();
      if (frames === undefined) return;
      try {
        take(frames);
      } catch (error) {
        if (!(error instanceof BadMessage)) throw error;
        this.#parts.drop(error.message);
      }
    }
  }

  #takeInput(message: Message, input: FrontEndInput): void {
    if (message.header.msg_type === "input_reply") {
      input.answered(this.#channel, message.idents, message.content);
    }
  }

  /** Whoever begins to listen is told that he is heard. */
  #welcome([frame]: readonly Uint8Array[]): void {
    if (frame?.[0] !== SUBSCRIBE) return;
    this.publish("iopub_welcome", { subscription: decoder.decode(frame.subarray(1)) }, {});
  }

  /** Publishes for front-ends only. */
  publish(type: string, content: Dictionary, parent: ParentHeader): void {
    this.#sockets.iopub.send([encoder.encode(type), ...this.#session.message(type, content, { parent })]);
  }

  /** Harmless twice. */
  close(poller: SyncPoller): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const name of NAMES) {
      poller.remove(this.#sockets[name]);
      this.#sockets[name].close();
    }
    if (!this.#parts.isJupyters) removeKernelFile(this.file);
  }
}

function bindAll(context: Context, wanted: KernelConnection | null): Readonly<Record<Name, Socket>> {
  const sockets: Partial<Record<Name, Socket>> = {};
  try {
    for (const name of NAMES) {
      const isRouter = TYPES[name] === "ROUTER";
      const options = isRouter ? { mandatory: true, handover: true } : { verbose: true, sendHwm: IOPUB_HWM };
      const more = { lingerMs: LINGER_MS, maxMessageBytes: MAX_MESSAGE_BYTES };
      const socket = sockets[name] = context.socket(TYPES[name], { ...options, ...more });
      const port = wanted?.[`${name}_port`] ?? 0;
      socket.bind(
        `tcp://${wanted?.ip === "localhost" ? "127.0.0.1" : wanted?.ip ?? "127.0.0.1"}:${
          port === 0 ? "*" : port
        }`,
      );
    }
    return sockets as Record<Name, Socket>;
  } catch (error) {
    for (const socket of Object.values(sockets)) socket.close();
    throw error;
  }
}

function portsOf(sockets: Readonly<Record<Name, Socket>>): Pick<KernelConnection, `${Name}_port`> {
  const port = (name: Name) =>
    Number(sockets[name].endpoint.slice(sockets[name].endpoint.lastIndexOf(":") + 1));
  return {
    shell_port: port("shell"),
    iopub_port: port("iopub"),
    stdin_port: port("stdin"),
    control_port: port("control"),
    hb_port: port("hb"),
  };
}
