/**
 * Ways to a controller on another machine: which of its addresses, or an SSH tunnel: when there has to be one, where it leads, and the connection as it is behind it.
 */
import { type ClientConnection, type EngineConnection, isThisHost } from "./connection_file.ts";

/** Fields that hold a port, or several. */
const PORTS = [
  "registration",
  "control",
  "mux",
  "task",
  "iopub",
  "notification",
  "broadcast",
  "hb_ping",
  "hb_pong",
] as const;

/** The SSH server that a connection file names, if the controller is on another machine; else "". */
export function serverNamed({ ssh, location }: ClientConnection | EngineConnection): string {
  return location !== "" && isThisHost(location) === false ? ssh : "";
}

/** Where the tunnel has to end. @param serverHost the name of the SSH server's host */
export interface Beyond {
  /** As the server sees it. */
  readonly host: string;
  readonly ports: readonly number[];
}

/**
 * What lies behind the SSH server: the interface that the file names, of a controller that listens everywhere its machine.
 * @throws TypeError for a controller without ports
 */
export function beyond(connection: ClientConnection | EngineConnection, serverHost: string): Beyond {
  const [, transport, host = ""] = /^(\w+):\/\/(.*)$/.exec(connection.interface) ?? [];
  if (transport !== "tcp") {
    throw new TypeError(`Cannot tunnel to "${connection.interface}": only tcp goes through SSH`);
  }
  const isAny = host === "*" || host === "0.0.0.0" || host === "[::]";
  const { location } = connection;
  const machine = location === "" || location === serverHost ? "127.0.0.1" : location;
  return { host: isAny ? machine : host, ports: [...new Set(portsOf(connection))] };
}

/**
 * The names and addresses by which the controller's machine may be reached from here: what its file calls it first, then the addresses of its interfaces. Empty where
 * there is nothing to choose: the controller is here, or listens on one address, or tells none.
 */
export function hostsToTry(connection: ClientConnection | EngineConnection): string[] {
  const { interface: bound, location, addresses = [] } = connection;
  if (!/^tcp:\/\/(\*|0\.0\.0\.0|\[::\])$/.test(bound) || location === "") return [];
  if (addresses.length === 0 || isThisHost(location) !== false) return [];
  // Addresses that this machine has too, as of its own bridges, are others there.
  return [location, ...addresses.filter((address) => address !== location && isThisHost(address) === false)];
}

/** The connection through ports of this machine's loopback. */
export function tunneled<C extends ClientConnection | EngineConnection>(
  connection: C,
  ports: ReadonlyMap<number, number>,
): C {
  const here = (port: number) => ports.get(port) ?? port;
  const entries = Object.entries(connection).map(([name, value]) => {
    if (!isPortField(name)) return [name, value];
    return [name, Array.isArray(value) ? value.map(here) : here(value)];
  });
  return { ...Object.fromEntries(entries), ssh: "", interface: "tcp://127.0.0.1" };
}

function portsOf(connection: object): number[] {
  return Object.entries(connection).filter(([name]) => isPortField(name)).flatMap(([_, value]) => value);
}

function isPortField(name: string): boolean {
  return PORTS.some((field) => field === name);
}
