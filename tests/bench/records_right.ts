/**
 * `deno task bench:records [--quick]`: runs a map of 1,000,000 no-ops (100,000 with `--quick`) on a cluster of two, and checks the hub's records of
 * it through the client's public queries. Ends with exit code 1 where one is wrong.
 */

import type { Client } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { RemoteError } from "../../src/protocol/errors.ts";
import { gapsOf, idProblems, placesOf, rowProblems, SAMPLED_KEYS } from "./records_check.ts";

const SAMPLE = 500;
/** msg_ids in one question. */
const SLICE = 50_000;
/** Most numbers that the client's own questions may take meanwhile. */
const MAX_GAPS = 20;
const DEADLINE_MS = 120_000;

/** @returns what is wrong, nothing if all is right */
async function checkedMap(count: number): Promise<string[]> {
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "bench", n: 2 });
    await using client = await cluster.client();
    const began = performance.now();
    let i = 0;
    const results = client.loadBalanced().map((n: number) => n + 1, Array(count).keys(), { chunkSize: 1 });
    for await (const result of results) {
      if (result !== ++i) throw new Error(`Cannot trust the cluster: ${result} came back in place of ${i}`);
    }
    const seconds = (performance.now() - began) / 1000;
    const problems = await recordProblems(client, count);
    const rate = Math.round(count / seconds).toLocaleString("en");
    console.log(
      `${count.toLocaleString("en")} tasks at ${rate} tasks/s: ${problems.length} problems in all records ` +
        `counted and ${SAMPLE} of them read`,
    );
    return problems;
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}

async function recordProblems(client: Client, count: number): Promise<string[]> {
  await allWritten(client);
  const ids = await client.history({ timeoutMs: DEADLINE_MS });
  const { session } = client;
  const problems = idProblems(ids, { session, count });
  let completed = 0;
  for (let at = 0; at < ids.length; at += SLICE) {
    completed += (await client.resultStatus(ids.slice(at, at + SLICE), { timeoutMs: DEADLINE_MS })).completed
      .length;
  }
  if (completed !== count) problems.push(`${completed} are completed in place of ${count}`);
  problems.push(...await gapProblems(client, gapsOf(ids)));
  const places = placesOf(ids);
  const sample = Array.from({ length: SAMPLE }, () => ids[Math.floor(Math.random() * ids.length)]!);
  const wanted = [...new Set(sample)];
  const rows = await client.query({ msg_id: { $in: wanted } }, SAMPLED_KEYS, { timeoutMs: DEADLINE_MS });
  if (rows.length !== wanted.length) problems.push(`${rows.length} of ${wanted.length} records were found`);
  const engines = new Set(client.ids.map((id) => client.engineUuid(id) ?? ""));
  const itemOf = (id: string) => places.get(id) ?? NaN;
  return [...problems, ...rows.flatMap((row) => rowProblems(row, { session, engines, itemOf }))];
}

/** A number that no record has must be one of the client's own questions: the hub knows no task of it, open or done. */
async function gapProblems(client: Client, gaps: readonly string[]): Promise<string[]> {
  // One question in some seconds takes a number; more are tasks that are not recorded.
  if (gaps.length > MAX_GAPS) {
    return [`${gaps.length} numbers between the first and the last task are no record's`];
  }
  const problems: string[] = [];
  for (const id of gaps) {
    const rows = await client.query({ msg_id: id }, ["msg_id"], { timeoutMs: DEADLINE_MS });
    if (rows.length > 0) problems.push(`${id} has a record that the history does not have`);
    // It refuses to say anything about a task that it does not know.
    const known = await client.resultStatus([id], { timeoutMs: DEADLINE_MS }).catch((error) => error);
    if (!(known instanceof RemoteError)) problems.push(`${id} is a task's: ${JSON.stringify(known)}`);
  }
  return problems;
}

/** Records follow the results: waits until none is open. */
async function allWritten(client: Client): Promise<void> {
  const until = performance.now() + DEADLINE_MS;
  while ((await client.query({ completed: null }, ["msg_id"], { timeoutMs: DEADLINE_MS })).length > 0) {
    if (performance.now() > until) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

if (import.meta.main) {
  const problems = await checkedMap(Deno.args.includes("--quick") ? 100_000 : 1_000_000);
  for (const problem of problems.slice(0, 20)) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
