/**
 * The controller's options: what hub and schedulers can be told, by flag, environment or profile section `controller`.
 */
import { choice, flag, number, numberOrNone, type OptionValues, text, textOrNone } from "../base/options.ts";

/** Name, default, unit or words, help. */
export const CONTROLLER_OPTIONS = {
  ip: text("127.0.0.1", "address", "Address that clients and engines connect to"),
  engineIp: textOrNone("address", "Address for engines, where it differs from --ip"),
  location: textOrNone("host", "This machine's name as peers elsewhere see it; unset: its host name"),
  port: number(0, { unit: "port", max: 65_535 }, "Port of the hub; 0 takes a free one"),
  ports: textOrNone("first-last", "Ports to take the others from, like 10101-10120"),
  pingMs: number(3000, { unit: "ms", min: 10, max: 3_600_000 }, "Time between two heartbeats"),
  heartbeatMisses: number(
    10,
    { unit: "beats", min: 1, max: 10_000 },
    "Heartbeats that may be missed in a row",
  ),
  registrationTimeoutMs: number(30_000, { unit: "ms", min: 100 }, "How long an engine may take to register"),
  scheme: choice(
    "leastload",
    ["leastload", "lru", "plainrandom", "twobin", "weighted", "pure", "none"],
    "How tasks get their engine; pure: libzmq deals them out in turn, none: not at all",
  ),
  broadcastDepth: number(
    1,
    { unit: "levels", max: 6 },
    "Depth of the broadcast tree: 2^depth sockets for engines",
  ),
  hwm: numberOrNone(
    null,
    { unit: "tasks", max: 1_000_000 },
    "Tasks ahead of each engine; unset: adapted, 0: no bound",
  ),
  database: choice("sqlite", ["sqlite", "memory", "mongodb", "none"], "Where records of tasks are kept"),
  mongoUrl: text("mongodb://127.0.0.1:27017", "URL", "Where MongoDB is, for records there"),
  mongoDatabase: textOrNone(
    "name",
    "The database in it; unset: ipython-tasks, with the cluster id behind it",
  ),
  recordLimit: number(
    1024,
    { unit: "records", min: 1, max: 100_000_000 },
    "Finished records kept in memory, for records there",
  ),
  recordMB: number(1024, { unit: "MB", min: 1, max: 1_000_000 }, "What all records in memory may take"),
  packer: choice("json", ["json", "msgpack"], "How Jupyter messages are serialized"),
  durability: choice("process", ["process", "power"], "What a committed record survives"),
  layout: choice("thread", ["thread", "process"], "Where the schedulers run beside the hub"),
  reuse: flag("Keep ports, key and connection files of the run before"),
} as const;

/** The controller's settings. */
export type ControllerOptions = OptionValues<typeof CONTROLLER_OPTIONS>;
