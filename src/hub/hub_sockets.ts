/** The hub's own sockets and the addresses that peers are told. */

import { bindInterface } from "../wire/bind_interface.ts";
import type { Context } from "../wire/context.ts";
import type { Socket, SocketOptions, SocketType } from "../wire/socket.ts";
import type { Side } from "../protocol/policy.ts";
import { HUB_BOUNDS, type HubOptions } from "./options.ts";

export interface HubSockets {
  readonly all: {
    readonly registration: Socket;
    readonly notification: Socket;
    readonly hbPing: Socket;
    readonly hbPong: Socket;
  };
  readonly ports: Readonly<Record<"registration" | "notification" | "hbPing" | "hbPong", number>>;
  /** `tcp://127.0.0.1`: without a port. */
  readonly clientInterface: string;
  readonly engineInterface: string;
  readonly registrationUrl: string;
}

/** What a run before was bound to, for `reuse`. */
export interface OldConnections {
  readonly clientInterface?: string;
  readonly engineInterface?: string;
  readonly ports?: Partial<HubSockets["ports"]>;
}

/** Missed notifications beyond this many are a reader's own fault: it does not read. */
const NOTIFICATION_HWM = 100_000;

/** Binds all of the hub's sockets. @throws WireError that names the address that is taken */
export function bindHub(context: Context, options: HubOptions, old: OldConnections): HubSockets {
  const clientInterface = old.clientInterface ?? options.clientInterface ?? "tcp://127.0.0.1";
  const engineInterface = old.engineInterface ?? options.engineInterface ?? clientInterface;
  const wanted = { ...defined(options.ports), ...old.ports };
  const asks = (side: Side) => options.curve && options.policy ? { zapDomain: side } : {};
  const open = (type: SocketType, more: SocketOptions, base: string, port = 0) => {
    const socket = context.socket(type, {
      lingerMs: HUB_BOUNDS.lingerMs,
      maxMessageBytes: HUB_BOUNDS.maxMessageBytes,
      ...(options.curve ? { curve: { role: "server", secretKey: options.curve.secretKey } } : {}),
      ...more,
    });
    return { socket, port: bindInterface(socket, base, port) };
  };
  // The one number serves both sides: where only one of them chooses a free one, it goes first.
  const isTcpLast = clientInterface.startsWith("ipc:");
  const [first, second] = isTcpLast ? [engineInterface, clientInterface] : [clientInterface, engineInterface];
  const registration = open("ROUTER", { handover: true, ...asks("both") }, first, wanted.registration);
  if (!covers(first, second)) bindInterface(registration.socket, second, registration.port);
  const notification = open(
    "PUB",
    { sendHwm: NOTIFICATION_HWM, ...asks("client") },
    clientInterface,
    wanted.notification,
  );
  const hbPing = open("XPUB", { verbose: true, ...asks("engine") }, engineInterface, wanted.hbPing);
  const pong = { handover: true, maxMessageBytes: 1 << 16, ...asks("engine") };
  const hbPong = open("ROUTER", pong, engineInterface, wanted.hbPong);
  return {
    all: {
      registration: registration.socket,
      notification: notification.socket,
      hbPing: hbPing.socket,
      hbPong: hbPong.socket,
    },
    ports: {
      registration: registration.port,
      notification: notification.port,
      hbPing: hbPing.port,
      hbPong: hbPong.port,
    },
    clientInterface,
    engineInterface,
    registrationUrl: `${clientInterface}${
      clientInterface.startsWith("ipc:") ? "-" : ":"
    }${registration.port}`,
  };
}

/** Whether what listens on one interface is reached through the other, too. */
function covers(one: string, other: string): boolean {
  return one === other || one === "tcp://*" || one === "tcp://0.0.0.0";
}

function defined(ports: HubOptions["ports"]): Partial<HubSockets["ports"]> {
  const { registration, notification, hbPing, hbPong } = ports ?? {};
  const entries = Object.entries({ registration, notification, hbPing, hbPong });
  return Object.fromEntries(entries.filter(([, port]) => port !== undefined && port !== 0));
}

const decoder = new TextDecoder();
/** Pongs that are read before others have a turn, and the longest that is looked at. */
const MAX_PONGS = 1000;
const MAX_PONG_BYTES = 64;

/** Pongs that are there: who sent which payload back. */
export function* pongs(socket: Socket): Generator<{ uuid: string; payload: string }> {
  for (let left = MAX_PONGS; left > 0 && !socket.closed; left--) {
    const frames = socket.receive();
    if (!frames) return;
    const [uuid, payload] = frames;
    if (!uuid || !payload || frames.length !== 2 || payload.length > MAX_PONG_BYTES) continue;
    yield { uuid: decoder.decode(uuid), payload: decoder.decode(payload) };
  }
}

/** Reads what hearts say on the ping socket: whether one of them subscribed. */
export function hasSubscription(socket: Socket): boolean {
  let isSubscribed = false;
  for (let frames = socket.receive(); frames; frames = socket.receive()) {
    if (frames[0]?.[0] === 1) isSubscribed = true;
  }
  return isSubscribed;
}
