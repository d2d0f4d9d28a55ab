/**
 * The controller's memory after a million tasks, half of them of maps and half of single calls, on a cluster of two engines with its records in SQLite.
 */

import { Cluster } from "../../src/cluster/cluster.ts";
import type { Figures } from "./figures.ts";
import { pssOfTrees } from "./memory.ts";
import { mapRate, submitRate } from "./rates.ts";

/** Between these numbers of finished tasks memory is compared. */
const FROM = 200_000;
const TO = 1_000_000;
const BATCH = 20_000;

/** Measures memory only: rates are those of `cluster_bench.ts`. */
export async function benchMillion(): Promise<Figures> {
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "bench", n: 2 });
    await using client = await cluster.client();
    const view = client.loadBalanced();
    let before = NaN;
    for (let done = 0; done < TO; done += BATCH) {
      if (done === FROM) before = controllerPss(cluster);
      await (done / BATCH % 2 === 0 ? submitRate : mapRate)(view, BATCH);
    }
    const after = controllerPss(cluster);
    return { controller_pss_1M_MB: after, controller_growth_1M_MB: after - before };
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}

/** MB of the controller and its children. */
export function controllerPss(cluster: Cluster): number {
  const controllers = cluster.parts.filter(({ saved }) => saved.kind === "controller");
  return pssOfTrees(controllers.map(({ pid }) => pid!));
}
