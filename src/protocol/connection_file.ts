/**
 * Connection files: where a cluster's sockets are and the key to them. Two are ipyparallel's, key by key; the third is between
 * our hub and its scheduler. Who reads one may trust all of its fields; who writes one leaves no half of it behind.
 */
import { isMissing, isOwnHost, readTextFile } from "../base/runtime.ts";
import { isZ85Key, Z85_KEY } from "../base/z85.ts";
import { ConnectionFileError } from "./errors.ts";

/** What both of ipyparallel's files hold. Ports are behind `interface`. */
export interface CommonConnection {
  /** A host to tunnel through; nobody here does that. */
  readonly ssh: string;
  /** `tcp://127.0.0.1`, `tcp://*`, `ipc:///path`: without a port. */
  readonly interface: string;
  /** Port of the hub. */
  readonly registration: number;
  /** Port for what overtakes tasks. */
  readonly control: number;
  /** Port of direct requests. */
  readonly mux: number;
  /** Port of load-balanced tasks. */
  readonly task: number;
  /** Port of what tasks write and show. */
  readonly iopub: number;
  /** HMAC key; "" where CURVE takes its place. */
  readonly key: string;
  /** The controller's public key in Z85, or null. */
  readonly curve_serverkey: string | null;
  /** Host name of the controller. */
  readonly location: string;
  /** Ours: the controller's addresses, where it listens on all of them and nobody has said its location; its host name may be unknown elsewhere. */
  readonly addresses?: readonly string[] | undefined;
  /** How dictionaries are written: `json`, `msgpack`. */
  readonly pack: string;
  /** How they are read: the same. */
  readonly unpack: string;
  /** `hmac-sha256` or its like. */
  readonly signature_scheme: string;
}

/** For clients. */
export interface ClientConnection extends CommonConnection {
  /** How the scheduler chooses engines: `leastload`, `lru`, `plainrandom`, `twobin`, `weighted`, `pure`. */
  readonly task_scheme: string;
  /** Port of what the hub tells everybody. */
  readonly notification: number;
  /** Port of broadcasts. */
  readonly broadcast: number;
}

/** For engines. */
export interface EngineConnection extends CommonConnection {
  readonly hb_ping: number;
  readonly hb_pong: number;
  /** One port for each leaf of the broadcast tree. */
  readonly broadcast: readonly number[];
}

/** For the scheduler of our own controller. */
export interface SchedulerConnection {
  readonly version: number;
  /** Endpoint of the hub's link. */
  readonly link: string;
  readonly key: string;
  /** 16 hexadecimal digits. */
  readonly nonce: string;
  /** Process id of the hub. */
  readonly pid: number;
}

/** Which file is for whom. */
export interface Connections {
  readonly client: ClientConnection;
  readonly engine: EngineConnection;
  readonly scheduler: SchedulerConnection;
}
export type ConnectionRole = keyof Connections;

type FieldType = "texts" | "text" | "text or null" | "port" | "ports" | "number";
/** A field: its type, and what it is if the file lacks it; without a default it must be there. */
type Field = readonly [type: FieldType, missing?: string | null | undefined];
type Fields = readonly (readonly [name: string, field: Field])[];

const ENDING: Fields = [
  ["key", ["text"]],
  ["curve_serverkey", ["text or null", null]],
  ["location", ["text", ""]],
  ["pack", ["text", "json"]],
  ["unpack", ["text", "json"]],
  ["signature_scheme", ["text", "hmac-sha256"]],
  // Behind ipyparallel's keys.
  ["addresses", ["texts", undefined]],
];

/** The fields of each file in the order in which ipyparallel writes them. */
const FIELDS: Readonly<Record<ConnectionRole, Fields>> = {
  client: [
    ["ssh", ["text", ""]],
    ["interface", ["text"]],
    ["registration", ["port"]],
    ["control", ["port"]],
    ["mux", ["port"]],
    ["task", ["port"]],
    ["task_scheme", ["text", "leastload"]],
    ["iopub", ["port"]],
    ["notification", ["port"]],
    ["broadcast", ["port"]],
    ...ENDING,
  ],
  engine: [
    ["ssh", ["text", ""]],
    ["interface", ["text"]],
    ["registration", ["port"]],
    ["control", ["port"]],
    ["mux", ["port"]],
    ["task", ["port"]],
    ["iopub", ["port"]],
    ["hb_ping", ["port"]],
    ["hb_pong", ["port"]],
    ["broadcast", ["ports"]],
    ...ENDING,
  ],
  scheduler: [
    ["version", ["number"]],
    ["link", ["text"]],
    ["key", ["text"]],
    ["nonce", ["text"]],
    ["pid", ["number"]],
  ],
};

/** A field that tells whose file it is. */
const MARK: Readonly<Record<ConnectionRole, string>> = {
  client: "notification",
  engine: "hb_ping",
  scheduler: "link",
};
const ROLES: readonly ConnectionRole[] = ["client", "engine", "scheduler"];

const TYPE_TEXT: Readonly<Record<FieldType, string>> = {
  "text": "text",
  "texts": "a list of texts",
  "text or null": "text or null",
  "port": "a port number",
  "ports": "a list of port numbers",
  "number": "a whole number",
};

/** Where the files of a cluster are. `clusterId` is "" for a profile's only one. */
export function connectionPaths(
  profileDir: string,
  clusterId = "",
): Readonly<Record<ConnectionRole, string>> {
  const stem = `${profileDir}/security/ipcontroller${clusterId === "" ? "" : `-${clusterId}`}`;
  return {
    client: `${stem}-client.json`,
    engine: `${stem}-engine.json`,
    scheduler: `${stem}-scheduler.json`,
  };
}

/**
 * Reads a connection file and checks all of it.
 * @throws ConnectionFileError that says what is wrong and what to do
 */
export function readConnectionFile<Role extends ConnectionRole>(path: string, role: Role): Connections[Role] {
  let text: string;
  try {
    text = readTextFile(path);
  } catch (error) {
    if (isMissing(error)) {
      throw new ConnectionFileError(path, "missing", `Cannot find "${path}": ${startHint(path)}`, {
        cause: error,
      });
    }
    throw new ConnectionFileError(path, "unreadable", `Cannot read "${path}": ${reasonOf(error)}`, {
      cause: error,
    });
  }
  return parseConnection(text, role, path);
}

/**
 * Reads the text of a connection file, as it also comes in the environment (`IPP_CONNECTION_INFO`).
 * @param source what messages call it: the path, the variable
 * @throws ConnectionFileError
 */
export function parseConnection<Role extends ConnectionRole>(
  text: string,
  role: Role,
  source: string,
): Connections[Role] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const state = text.trim() === "" ? "it is empty" : "it is not complete JSON";
    throw new ConnectionFileError(
      source,
      "unreadable",
      `Cannot read "${source}": ${state}; if a controller is just starting, try again`,
      { cause: error },
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConnectionFileError(source, "unreadable", `Cannot read "${source}": it is no JSON object`);
  }
  return checked(value as Record<string, unknown>, role, source);
}

/** The fields of a file in its order, as it is written. Keys that the file does not have are left out. */
export function connectionText<Role extends ConnectionRole>(role: Role, info: Connections[Role]): string {
  const values = new Map<string, unknown>(Object.entries(info));
  return JSON.stringify(Object.fromEntries(FIELDS[role].map(([name]) => [name, values.get(name)])), null, 2);
}

/**
 * Writes a connection file: whole or not at all, readable by the user alone. Missing folders are made.
 * @param path where; its ending must be the role's (`connectionPaths`), by which the fields are chosen
 */
export function writeConnectionFile(path: string, info: Connections[ConnectionRole]): void {
  const role = ROLES.find((role) => MARK[role] in info) ?? "client";
  const folder = path.slice(0, path.lastIndexOf("/"));
  if (folder !== "") Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${Deno.pid}.tmp`;
  try {
    writeWhole(temporary, connectionText(role, info as Connections[typeof role]));
    Deno.renameSync(temporary, path);
  } catch (error) {
    removeConnectionFile(temporary);
    throw error;
  }
}

/** Removes a file; that there is none is fine. */
export function removeConnectionFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes the scheduler's file and the private folder of the link that it names, if they are there. */
export function removeSchedulerFile(path: string): void {
  const folder = linkFolder(path);
  removeConnectionFile(path);
  if (folder === undefined) return;
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function linkFolder(path: string): string | undefined {
  try {
    return /^ipc:\/\/(\/.+\/tsp-[^/]+)\/link$/.exec(readConnectionFile(path, "scheduler").link)?.[1];
  } catch {
    return undefined;
  }
}

function writeWhole(path: string, text: string): void {
  removeConnectionFile(path);
  using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  file.syncSync();
}

/**
 * The URL of a socket as a peer connects to it.
 *
 * An interface of all addresses (`*`, `0.0.0.0`) becomes this host's own one if the controller runs here, else the
 * controller's host.
 * @param location the controller's host name
 * @param isHere tells whether a host name or address is this host; default: asks the system
 */
export function endpoint(
  interfaceUrl: string,
  port: number,
  location: string,
  isHere: (host: string) => boolean | undefined = isThisHost,
): string {
  const [, transport = "", host = ""] = /^(\w+):\/\/(.*)$/.exec(interfaceUrl) ?? [];
  if (transport === "") throw new RangeError(`Cannot make an endpoint of "${interfaceUrl}": no transport`);
  if (transport === "ipc") return `${interfaceUrl}-${port}`;
  const isAny = host === "*" || host === "0.0.0.0" || host === "[::]";
  if (!isAny) return `${interfaceUrl}:${port}`;
  return `${transport}://${location === "" || isHere(location) ? "127.0.0.1" : location}:${port}`;
}

/** Whether a host name or address is this host's; undefined if this program may not know. */
export function isThisHost(host: string): boolean | undefined {
  return host === "localhost" || host.startsWith("127.") || host === "::1" || isOwnHost(host);
}

function checked<Role extends ConnectionRole>(
  value: Record<string, unknown>,
  role: Role,
  source: string,
): Connections[Role] {
  const other = ROLES.find((other) => other !== role && MARK[other] in value);
  if (other !== undefined && !(MARK[role] in value)) {
    throw new ConnectionFileError(
      source,
      "wrong role",
      `Cannot use "${source}" for ${article(role)}: it is the file for ${article(other)}`,
    );
  }
  const missing = FIELDS[role].filter(([name, field]) => value[name] === undefined && field.length === 1);
  if (missing.length > 0) {
    throw new ConnectionFileError(
      source,
      "incomplete",
      `Cannot use "${source}": it lacks ${
        missing.map(([name]) => `"${name}"`).join(", ")
      }; another version wrote it`,
    );
  }
  if (role !== "scheduler") checkServerKey(value["curve_serverkey"], source);
  const result: Record<string, unknown> = { ...value };
  for (const [name, field] of FIELDS[role]) {
    const checked = checkedField(name, field, value[name], source);
    if (checked !== undefined) result[name] = checked;
  }
  if (role !== "scheduler" && result["signature_scheme"] !== "hmac-sha256") {
    throw new ConnectionFileError(
      source,
      "incomplete",
      `Cannot use "${source}": its signature_scheme is "${
        result["signature_scheme"]
      }", only "hmac-sha256" is known`,
    );
  }
  return result as unknown as Connections[Role];
}

function checkServerKey(key: unknown, source: string): void {
  if (typeof key !== "string" || key === "" || isZ85Key(key)) return;
  throw new ConnectionFileError(
    source,
    "incomplete",
    `Cannot use "${source}": its curve_serverkey is "${
      key.slice(0, 60)
    }", but ${Z85_KEY}; copy the file anew, or restart the controller`,
  );
}

function checkedField(name: string, [type, missing]: Field, value: unknown, source: string): unknown {
  const present = value === undefined ? missing : value;
  if (hasType(type, present)) return present;
  throw new ConnectionFileError(
    source,
    "incomplete",
    `Cannot use "${source}": "${name}" is ${JSON.stringify(present)} and not ${TYPE_TEXT[type]}`,
  );
}

function hasType(type: FieldType, value: unknown): boolean {
  switch (type) {
    case "text":
      return typeof value === "string";
    case "texts":
      return value === undefined || Array.isArray(value) && value.every((text) => typeof text === "string");
    case "text or null":
      return value === null || typeof value === "string";
    case "port":
      return isPort(value);
    case "ports":
      return Array.isArray(value) && value.length > 0 && value.every(isPort);
    case "number":
      return Number.isSafeInteger(value);
  }
}

/** For `ipc` a port is any small number. */
function isPort(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65535;
}

function article(role: ConnectionRole): string {
  return { client: "clients", engine: "engines", scheduler: "the scheduler" }[role];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What to do where no controller has written a file. */
function startHint(path: string): string {
  const [, folder, id = ""] =
    /^(.*)\/security\/ipcontroller(?:-(.+))?-(?:client|engine|scheduler)\.json$/.exec(path) ?? [];
  const name = /\/profile_([^/]+)$/.exec(folder ?? "")?.[1];
  const profile = name !== undefined
    ? ` --profile=${name}`
    : folder !== undefined
    ? ` --profile-dir=${folder}`
    : "";
  const cluster = id === "" ? "" : ` --cluster-id=${id}`;
  return `is a cluster running? Start one with \`tsparallel cluster start${profile}${cluster}\`, or a controller alone ` +
    `with \`tsparallel controller${profile}${cluster}\``;
}
