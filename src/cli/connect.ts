/**
 * A client for the cluster that the flags name, and sentences for when there is none.
 */
import type { Client } from "../client/client.ts";
import { CLIENT_OPTIONS } from "../client/options.ts";
import { connectionFile, liveController } from "../cluster/live_controller.ts";
import { isThisHost, readConnectionFile } from "../protocol/connection_file.ts";
import { type Flags, type Run, tableValues } from "./command.ts";

/** There is no cluster, or it does not answer. */
export class NoClusterError extends Error {
  override readonly name = "NoClusterError";
}

/**
 * Connects to the controller of this run.
 * @throws ConnectionFileError if there is no usable connection file; NoClusterError if nobody answers
 */
export async function connect(
  run: Run,
  given: { readonly flags: Flags; readonly signal: AbortSignal },
): Promise<Client> {
  const { flags, signal } = given;
  const { connectTimeoutMs, curveKeyFile, ssh, sshCommand, sshKey } = tableValues(CLIENT_OPTIONS, {
    flags,
    run,
    section: "client",
  });
  if (ssh === "") await refuseDeadController(run);
  const { Client } = await import("../client/client.ts");
  try {
    return await Client.connect({
      profileDir: run.dir,
      clusterId: run.clusterId,
      timeoutMs: connectTimeoutMs,
      ssh,
      sshCommand,
      sshKey: sshKey ?? undefined,
      curveSecretKey: curveKeyFile === null
        ? undefined
        : (await import("../wire/curve_keys.ts")).readCurveKeys(curveKeyFile, "--curve-key-file").secretKey,
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new NoClusterError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Says at once what would else take the whole timeout: the file is here, its controller was on this machine and is gone. */
async function refuseDeadController(run: Run): Promise<void> {
  const place = { profile: run.profileName, profileDir: run.dir, clusterId: run.clusterId };
  const path = connectionFile(place, "client");
  const { location } = readConnectionFile(path, "client");
  if (!isThisHost(location) || await liveController(place) !== undefined) return;
  throw new NoClusterError(
    `Cannot connect: the controller that wrote "${path}" is gone; start one with \`tsparallel cluster start\``,
  );
}
