/**
 * `tsparallel cluster list`: the clusters of all profiles, running or left behind.
 */
import type { Command } from "commander";
import { clusterFilePath, type ClusterRecord, readClusterFile } from "../cluster/cluster_file.ts";
import { hasLiveParts } from "../cluster/running.ts";
import { processIds } from "../cluster/local.ts";
import { addFolderFlags, clusterFolders, clusterIdsIn } from "./cluster_folders.ts";
import { addExamples, type Flags } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { tableText } from "./table_text.ts";

/** Gives the command its options and action. */
export function defineList(command: Command): void {
  command.description("List the clusters of all profiles.");
  addFolderFlags(command);
  command.option("--json", "one JSON document");
  addExamples(command, ["tsparallel cluster list", "tsparallel cluster list --json"]);
  command.action(async (flags: Flags) => {
    const clusters = await Promise.all(clusterFolders(flags).flatMap(clustersIn).map(seen));
    console.log(flags["json"] === true ? JSON.stringify(clusters.map(jsonOf)) : listText(clusters));
    Deno.exitCode = EXIT.ok;
  });
}

function clustersIn(folder: string): ClusterRecord[] {
  return clusterIdsIn(folder).flatMap((id) => recordOf(clusterFilePath(folder, id)));
}

function recordOf(path: string): ClusterRecord[] {
  try {
    return [readClusterFile(path)].filter((record) => record !== undefined);
  } catch (error) {
    console.error(`tsparallel: ${error instanceof Error ? error.message : error}`);
    return [];
  }
}

interface Seen {
  readonly record: ClusterRecord;
  readonly isRunning: boolean;
}

async function seen(record: ClusterRecord): Promise<Seen> {
  return { record, isRunning: await hasLiveParts(record) };
}

function jsonOf({ record, isRunning }: Seen) {
  return { ...record, running: isRunning, n: engineCount(record) };
}

function listText(clusters: readonly Seen[]): string {
  if (clusters.length === 0) return "No clusters";
  const rows = clusters.map(({ record, isRunning }) => [
    record.profile,
    record.clusterId,
    isRunning ? "yes" : "no (stale file)",
    String(engineCount(record)),
    controllerOf(record),
    record.engines[0]?.launcher ?? record.controller.launcher,
    record.startedAt.slice(0, 19).replace("T", " "),
  ]);
  return tableText([
    "profile",
    "cluster id",
    "running",
    "engines",
    "controller",
    "launcher",
    "started (UTC)",
  ], rows);
}

/** `pid 12`, or the jobs of another launcher. */
function controllerOf({ controller: { launcher, handle } }: ClusterRecord): string {
  const [first] = processIds(handle);
  return launcher === "local" && first !== undefined
    ? `pid ${first.pid}`
    : `${launcher} ${JSON.stringify(handle)}`;
}

function engineCount(record: ClusterRecord): number {
  return record.engines.reduce((sum, set) => sum + set.n, 0);
}
