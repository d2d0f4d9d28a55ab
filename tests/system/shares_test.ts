/** Clients share the engines, whatever one of them has piled up; a client's own priorities hold within it. */
import assert from "node:assert/strict";
import { STATUS } from "../../src/protocol/groups.ts";
import { RawPeer, resultsOf } from "./raw_peer.ts";
import { eventually, queueIsEmpty, Run } from "./run.ts";

const PILED = 50_000;
/** Tasks of the other that may begin before a single one: what engines hold, and what passes while the task is on its way. */
const MOST_BEFORE = 250;

for (const hwm of ["", "--hwm=0"]) {
  Deno.test(`single tasks come back at once beside 50,000 of another client ${hwm}`, async () => {
    await singleTasks(hwm === "" ? [] : [hwm]);
  });
}

async function singleTasks(controllerArgs: readonly string[]): Promise<void> {
  await using run = await Run.start({ controllerArgs });
  const other = await run.connect();
  const stop = new AbortController();
  const piled = run.client.loadBalanced({ signal: stop.signal, label: "piled" });
  const brief = () => new Promise((resolve) => setTimeout(resolve, 1));
  await piled.apply(brief);
  const results = Array.from({ length: PILED }, () => Promise.resolve(piled.apply(brief)).catch(() => {}));
  await eventually(
    async () => (await other.status()).queue as { unassigned: number; open: number },
    ({ unassigned, open }) => unassigned + open > PILED / 2,
    "the tasks wait, or are at engines",
  );
  const view = other.loadBalanced({ label: "single" });
  for (let i = 0; i < 20; i++) assert.equal(await view.apply((x: number) => x + 1, i), i + 1);
  stop.abort();
  await Promise.all(results);
  await queueIsEmpty(other);
  const keys = ["submitted", "started"] as const;
  const starts = (await other.query({ label: "piled", started: { $ne: null } }, [...keys]))
    .map((record) => timeOf(record["started"])).sort((a, b) => a - b);
  const singles = await other.query({ label: "single" }, [...keys]);
  assert.equal(singles.length, 20);
  for (const record of singles) {
    const submitted = timeOf(record["submitted"]), started = timeOf(record["started"]);
    const before = starts.filter((at) => at >= submitted && at < started).length;
    assert.ok(before <= MOST_BEFORE, `${before} tasks of the other client began before it`);
  }
  assert.ok(starts.length < PILED / 2, `${starts.length} tasks of the other client ran`);
}

function timeOf(value: unknown): number {
  return value instanceof Date ? value.getTime() : Date.parse(String(value));
}

Deno.test("a client's tasks run by priority, of the same priority in order, and records know it", async () => {
  await using run = await Run.start({ n: 1, controllerArgs: ["--hwm=1"] });
  const { client } = run;
  const view = client.loadBalanced();
  const note = (name: string) => {
    const all = globalThis as { ran?: string[] };
    (all.ran ??= []).push(name);
  };
  await view.apply(note, "first");
  // They leave in one group, so that all of them wait before one is chosen.
  const tasks = [0, 5, -3, 5, 1000, 0, -1000, 1].map((priority, i) =>
    view.with({ priority, label: "ranked" }).apply(note, `${priority} #${i}`)
  );
  await Promise.all(tasks);
  const ran = await client.direct(0).execute("ran") as { value: unknown };
  assert.deepEqual(ran.value, [
    "first",
    "1000 #4",
    "5 #1",
    "5 #3",
    "1 #7",
    "0 #0",
    "0 #5",
    "-3 #2",
    "-1000 #6",
  ]);
  const found = await client.query({ label: "ranked", priority: { $gte: 1 } }, ["priority"]);
  assert.deepEqual(found.map((record) => record["priority"]).sort(), [1, 1000, 5, 5]);
  const plain = await client.query({ priority: 0 }, ["priority", "label"]);
  assert.deepEqual(plain.map(({ label, priority }) => [label, priority]), [
    [null, 0],
    ["ranked", 0],
    ["ranked", 0],
  ]);
  for (const wrong of [1001, -1001, 1.5, NaN, "5"]) {
    assert.throws(() => view.with({ priority: wrong as number }), RangeError);
  }
});

Deno.test("a priority that cannot be is refused by the scheduler too", async () => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir);
  await peer.announce();
  const tails = [1001, -1001, 0.5, "5", [], true, 3].map((priority) =>
    new TextEncoder().encode(JSON.stringify({ priority }))
  );
  peer.send("task", [peer.tasks(tails.map((tail, i) => ({ n: i + 1, tail })))]);
  const results = await resultsOf(peer, "task", tails.length);
  assert.deepEqual([...results].sort(([a], [b]) => a - b).map(([, status]) => status), [
    ...Array.from({ length: 6 }, () => STATUS.error),
    STATUS.ok,
  ]);
  const [record] = await run.client.query({ priority: 1001 }, ["result_content"]);
  const { ename, evalue } = record!["result_content"] as Record<string, string>;
  assert.equal(ename, "RangeError");
  assert.match(evalue!, /"priority": 1001 is no whole number from -1000 to 1000/);
});
