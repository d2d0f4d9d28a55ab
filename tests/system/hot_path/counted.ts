/** Tasks that are counted by a side effect: each run appends its number to a file, outside of the cluster's own bookkeeping. */
import assert from "node:assert/strict";
import type { Client } from "../../../src/client/client.ts";
import { Run, type RunOptions } from "../run.ts";

/** How many tasks the normal suite runs, as a share: TSPARALLEL_HOT_PATH=1 runs all. */
export const SHARE = Deno.env.get("TSPARALLEL_HOT_PATH") === "1" ? 1 : 0.1;

/** So many tasks of the long form. */
export function scaled(tasks: number): number {
  return Math.round(tasks * SHARE);
}

/** A folder in which engines may write, one file for each cluster. */
export class Marks {
  readonly folder = Deno.makeTempDirSync({ prefix: "tsparallel-marks-" });
  readonly path = `${this.folder}/marks`;

  /** How often each number was written. */
  counts(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const line of Deno.readTextFileSync(this.path).split("\n")) {
      if (line !== "") counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1);
    }
    return counts;
  }

  start(options: RunOptions = {}): Promise<Run> {
    Deno.writeTextFileSync(this.path, "");
    const engineArgs = [...options.engineArgs ?? [], `--allow-write=${this.folder}`];
    return Run.start({ ...options, engineArgs });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** How many records there are of each status. */
export async function recordedBy(
  client: Client,
  statuses: readonly string[],
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const status of statuses) {
    counts[status] = (await client.query({ status }, ["msg_id"])).length;
  }
  return counts;
}

/** Fails where a task ran more often than it may. @param most how often a task may run */
export function ranAtMost(counts: ReadonlyMap<number, number>, most: (i: number) => number): void {
  const wrong = [...counts].filter(([i, count]) => count > most(i));
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} tasks ran too often`);
}
