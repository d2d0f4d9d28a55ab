/**
 * The controller's options: what hub and schedulers can be told, by flag, environment or profile section `controller`.
 */
import {
  alsoFrom,
  choice,
  dataOrNone,
  flag,
  number,
  numberOrNone,
  type OptionValues,
  ports,
  text,
  textOrNone,
} from "../base/options.ts";

const TRANSPORTS = ["tcp", "ipc"] as const;
/** `same`: as for the other side. */
const SIDE_TRANSPORTS = ["same", ...TRANSPORTS] as const;

/** Name, default, unit or words, help. */
export const CONTROLLER_OPTIONS = {
  ip: text("127.0.0.1", "address", "Address that clients and engines connect to; * is all, with ipc a path"),
  clientIp: textOrNone("address", "Address for clients, where it differs from --ip"),
  engineIp: textOrNone("address", "Address for engines, where it differs from --ip"),
  transport: choice("tcp", TRANSPORTS, "How they connect: over the network, or by files on this machine"),
  clientTransport: choice("same", SIDE_TRANSPORTS, "How clients connect"),
  engineTransport: choice("same", SIDE_TRANSPORTS, "How engines connect"),
  location: textOrNone("host", "This machine's name as peers elsewhere see it; unset: its host name"),
  ssh: text("", "[user@]host[:port]", "SSH server through which clients reach this machine"),
  enginessh: text("", "[user@]host[:port]", "SSH server through which engines reach this machine"),
  port: number(0, { unit: "port", max: 65_535 }, "Port of the hub; 0 takes a free one"),
  ports: ports("Ports to take, like 10101-10120; what is beyond them takes free ones"),
  enginePorts: ports("Ports for engines, before those of --ports"),
  clientPorts: ports("Ports for clients, before those of --ports"),
  pingMs: number(3000, { unit: "ms", min: 10, max: 3_600_000 }, "Time between two heartbeats"),
  heartbeatMisses: number(
    10,
    { unit: "beats", min: 1, max: 10_000 },
    "Heartbeats that may be missed in a row",
  ),
  registrationTimeoutMs: number(
    0,
    { unit: "ms" },
    "How long an engine may take to register; 0: 30 s or 10 heartbeats, whichever is more",
  ),
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
  databaseFile: textOrNone("path", "SQLite's file; unset: tsparallel.db, with the cluster id in its name"),
  databaseDir: textOrNone("path", "Folder of that file; unset: the run's folder"),
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
  restore: flag("The same, and take back the engines that it had"),
  key: alsoFrom(
    textOrNone("text", "Key that messages are signed with, empty for none; unset: a new one"),
    "IPP_SESSION_KEY",
  ),
  keyfile: textOrNone("path", "File whose content is that key"),
  enableCurve: alsoFrom(flag("Encrypt all connections (CURVE) instead of signing"), "IPP_ENABLE_CURVE"),
  curveKeyFile: textOrNone("path", "Keys for it, as `tsparallel keys` writes them; unset: new ones"),
  curveSecretKey: alsoFrom(
    textOrNone("Z85", "Secret key for it, better in the environment or a file"),
    "IPP_CURVE_SECRETKEY",
  ),
  curvePublicKey: alsoFrom(textOrNone("Z85", "The public key that belongs to it"), "IPP_CURVE_PUBLICKEY"),
  policy: dataOrNone("What each client may ask for at most, by its CURVE key, and who may be an engine"),
  ident: textOrNone("name", "Session id of the hub's messages; unset: a new one"),
  user: textOrNone("name", "User name in the hub's messages; unset: hub"),
  python: textOrNone("path", "Python that has dask.distributed, for clients' become_dask()"),
} as const;

/** The controller's settings. */
export type ControllerOptions = OptionValues<typeof CONTROLLER_OPTIONS>;
