/**
 * What the hub is started with, out of the controller's options: addresses, ports and keys are found here.
 */
import { resolve } from "node:path";
import { OptionError } from "../base/options.ts";
import type { HubOptions, HubPorts } from "../hub/options.ts";
import type { ControllerPlace } from "./controller.ts";
import { curveKeysOf } from "./curve_keys.ts";
import type { ControllerOptions } from "./options.ts";
import { policyOf } from "./policy.ts";
import { ipcNumbers, portsFrom } from "./port_pools.ts";

/** Longest path that a Unix socket may have, less what is appended to it here. */
const MAX_IPC_PATH = 100;

/**
 * The hub's options.
 * @throws OptionError that names the flag if values do not fit one another, or a file cannot be read
 */
export function hubOptions(options: ControllerOptions & ControllerPlace): HubOptions {
  const { profileDir, clusterId, packer, scheme, hwm, broadcastDepth, durability, restore } = options;
  const clientInterface = interfaceOf("client", options), engineInterface = interfaceOf("engine", options);
  const curve = curveKeysOf(options);
  return {
    profileDir,
    clusterId,
    clientInterface,
    engineInterface,
    location: options.location ?? undefined,
    clientSsh: options.ssh,
    engineSsh: options.enginessh,
    ports: portsOf(options, { clientInterface, engineInterface }),
    heartbeatPeriodMs: options.pingMs,
    maxMisses: options.heartbeatMisses,
    registrationTimeoutMs: options.registrationTimeoutMs === 0 ? undefined : options.registrationTimeoutMs,
    scheme,
    hwm,
    broadcastDepth,
    ...recordOptions(options),
    durability,
    reuse: options.reuse || restore,
    restore,
    packer,
    key: keyOf(options),
    curve,
    policy: policyOf(options.policy, curve?.publicKey ?? "", scheme),
    session: options.ident ?? undefined,
    username: options.user ?? undefined,
  };
}

function recordOptions(options: ControllerOptions & ControllerPlace): Partial<HubOptions> {
  const { database, databaseFile, databaseDir, mongoUrl, mongoDatabase, recordLimit, recordMB } = options;
  const { profileDir, clusterId } = options;
  const file = databaseFile ?? `tsparallel${clusterId === "" ? "" : `-${clusterId}`}.db`;
  return {
    database,
    databaseFile: resolve(profileDir, databaseDir ?? ".", file),
    mongoUrl,
    mongoDatabase: mongoDatabase ?? undefined,
    recordLimit,
    recordBytes: recordMB * 2 ** 20,
  };
}

/** `tcp://127.0.0.1`, or for ipc the path that its sockets' names begin with. */
function interfaceOf(side: "client" | "engine", options: ControllerOptions & ControllerPlace): string {
  const [own, ownIp] = side === "client"
    ? [options.clientTransport, options.clientIp]
    : [options.engineTransport, options.engineIp];
  const transport = own === "same" ? options.transport : own;
  const ip = ownIp ?? options.ip;
  if (transport === "tcp") return `tcp://${ip === "" || ip === "localhost" ? "127.0.0.1" : ip}`;
  const { profileDir, clusterId } = options;
  const isPath = ip.includes("/");
  const path = isPath ? resolve(ip) : `${profileDir}/security/ipc${clusterId === "" ? "" : `-${clusterId}`}`;
  if (new TextEncoder().encode(path).length > MAX_IPC_PATH) {
    throw new OptionError(
      `Cannot use "ipc" for "--transport": the path "${path}" is longer than a socket's may be (${MAX_IPC_PATH} bytes); ` +
        `give a shorter one, like --ip=/tmp/cluster`,
    );
  }
  return `ipc://${path}`;
}

function portsOf(
  options: ControllerOptions,
  { clientInterface, engineInterface }: { clientInterface: string; engineInterface: string },
): HubPorts {
  const leaves = 2 ** options.broadcastDepth;
  const { port: registration, ports, enginePorts, clientPorts } = options;
  const tcp = portsFrom({ registration, ports, enginePorts, clientPorts, leaves });
  const isIpc = [clientInterface, engineInterface].map((url) => url.startsWith("ipc:"));
  if (!isIpc.includes(true)) return tcp;
  const ipc = ipcNumbers(leaves);
  const [client, engine] = isIpc.map((is) => is ? ipc : tcp);
  const { notification } = client!, { hbPing, hbPong } = engine!;
  // Both sides know the hub by the same number.
  return {
    registration: tcp.registration ?? (isIpc.includes(false) ? undefined : ipc.registration),
    notification,
    hbPing,
    hbPong,
    client: client!.client,
    engine: engine!.engine,
  };
}

/** The key that was given, undefined for a new one. A file goes first, as a key may come from the environment. */
function keyOf({ key, keyfile, enableCurve }: ControllerOptions): string | undefined {
  if (keyfile === null || keyfile === "") {
    return key !== null ? checkedKey(key, "--key") : enableCurve ? "" : undefined;
  }
  let content: string;
  try {
    content = Deno.readTextFileSync(keyfile);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError(`Cannot read "${keyfile}", which "--keyfile" names: ${why}`);
  }
  return checkedKey(content.trim(), "--keyfile");
}

/** Connection files hold keys as ASCII. */
function checkedKey(key: string, flag: string): string {
  if (/^[\x20-\x7e]*$/.test(key)) return key;
  throw new OptionError(`Cannot use the key of "${flag}": it takes ASCII characters, on one line`);
}
