/** A hub whose records are in MongoDB: what it acknowledges when, and what it says while the server is away. */

import assert from "node:assert/strict";
import { startHub } from "../../src/hub/hub.ts";
import { silentLogger } from "../../src/base/log.ts";
import { freshDatabase, isWithoutMongo, MongoServer } from "../contracts/mongo_server.ts";
import { resultsGroup, tasksGroup } from "../contracts/records.ts";
import { until } from "./fake_scheduler.ts";
import { TestHub } from "./peers.ts";

Deno.test({
  name:
    "hub acknowledges only what MongoDB has, lives on while it is away, and goes on by itself (needs TSPARALLEL_TOOLS)",
  ignore: isWithoutMongo,
  async fn() {
    using server = new MongoServer();
    server.start();
    const place = { database: "mongodb", mongoUrl: server.url, mongoDatabase: freshDatabase() } as const;
    await using hub = await TestHub.start({ ...place, heartbeatPeriodMs: 100, maxMisses: 5 });
    const client = hub.client();
    const engine = hub.engine("e0");
    await engine.join();
    const announcement = { version: 1, session: "s", username: "me", pid: 7 };
    const { content } = await client.ask("connection_request", { tsparallel: announcement });
    const index = (content["tsparallel"] as { client: number }).client;
    hub.scheduler.data("tasks", [tasksGroup(index, 1, 10)]);
    await until("the first acknowledgement", () => hub.scheduler.acknowledged === 1 || undefined);
    server.stop();
    hub.scheduler.data("results", [resultsGroup(index, 1, 10)]);
    await until("the refusal", () => hub.hub.status().records.startsWith("refused: ") || undefined, 20_000);
    const pongs = engine.pongs;
    const refused = await ask(client, "history_request");
    assert.equal(refused["ename"], "ConnectionError");
    assert.match(String(refused["evalue"]), /MongoDB does not answer/);
    assert.equal((await ask(client, "queue_request"))["status"], "ok");
    assert.equal(hub.scheduler.acknowledged, 1);
    await until("heartbeats go on", () => engine.pongs > pongs + 3 || undefined);
    assert.equal(hub.hub.status().engines.length, 1);
    server.start();
    await until("the second acknowledgement", () => hub.scheduler.acknowledged === 2 || undefined, 20_000);
    assert.equal(hub.hub.status().records, "written");
    assert.equal(hub.lines.filter((line) => line.includes("Records cannot be written")).length, 1);
    const result = await client.ask("result_request", { msg_ids: ["s_7_10"] });
    assert.deepEqual(result.content["completed"], ["s_7_10"]);
  },
});

Deno.test({
  name:
    "hub acknowledges everything that comes while commits to MongoDB are under way (needs TSPARALLEL_TOOLS)",
  ignore: isWithoutMongo,
  async fn() {
    const place = { mongoUrl: MongoServer.shared().url, mongoDatabase: freshDatabase() };
    await using hub = await TestHub.start({ database: "mongodb", ...place });
    const client = hub.client();
    const announcement = { version: 1, session: "s", username: "me", pid: 7 };
    const { content } = await client.ask("connection_request", { tsparallel: announcement });
    const index = (content["tsparallel"] as { client: number }).client;
    for (let i = 1; i <= 300; i++) {
      hub.scheduler.data("tasks", [tasksGroup(index, i, 1)]);
      // Takes a turn of the hub, and asks nothing of the records.
      await client.ask("queue_request");
    }
    await until("all acknowledgements", () => hub.scheduler.acknowledged === 300 || undefined);
  },
});

Deno.test("hub whose MongoDB is not there does not start, names it, and leaves nothing behind", async () => {
  const folder = Deno.makeTempDirSync();
  const options = { profileDir: folder, database: "mongodb", mongoUrl: "mongodb://127.0.0.1:1" } as const;
  await assert.rejects(startHub(options, silentLogger()), /Cannot open the records in MongoDB at "mongodb:/);
  assert.deepEqual([...Deno.readDirSync(`${folder}/security`)], []);
  const other = await startHub({ profileDir: folder, database: "none" }, silentLogger());
  await other.stop();
  Deno.removeSync(folder, { recursive: true });
});

/** An answer that may take as long as the server is looked for. */
async function ask(client: ReturnType<TestHub["client"]>, type: string) {
  const frames = client.session.message(type, {});
  const { msg_id: msgId } = JSON.parse(new TextDecoder().decode(frames[2]));
  client.socket.send(frames);
  const reply = await until(
    `a reply to ${type}`,
    () => client.replies.find((reply) => reply.parentHeader.msg_id === msgId),
    20_000,
  );
  return reply.content;
}
