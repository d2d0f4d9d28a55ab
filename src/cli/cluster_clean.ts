/**
 * `tsparallel cluster clean`: removes what dead clusters left: cluster files, pid files, connection files that nobody answers for, batch scripts and old logs.
 */
import type { Command } from "commander";
import { clusterFilePath, pidFilePath, removeIfThere } from "../cluster/cluster_file.ts";
import type { ClusterPlace } from "../cluster/launcher.ts";
import { liveController, removeControllerFiles } from "../cluster/live_controller.ts";
import { findCluster } from "../cluster/running.ts";
import { addFolderFlags, clusterFolders, clusterIdsIn, namesIn, profileOf } from "./cluster_folders.ts";
import { addExamples, type Flags } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

/** Gives the command its options and action. */
export function defineClean(command: Command): void {
  command.description(
    "Remove the files of clusters that are gone, in all profiles. What runs is left alone.",
  );
  addFolderFlags(command);
  command.option("--logs", "remove their logs and batch scripts too");
  addExamples(command, ["tsparallel cluster clean", "tsparallel cluster clean --logs"]);
  command.action(async (flags: Flags) => {
    let cleaned = 0;
    for (const profileDir of clusterFolders(flags)) {
      for (const clusterId of clusterIdsIn(profileDir)) {
        const place = { profile: profileOf(profileDir), profileDir, clusterId };
        if (await isAnythingAlive(place)) continue;
        removeFiles(place, flags["logs"] === true);
        console.log(
          `Removed the files of profile "${place.profile}"${
            clusterId === "" ? "" : ` with id "${clusterId}"`
          }`,
        );
        cleaned++;
      }
    }
    if (cleaned === 0) console.log("Nothing to clean");
    Deno.exitCode = EXIT.ok;
  });
}

/** A file that cannot be read is left to its owner's eyes. */
async function isAnythingAlive(place: ClusterPlace): Promise<boolean> {
  try {
    const found = await findCluster(place.profileDir, place.clusterId);
    return found?.isAlive === true || await liveController(place) !== undefined;
  } catch (error) {
    console.error(`tsparallel: ${error instanceof Error ? error.message : error}`);
    return true;
  }
}

function removeFiles(place: ClusterPlace, withLogs: boolean): void {
  const { profileDir, clusterId } = place;
  removeControllerFiles(place, "all");
  removeIfThere(clusterFilePath(profileDir, clusterId));
  removeIfThere(pidFilePath(profileDir, clusterId));
  if (!withLogs) return;
  const suffix = clusterId === "" ? "" : `-${clusterId}`;
  const isOurs = new RegExp(
    String.raw`^ip(controller|cluster|engine-[\w.-]+?)${escaped(suffix)}(\.\d+)?\.[a-z]+(\.old)?$`,
  );
  for (const folder of ["log", "batch"]) {
    for (const name of namesIn(`${profileDir}/${folder}`)) {
      if (isOurs.test(name)) removeIfThere(`${profileDir}/${folder}/${name}`);
    }
  }
}

function escaped(text: string): string {
  return text.replace(/[.\-]/g, "\\$&");
}
