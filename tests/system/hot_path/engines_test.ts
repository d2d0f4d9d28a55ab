/** Engine hosts that stop for seconds, recalls that race with starts, graphs in which tasks fail, hwm of one: under load, each task runs once. */
import assert from "node:assert/strict";
import { type AsyncResult, ImpossibleDependency, RemoteError } from "../../../src/client/client.ts";
import { eventually, queueIsEmpty, Run } from "../run.ts";
import { Marks, ranAtMost, recordedBy, scaled, SHARE } from "./counted.ts";

const marking = (i: number, path: string) => {
  Deno.writeTextFileSync(path, `${i}\n`, { append: true });
  return i;
};

Deno.test("a host that is stopped for seconds under load goes on where it was", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 2 });
  const { client } = run, tasks = scaled(40_000), { path } = marks;
  await run.cluster.startEngines(2);
  await client.waitForEngines(4);
  const items = Array.from({ length: tasks }, (_, i) => i);
  const results = items.map((i) => client.loadBalanced().apply(marking, i, path));
  await eventually(() => results.filter((one) => one.done).length, (done) => done > tasks / 8, "it works");
  Deno.kill(run.hostPid, "SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, SHARE === 1 ? 3000 : 1000));
  Deno.kill(run.hostPid, "SIGCONT");
  assert.deepEqual(await Promise.all(results), items);
  const counts = marks.counts();
  ranAtMost(counts, () => 1);
  assert.equal(counts.size, tasks);
  await queueIsEmpty(client);
  await eventually(() => recordedBy(client, ["ok"]), ({ ok }) => ok === tasks, "records agree");
});

Deno.test("long tasks among thousands of short ones on eight engines: what is recalled runs once", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 8 });
  const { client } = run, tasks = scaled(20_000), every = 100, { path } = marks;
  const work = async (i: number, path: string, ms: number) => {
    Deno.writeTextFileSync(path, `${i}\n`, { append: true });
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    return i;
  };
  const items = Array.from({ length: tasks }, (_, i) => i), view = client.loadBalanced();
  assert.deepEqual(
    await Promise.all(items.map((i) => view.apply(work, i, path, i % every === 0 ? 40 : 0))),
    items,
  );
  const counts = marks.counts();
  ranAtMost(counts, () => 1);
  assert.equal(counts.size, tasks);
  await queueIsEmpty(client);
  await eventually(() => recordedBy(client, ["ok"]), ({ ok }) => ok === tasks, "records agree");
});

Deno.test("thousands of tasks that wait for others, of which some fail", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 2 });
  const { client } = run, tasks = scaled(20_000), { path } = marks, plain = client.loadBalanced();
  const failing = (i: number, path: string) => {
    Deno.writeTextFileSync(path, `${i}\n`, { append: true });
    if (i % 11 === 0) throw new Error(`bad ${i}`);
    return i;
  };
  // Chains of five; what follows a failure can never run.
  const results: AsyncResult<number>[] = [];
  const runs = (i: number): boolean => i % 5 === 0 || (runs(i - 1) && (i - 1) % 11 !== 0);
  for (let i = 0; i < tasks; i++) {
    const view = i % 5 === 0 ? plain : plain.with({ after: results[i - 1]! });
    results.push(view.apply(failing, i, path));
  }
  const settled = await Promise.allSettled(results), counts = marks.counts();
  let bad = 0;
  for (const [i, one] of settled.entries()) {
    assert.equal(counts.get(i) ?? 0, runs(i) ? 1 : 0, `runs of task ${i}`);
    if (one.status === "fulfilled") assert.equal(one.value, i);
    else {
      bad++;
      const isRight = runs(i)
        ? one.reason instanceof RemoteError
        : one.reason instanceof ImpossibleDependency;
      assert(isRight, `task ${i}: ${one.reason}`);
    }
    assert.equal(one.status === "fulfilled", runs(i) && i % 11 !== 0, `task ${i}`);
  }
  await queueIsEmpty(client);
  await eventually(
    () => recordedBy(client, ["ok", "error"]),
    (found) => found.ok === tasks - bad && found.error === bad,
    "records agree",
  );
});

Deno.test("hwm 1 means one: no engine is ever given a second task", async () => {
  await using run = await Run.start({ n: 2, controllerArgs: ["--hwm=1"] });
  const { client } = run, tasks = scaled(5000), items = Array.from({ length: tasks }, (_, i) => i);
  let isOver = false;
  const watched = (async () => {
    for (let most = 0;;) {
      const { engines } = await client.queueStatus();
      most = Math.max(most, ...Object.values(engines).map(({ tasks }) => Number(tasks)));
      if (isOver) return most;
    }
  })();
  assert.deepEqual(await client.loadBalanced().map((i: number) => i, items), items);
  isOver = true;
  assert.equal(await watched, 1);
});
