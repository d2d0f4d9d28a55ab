/**
 * Whether a cluster runs: what its file names, asked part by part of those that have it.
 */
import { clusterFilePath, type ClusterRecord, readClusterFile } from "./cluster_file.ts";
import { optionsFrom } from "./cluster_settings.ts";
import { ClusterError, type ClusterPlace } from "./launcher.ts";
import { makeLauncher } from "./launchers.ts";
import { liveController } from "./live_controller.ts";
import { isAlive } from "./process.ts";

/** What runs at a place, and what a dead cluster left there. */
export async function findCluster(
  profileDir: string,
  clusterId: string,
): Promise<{ readonly record: ClusterRecord; readonly isAlive: boolean } | undefined> {
  const record = readClusterFile(clusterFilePath(profileDir, clusterId));
  return record === undefined ? undefined : { record, isAlive: await hasLiveParts(record) };
}

/** Whether any part of the cluster still runs, or waits to. A part that nobody can be asked about counts as running. */
export async function hasLiveParts(record: ClusterRecord): Promise<boolean> {
  if (record.supervisor !== null && isAlive(record.supervisor)) return true;
  const options = optionsFrom(record.settings);
  // Of what others started nobody knows; the rest of the cluster decides.
  const parts = [record.controller, ...record.engines].filter(({ launcher }) => launcher !== "proxy");
  const states = parts.map(async (saved) => {
    const part = (await makeLauncher(saved.launcher, options)).adopt(saved);
    return (await part.state().catch(() => null))?.is !== "ended";
  });
  return (await Promise.all(states)).includes(true);
}

/** @throws ClusterError if a cluster or a controller is at this place already */
export async function refuseSecond(place: ClusterPlace): Promise<void> {
  const found = await findCluster(place.profileDir, place.clusterId);
  const where = `profile "${place.profile}"${idPhrase(place)}`;
  if (found?.isAlive) {
    const { supervisor, controller } = found.record;
    const label = supervisor !== null && isAlive(supervisor)
      ? `pid ${supervisor.pid}`
      : (await makeLauncher(controller.launcher, optionsFrom(found.record.settings))).adopt(controller).label;
    throw new ClusterError(
      `Cannot start the cluster: one runs already for ${where} with ${label}; ` +
        "stop it with `tsparallel cluster stop`, or choose another --cluster-id",
    );
  }
  const live = await liveController(place);
  if (live === undefined) return;
  throw new ClusterError(`Cannot start the cluster: a ${live} serves ${where} already; end it first`);
}

function idPhrase(place: ClusterPlace): string {
  return place.clusterId === "" ? "" : ` and cluster id "${place.clusterId}"`;
}
