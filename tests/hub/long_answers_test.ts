/** Answers that take the hub long: others are answered meanwhile, and what comes in the end is all of it. */
import assert from "node:assert/strict";
import { MemoryRecords } from "../../src/hub/records_memory.ts";
import type { RecordStore } from "../../src/hub/records.ts";
import { SqliteRecords } from "../../src/hub/records_sqlite.ts";
import { resultsGroup, tasksGroup } from "../contracts/records.ts";
import { TestHub } from "./peers.ts";

const RECORDS = 20_000;

function fill(store: RecordStore): void {
  const client = store.clients.index("s", 1, "me") as number;
  store.engine(0, "e0");
  for (let n = 1; n < RECORDS; n += 1000) {
    store.takeTasks(tasksGroup(client, n, 1000), "task");
    store.takeResults(resultsGroup(client, n, 1000), 9);
    store.commit();
  }
}

Deno.test("who asks for all records keeps nobody else waiting", async () => {
  const profileDir = Deno.makeTempDirSync();
  const store = new SqliteRecords({ engineOf: () => null }, { file: `${profileDir}/tsparallel.db` });
  fill(store);
  store.close();
  await using hub = await TestHub.start({ profileDir });
  const [greedy, modest] = [hub.client(), hub.client()];
  for (
    const [type, list, least] of [["db_request", "records", 1], ["history_request", "history", 0]] as const
  ) {
    let isAnswered = false, others = 0;
    const all = greedy.ask(type, { query: {}, keys: null }).finally(() => isAnswered = true);
    while (!isAnswered) {
      await modest.ask("load_request", { targets: null });
      if (!isAnswered) others++;
    }
    const { content } = await all;
    const items = content[list] as (string | { readonly msg_id: string })[];
    assert.equal(items.length, RECORDS);
    const names = new Set(items.map((item) => typeof item === "string" ? item : item.msg_id));
    assert.deepEqual([names.size, names.has("s_1_1"), names.has(`s_1_${RECORDS}`)], [RECORDS, true, true]);
    assert.equal(content["status"], "ok");
    assert(others >= least, `${others} others were answered during a ${type}`);
  }
});

Deno.test("records that come and go while all are read do no harm", async () => {
  const folder = Deno.makeTempDirSync();
  const context = { engineOf: () => null };
  const stores = [
    new SqliteRecords(context, { file: `${folder}/tasks.db` }),
    new MemoryRecords(context, { maxRecords: 10 * RECORDS }),
  ];
  for (const store of stores) {
    fill(store);
    const reading = store.find([], 100_000);
    let isDone = false;
    reading.finally(() => isDone = true);
    for (let n = 1; !isDone; n++) {
      await new Promise((resolve) => setTimeout(resolve));
      store.put(`new-${n}`, { header: {}, submitted: n });
      store.drop([`s_1_${RECORDS / 2 + n}`]);
      store.commit();
    }
    const names = (await reading).map(({ msgId }) => msgId);
    assert.equal(new Set(names).size, names.length);
    assert(names.includes("s_1_1") && names.includes(`s_1_${RECORDS}`));
    await store.close();
  }
  Deno.removeSync(folder, { recursive: true });
});
