/**
 * The cluster that a command is about, if it runs.
 */
import { Cluster } from "../cluster/cluster.ts";
import { clusterFilePath } from "../cluster/cluster_file.ts";
import { findCluster } from "../cluster/running.ts";
import type { Run } from "./command.ts";
import { NoClusterError } from "./connect.ts";

/** @throws NoClusterError that says whether there is a stale file */
export async function runningCluster(run: Run): Promise<Cluster> {
  const found = await findCluster(run.dir, run.clusterId);
  if (found?.isAlive) return await Cluster.fromFile(clusterFilePath(run.dir, run.clusterId));
  const stale = found === undefined
    ? ""
    : "; the file of one that is gone is still there: `tsparallel cluster clean` removes it";
  throw new NoClusterError(
    `No cluster of ${runPhrase(run)} runs that \`tsparallel cluster start\` or a program started${stale}`,
  );
}

/** `profile "default" with id "x"`. */
export function runPhrase({ profileName, clusterId }: Run): string {
  return `profile "${profileName}"${clusterId === "" ? "" : ` with id "${clusterId}"`}`;
}
