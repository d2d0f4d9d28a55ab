/**
 * The client's way to a controller on another machine: by the address that answers, or through an SSH server, where its user or the connection file names one.
 */
import type { ClientConnection } from "../protocol/connection_file.ts";
import { beyond, hostsToTry, serverNamed, tunneled } from "../protocol/ways.ts";
import type { Transport } from "./transport.ts";

/** How to get to a controller that cannot be reached from here. */
export interface TunnelOptions {
  /** SSH server to tunnel through, `[user@]host[:port]`. Default: the connection file's, if the controller is on another machine. */
  readonly ssh?: string | undefined;
  /** ssh with its flags. Default `ssh`. */
  readonly sshCommand?: string | undefined;
  /** File of a private key for it. */
  readonly sshKey?: string | undefined;
}

/** A connection, and what tells of the end of the tunnel that it goes through. */
export interface Way {
  readonly info: ClientConnection;
  readonly broken: Promise<string> | undefined;
}

/** @throws Error in ssh's words if there is no way; then the transport is closed */
export async function wayTo(
  info: ClientConnection,
  transport: Transport,
  options: TunnelOptions & { readonly signal?: AbortSignal | undefined },
): Promise<Way> {
  const server = options.ssh || serverNamed(info);
  if (server === "") return { info: await reached(info, transport), broken: undefined };
  try {
    if (transport.tunnel === undefined) throw new Error(noTunnel(server));
    const { ports, broken } = await transport.tunnel({
      ...beyond(info, server.replace(/^.*@|:\d+$/g, "")),
      server,
      command: options.sshCommand,
      keyFile: options.sshKey,
      signal: options.signal,
    });
    return { info: tunneled(info, ports), broken };
  } catch (error) {
    await transport.close();
    throw error;
  }
}

/** With the address that answers in its host name's place, where there are several. */
async function reached(info: ClientConnection, transport: Transport): Promise<ClientConnection> {
  const hosts = hostsToTry(info);
  const host = hosts.length === 0 ? undefined : await transport.answering?.(hosts, info.registration);
  return host === undefined ? info : { ...info, location: host };
}

function noTunnel(server: string): string {
  return `Cannot connect: there is an SSH tunnel to be made through "${server}", which this transport cannot; ` +
    `forward the file's ports yourself (ssh -L), and pass the file with "ssh" set to "" and "interface" to "tcp://127.0.0.1"`;
}
