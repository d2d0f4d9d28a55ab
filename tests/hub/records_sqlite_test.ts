import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { SqliteRecords } from "../../src/hub/records_sqlite.ts";
import { testRecordQueries } from "../contracts/record_queries.ts";
import { resultsGroup, tasksGroup, testRecords } from "../contracts/records.ts";

const context = { engineOf: () => null };

testRecords("SqliteRecords", (context) => {
  const folder = Deno.makeTempDirSync();
  const store = new SqliteRecords(context, { file: `${folder}/tasks.db` });
  return Object.assign(store, { [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) });
});
testRecordQueries("SqliteRecords", (context) => new SqliteRecords(context, { file: ":memory:" }), {
  runs: 100,
});

function inFolder(run: (folder: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const folder = Deno.makeTempDirSync();
    try {
      await run(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

Deno.test(
  "SqliteRecords keeps records and client indexes over a restart",
  inFolder(async (folder) => {
    const file = `${folder}/tasks.db`;
    const first = new SqliteRecords(context, { file });
    const client = first.clients.index("s", 1, "me");
    first.engine(0, "e0");
    first.takeTasks(tasksGroup(client, 1, 25), "task");
    first.takeResults(resultsGroup(client, 1, 25), 9);
    assert.equal(first.commit().kind, "committed");
    first.close();
    const second = new SqliteRecords(context, { file });
    assert.equal(second.clients.index("s", 1, "me"), client);
    assert.equal((await second.history()).length, 25);
    assert.equal(second.get("s_1_25")!.field("engine_uuid"), "e0");
    // The definition was sent before the restart only.
    const again = tasksGroup(client, 26, 1);
    second.takeTasks(again, "task");
    assert.equal(second.get("s_1_26")!.replay?.isReplayable, true);
    second.close();
  }),
);

Deno.test(
  "SqliteRecords refuses an unknown schema and leaves the file as it was",
  inFolder((folder) => {
    const file = `${folder}/tasks.db`;
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE "ipython-tasks" (msg_id text PRIMARY KEY)');
    other.close();
    assert.throws(() => new SqliteRecords(context, { file }), /schema version 0/);
    const changed = `${folder}/changed.db`;
    new SqliteRecords(context, { file: changed }).close();
    const db = new DatabaseSync(changed);
    db.exec("ALTER TABLE results ADD COLUMN more TEXT");
    db.close();
    assert.throws(
      () => new SqliteRecords(context, { file: changed }),
      /differs from version 2 at "CREATE TABLE results"/,
    );
    const again = new DatabaseSync(file);
    assert.equal(again.prepare("SELECT count(*) AS n FROM sqlite_master").get()?.["n"], 2);
    again.close();
    Deno.writeTextFileSync(`${folder}/text.db`, "no database at all, but long enough to look at".repeat(100));
    assert.throws(() => new SqliteRecords(context, { file: `${folder}/text.db` }), /Cannot open the records/);
  }),
);

Deno.test(
  "SqliteRecords takes over a database of the first version, and none of a later one",
  inFolder((folder) => {
    const file = `${folder}/tasks.db`;
    const old = new SqliteRecords(context, { file });
    const client = old.clients.index("s", 1, "me");
    old.engine(0, "e0");
    old.takeTasks(tasksGroup(client, 1, 1), "task");
    old.takeResults(resultsGroup(client, 1, 1), 9);
    old.close();
    change(file, "DROP TABLE engine_notes; PRAGMA user_version = 1");
    const store = new SqliteRecords(context, { file });
    assert.equal(store.get("s_1_1")!.field("engine_uuid"), "e0");
    assert.equal(store.get("s_1_1")!.field("permissions"), null);
    const offer = { isolation: "shared", permissions: { read: ["/data"] }, sets: {} };
    store.engine(0, "e0", { host: "h", pid: 1, sandbox: "deno", ...offer });
    store.close();
    const again = new SqliteRecords(context, { file });
    assert.deepEqual(again.get("s_1_1")!.field("permissions"), { read: ["/data"] });
    again.close();
    change(file, "PRAGMA user_version = 3");
    assert.throws(() => new SqliteRecords(context, { file }), /schema version 3, known is 2/);
  }),
);

function change(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}

Deno.test(
  "SqliteRecords holds what the disk refuses, says so, and writes it later",
  inFolder(async (folder) => {
    const file = `${folder}/tasks.db`;
    const store = new SqliteRecords(context, { file, maxHeldBytes: 20_000 });
    const client = store.clients.index("s", 1, "me");
    const blocker = new DatabaseSync(file);
    blocker.exec("BEGIN IMMEDIATE");
    store.takeTasks(tasksGroup(client, 1, 20), "task");
    const refused = store.commit();
    assert.equal(refused.kind, "refused");
    assert.equal(refused.kind === "refused" && refused.isFull, false);
    store.takeTasks(tasksGroup(client, 21, 300), "task");
    const full = store.commit();
    assert.equal(full.kind === "refused" && full.isFull, true);
    blocker.exec("COMMIT");
    blocker.close();
    assert.equal(store.commit().kind, "committed");
    assert.equal((await store.history()).length, 320);
    store.close();
  }),
);

Deno.test(
  "SqliteRecords removes a large buffer's file with its last record",
  inFolder((folder) => {
    const store = new SqliteRecords(context, { file: `${folder}/tasks.db` });
    const large = new Uint8Array(2 << 20).fill(1);
    store.put("a", { submitted: 1, buffers: [large] });
    store.put("b", { submitted: 2, buffers: [large] });
    const files = () => [...Deno.readDirSync(`${folder}/tasks.db.buffers`)].length;
    store.drop(["a"]);
    assert.equal(files(), 1);
    assert.deepEqual(store.get("b")!.buffers()[0], large);
    store.drop(["b"]);
    assert.equal(files(), 0);
    store.close();
  }),
);
