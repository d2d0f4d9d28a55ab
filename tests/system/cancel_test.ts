/** One task is stopped in whatever state it is, by whatever client, and no other. */
import assert from "node:assert/strict";
import { type PostMortem, TaskCancelled } from "../../src/client/client.ts";
import type { Client } from "../../src/client/client.ts";
import { PATIENCE_MS, Run } from "./run.ts";

/** Waits until an engine has begun a task. */
async function untilStarted(client: Client, msgId: string): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const [record] = await client.query({ msg_id: msgId }, ["msg_id", "stdout"]);
    if (String(record?.["stdout"] ?? "").includes("begun")) return;
    assert.ok(Date.now() < until, `task ${msgId} has not begun`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits until the cluster has heard of a task. */
async function untilKnown(client: Client, msgId: string): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  while ((await client.query({ msg_id: msgId }, ["msg_id"])).length === 0) {
    assert.ok(Date.now() < until, `task ${msgId} is not known`);
  }
}

/** The record once it says how the task ended. */
async function ended(client: Client, msgId: string) {
  await client.result(msgId, { timeoutMs: PATIENCE_MS }).catch(() => {});
  const [record] = await client.query({ msg_id: msgId }, ["status", "post_mortem", "completed"]);
  assert.ok(record !== undefined);
  return record as { status: string; post_mortem: Record<string, unknown> };
}

const loop = () => {
  console.log("begun");
  for (;;);
};

/** 50 tasks behind a running one: one is cancelled, the 49 others run, each once. */
async function cancelOneOfFifty(run: Run, at: number, canceller: Client): Promise<void> {
  const { client } = run;
  const first = client[0]!.apply(async () => {
    console.log("begun");
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
  await untilStarted(client, first.msgIds[0]!);
  const view = client.loadBalanced();
  const ran = (i: number) => {
    const all = globalThis as { counts?: Record<number, number> };
    (all.counts ??= {})[i] = (all.counts[i] ?? 0) + 1;
    return i;
  };
  const tasks = Array.from({ length: 50 }, (_, i) => view.apply(ran, i));
  await untilKnown(canceller, tasks[49]!.msgIds[0]!);
  const words = await canceller.cancel(tasks[at]!.msgIds[0]!, { why: "not wanted" });
  assert.match(words[tasks[at]!.msgIds[0]!]!, /^cancel(led|ling)$/);
  await assert.rejects(Promise.resolve(tasks[at]), (error: unknown) => {
    assert.ok(error instanceof TaskCancelled);
    assert.equal(error.by?.why, "not wanted");
    assert.equal(error.postMortem?.endedBy, "cancel");
    return true;
  });
  const others = await Promise.all(tasks.filter((_, i) => i !== at));
  assert.deepEqual(others, Array.from({ length: 50 }, (_, i) => i).filter((i) => i !== at));
  const counts = await client[0]!.apply(() => (globalThis as { counts?: object }).counts ?? {});
  assert.deepEqual(counts, Object.fromEntries(others.map((i) => [i, 1])));
  await client[0]!.apply(() => delete (globalThis as { counts?: object }).counts);
}

Deno.test("one of 50 tasks is cancelled by another client, and its neighbours run once each", async () => {
  await using run = await Run.start({ n: 1 });
  const other = await run.connect();
  for (const at of [0, 1, 20, 49]) await cancelOneOfFifty(run, at, other);
  await cancelOneOfFifty(run, 7, run.client);
});

Deno.test("a running task is cancelled by another client; record and error say who and why", async () => {
  await using run = await Run.start({ n: 1 });
  const other = await run.connect();
  const task = run.client.loadBalanced({ retries: 3 }).apply(loop);
  const msgId = task.msgIds[0]!;
  await untilStarted(other, msgId);
  const behind = run.client.loadBalanced().map((i: number) => i, [1, 2, 3]);
  assert.deepEqual(await other.cancel(msgId, { why: "for a test" }), { [msgId]: "cancelling" });
  await assert.rejects(Promise.resolve(task), (error: unknown) => {
    assert.ok(error instanceof TaskCancelled, String(error));
    assert.match(error.message, /Cancelled by .*@.* while it ran.*: for a test/);
    assert.match(error.by?.who ?? "", /@.*, pid \d+$/);
    assert.equal(error.postMortem?.attempts.length, 1);
    return true;
  });
  assert.deepEqual(await behind, [1, 2, 3]);
  const { status, post_mortem } = await ended(other, msgId);
  assert.equal(status, "cancelled");
  assert.equal(post_mortem["ended_by"], "cancel");
  assert.deepEqual((post_mortem["by"] as { why: string }).why, "for a test");
  assert.deepEqual(await other.cancel(msgId), { [msgId]: "already cancelled" });
  assert.deepEqual(await run.client.cancel(task), { [msgId]: "already cancelled" });
});

Deno.test("a direct task is cancelled by another client, waiting or running", async () => {
  await using run = await Run.start({ n: 2 });
  const other = await run.connect();
  const running = run.client[1]!.apply(loop);
  const waiting = run.client[1]!.apply(() => 1), neighbour = run.client[1]!.apply(() => 2);
  await untilStarted(other, running.msgIds[0]!);
  for (const task of [waiting, running]) {
    const msgId = task.msgIds[0]!;
    assert.deepEqual(await other.cancel(msgId, { why: "direct" }), { [msgId]: "cancelling" });
    await assert.rejects(Promise.resolve(task), (error: unknown) => {
      return error instanceof TaskCancelled && error.by?.why === "direct";
    });
    assert.equal((await ended(other, msgId)).status, "cancelled");
  }
  assert.equal(await neighbour, 2);
});

Deno.test("cancelling what is over, or what nobody knows, is harmless and says so", async () => {
  await using run = await Run.start({ n: 1 });
  const other = await run.connect();
  const task = run.client.loadBalanced().apply(() => 5);
  assert.equal(await task, 5);
  const [msgId] = task.msgIds;
  const words = await other.cancel([msgId!, "nobody_1_1", "anything"]);
  assert.deepEqual(words, { [msgId!]: "already finished", "nobody_1_1": "not known", anything: "not known" });
  assert.equal(await other.result(msgId!), 5);
  assert.deepEqual(await other.cancel([]), {});
});

Deno.test("a task that waits for another is cancelled, and who waits for it is told", async () => {
  await using run = await Run.start({ n: 1 });
  const other = await run.connect();
  const first = run.client.loadBalanced().apply(loop);
  const second = run.client.loadBalanced({ after: [first] }).apply(() => 2);
  const third = run.client.loadBalanced({ after: [second] }).apply(() => 3);
  await untilStarted(other, first.msgIds[0]!);
  const msgId = second.msgIds[0]!;
  assert.deepEqual(await other.cancel(msgId), { [msgId]: "cancelled" });
  await assert.rejects(Promise.resolve(second), { name: "TaskCancelled" });
  await assert.rejects(Promise.resolve(third), (error: unknown) => {
    assert.ok(error instanceof Error && error.name === "ImpossibleDependency");
    assert.equal((error as { postMortem?: { endedBy: string } }).postMortem?.endedBy, "dependency");
    return true;
  });
  await run.client.cancel(first, { why: "end of the test" });
  await assert.rejects(Promise.resolve(first), { name: "TaskCancelled" });
});

Deno.test("an AbortSignal says who and why", async () => {
  await using run = await Run.start({ n: 1 });
  const stop = new AbortController();
  const task = run.client.loadBalanced({ signal: stop.signal }).apply(loop);
  await untilStarted(run.client, task.msgIds[0]!);
  stop.abort("the user left");
  await assert.rejects(Promise.resolve(task), (error: unknown) => {
    return error instanceof TaskCancelled && error.by?.why === "the user left";
  });
});

Deno.test("attempts of a task that was tried again stand in its error and record", async () => {
  await using run = await Run.start({ n: 2 });
  const task = run.client.loadBalanced({ retries: 1 }).apply(() => {
    throw new RangeError("no");
  });
  await assert.rejects(Promise.resolve(task), (error: unknown) => {
    const { postMortem } = error as { postMortem?: { attempts: { outcome: string; engineId: number }[] } };
    assert.deepEqual(postMortem?.attempts.map(({ outcome }) => outcome), ["error", "error"]);
    assert.equal(new Set(postMortem?.attempts.map(({ engineId }) => engineId)).size, 2);
    return true;
  });
  const { post_mortem } = await ended(run.client, task.msgIds[0]!);
  assert.equal(post_mortem["ended_by"], "error");
  assert.equal((post_mortem["attempts"] as unknown[]).length, 2);
});

Deno.test("errors say what is known of a task's end", async () => {
  await using run = await Run.start({ n: 1 });
  const { client } = run;
  const errorOf = async (task: PromiseLike<unknown>) => {
    try {
      assert.fail(`it succeeded: ${await task}`);
    } catch (error) {
      const { name, postMortem } = error as { name: string; postMortem?: PostMortem | null };
      assert.ok(postMortem, `${name} without a post-mortem`);
      return { name, ...postMortem };
    }
  };
  const thrown = await errorOf(
    client.loadBalanced().apply(() => {
      console.log("last words");
      throw new TypeError("no");
    }),
  );
  assert.equal(thrown.name, "RemoteError");
  assert.equal(thrown.endedBy, "error");
  assert.match(thrown.lastOutput, /last words/);
  assert.equal(thrown.attempts[0]?.engineUuid, client.engineUuid(0));
  const limited = await errorOf(client.loadBalanced({ limits: { runTimeoutMs: 40 } }).apply(loop));
  assert.equal(limited.name, "LimitExceeded");
  assert.equal(limited.endedBy, "limit");
  assert.equal(limited.limit?.max, 40);
  assert.ok((limited.peakMemoryMB ?? 0) > 0);
  const engine = client.loadBalanced().apply(loop);
  await untilStarted(client, engine.msgIds[0]!);
  const [pid] = (await client.status())["engines"] as { pid: number }[];
  Deno.kill(pid!.pid, "SIGKILL");
  const lost = await errorOf(engine);
  assert.equal(lost.name, "EngineError");
  assert.equal(lost.endedBy, "engine");
  assert.deepEqual(lost.attempts.map(({ outcome }) => outcome), ["lost"]);
});

Deno.test("without records tasks are cancelled all the same", async () => {
  await using run = await Run.start({ n: 1, controllerArgs: ["--nodb"] });
  const other = await run.connect();
  const done = run.client.loadBalanced().apply(() => 1);
  await done;
  const running = run.client.loadBalanced().apply(loop);
  const waiting = run.client.loadBalanced({ after: [running] }).apply(() => 2);
  const [id] = waiting.msgIds;
  const until = Date.now() + PATIENCE_MS;
  let words: Readonly<Record<string, string>> = {};
  while (words[id!] !== "cancelled") {
    assert.ok(Date.now() < until, JSON.stringify(words));
    words = await other.cancel(id!);
  }
  const ids = [...done.msgIds, ...running.msgIds, id!, "nobody"];
  words = await other.cancel(ids);
  assert.deepEqual(ids.map((each) => words[each]), [
    "already finished",
    "cancelling",
    "already finished",
    "not known",
  ]);
  await assert.rejects(Promise.resolve(running), { name: "TaskCancelled" });
  await assert.rejects(Promise.resolve(waiting), { name: "TaskCancelled" });
});
