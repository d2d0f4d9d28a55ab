/**
 * Where a cluster's files are: ipyparallel's folders and environment variables, so that both find each other's clusters.
 *
 * Runs in Node as well, since the client does.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Reads one environment variable; undefined if it is not set or may not be read. */
export type Environment = (name: string) => string | undefined;

/** Which profile; whatever is missing comes from the environment. */
export interface ProfilePlace {
  /** Name of the profile. Default `default`. */
  readonly profile?: string | undefined;
  /** The profile's folder itself; then neither `profile` nor `ipythonDir` counts. */
  readonly profileDir?: string | undefined;
  /** The folder of all profiles. Default `IPYTHONDIR`, else `~/.ipython`. */
  readonly ipythonDir?: string | undefined;
}

/**
 * The folder of a profile: `profileDir`, or `IPP_PROFILE_DIR` if no profile is named, or `<ipythonDir>/profile_<name>`.
 * @throws RangeError if the name is no name of a folder
 */
export function profileDir(place: ProfilePlace = {}, environment: Environment = processEnvironment): string {
  if (place.profileDir !== undefined && place.profileDir !== "") return place.profileDir;
  const inherited = environment("IPP_PROFILE_DIR");
  const isNamed = place.profile !== undefined || place.ipythonDir !== undefined;
  if (!isNamed && inherited !== undefined && inherited !== "") return inherited;
  const profile = place.profile ?? "default";
  if (profile === "" || /[/\\\0]/.test(profile)) {
    throw new RangeError(`Cannot use profile "${profile}": it is no name of a folder`);
  }
  return join(ipythonDir(place.ipythonDir, environment), `profile_${profile}`);
}

/** The folder of all profiles. */
export function ipythonDir(given?: string, environment: Environment = processEnvironment): string {
  const dir = given ?? environment("IPYTHONDIR") ?? "";
  return dir === "" ? join(homedir(), ".ipython") : dir;
}

/** The cluster id: as given, else `IPP_CLUSTER_ID`, else empty. */
export function clusterId(given?: string, environment: Environment = processEnvironment): string {
  return given ?? environment("IPP_CLUSTER_ID") ?? "";
}

/** The variables of this process. */
export function processEnvironment(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}
