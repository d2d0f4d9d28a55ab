/** What the hub's records say of the demo's tasks: who ran them, and when. */

import type { Client } from "../client/client.ts";
import type { TaskRun } from "./report.ts";

const DEADLINE_MS = 10_000;
const PERIOD_MS = 50;

/**
 * The runs of all tasks submitted since a time. The last results reach the records a moment after the client, so it asks again
 * until all are there.
 * @param tasks.count how many tasks there are
 * @param tasks.since milliseconds since 1970
 * @throws Error if not all are there after 10 s
 */
export async function runsSince(
  client: Client,
  tasks: { readonly count: number; readonly since: number },
): Promise<TaskRun[]> {
  const query = { submitted: { $gte: new Date(tasks.since).toISOString() } };
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const records = await client.query(query, ["engine_uuid", "started", "completed"]);
    const runs = records.flatMap(runOf);
    if (runs.length === tasks.count) return runs;
    if (Date.now() > deadline) {
      throw new Error(
        `Cannot tell the speed-up: the hub has records of ${runs.length} of ${tasks.count} tasks`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
  }
}

/** A record as a run, or nothing while its task has not ended. */
function runOf(record: Readonly<Record<string, unknown>>): TaskRun[] {
  const { engine_uuid: engine, started, completed } = record;
  if (typeof engine !== "string") return [];
  const [startedMs, completedMs] = [millisecondsOf(started), millisecondsOf(completed)];
  return startedMs === undefined || completedMs === undefined ? [] : [{ engine, startedMs, completedMs }];
}

/** Milliseconds since 1970, with their fraction, which `Date` would cut off. */
export function millisecondsOf(time: unknown): number | undefined {
  if (time instanceof Date) return time.getTime();
  if (typeof time !== "string") return undefined;
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "0";
  const seconds = Date.parse(time.replace(/\.\d+/, ""));
  return Number.isNaN(seconds) ? undefined : seconds + Number(`0.${fraction}`) * 1000;
}
