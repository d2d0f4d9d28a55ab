/** How long a cluster of two engines takes from its start to the first result: from source, and compiled. */

import { Client } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { type Figures, quantile } from "./figures.ts";
import type { Plan } from "./run.ts";

const ENGINES = 2;
const DEADLINE_MS = 30_000;

/** Median of some starts, each in a new folder. */
export async function benchStart({ quick, wants }: Plan): Promise<Figures> {
  const runs = quick ? 2 : 5;
  const figures: Figures = {};
  if (wants("cluster_start_s")) figures.cluster_start_s = await medianSeconds(runs, startFromSource);
  const compiled = wants("cluster_start_compiled_s") ? await compiledFile() : undefined;
  if (compiled !== undefined) {
    figures.cluster_start_compiled_s = await medianSeconds(runs, (folder) => startCompiled(compiled, folder));
  }
  return figures;
}

async function medianSeconds(runs: number, start: (folder: string) => Promise<number>): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < runs; i++) {
    const folder = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
    try {
      seconds.push(await start(folder));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  return quantile(seconds, 0.5);
}

async function startFromSource(profileDir: string): Promise<number> {
  const began = performance.now();
  await using cluster = await Cluster.start({ profileDir, clusterId: "bench", n: ENGINES });
  await using client = await cluster.client();
  await firstResult(client);
  return (performance.now() - began) / 1000;
}

async function startCompiled(program: string, profileDir: string): Promise<number> {
  const began = performance.now();
  const args = [
    "cluster",
    "start",
    "-n",
    String(ENGINES),
    "--profile-dir",
    profileDir,
    "--cluster-id",
    "bench",
  ];
  const cluster = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "inherit" })
    .spawn();
  try {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    await fileAppears(`${profileDir}/security/ipcontroller-bench-client.json`, signal);
    await using client = await Client.connect({ profileDir, clusterId: "bench", signal });
    await client.waitForEngines(ENGINES, { signal });
    await firstResult(client);
    return (performance.now() - began) / 1000;
  } finally {
    cluster.kill("SIGINT");
    await cluster.status;
  }
}

async function firstResult(client: Client): Promise<void> {
  const sum = await client.loadBalanced().apply((a: number, b: number) => a + b, 40, 2);
  if (sum !== 42) throw new Error(`Cannot trust the cluster: 40 + 2 gave ${sum}`);
}

async function fileAppears(path: string, signal: AbortSignal): Promise<void> {
  while (!await isThere(path)) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** The compiled program that the environment names, or the one that `deno task compile` made. */
async function compiledFile(): Promise<string | undefined> {
  const named = Deno.env.get("TSPARALLEL_COMPILED");
  if (named !== undefined && named !== "") return named;
  const made = new URL("../../dist/tsparallel", import.meta.url).pathname;
  if (await isThere(made)) return made;
  console.error(
    'Skipped cluster_start_compiled_s: no "dist/tsparallel", and TSPARALLEL_COMPILED names no file',
  );
  return undefined;
}
