/**
 * What a hub is started with. The command line's names and texts are in `controller/options.ts`; the bounds that nobody has needed
 * to change are here as constants.
 */

import type { Policy } from "../protocol/policy.ts";

/** Port numbers that are wanted; 0 or absent takes any free one. */
export interface HubPorts {
  readonly registration?: number | undefined;
  readonly notification?: number | undefined;
  readonly hbPing?: number | undefined;
  readonly hbPong?: number | undefined;
  /** The schedulers' ports, as `scheduler_setup` hands them on. */
  readonly client?: Readonly<Record<string, number>> | undefined;
  readonly engine?: Readonly<Record<string, number | readonly number[]>> | undefined;
}

/** The controller's pair of CURVE keys, and the file in which it is kept for a later `reuse`; null where the user keeps it. */
export interface HubCurve {
  readonly publicKey: string;
  readonly secretKey: string;
  readonly keptIn: string | null;
}

/** A dask scheduler beside the hub. */
export interface DaskPart {
  /** Starts it, or says where it runs already. Rejects with a sentence. */
  start(args: Readonly<Record<string, unknown>>): Promise<DaskAddress>;
  /** Ends it. Harmless if there is none. */
  stop(): Promise<void>;
}

export interface DaskAddress {
  readonly address: string;
  readonly ip: string;
  readonly port: number;
}

export interface HubOptions {
  /** The profile's folder; made if it is not there. */
  readonly profileDir: string;
  /** Default empty: the profile's one cluster without an id. */
  readonly clusterId?: string | undefined;
  /** Key of all signatures; default a new one, or the one of the old files with `reuse`. */
  readonly key?: string | undefined;
  /** What clients connect to without the port, default `tcp://127.0.0.1`. `tcp://*` is all, `ipc:///path` files of this machine. */
  readonly clientInterface?: string | undefined;
  /** The same for engines; default: as for clients. */
  readonly engineInterface?: string | undefined;
  /** Host name that the files name, default this host's. */
  readonly location?: string | undefined;
  readonly ports?: HubPorts | undefined;
  /** SSH servers that the files name, default none. */
  readonly clientSsh?: string | undefined;
  readonly engineSsh?: string | undefined;
  /** Time between two pings, default 3000. */
  readonly heartbeatPeriodMs?: number | undefined;
  /** Pings in a row that an engine may miss, default 10. */
  readonly maxMisses?: number | undefined;
  /** How long a registration may be unfinished, default 30 s or 10 periods, whichever is more. */
  readonly registrationTimeoutMs?: number | undefined;
  /** Default `leastload`. */
  readonly scheme?: string | undefined;
  /** Depth of the broadcast tree, default 1. */
  readonly broadcastDepth?: number | undefined;
  /** Tasks that an engine may have at a time, 0 for any number; default null: the scheduler chooses. */
  readonly hwm?: number | null | undefined;
  /** Default `sqlite`. */
  readonly database?: "sqlite" | "memory" | "mongodb" | "none" | undefined;
  /** Default `<profile folder>/tsparallel[-<cluster id>].db`. */
  readonly databaseFile?: string | undefined;
  readonly durability?: "process" | "power" | undefined;
  /** Where MongoDB is, default `mongodb://127.0.0.1:27017`. */
  readonly mongoUrl?: string | undefined;
  /** The database in it, default `ipython-tasks[-<cluster id>]`. */
  readonly mongoDatabase?: string | undefined;
  /** Finished records that the memory store keeps, default 1024; and bytes of all, default 1 GiB. */
  readonly recordLimit?: number | undefined;
  readonly recordBytes?: number | undefined;
  /** Keys of all public sockets; default none: what is sent is signed, but not secret. */
  readonly curve?: HubCurve | null | undefined;
  /** What clients may ask for at most, and who may be an engine; default: anybody anything. */
  readonly policy?: Policy | null | undefined;
  /** Take back the engines of the run before: implies what `reuse` does. Default false. */
  readonly restore?: boolean | undefined;
  /** Session id and user name of the hub's own messages. */
  readonly session?: string | undefined;
  readonly username?: string | undefined;
  /** Starts dask for clients that ask for it; default: they are told that there is none. */
  readonly dask?: DaskPart | undefined;
  /** Keep key and ports of the connection files that are there, and leave the files at the end. Default false. */
  readonly reuse?: boolean | undefined;
  /** Serializer names that the files name, default `json`. */
  readonly packer?: string | undefined;
  readonly unpacker?: string | undefined;
  /** How long the schedulers may take to be ready, default 15 s. */
  readonly schedulerTimeoutMs?: number | undefined;
}

/** Bounds of the hub. */
export const HUB_BOUNDS = {
  /** Longest frame that a client or engine may send. */
  maxMessageBytes: 64 << 20,
  /** Records that one answer may have. */
  maxAnswerRecords: 100_000,
  /** Bytes of buffers that one answer may have. */
  maxAnswerBytes: 512 << 20,
  /** Questions of one party that may wait for their answer. */
  maxOpenRequests: 1000,
  /** Rows that wait before they are committed, and how long they wait. */
  commitRows: 1000,
  commitMs: 5,
  /** How long schedulers may take at the end to send what they have gathered. */
  settleMs: 200,
  /** How often a refused commit is tried again. */
  retryMs: 1000,
  /** How long the link is read before others have a turn. */
  turnMs: 8,
  /** Peers that are remembered for having been complained about. */
  maxComplaints: 1000,
  /** How long replies may take to leave when the hub ends. */
  lingerMs: 500,
  /** From a shutdown_request to the end: clients are told meanwhile. */
  shutdownMs: 1000,
} as const;
