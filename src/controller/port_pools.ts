/**
 * Which socket gets which port: pools for engines, for clients and for both, used up in ipcontroller's order, so that a firewall's
 * rules go on to hold. What is left over when the pools are empty takes free ports.
 */
import type { HubPorts } from "../hub/options.ts";

/** The pools, and the hub's own port if one is wanted. */
export interface PortPools {
  readonly registration: number;
  readonly ports: readonly number[];
  readonly enginePorts: readonly number[];
  readonly clientPorts: readonly number[];
  /** Sockets of the broadcast tree for engines. */
  readonly leaves: number;
}

/** Ports by socket; absent where any free one will do. */
export function portsFrom({ registration, ports, enginePorts, clientPorts, leaves }: PortPools): HubPorts {
  const common = [...ports];
  const engine = [...registration === 0 ? [] : [registration], ...enginePorts], client = [...clientPorts];
  const take = (pool: number[]) => pool.shift() ?? common.shift();
  const hub = { registration: take(engine) };
  const engines = taken(["control", "mux", "task", "iopub"], () => take(engine));
  const [hbPing, hbPong] = [take(engine), take(engine)];
  const broadcast = Array.from({ length: leaves }, () => take(engine) ?? 0);
  const clients = taken(["control", "mux", "task", "iopub"], () => take(client));
  const notification = take(client);
  return {
    ...hub,
    notification,
    hbPing,
    hbPong,
    engine: { ...engines, ...(broadcast.some((port) => port !== 0) ? { broadcast } : {}) },
    client: { ...clients, ...taken(["broadcast"], () => take(client)) },
  };
}

function taken(names: readonly string[], next: () => number | undefined): Record<string, number> {
  return Object.fromEntries(names.flatMap((name) => {
    const port = next();
    return port === undefined ? [] : [[name, port]];
  }));
}

/** For ipc: a number for each socket, behind the path that they share. */
export function ipcNumbers(leaves: number): HubPorts {
  let number = 1;
  const names = ["control", "mux", "task", "iopub"];
  return {
    registration: number++,
    notification: number++,
    hbPing: number++,
    hbPong: number++,
    client: taken([...names, "broadcast"], () => number++),
    engine: { ...taken(names, () => number++), broadcast: Array.from({ length: leaves }, () => number++) },
  };
}
