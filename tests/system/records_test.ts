/** What is left of tasks when they are done: records, results for other clients, history, running them again. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { LimitExceeded, RemoteError } from "../../src/client/client.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

Deno.test("records of every kind of task, for other clients and after the end", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();
  const other = await run.connect();

  await test.step("another client gets values and errors by msg_id", async () => {
    const value = view.apply((x: number) => ({ twice: x * 2, when: new Date(0) }), 21);
    const large = view.apply(() => new Uint8Array(3 << 20).fill(7));
    const failed = view.apply(() => {
      throw new RangeError("recorded");
    });
    const limited = view.with({ limits: { runTimeoutMs: 60 } }).apply(() => {
      for (;;);
    });
    await Promise.allSettled([value, large, failed, limited]);
    const resultOf = (task: { readonly msgIds: string[] }) =>
      other.result(task.msgIds[0]!, { timeoutMs: 5000 });
    assert.deepEqual(await resultOf(value), { twice: 42, when: new Date(0) });
    const bytes = await resultOf(large) as Uint8Array;
    assert.deepEqual([bytes.length, bytes.every((byte) => byte === 7)], [3 << 20, true]);
    const error = await errorOf(resultOf(failed));
    assert(error instanceof RemoteError);
    assert.deepEqual([error.ename, error.evalue], ["RangeError", "recorded"]);
    assert(await errorOf(resultOf(limited)) instanceof LimitExceeded);
  });

  await test.step("another client waits for a task that is still running", async () => {
    const slow = view.apply(() => new Promise((resolve) => setTimeout(() => resolve("late"), 200)));
    const [msgId] = (await eventually(() => slow.msgIds, (ids) => ids[0] !== undefined, "it has an id"))!;
    await eventually(() => other.history(), (ids) => ids.includes(msgId!), "it is in the history");
    assert.deepEqual((await other.resultStatus([msgId!])).pending, [msgId]);
    assert.equal(await other.result(msgId!, { timeoutMs: 5000 }), "late");
  });

  await test.step("a record has times, engine, status, text, label and what it takes to run it again", async () => {
    const task = view.with({ label: "mine" }).apply((x: number) => {
      console.log("said");
      return x + 1;
    }, 41);
    await task;
    const { msgId, engineUuid } = task.metadata;
    const record = await eventually(
      async () => (await other.query({ msg_id: msgId }))[0]!,
      (record) => record?.completed != null && record?.stdout === "said\n",
      "the record is whole",
    );
    const { submitted, started, completed, status, engine_uuid } = record;
    assert.deepEqual([status, engine_uuid], ["ok", engineUuid]);
    const times = [submitted, started, completed].map((time) => Date.parse(String(time)));
    assert(times[0]! <= times[1]! && times[1]! <= times[2]!, JSON.stringify(times));
    assert.match(JSON.stringify(record), /"mine"/);
  });

  await test.step("resubmit runs finished tasks again", async () => {
    await client.direct("all").execute("globalThis.runs = 0");
    const task = view.apply((x: number) => {
      const space = globalThis as unknown as { runs: number };
      return [x, ++space.runs];
    }, 5);
    assert.deepEqual(await task, [5, 1]);
    const cell = view.execute("1 + 2");
    await cell;
    const [msgId, cellId] = [task.metadata.msgId, cell.metadata.msgId];
    const renamed = await other.resubmit([msgId, cellId]);
    const again = await other.result(renamed[msgId]!, { timeoutMs: 5000 }) as number[];
    assert.equal(again[0], 5);
    const cellAgain = await other.result(renamed[cellId]!, { timeoutMs: 5000 }) as { value: unknown };
    assert.equal(cellAgain.value, 3);
    const bytes = new Uint8Array(3 << 20).fill(7), text = "x".repeat(300_000);
    const measure = (bytes: Uint8Array, text: string) => [bytes.length, bytes.at(-1), text.length];
    const large = view.apply(measure, bytes, text);
    const expected = [3 << 20, 7, 300_000];
    assert.deepEqual(await large, expected);
    const largeId = large.metadata.msgId;
    const largeAgain = (await other.resubmit([largeId]))[largeId]!;
    assert.deepEqual(await other.result(largeAgain, { timeoutMs: 5000 }), expected);
    const third = (await other.resubmit([largeAgain]))[largeAgain]!;
    assert.deepEqual(await other.result(third, { timeoutMs: 5000 }), expected);
    await assert.rejects(other.resubmit(["nothing_1_1"]), /No such msg/);
    await queueIsEmpty(client);
  });

  await test.step("history has all in order; purge drops what is finished", async () => {
    const many = view.map((i: number) => i, Array.from({ length: 500 }, (_, i) => i));
    await many;
    const history = await eventually(() => other.history(), (ids) => ids.length >= 500, "all are there");
    assert.equal(new Set(history).size, history.length);
    const [first] = history;
    await other.purge({ msgIds: [first!] });
    assert.equal((await other.history()).length, history.length - 1);
  });

  const history = await eventually(
    () => client.query({}, ["msg_id", "completed"]),
    (records) => records.every(({ completed }) => completed !== null),
    "all records have their end",
  );
  await client.close();
  await other.close();
  await run.cluster.stop();
  await test.step("after the end the database holds them all", () => {
    using db = opened(`${run.folder.dir}/tsparallel.db`);
    const count = (table: string) => Number(db.get(`SELECT count(*) AS n FROM ${table}`)?.["n"]);
    assert.equal(count("submissions"), history.length);
    assert.equal(count("results"), history.length);
    assert.equal(db.get("PRAGMA integrity_check")?.["integrity_check"], "ok");
  });
});

Deno.test("a controller that was killed leaves readable records, and starts anew on the same profile", async () => {
  await using run = await Run.start({ n: 1 });
  const first = run.client.loadBalanced().apply((x: number) => x * 2, 21);
  await first;
  const { msgId } = first.metadata;
  await eventually(
    async () => (await run.client.query({ msg_id: msgId }, ["completed"]))[0]?.completed,
    (completed) => completed != null,
    "it is recorded",
  );
  Deno.kill(run.controllerPid, "SIGKILL");
  await run.client.close();
  await run.cluster.stop();
  await run.folder.isDeserted();
  const { Cluster } = await import("../../src/cluster/cluster.ts");
  await using cluster = await Cluster.start({ n: 1, profileDir: run.folder.dir });
  await using client = await cluster.client();
  assert.equal(await client.result(msgId, { timeoutMs: 5000 }), 42);
  assert.equal(await client.loadBalanced().apply(() => 1), 1);
  const renamed = await client.resubmit([msgId]);
  assert.equal(await client.result(renamed[msgId]!, { timeoutMs: 5000 }), 42);
});

/** A database, closed at the end of its scope. */
function opened(path: string) {
  const db = new DatabaseSync(path, { readOnly: true });
  return {
    get: (sql: string) => db.prepare(sql).get(),
    [Symbol.dispose]: () => db.close(),
  };
}
