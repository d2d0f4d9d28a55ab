/** A cluster whose records are in MongoDB: results for other clients and other runs, and tasks while the server is away. */
import assert from "node:assert/strict";
import { Cluster } from "../../src/cluster/cluster.ts";
import { freshDatabase, isWithoutMongo, MongoServer } from "../contracts/mongo_server.ts";
import { eventually, queueIsEmpty, Run } from "./run.ts";

function test(name: string, run: (server: MongoServer, args: string[]) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs TSPARALLEL_TOOLS)`,
    ignore: isWithoutMongo,
    async fn() {
      using server = new MongoServer();
      server.start();
      const args = ["--mongodb", `--mongo-url=${server.url}`, `--mongo-database=${freshDatabase()}`];
      await run(server, args);
    },
  });
}

test("records in MongoDB outlive a controller that was killed", async (_, controllerArgs) => {
  await using run = await Run.start({ n: 1, controllerArgs });
  const view = run.client.loadBalanced();
  const other = await run.connect();
  const value = view.apply((x: number) => ({ twice: x * 2 }), 21);
  const large = view.apply(
    (bytes: Uint8Array) => bytes.map((byte) => byte + 1),
    new Uint8Array(3 << 20).fill(7),
  );
  await Promise.all([value, large]);
  const ids = [value.metadata.msgId, large.metadata.msgId] as const;
  assert.deepEqual(await other.result(ids[0], { timeoutMs: 10_000 }), { twice: 42 });
  const check = async (client: typeof other, id: string) => {
    const bytes = await client.result(id, { timeoutMs: 10_000 }) as Uint8Array;
    assert.deepEqual([bytes.length, bytes[0], bytes.at(-1)], [3 << 20, 8, 8]);
  };
  await check(other, ids[1]);
  await eventually(
    () => other.query({ completed: { $ne: null } }, ["msg_id"]),
    (records) => records.length === 2,
    "both are recorded",
  );
  Deno.kill(run.controllerPid, "SIGKILL");
  await run.client.close();
  await other.close();
  await run.cluster.stop();
  await run.folder.isDeserted();
  await using cluster = await Cluster.start({ n: 1, profileDir: run.folder.dir, controllerArgs });
  await using client = await cluster.client();
  assert.deepEqual(await client.history(), [...ids]);
  assert.deepEqual(await client.result(ids[0], { timeoutMs: 10_000 }), { twice: 42 });
  await check(client, ids[1]);
  const renamed = await client.resubmit([...ids]);
  assert.deepEqual(await client.result(renamed[ids[0]]!, { timeoutMs: 10_000 }), { twice: 42 });
  await check(client, renamed[ids[1]]!);
});

test(
  "tasks go on while MongoDB is away, and are all recorded when it is back",
  async (server, controllerArgs) => {
    await using run = await Run.start({ n: 2, controllerArgs });
    const { client } = run;
    const view = client.loadBalanced();
    await view.apply(() => 1);
    const word = async () => String((await client.status()).records);
    server.stop();
    const values = await view.map((x: number) => x + 1, Array.from({ length: 200 }, (_, i) => i));
    assert.equal(values.at(-1), 200);
    await eventually(word, (word) => word.startsWith("refused: "), "the controller says so");
    // More than the window holds: the rest waits at the client, and nothing is lost.
    const many = Array.from({ length: 3000 }, (_, i) => view.apply((x: number) => x * 2, i));
    server.start();
    const results = await Promise.all(many);
    assert.equal(results.at(-1), 5998);
    await eventually(word, (word) => word === "written", "everything is written");
    await queueIsEmpty(client);
    const records = await client.query({ completed: { $ne: null } }, ["msg_id"]);
    assert.equal(records.length, 3201);
  },
);
