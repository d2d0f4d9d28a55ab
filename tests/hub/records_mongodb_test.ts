import assert from "node:assert/strict";
import { createLogger } from "../../src/base/log.ts";
import { parseQuery } from "../../src/hub/query_match.ts";
import type { RecordContext } from "../../src/hub/records.ts";
import { MongoRecords } from "../../src/hub/records_mongodb.ts";
import { freshDatabase, isWithoutMongo, MongoServer } from "../contracts/mongo_server.ts";
import { testRecordQueries } from "../contracts/record_queries.ts";
import { HEADER, resultsGroup, SUBMITTED_MS, tasksGroup, testRecords } from "../contracts/records.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { KIND, OP } from "../../src/protocol/groups.ts";

const NAME = "MongoRecords (needs TSPARALLEL_TOOLS)";
const lines: string[] = [];
const log = createLogger({ level: "debug", write: (line) => lines.push(line) });

async function opened(context: RecordContext, database = freshDatabase()): Promise<MongoRecords> {
  const store = new MongoRecords(context, { url: MongoServer.shared().url, database }, log);
  await store.open();
  return store;
}

testRecords(NAME, (context) => opened(context), { ignore: isWithoutMongo });
testRecordQueries(NAME, (context) => opened(context), { ignore: isWithoutMongo, runs: 15 });

const context = { engineOf: () => null };
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name: `MongoRecords ${name} (needs TSPARALLEL_TOOLS)`, ignore: isWithoutMongo, fn });

test("keeps records, definitions and client indexes over a restart", async () => {
  const database = freshDatabase();
  const first = await opened(context, database);
  const client = await first.clients.index("s", 1, "me");
  first.engine(0, "e0");
  first.takeTasks(tasksGroup(client, 1, 25), "task");
  first.takeResults(resultsGroup(client, 1, 25), 9);
  first.put("peer-1", { header: { msg_id: "peer-1" }, submitted: 1, buffers: [new Uint8Array([7])] });
  await first.close();
  const second = await opened(context, database);
  assert.equal(await second.clients.index("s", 1, "me"), client);
  assert.equal(await second.clients.index("s", 2, "me"), client + 1);
  assert.equal((await second.history()).length, 26);
  assert.equal((await second.get("s_1_25"))!.field("engine_uuid"), "e0");
  assert.deepEqual((await second.get("peer-1"))!.buffers(), [new Uint8Array([7])]);
  // The definition was sent before the restart only.
  const writer = new GroupWriter();
  writer.task(26, client, 7, OP.apply, 0, 0, 0, 26, SUBMITTED_MS, new Uint8Array([1]));
  second.takeTasks(writer.close({ ...HEADER, kind: KIND.tasks }, () => {}).slice(), "task");
  assert.equal((await second.get("s_1_26"))!.replay?.isReplayable, true);
  await second.close();
});

test("lets several hubs use one database, and numbers their clients apart", async () => {
  const database = freshDatabase();
  const hubs = await Promise.all([opened(context, database), opened(context, database)]);
  const names = Array.from(
    { length: 10 },
    (_, i) => hubs.map((hub, h) => hub.clients.index(`s${h}`, i, "me")),
  );
  const indexes = await Promise.all(names.flat());
  assert.equal(new Set(indexes).size, 20);
  const shared = await Promise.all(hubs.map((hub) => hub.clients.index("both", 1, "me")));
  assert.equal(shared[0], shared[1]);
  hubs[0]!.takeTasks(tasksGroup(indexes[0]!, 1, 1), "task");
  await hubs[0]!.commit();
  assert.equal((await hubs[1]!.get("s0_0_1"))!.field("client_uuid"), "s0");
  for (const hub of hubs) await hub.close();
});

test("keeps what is larger than a document may be", async () => {
  const store = await opened(context);
  const client = await store.clients.index("s", 1, "me");
  const buffers = [20 << 20, 3, 17 << 20].map((size, i) => new Uint8Array(size).fill(i + 1));
  const code = "x".repeat(20 << 20);
  store.put("peer-1", {
    header: { msg_id: "peer-1" },
    content: { code },
    submitted: 5,
    buffers,
    result_buffers: buffers,
  });
  store.takeTasks(tasksGroup(client, 1, 1), "task");
  const record = (await store.get("peer-1"))!;
  assert.deepEqual(record.buffers().map((buffer) => [buffer.length, buffer[0]]), [[20 << 20, 1], [3, 2], [
    17 << 20,
    3,
  ]]);
  assert.deepEqual(record.resultBuffers().at(-1)!.length, 17 << 20);
  assert.equal((record.field("content") as { code: string }).code.length, code.length);
  assert.equal((await store.find(parseQuery({ "content.code": { $glob: "x*" } }), 10, ["msg_id"])).length, 1);
  const [found] = await store.find(parseQuery({ msg_id: "peer-1" }), 10, ["result_buffers"]);
  assert.equal(found!.resultBuffers().length, 3);
  await store.drop(["peer-1"]);
  assert.equal(await store.get("peer-1"), undefined);
  assert.deepEqual(await store.history(), ["s_1_1"]);
  await store.close();
});

test("leaves out what cannot be written at all, says so, and writes the rest", async () => {
  const store = await opened(context);
  const client = await store.clients.index("s", 1, "me");
  const writer = new GroupWriter();
  writer.task(1, client, 0, OP.execute, 0, 0, 0, 1, SUBMITTED_MS, new Uint8Array(17 << 20));
  writer.task(2, client, 0, OP.execute, 0, 0, 0, 2, SUBMITTED_MS, new Uint8Array(9));
  lines.length = 0;
  store.takeTasks(writer.close({ ...HEADER, kind: KIND.tasks }, () => {}).slice(), "task");
  assert.deepEqual(await store.commit(), { kind: "committed" });
  assert.deepEqual(await store.history(), ["s_1_2"]);
  assert.match(lines.join(), /A record cannot be written to MongoDB and is left out.*s_1_1/);
  await store.close();
});

test("holds everything while the server is away, says so, and writes it when it is back", async () => {
  using server = new MongoServer();
  server.start();
  const store = new MongoRecords(context, { url: server.url, database: "away", patienceMs: 2000 }, log);
  await store.open();
  const client = await store.clients.index("s", 1, "me");
  store.takeTasks(tasksGroup(client, 1, 20), "task");
  assert.equal((await store.commit()).kind, "committed");
  server.stop();
  store.takeResults(resultsGroup(client, 1, 20), 9);
  store.put("peer-1", { header: {}, submitted: 1 });
  const refused = await store.commit();
  assert.ok(refused.kind === "refused" && refused.isFull && refused.heldBytes > 0 && refused.reason !== "");
  await assert.rejects(store.get("s_1_1"), { ename: "ConnectionError" });
  await assert.rejects(async () => await store.clients.index("s", 2, "me"), { ename: "ConnectionError" });
  store.put("peer-1", { completed: 2 });
  assert.equal((await store.commit()).kind, "refused");
  server.start();
  // As the hub does: a connection that broke is noticed by the first who uses it.
  let tries = 1;
  while ((await store.commit()).kind === "refused") assert.ok(tries++ < 10);
  assert.equal((await store.find(parseQuery({ completed: { $ne: null } }), 100)).length, 21);
  await store.close();
});

test("that cannot be opened names URL and database, without the password", async () => {
  const place = { url: "mongodb://me:secret@127.0.0.1:1", database: "no", patienceMs: 100 };
  const store = new MongoRecords(context, place, log);
  await assert.rejects(
    store.open(),
    (error: Error) =>
      /Cannot open the records in MongoDB at "mongodb:\/\/…@127.0.0.1:1", database "no"/.test(
        error.message,
      ) &&
      !error.message.includes("secret"),
  );
});
