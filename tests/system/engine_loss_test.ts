/** Engine hosts that die or stop with tasks at hand: every task ends, none runs twice unasked, numbers return to zero. */
import assert from "node:assert/strict";
import { type AsyncResult, Client, EngineError } from "../../src/client/client.ts";
import { identify, isAlive, type ProcessId } from "../../src/cluster/process.ts";
import { eventually, queueIsEmpty, Run } from "./run.ts";

/** Pids of all processes below one. */
function descendants(pid: number): ProcessId[] {
  const children = new Map<number, number[]>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const below = (parent: number): number[] =>
    (children.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid).map(identify);
}

/** Runs for a while and leaves a mark on IOPub, by which its runs are counted from outside. */
const marking = async (i: number, ms: number) => {
  console.log(`ran ${i}`);
  const until = Date.now() + ms;
  while (Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 1));
  return i;
};

interface Tally {
  readonly ok: number;
  readonly lost: number;
}

/** Waits for all and checks each: a value with one run, or an error that says that it may have run, with at most one. */
async function tally(tasks: readonly AsyncResult<number>[]): Promise<Tally> {
  let [ok, lost] = [0, 0];
  await Promise.all(tasks.map((task) => task.wait({ timeoutMs: 20_000 })));
  for (const [i, task] of tasks.entries()) {
    const runs = task.metadata.stdout.split("\n").filter((line) => line !== "");
    assert(runs.length <= 1, `task ${i} ran ${runs.length} times`);
    try {
      assert.equal(await task, i);
      await task.outputReady();
      assert.equal(task.metadata.stdout, `ran ${i}\n`);
      ok++;
    } catch (error) {
      assert(error instanceof EngineError, String(error));
      assert.match(error.message, /may have run/);
      assert.match(error.message, /[Ee]ngine \d/);
      lost++;
    }
  }
  return { ok, lost };
}

Deno.test("an engine host is killed with tasks at hand", async (test) => {
  await using run = await Run.start({ n: 2, controllerArgs: ["--ping=200", "--heartbeat-misses=5"] });
  const { client, hostPid } = run;
  await run.cluster.startEngines(1);
  await client.waitForEngines(3, { timeoutMs: 20_000 });
  const view = client.loadBalanced();
  await client.direct("all").apply(() => 1);
  const children = descendants(hostPid);
  assert(children.length >= 2);

  const many = Array.from({ length: 300 }, (_, i) => view.apply(marking, i, 3));
  const retried = Array.from({ length: 6 }, (_, i) => view.with({ retries: 1 }).apply(marking, i, 150));
  const direct = [0, 1].flatMap((id) =>
    Array.from({ length: 5 }, (_, i) => client[id]!.apply(marking, i, 50))
  );
  await eventually(() => many.filter((task) => task.done).length, (count) => count > 20, "some are done");
  Deno.kill(hostPid, "SIGKILL");

  await test.step("every task ends; none ran twice; the lost ones say that they may have run", async () => {
    const { ok, lost } = await tally(many);
    assert.equal(ok + lost, 300);
    assert(lost <= 40, `${lost} are lost: more than could have started`);
  });

  await test.step("retries run elsewhere what was lost", async () => {
    assert.deepEqual(await Promise.all(retried), [0, 1, 2, 3, 4, 5]);
  });

  await test.step("direct tasks of the dead engines get EngineError", async () => {
    const settled = await Promise.allSettled(direct);
    const errors = settled.filter((one) => one.status === "rejected");
    assert(errors.length > 0);
    for (const { reason } of errors) assert(reason instanceof EngineError, String(reason));
  });

  await test.step("its children are gone, its engines are off the list, the queue is empty", async () => {
    await eventually(() => children.filter(isAlive).length, (alive) => alive === 0, "no child is left");
    assert.deepEqual(client.ids, [2]);
    await queueIsEmpty(client);
    const status = await client.status() as { queue: Record<string, unknown> };
    assert.deepEqual([status.queue.open, status.queue.unassigned], [0, 0]);
    await eventually(
      async () => ((await client.status()).queue as { scheduler: unknown }).scheduler,
      (numbers) => JSON.stringify(numbers) === `{"waiting":0,"assigned":0}`,
      "the scheduler holds nothing",
    );
  });

  await test.step("with no engine left tasks wait, and run when one comes", async () => {
    const second = run.cluster.parts.at(-1)!.pid!;
    Deno.kill(second, "SIGKILL");
    await eventually(() => client.ids.length, (count) => count === 0, "no engine is left");
    const waiting = Array.from({ length: 10 }, (_, i) => view.apply(marking, i, 0));
    await run.cluster.startEngines(1);
    assert.deepEqual(await tally(waiting), { ok: 10, lost: 0 });
  });

  await test.step("every task's record has its end", async () => {
    const open = await eventually(
      () => client.query({ completed: null }, ["msg_id", "status"]),
      (records) => records.length === 0,
      "no record is open",
    );
    assert.deepEqual(open, []);
  });
});

Deno.test("an engine host that stands still is given up, and comes back as itself", async (test) => {
  await using run = await Run.start({ n: 1, controllerArgs: ["--ping=100", "--heartbeat-misses=3"] });
  const { client, hostPid } = run;
  const view = client.loadBalanced();
  const uuid = client.engineUuid(0);
  await client[0]!.push({ kept: { since: "before" } });
  const host = identify(hostPid), children = descendants(hostPid);
  const running = view.apply(marking, 0, 300);
  await eventually(() => running.metadata.stdout, (text) => text !== "", "it runs");
  const direct = client[0]!.apply(marking, 1, 10);
  const queued = Array.from({ length: 50 }, (_, i) => view.apply(marking, i, 1));
  Deno.kill(hostPid, "SIGSTOP");
  await eventually(() => client.ids.length, (count) => count === 0, "it is given up");

  await test.step("what it had ends with an error, or waits for another engine", async () => {
    await running.wait({ timeoutMs: 20_000 });
    await direct.wait({ timeoutMs: 20_000 });
    await assert.rejects(async () => await running, EngineError);
    await assert.rejects(async () => await direct, EngineError);
  });

  Deno.kill(hostPid, "SIGCONT");
  await client.waitForEngines(1, { timeoutMs: 20_000 });

  await test.step("it is back under its id, with its uuid, process and namespace", async () => {
    assert.deepEqual([client.ids, client.engineUuid(0)], [[0], uuid]);
    assert.deepEqual(await client[0]!.pull("kept"), { since: "before" });
    assert(isAlive(host));
    assert(children.some(isAlive));
  });

  await test.step("late results are dropped; what was queued ran once", async () => {
    const { ok, lost } = await tally(queued);
    assert.equal(ok + lost, 50);
    await assert.rejects(async () => await running, EngineError);
    const [record] = await client.query({ msg_id: running.metadata.msgId }, ["status"]);
    assert.equal(record?.status, "lost");
    await queueIsEmpty(client);
  });
});

Deno.test("a client that was connected before sees engines come and go, and reaches each by number", async () => {
  await using run = await Run.start({ n: 1 });
  const { client } = run;
  await run.cluster.startEngines(2);
  await client.waitForEngines(3, { timeoutMs: 20_000 });
  assert.deepEqual(await Promise.all([0, 1, 2].map((id) => client[id]!.apply((x: number) => x, id))), [
    0,
    1,
    2,
  ]);
  await client.shutdown({ targets: [1, 2] });
  await eventually(() => client.ids, (ids) => ids.length === 1, "two are gone");
  assert.throws(() => client[2], RangeError);
  assert(client instanceof Client);
});
