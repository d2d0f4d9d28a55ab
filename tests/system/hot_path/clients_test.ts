/** Several clients at full rate: one leaves in the middle; CURVE; large questions to the hub meanwhile. Every result is right and there once. */
import assert from "node:assert/strict";
import type { Client } from "../../../src/client/client.ts";
import { eventually, queueIsEmpty, Run } from "../run.ts";
import { Marks, ranAtMost, scaled } from "./counted.ts";

const marking = (i: number, path: string) => {
  Deno.writeTextFileSync(path, `${i}\n`, { append: true });
  return i + 1;
};

/** So that there is a middle. */
const dawdling = async (i: number, path: string) => {
  Deno.writeTextFileSync(path, `${i}\n`, { append: true });
  await new Promise((resolve) => setTimeout(resolve, 1));
  return i + 1;
};

function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

/** How many tasks of the cluster have ended well by its records. */
async function areRecorded(client: Client, count: number): Promise<void> {
  await eventually(
    async () => (await client.query({ status: "ok" }, ["msg_id"])).length,
    (found) => found === count,
    "every task has its record",
  );
}

Deno.test("four clients at once, of which one leaves in the middle", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 2 });
  const tasks = scaled(20_000), { path } = marks;
  const clients = await Promise.all(upTo(4).map(() => run.connect()));
  const results = clients.map((client, c) => {
    const work: (i: number, path: string) => number | Promise<number> = c === 0 ? dawdling : marking;
    return client.loadBalanced().map(work, upTo(tasks, c * tasks), upTo(tasks).map(() => path));
  });
  const ends = Promise.allSettled(results);
  await eventually(() => clients[0]!.pending, (open) => open > 0, "it has tasks at work");
  await eventually(() => marks.counts().size, (ran) => ran > tasks, "some of them have run");
  await clients[0]!.close();
  const [left, ...others] = await ends;
  assert.equal(left!.status, "rejected");
  for (const [c, one] of others.entries()) {
    assert.equal(one.status, "fulfilled");
    assert.deepEqual(one.value, upTo(tasks, (c + 1) * tasks).map((i) => i + 1));
  }
  await queueIsEmpty(run.client);
  const counts = marks.counts();
  ranAtMost(counts, () => 1);
  assert.equal([...counts.keys()].filter((i) => i >= tasks).length, 3 * tasks);
  // What was taken of the one that left has run, too.
  await areRecorded(run.client, counts.size);
});

Deno.test("under CURVE everything is as without", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 2, controllerArgs: ["--enable-curve"] });
  const tasks = scaled(20_000), clients = [run.client, await run.connect()];
  const results = await Promise.all(
    clients.map((client, c) =>
      client.loadBalanced().map(marking, upTo(tasks, c * tasks), upTo(tasks).map(() => marks.path))
    ),
  );
  assert.deepEqual(results.flat(), upTo(2 * tasks).map((i) => i + 1));
  const counts = marks.counts();
  ranAtMost(counts, () => 1);
  assert.equal(counts.size, 2 * tasks);
  await queueIsEmpty(run.client);
  await areRecorded(run.client, 2 * tasks);
});

Deno.test("tasks flow while the hub answers for the whole history", async () => {
  await using run = await Run.start({ n: 2 });
  const { client } = run, tasks = scaled(50_000), asker = await run.connect();
  const add = (i: number) => i + 1;
  await client.loadBalanced().map(add, upTo(tasks));
  let isOver = false, asked = 0;
  const questions = (async () => {
    for (; !isOver; asked++) {
      assert((await asker.query({}, ["msg_id", "submitted", "completed", "engine_uuid"])).length >= tasks);
    }
  })();
  const results = await client.loadBalanced().map(add, upTo(tasks));
  isOver = true;
  await questions;
  assert(asked > 0);
  assert.deepEqual(results, upTo(tasks).map((i) => i + 1));
  await queueIsEmpty(client);
  await areRecorded(client, 2 * tasks);
});
