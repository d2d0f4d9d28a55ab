/**
 * The scheduler's own settings that do not come from the hub, one line each.
 */

import { POLICIES, type Scheme } from "./policies.ts";

/** How tasks get their engine: a policy, libzmq's own proxy, or not at all. */
export type SchemeName = Scheme | "pure" | "none";

export function isPolicy(name: string): name is Scheme {
  return Object.hasOwn(POLICIES, name);
}

export function isScheme(name: string): name is SchemeName {
  return isPolicy(name) || name === "pure" || name === "none";
}

/** Bounds and patience of the schedulers. */
export const SCHEDULER_BOUNDS = {
  /** Most messages taken from one socket before the others get their turn. */
  messagesPerTurn: 64,
  /** Most data messages to the hub that it has not acknowledged; then clients are not read. */
  linkMessages: 1024,
  /** The same in bytes. */
  linkBytes: 64 << 20,
  /** In about how many bytes copies of peers' messages are gathered for the hub; larger ones travel alone. */
  gatheredBytes: 32 << 10,
  /** Groups from this size on are many tasks each: their copies travel alone, and their client hears at once that they are accepted. */
  smallGroupBytes: 4 << 10,
  /** How long copies of tasks, results and output may be gathered, and acceptances of small groups wait, in ms. */
  gatherMs: 20,
  /** What engines publish wakes the loop so often, in ms, and is else read when it is awake: two or more messages come with each task. */
  outputRestMs: 4,
  /** How long results of a gone engine are waited for: ours, peers' (ipyparallel waits 5 s). */
  graceMs: [100, 5000],
  /** Longest wait of the loop, in ms. */
  idleMs: 100,
  /** A group for an engine is sent when it has grown to this. */
  groupBytes: 256 << 10,
  /** Large argument buffers kept for tasks that wait, in bytes; beyond it clients are not read. */
  bufferBytes: 1 << 30,
  /** Bytes of results on the way to a client; beyond it its tasks wait. Held clients are looked at so often, in ms. */
  unreadBytes: 64 << 20,
  unreadLookMs: 1000,
  /** A client is asked behind so many bytes of results whether it has read them. */
  markBytes: 1 << 20,
  /** Longest message that a socket takes from a peer, per frame. */
  maxMessageBytes: 2 ** 31 - 1,
} as const;

/** What the hub tells a scheduler at its start (PROTOCOL.md, "Link"). */
export interface SchedulerSetup {
  readonly clientInterface: string;
  readonly engineInterface: string;
  readonly ports: {
    readonly client: Readonly<Record<string, number>>;
    readonly engine: Readonly<Record<string, number | readonly number[]>>;
  };
  readonly nonce: string;
  readonly key: string;
  /** Secret key of all sockets, or null without CURVE. */
  readonly curveSecretKey: string | null;
  /** The public key that belongs to it, "" without CURVE. */
  readonly curvePublicKey: string;
  /** What clients may ask for at most, as `protocol/policy.ts` reads it; null: nobody is held back. */
  readonly policy: object | null;
  readonly scheme: SchemeName;
  /** Depth of the broadcast tree: 2^depth leaf sockets towards engines. */
  readonly broadcastDepth: number;
  readonly hwm: number | null;
  /** Serializer of Jupyter messages: `json` or `msgpack`. */
  readonly packer: string;
}
