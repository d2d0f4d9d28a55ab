/**
 * How soon an engine is ready again after a running task was cancelled: from the client's cancel until the next task has its result, which waits
 * behind a killed process and the spare that takes its place.
 */
import { Cluster } from "../../src/cluster/cluster.ts";
import { type Figures, quantile } from "./figures.ts";
import type { Plan } from "./run.ts";

/** Between two cancels: spares are made again meanwhile. */
const PAUSE_MS = 700;

export async function benchCancel({ quick, wants }: Plan): Promise<Figures> {
  const count = quick ? 7 : 25;
  const figures: Figures = {};
  if (wants("cancel_ready_ms")) figures.cancel_ready_ms = await readyAgain(count, []);
  if (wants("cancel_ready_undecided_ms")) {
    figures.cancel_ready_undecided_ms = await readyAgain(count, ["--decided-spares=0"]);
  }
  return figures;
}

async function readyAgain(count: number, engineArgs: readonly string[]): Promise<number> {
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "bench", n: 1, engineArgs });
    await using client = await cluster.client();
    const engine = client.direct(client.ids[0]!);
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      await engine.apply(() => 1);
      const loop = engine.apply(() => {
        console.log("begun");
        for (;;);
      });
      while (loop.metadata.stdout === "") await new Promise((resolve) => setTimeout(resolve, 5));
      const failed = loop.then(() => "", (error: unknown) => error instanceof Error ? error.name : "");
      const began = performance.now();
      loop.cancel();
      if (await engine.apply((n: number) => n + 1, i) !== i + 1) throw new Error("A wrong result");
      times.push(performance.now() - began);
      if (await failed !== "TaskCancelled") throw new Error("The loop was not cancelled");
    }
    return quantile(times, 0.5);
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}
