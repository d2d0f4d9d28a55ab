/**
 * Which cluster is meant: names and folders as users give them, with what the environment adds.
 */
import { resolve } from "node:path";
import { clusterId as chooseClusterId, profileDir as chooseProfileDir } from "../base/profile_dir.ts";
import type { ClusterPlace } from "./launcher.ts";

/** Which cluster; what is missing comes from the environment, as ipyparallel has it. */
export interface ClusterName {
  /** Default `default`. */
  readonly profile?: string | undefined;
  /** The run's folder itself. Default `~/.ipython/profile_<name>`. */
  readonly profileDir?: string | undefined;
  /** Folder of all profiles' folders. */
  readonly ipythonDir?: string | undefined;
  /** Tells several clusters of a profile apart. Default empty. */
  readonly clusterId?: string | undefined;
}

/** The place that a name means, its folder absolute. */
export function placeOf(name: ClusterName): ClusterPlace {
  const profileDir = resolve(chooseProfileDir(name));
  const named = name.profile ?? /profile_([^/\\]+)$/.exec(profileDir)?.[1];
  return { profile: named ?? "default", profileDir, clusterId: chooseClusterId(name.clusterId) };
}
