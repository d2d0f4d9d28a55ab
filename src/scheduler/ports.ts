/**
 * The scheduler's sockets: which there are, what they are bound to, and the ports that the connection files will name.
 */
import type { Context } from "../wire/context.ts";
import type { Socket, SocketType } from "../wire/socket.ts";
import { SCHEDULER_BOUNDS, type SchedulerSetup } from "./options.ts";

export interface SchedulerSockets {
  readonly controlIn: Socket;
  readonly controlOut: Socket;
  readonly muxIn: Socket;
  readonly muxOut: Socket;
  readonly taskIn: Socket;
  readonly taskOut: Socket;
  readonly broadcastIn: Socket;
  readonly broadcastOut: Socket;
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

/** Output beyond this many messages for one slow reader is dropped; results never are. */
const IOPUB_HWM = 20_000;

/** Binds all sockets. Throws WireError naming the port that is taken. */
export function bindSockets(
  context: Context,
  setup: SchedulerSetup,
): { sockets: SchedulerSockets; ports: BoundPorts } {
  const opened: Socket[] = [];
  const open = (type: SocketType, identity: string | undefined, side: "client" | "engine", name: string) => {
    const isOutput = name === "iopub";
    const socket = context.socket(type, {
      ...(identity === undefined ? {} : { identity }),
      // An engine may be announced before its other connections stand: what cannot be sent yet is kept, not dropped.
      ...(side === "engine" && (name === "task" || name === "mux") ? { mandatory: true } : {}),
      ...(type === "SUB" ? { subscribe: [""] } : {}),
      ...(isOutput ? { sendHwm: IOPUB_HWM, receiveHwm: IOPUB_HWM } : {}),
      lingerMs: 200,
      maxMessageBytes: SCHEDULER_BOUNDS.maxMessageBytes,
    });
    opened.push(socket);
    const wanted = setup.ports[side][name];
    const port = typeof wanted === "number" ? wanted : wanted?.[0] ?? 0;
    const base = side === "client" ? setup.clientInterface : setup.engineInterface;
    const url = socket.bind(`${base}:${port === 0 ? "*" : port}`);
    return { socket, port: Number(url.slice(url.lastIndexOf(":") + 1)) };
  };
  try {
    const controlIn = open("ROUTER", "control_in", "client", "control");
    const controlOut = open("ROUTER", "control_out", "engine", "control");
    const muxIn = open("ROUTER", "mux_in", "client", "mux");
    const muxOut = open("ROUTER", "mux_out", "engine", "mux");
    const taskIn = open("ROUTER", "task_in", "client", "task");
    const taskOut = open("ROUTER", "task_out", "engine", "task");
    const broadcastIn = open("ROUTER", "sub_scheduler_0", "client", "broadcast");
    const broadcastOut = open("ROUTER", "sub_scheduler_0", "engine", "broadcast");
    const iopubIn = open("SUB", undefined, "engine", "iopub");
    const iopubOut = open("PUB", undefined, "client", "iopub");
    return {
      sockets: {
        controlIn: controlIn.socket,
        controlOut: controlOut.socket,
        muxIn: muxIn.socket,
        muxOut: muxOut.socket,
        taskIn: taskIn.socket,
        taskOut: taskOut.socket,
        broadcastIn: broadcastIn.socket,
        broadcastOut: broadcastOut.socket,
        iopubIn: iopubIn.socket,
        iopubOut: iopubOut.socket,
      },
      ports: {
        client: {
          control: controlIn.port,
          mux: muxIn.port,
          task: taskIn.port,
          iopub: iopubOut.port,
          broadcast: broadcastIn.port,
        },
        engine: {
          control: controlOut.port,
          mux: muxOut.port,
          task: taskOut.port,
          iopub: iopubIn.port,
          broadcast: [broadcastOut.port],
        },
      },
    };
  } catch (error) {
    for (const socket of opened) socket.close();
    throw error;
  }
}
