/**
 * An engine's way to a controller on another machine: by the address that answers, or through an SSH server. The tunnel is opened before they are, and they end with it.
 */
import type { Logger } from "../base/log.ts";
import type { OptionValues } from "../base/options.ts";
import type { ENGINE_OPTIONS } from "../engine/options.ts";
import type { EngineConnection } from "../protocol/connection_file.ts";
import { beyond, hostsToTry, serverNamed, tunneled } from "../protocol/ways.ts";
import { EXIT } from "./exit_codes.ts";

/** Runs engines on the connection, through a tunnel if flags or its file ask for one. @returns the exit code */
export async function throughTunnel(
  connection: EngineConnection,
  { ssh, sshCommand, sshkey }: Pick<OptionValues<typeof ENGINE_OPTIONS>, "ssh" | "sshCommand" | "sshkey">,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
  run: (connection: EngineConnection, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const server = ssh || serverNamed(connection);
  if (server === "") return await run(await reached(connection, log), signal);
  const { openTunnel, serverHost } = await import("../wire/tunnel.ts");
  const tunnel = await openTunnel({
    ...beyond(connection, serverHost(server)),
    server,
    command: sshCommand,
    keyFile: sshkey ?? undefined,
    signal,
  });
  log.info("The controller is reached through an SSH tunnel", { server });
  const broken = new AbortController();
  void tunnel.broken.then((sentence) => {
    log.error(`${sentence}; the engines end, since what was under way in it is lost`);
    broken.abort();
  });
  try {
    const code = await run(tunneled(connection, tunnel.ports), AbortSignal.any([signal, broken.signal]));
    return broken.signal.aborted ? EXIT.failed : code;
  } finally {
    await tunnel.close();
  }
}

/** With the address that answers in its host name's place, where there are several. */
async function reached(connection: EngineConnection, log: Logger): Promise<EngineConnection> {
  const hosts = hostsToTry(connection);
  if (hosts.length === 0) return connection;
  const { answeringHost } = await import("../wire/answering.ts");
  const host = await answeringHost(hosts, connection.registration);
  if (host === undefined) {
    log.warn("The controller answers at none of its addresses", { tried: hosts.join(", ") });
    return connection;
  }
  if (host !== connection.location) log.info("The controller is reached by another address", { host });
  return { ...connection, location: host };
}
