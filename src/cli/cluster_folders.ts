/**
 * Where clusters' files are: all profiles' folders, or the one that was named.
 */
import type { Command } from "commander";
import { ipythonDir } from "../base/profile_dir.ts";
import { type Flags, textFlag } from "./command.ts";

/** Adds the flags that say whose clusters are meant. */
export function addFolderFlags(command: Command): void {
  command
    .option("--ipython-dir <path>", "folder of the profiles' folders, or IPYTHONDIR")
    .option("--profile-dir <path>", "only the clusters of this run's folder, or IPP_PROFILE_DIR");
}

/** The runs' folders that the flags mean. */
export function clusterFolders(flags: Flags): string[] {
  const only = textFlag(flags, "profileDir") ??
    (flags["ipythonDir"] === undefined ? Deno.env.get("IPP_PROFILE_DIR") : "");
  if (only !== undefined && only !== "") return [only];
  const root = ipythonDir(textFlag(flags, "ipythonDir"));
  return namesIn(root).filter((name) => name.startsWith("profile_")).map((name) => `${root}/${name}`);
}

/** The ids of clusters that have a file in a run's folder: those of a cluster, or of a controller that was started by itself. */
export function clusterIdsIn(profileDir: string): string[] {
  const files = [
    ...namesIn(`${profileDir}/security`).map((name) => /^tsparallel-cluster-(.*)\.json$/.exec(name)?.[1]),
    ...namesIn(`${profileDir}/pid`).map((name) => /^ipcontroller(?:-(.*))?\.pid$/.exec(name)).map((found) =>
      found === null ? undefined : found[1] ?? ""
    ),
  ];
  return [...new Set(files.filter((id) => id !== undefined))].sort();
}

/** The profile whose folder this is. */
export function profileOf(profileDir: string): string {
  return /profile_([^/\\]+)$/.exec(profileDir)?.[1] ?? "default";
}

/** Names of what is in a folder; none if it is not there. */
export function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
  } catch {
    return [];
  }
}
