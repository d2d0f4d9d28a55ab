/**
 * `tsparallel cluster stop`: ends a cluster by its cluster file, whoever started it; what only a file still claims is cleared away.
 */
import type { Command } from "commander";
import { Cluster } from "../cluster/cluster.ts";
import { findCluster } from "../cluster/running.ts";
import { clusterFilePath, pidFilePath, removeIfThere } from "../cluster/cluster_file.ts";
import { isAlive, stopProcess } from "../cluster/process.ts";
import { runPhrase } from "./running_cluster.ts";
import { addExamples, addRunFlags, type Flags, openRun, type Run } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import { interruptible } from "./interrupt.ts";

/** How long the watchman may take to end its cluster before that is done for it. */
const PATIENCE_MS = 15_000;

/** Gives the command its options and action. */
export function defineStop(command: Command): void {
  command.description("Stop a cluster: its controller, its engines, and the process that watches over them.");
  addRunFlags(command);
  addExamples(command, [
    "tsparallel cluster stop",
    "tsparallel cluster stop --profile untrusted --cluster-id night",
  ]);
  command.action(async (flags: Flags) => {
    const run = await openRun(flags);
    Deno.exitCode = await interruptible(() => stop(run));
  });
}

async function stop(run: Run): Promise<number> {
  const name = runPhrase(run);
  const found = await findCluster(run.dir, run.clusterId);
  if (found === undefined || !found.isAlive) {
    const stale = found === undefined ? "" : "; removed the files of one that is gone";
    removeIfThere(clusterFilePath(run.dir, run.clusterId));
    removeIfThere(pidFilePath(run.dir, run.clusterId));
    console.error(`tsparallel: No cluster of ${name} runs${stale}`);
    return EXIT.noCluster;
  }
  const { supervisor } = found.record;
  const cluster = await Cluster.fromFile(clusterFilePath(run.dir, run.clusterId));
  if (supervisor !== null && isAlive(supervisor)) await stopProcess(supervisor, PATIENCE_MS);
  await cluster.stop();
  removeIfThere(pidFilePath(run.dir, run.clusterId));
  for (const { remarks } of cluster.parts) if (remarks !== undefined) console.log(remarks.stopped);
  console.log(`Stopped the cluster of ${name}`);
  return EXIT.ok;
}
