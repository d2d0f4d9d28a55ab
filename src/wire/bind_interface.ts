/**
 * Binding to an interface as connection files name it: transport and address, to which each socket adds its own port.
 */
import { WireError } from "./errors.ts";
import type { Socket } from "./socket.ts";

/**
 * Binds a socket to one port of an interface; 0 takes a free one. For `ipc:///path` the "port" is a number behind the path.
 *
 * ipyparallel's controller makes `path-number` of it and its clients and engines `path:number`: the socket gets both names.
 * @returns the port
 * @throws WireError that names the address, if it is taken or not this machine's
 */
export function bindInterface(socket: Socket, base: string, port: number): number {
  try {
    return bound(socket, base, port);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const hint = HINTS[error.code];
    throw hint === undefined ? error : new WireError(`${error.message}; ${hint}`, error.code);
  }
}

/** What a user can do about an address that cannot be bound. */
const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "choose others with --port or --ports, or free ones without; with --reuse, see who listens there, or remove the connection files",
  EADDRNOTAVAIL: "give one of this machine's addresses as --ip (--client-ip, --engine-ip), or * for all",
  ENODEV: "give one of this machine's addresses as --ip (--client-ip, --engine-ip), or * for all",
  EACCES: "choose a folder that you can write to as --ip, or ports from 1024 on",
};

function bound(socket: Socket, base: string, port: number): number {
  if (!base.startsWith("ipc://")) {
    const url = socket.bind(`${base}:${port === 0 ? "*" : port}`);
    return Number(url.slice(url.lastIndexOf(":") + 1));
  }
  for (const separator of ["-", ":"]) socket.bind(`${base}${separator}${port}`);
  return port;
}

/** Removes what sockets bound to an ipc interface leave behind; libzmq leaves it. Nothing for other transports. */
export function removeIpcFiles(base: string | undefined): void {
  const [, folder = "", stem = ""] = /^ipc:\/\/(.*)\/([^/]+)$/.exec(base ?? "") ?? [];
  if (stem === "") return;
  try {
    for (const { name } of [...Deno.readDirSync(folder)]) {
      if (!name.startsWith(stem) || !/^[-:]\d+$/.test(name.slice(stem.length))) continue;
      Deno.removeSync(`${folder}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The address by which this machine reaches a port on an interface. */
export function localUrl(base: string, port: number): string {
  if (base.startsWith("ipc://")) return `${base}-${port}`;
  return `${base.replace(/^tcp:\/\/(?:\*|0\.0\.0\.0)$/, "tcp://127.0.0.1")}:${port}`;
}
