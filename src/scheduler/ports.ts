/**
 * The scheduler's sockets: which there are, what they are bound to, and the ports that the connection files will name.
 */
import { bindInterface } from "../wire/bind_interface.ts";
import type { Context } from "../wire/context.ts";
import type { Socket, SocketType } from "../wire/socket.ts";
import { BroadcastTree } from "./broadcast_tree.ts";
import type { Gate } from "./gate.ts";
import { SCHEDULER_BOUNDS, type SchedulerSetup } from "./options.ts";

export interface SchedulerSockets {
  readonly controlIn: Socket;
  readonly controlOut: Socket;
  readonly muxIn: Socket;
  readonly muxOut: Socket;
  /** Both sides of the task scheduler; null under the scheme `none`. Under `pure` they belong to the proxy's thread once it runs. */
  readonly task: { readonly clients: Socket; readonly engines: Socket } | null;
  readonly broadcastIn: Socket;
  /** One for each leaf. */
  readonly broadcastOut: readonly Socket[];
  readonly iopubIn: Socket;
  readonly iopubOut: Socket;
}

/** Ports as they go into the connection files. */
export interface BoundPorts {
  readonly client: Readonly<Record<"control" | "mux" | "task" | "iopub" | "broadcast", number>>;
  readonly engine:
    & Readonly<Record<"control" | "mux" | "task" | "iopub", number>>
    & { readonly broadcast: readonly number[] };
}

/** All of them, to be closed. */
export function allSockets({ task, broadcastOut, ...others }: SchedulerSockets): Socket[] {
  return [...Object.values(others), ...broadcastOut, ...(task === null ? [] : [task.clients, task.engines])];
}

/** Output beyond this many messages for one slow reader is dropped; results never are. */
const IOPUB_HWM = 20_000;
/** Sockets that large buffers pass, and what the kernel holds of each: a whole piece. With less the two ends wait for each other. */
const CARRIES_BUFFERS: ReadonlySet<string> = new Set(["mux", "task", "broadcast"]);
const LARGE_BUFFER_BYTES = 1 << 20;

/**
 * Binds all sockets. Who comes last under a name has it (`handover`): a peer whose connection broke comes back while the old one still stands here,
 * and libzmq would neither read nor ever let go of the new one. Only where clients connect twice to one port (scheme
 * `none`: broadcasts and tasks) would their two connections throw each other out for ever.
 *
 * Throws WireError naming the port that is taken.
 */
export function bindSockets(
  context: Context,
  setup: SchedulerSetup,
  gate: Gate,
): { sockets: SchedulerSockets; ports: BoundPorts } {
  const opened: Socket[] = [];
  const tree = new BroadcastTree(setup.broadcastDepth);
  /** Whether clients have two sockets at the port of broadcasts. */
  const isShared = setup.scheme === "none";
  const open = (
    type: SocketType,
    identity: string | undefined,
    side: "client" | "engine",
    name: string,
    place = 0,
  ) => {
    const isOutput = name === "iopub";
    const socket = context.socket(type, {
      ...(identity === undefined ? {} : { identity }),
      // An engine may be announced before its other connections stand: what cannot be sent yet is kept, not dropped.
      ...(side === "engine" && type === "ROUTER" ? { mandatory: true } : {}),
      ...(type === "ROUTER" ? { handover: !(isShared && side === "client" && name === "broadcast") } : {}),
      ...(type === "SUB" ? { subscribe: [""] } : {}),
      ...(isOutput ? { sendHwm: IOPUB_HWM, receiveHwm: IOPUB_HWM } : {}),
      ...(setup.curveSecretKey === null
        ? {}
        : { curve: { role: "server", secretKey: setup.curveSecretKey }, ...gate.optionsOf(side) }),
      ...(CARRIES_BUFFERS.has(name)
        ? { sendBufferBytes: LARGE_BUFFER_BYTES, receiveBufferBytes: LARGE_BUFFER_BYTES }
        : {}),
      lingerMs: 200,
      maxMessageBytes: SCHEDULER_BOUNDS.maxMessageBytes,
    });
    opened.push(socket);
    const port = wantedPort(setup.ports, side, name, place);
    const base = side === "client" ? setup.clientInterface : setup.engineInterface;
    return { socket, port: bindInterface(socket, base, port) };
  };
  /** A port at which nobody listens: the file must name one, and peers connect to it in vain. */
  const unused = () => {
    const { socket, port } = open("ROUTER", undefined, "engine", "task");
    socket.close();
    return port;
  };
  try {
    const controlIn = open("ROUTER", "control_in", "client", "control");
    const controlOut = open("ROUTER", "control_out", "engine", "control");
    const muxIn = open("ROUTER", "mux_in", "client", "mux");
    const muxOut = open("ROUTER", "mux_out", "engine", "mux");
    const hasTasks = setup.scheme !== "none";
    const taskIn = hasTasks ? open("ROUTER", "task_in", "client", "task") : null;
    const taskOut = hasTasks
      ? open(setup.scheme === "pure" ? "DEALER" : "ROUTER", "task_out", "engine", "task")
      : null;
    const broadcastIn = open("ROUTER", tree.rootId, "client", "broadcast");
    const broadcastOut = Array.from(
      { length: tree.leaves },
      (_, leaf) => open("ROUTER", tree.leafId(leaf), "engine", "broadcast", leaf),
    );
    const iopubIn = open("SUB", undefined, "engine", "iopub");
    const iopubOut = open("PUB", undefined, "client", "iopub");
    return {
      sockets: {
        controlIn: controlIn.socket,
        controlOut: controlOut.socket,
        muxIn: muxIn.socket,
        muxOut: muxOut.socket,
        task: taskIn === null || taskOut === null
          ? null
          : { clients: taskIn.socket, engines: taskOut.socket },
        broadcastIn: broadcastIn.socket,
        broadcastOut: broadcastOut.map(({ socket }) => socket),
        iopubIn: iopubIn.socket,
        iopubOut: iopubOut.socket,
      },
      ports: {
        client: {
          control: controlIn.port,
          mux: muxIn.port,
          // Without a task scheduler it is the broadcast scheduler that gets the tasks, and answers each with an error instead of silence.
          task: taskIn?.port ?? broadcastIn.port,
          iopub: iopubOut.port,
          broadcast: broadcastIn.port,
        },
        engine: {
          control: controlOut.port,
          mux: muxOut.port,
          task: taskOut?.port ?? unused(),
          iopub: iopubIn.port,
          broadcast: broadcastOut.map(({ port }) => port),
        },
      },
    };
  } catch (error) {
    for (const socket of opened) socket.close();
    throw error;
  }
}

/** The port that a socket had before or that the user wants, 0 for any. */
function wantedPort(
  { client, engine }: SchedulerSetup["ports"],
  side: "client" | "engine",
  name: string,
  place: number,
): number {
  // A run before without a task scheduler named the broadcast port twice.
  if (side === "client" && name === "task" && client["task"] === client["broadcast"]) return 0;
  const wanted = side === "client" ? client[name] : engine[name];
  if (typeof wanted === "object") return wanted[place] ?? 0;
  return place === 0 ? wanted ?? 0 : 0;
}
