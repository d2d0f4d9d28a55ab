/**
 * Engines behind an SSH server: the tunnel is opened before they are, and they end with it.
 */
import type { Logger } from "../base/log.ts";
import type { OptionValues } from "../base/options.ts";
import type { ENGINE_OPTIONS } from "../engine/options.ts";
import type { EngineConnection } from "../protocol/connection_file.ts";
import { beyond, serverNamed, tunneled } from "../protocol/tunneled.ts";
import { EXIT } from "./exit_codes.ts";

/** Runs engines on the connection, through a tunnel if flags or its file ask for one. @returns the exit code */
export async function throughTunnel(
  connection: EngineConnection,
  { ssh, sshCommand, sshkey }: Pick<OptionValues<typeof ENGINE_OPTIONS>, "ssh" | "sshCommand" | "sshkey">,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
  run: (connection: EngineConnection, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const server = ssh || serverNamed(connection);
  if (server === "") return await run(connection, signal);
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
