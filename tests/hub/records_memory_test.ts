import assert from "node:assert/strict";
import { MemoryRecords } from "../../src/hub/records_memory.ts";
import { NoRecords } from "../../src/hub/records_none.ts";
import { testRecordQueries } from "../contracts/record_queries.ts";
import { resultsGroup, tasksGroup, testRecords } from "../contracts/records.ts";

testRecords("MemoryRecords", (context) => new MemoryRecords(context));
testRecordQueries("MemoryRecords", (context) => new MemoryRecords(context), { runs: 200 });

Deno.test("MemoryRecords drops the oldest finished records and says so", () => {
  const store = new MemoryRecords({ engineOf: () => null }, { maxRecords: 100 });
  const client = store.clientIndex("s", 1, "me");
  store.takeTasks(tasksGroup(client, 1, 300), "task");
  assert.equal(store.history().length, 300);
  store.takeResults(resultsGroup(client, 1, 150), 1);
  assert.throws(() => store.get("s_1_1"), /Record 's_1_1' has been culled for size/);
  assert.equal(store.get("s_1_150")!.field("status"), "ok");
  assert.equal(store.get("s_1_300")!.field("status"), "waiting");
});

Deno.test("NoRecords answers questions with NoData and numbers clients", () => {
  const store = new NoRecords();
  assert.equal(store.clientIndex("s", 1, "me"), 1);
  assert.throws(() => store.history(), { ename: "NoData" });
});
