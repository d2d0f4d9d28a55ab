/**
 * Finding the connection file of a cluster, and waiting for a controller that is just starting.
 */
import { clusterId, profileDir } from "../base/profile_dir.ts";
import { type ClientConnection, connectionPaths, readConnectionFile } from "../protocol/connection_file.ts";
import { ConnectionFileError } from "../protocol/errors.ts";
import { abortError } from "./waiting.ts";

/** Which cluster. Without any, the default profile's. */
export interface ClusterPlace {
  /** Name of the profile. Default: IPP_PROFILE_DIR's, else `default`. */
  readonly profile?: string | undefined;
  /** The profile's folder itself. */
  readonly profileDir?: string | undefined;
  /** The folder of all profiles. Default IPYTHONDIR, else `~/.ipython`. */
  readonly ipythonDir?: string | undefined;
  /** Tells several clusters of a profile apart. Default IPP_CLUSTER_ID, else empty. */
  readonly clusterId?: string | undefined;
  /** The connection file itself. */
  readonly file?: string | undefined;
  /** What stands in the file. */
  readonly connection?: ClientConnection | undefined;
  /** How long to wait for the file to appear. Default 0. */
  readonly waitMs?: number | undefined;
  /** Gives up connecting. */
  readonly signal?: AbortSignal | undefined;
}

const LOOK_MS = 50;

/**
 * What the cluster's connection file says.
 * @throws ConnectionFileError saying where it was looked for and what to do
 */
export async function findConnection(place: ClusterPlace): Promise<ClientConnection> {
  if (place.connection !== undefined) return place.connection;
  const path = place.file ?? connectionPaths(profileDir(place), clusterId(place.clusterId)).client;
  const deadline = Date.now() + (place.waitMs ?? 0);
  for (;;) {
    try {
      return readConnectionFile(path, "client");
    } catch (error) {
      const mayCome = error instanceof ConnectionFileError &&
        (error.kind === "missing" || error.kind === "unreadable");
      if (!mayCome || Date.now() >= deadline) throw error;
    }
    await pause(LOOK_MS);
    if (place.signal?.aborted === true) throw abortError(place.signal);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
