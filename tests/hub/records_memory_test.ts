import assert from "node:assert/strict";
import { MemoryRecords } from "../../src/hub/records_memory.ts";
import { NoRecords } from "../../src/hub/records_none.ts";
import { testRecordQueries } from "../contracts/record_queries.ts";
import { resultsGroup, tasksGroup, testRecords } from "../contracts/records.ts";

testRecords("MemoryRecords", (context) => new MemoryRecords(context));
testRecordQueries("MemoryRecords", (context) => new MemoryRecords(context), { runs: 200 });

Deno.test("MemoryRecords drops the oldest finished records and says so", async () => {
  const store = new MemoryRecords({ engineOf: () => null }, { maxRecords: 100 });
  const client = store.clients.index("s", 1, "me");
  store.takeTasks(tasksGroup(client, 1, 300), "task");
  assert.equal((await store.history()).length, 300);
  store.takeResults(resultsGroup(client, 1, 150), 1);
  assert.throws(() => store.get("s_1_1"), /Record 's_1_1' has been culled for size/);
  assert.equal(store.get("s_1_150")!.field("status"), "ok");
  assert.equal(store.get("s_1_300")!.field("status"), "waiting");
});

const COUNTED = { engineOf: () => null };

/** The msg_ids that are there, in order. */
async function kept(store: MemoryRecords): Promise<string[]> {
  return (await store.find([], 10_000)).map((record) => record.msgId);
}

Deno.test("MemoryRecords drops a tenth of its limit at once, by submission and not by the order of ends", async () => {
  const store = new MemoryRecords(COUNTED);
  const client = store.clients.index("s", 1, "me");
  store.takeTasks(tasksGroup(client, 1, 1100), "task");
  store.takeResults(resultsGroup(client, 501, 600), 1);
  store.takeResults(resultsGroup(client, 1, 424), 1);
  assert.equal((await kept(store)).length, 1100);
  store.takeResults(resultsGroup(client, 425, 1), 1);
  assert.deepEqual((await kept(store)).slice(0, 2), ["s_1_103", "s_1_104"]);
  assert.equal((await kept(store)).length, 1100 - 102);
  store.takeResults(resultsGroup(client, 426, 75), 1);
  assert.equal((await kept(store)).length, 1100 - 102);
});

Deno.test("MemoryRecords drops by bytes until a tenth is free", async () => {
  const store = new MemoryRecords(COUNTED, { maxBytes: 1000 });
  for (let i = 0; i < 10; i++) {
    store.put(`p${i}`, { submitted: i, buffers: [new Uint8Array(100)], completed: 20 });
  }
  assert.equal((await kept(store)).length, 10);
  store.put("p10", { submitted: 10, buffers: [new Uint8Array(100)], completed: 20 });
  assert.deepEqual(await kept(store), ["p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10"]);
  assert.throws(() => store.get("p1"), {
    ename: "KeyError",
    message: `"Record 'p1' has been culled for size"`,
  });
});

Deno.test("MemoryRecords drops nothing that is open or that somebody waits for", async () => {
  const store = new MemoryRecords(COUNTED, { maxRecords: 10, maxBytes: 5000 });
  const put = (name: string, submitted: number) =>
    store.put(name, { header: {}, submitted, buffers: [new Uint8Array(100)] });
  for (let i = 0; i < 30; i++) put(`open${i}`, i);
  put("asked", 0);
  store.await("asked", true);
  store.put("asked", { completed: 1 });
  for (let i = 0; i < 100; i++) {
    put(`done${i}`, 100 + i);
    store.put(`done${i}`, { completed: 200 });
  }
  const names = await kept(store);
  assert.equal(names.filter((name) => name.startsWith("open")).length, 30);
  assert.ok(names.includes("asked") && names.includes("done99"));
  store.await("asked", false);
  for (let i = 100; i < 112; i++) {
    put(`done${i}`, 100 + i);
    store.put(`done${i}`, { completed: 200 });
  }
  assert.throws(() => store.get("asked"), /culled/);
});

Deno.test("MemoryRecords bounds what came without a task", async () => {
  const store = new MemoryRecords(COUNTED, { maxRecords: 10 });
  for (let i = 0; i < 100; i++) store.output(`stray${i}`, { kind: "stdout", text: "x" });
  assert.equal((await kept(store)).length, 10);
  store.put("stray99", { header: {}, submitted: 5 });
  for (let i = 100; i < 120; i++) store.output(`stray${i}`, { kind: "stdout", text: "x" });
  assert.equal(store.get("stray99")!.field("stdout"), "x");
});

Deno.test("NoRecords answers questions with NoData and numbers clients", () => {
  const store = new NoRecords();
  assert.equal(store.clients.index("s", 1, "me"), 1);
  assert.throws(() => store.history(), { ename: "NoData" });
});
