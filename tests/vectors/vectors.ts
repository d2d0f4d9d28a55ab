/** Messages of ipyparallel's own controller, engines and client, as `capture.py` found them on the wire. */

import { findDelimiter, type Message, Session } from "../../src/protocol/frames.ts";
import { loadPacker, type Packer } from "../../src/protocol/packers.ts";

/** The captures that there are. */
export const PACKERS = ["json", "msgpack"] as const;

/** One message on its way, as it stood on the wire: idents that a ROUTER adds are not among its frames. */
export interface Event {
  /** Whose connection file names the port, and by which key: `client mux`, `engine iopub`. */
  readonly socket: string;
  readonly to: "controller" | "peer";
  /** Identity of the peer's socket: an engine's uuid, or "". */
  readonly peer: string;
  readonly frames: readonly Uint8Array[];
}

/** A whole conversation: two engines, a client, a stranger, from the first registration to the hub's shutdown. */
export interface Capture {
  readonly key: string;
  readonly packer: Packer;
  readonly clientFile: Readonly<Record<string, unknown>>;
  readonly engineFile: Readonly<Record<string, unknown>>;
  readonly events: readonly Event[];
}

type Frame = string | { readonly b64: string };

interface Line extends Omit<Event, "frames"> {
  readonly frames: readonly Frame[];
  readonly same?: number;
}

const encoder = new TextEncoder();

/** Reads a capture. */
export async function loadCapture(packer: (typeof PACKERS)[number]): Promise<Capture> {
  const json = JSON.parse(await Deno.readTextFile(new URL(`${packer}.json`, import.meta.url)));
  const events: Event[] = [];
  for (const { same, frames, ...rest } of json.events as Line[]) {
    const own = frames.map(frameOf);
    const relayed = same === undefined ? [] : messageOf(events[same]!);
    events.push({ ...rest, frames: [...own, ...relayed] });
  }
  return {
    key: json.key,
    packer: await loadPacker(json.pack),
    clientFile: json.client_file,
    engineFile: json.engine_file,
    events,
  };
}

function frameOf(frame: Frame): Uint8Array {
  return typeof frame === "string" ? encoder.encode(frame) : Uint8Array.fromBase64(frame.b64);
}

/** The frames from the delimiter on. */
function messageOf({ frames }: Event): readonly Uint8Array[] {
  return frames.slice(findDelimiter(frames));
}

/** A captured event that is a Jupyter message, read. */
export interface Captured {
  readonly event: Event;
  readonly message: Message;
}

/** All events but heartbeats, read by our own parser, signatures checked. */
export function readAll({ key, packer, events }: Capture): Captured[] {
  return events.filter(({ socket }) => !/ hb_/.test(socket)).map((event) => ({
    event,
    // The same message comes at several sockets: to one session it would be a replay.
    message: new Session({ key, packer }).parse(event.frames),
  }));
}
