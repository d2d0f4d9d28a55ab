/** Scopes and signals on a real cluster: what is left is stopped where it runs, and what is detached goes on. */
import assert from "node:assert/strict";
import { type Client, TaskCancelled } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

/** Runs until it is stopped. */
const forever = () => new Promise<void>((resolve) => setTimeout(resolve, 600_000));
const nap = (ms: number, value: string) =>
  new Promise<string>((resolve) => setTimeout(() => resolve(value), ms));

/** Counts without end, and says in the namespace that it has ended. */
const counting = function* (name: string) {
  try {
    for (let i = 0;; i++) yield i;
  } finally {
    (globalThis as unknown as Record<string, unknown>)[`${name}Ended`] = true;
  }
};

async function drained(values: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of values);
}

Deno.test("scopes and signals", async (test) => {
  await using run = await Run.start({ n: 2 });
  const { client } = run;
  const statusOf = async (msgId: string) => (await client.query({ msg_id: msgId }, ["status"]))[0]?.status;

  await test.step("a left view stops what runs, waits and maps, and leaves what is detached and others'", async () => {
    const other = client.loadBalanced().apply(nap, 1500, "other");
    const stopped = await (async () => {
      await using view = client.loadBalanced();
      const running = [view.apply(forever), view.with({ label: "more" }).apply(forever)];
      const waiting = Array.from({ length: 50 }, () => view.apply(forever));
      const map = view.map(forever, Array.from({ length: 100 }));
      await using one = client.direct(1);
      const direct = one.apply(forever);
      await eventually(
        () => running.some((task) => task.metadata.started !== null || !task.done),
        Boolean,
        "they run",
      );
      const detached = view.with({ detached: true }).apply(nap, 10, "detached");
      return { tasks: [...running, ...waiting, direct], map, detached };
    })();
    // Leaving has waited for their ends.
    for (const one of stopped.tasks) {
      assert(one.done);
      const error = await errorOf(one);
      assert(error instanceof TaskCancelled, String(error));
      assert.match(error.message, /the scope of the view was left/);
      assert(error.cause instanceof Error);
    }
    assert(await errorOf(stopped.map) instanceof TaskCancelled);
    assert.equal(await stopped.detached, "detached");
    assert.equal(await other, "other");
    await queueIsEmpty(client);
  });

  await test.step("a left view ends streams, with their finally blocks; detached ones go on", async () => {
    const { stream, kept } = await (async () => {
      await using view = client.direct(0);
      const stream = view.stream(counting, "inScope"), detached = view.with({ detached: true });
      const kept = detached.stream(counting, "outOfScope");
      assert.equal((await stream.next()).value, 0);
      assert.equal((await kept.next()).value, 0);
      return { stream, kept };
    })();
    // Leaving has waited for it.
    assert.equal(await client[0]!.pull("inScopeEnded"), true);
    const error = await errorOf(drained(stream));
    assert(error instanceof TaskCancelled, String(error));
    assert.match(error.message, /the scope of the view was left/);
    assert.equal((await kept.next()).value, 1);
    await kept.return();
    assert.equal(await client[0]!.pull("outOfScopeEnded"), true);
    await queueIsEmpty(client);
  });

  await test.step("a stream of a view that was left does not begin", async () => {
    const view = client.loadBalanced(), stream = view.stream(counting, "late");
    await view[Symbol.asyncDispose]();
    await assert.rejects(stream.next(), { name: "TypeError", message: /the scope of the view was left/ });
    assert.throws(() => view.stream(counting, "later"), /the scope of the view was left/);
  });

  await test.step("a left client ends its streams", async () => {
    {
      await using second = await run.connect();
      const stream = second.direct(1).stream(counting, "ofClient");
      assert.equal((await stream.next()).value, 0);
    }
    assert.equal(await client[1]!.pull("ofClientEnded"), true);
  });

  await test.step("a left broadcast view stops calls and maps, and those of views made of it", async () => {
    const { tasks, kept, before } = await (async () => {
      await using view = client.broadcast();
      const tasks = [view.apply(forever), view.with({ label: "more" }).apply(forever)];
      const map = view.map(forever, [1, 2, 3]);
      const kept = view.with({ detached: true }).apply(nap, 10, "detached");
      return { tasks: [...tasks, map], kept, before: view };
    })();
    for (const one of tasks) {
      const error = await errorOf(one);
      const [first] = error instanceof AggregateError ? error.errors : [error];
      assert(first instanceof TaskCancelled, String(error));
    }
    assert.deepEqual(await kept, ["detached", "detached"]);
    assert.throws(() => before.apply(forever), /the scope of the view was left/);
    await queueIsEmpty(client);
  });

  await test.step("a left view stops transforms and maps with the input first", async () => {
    const { reader, map } = await (async () => {
      await using view = client.loadBalanced();
      const map = view.map([1, 2, 3], forever, { concurrency: 2 });
      const source = ReadableStream.from([1, 2, 3]);
      const reader = source.pipeThrough(view.transform(forever)).getReader();
      return { reader, map };
    })();
    assert(await errorOf(map) instanceof TaskCancelled);
    assert(await errorOf(reader.read()) instanceof TaskCancelled);
    await queueIsEmpty(client);
  });

  await test.step("a left client cancels its tasks in the cluster; close() and detached ones let them go on", async () => {
    const ids: Record<string, string> = {};
    const { left } = await (async () => {
      await using second = await run.connect();
      const task = second.direct(0).apply(forever);
      ids.left = task.msgIds[0]!;
      ids.detached = second.direct(1, { detached: true }).apply(nap, 300, "detached").msgIds[0]!;
      await eventually(() => statusOf(ids.left!), (status) => status !== undefined, "it is recorded");
      return { left: task };
    })();
    assert(await errorOf(left) instanceof TaskCancelled);
    await eventually(() => statusOf(ids.left!), (status) => status === "cancelled", "it is cancelled");
    assert.equal(await client.result(ids.detached!, { timeoutMs: 10_000 }), "detached");
    const closing = await run.connect();
    const closed = closing.direct(0).apply(nap, 300, "closed");
    await closing.close();
    assert.match(String(await errorOf(closed)), /The client was closed/);
    assert.equal(await client.result(closed.msgIds[0]!, { timeoutMs: 10_000 }), "closed");
  });

  await test.step("an aborted signal stops tasks with its reason, running and waiting", async () => {
    const abort = new AbortController(), { signal } = abort;
    const view = client.loadBalanced({ signal });
    const tasks = Array.from({ length: 40 }, () => view.apply(forever));
    const direct = client.direct("all", { signal }).apply(forever);
    const map = client.loadBalanced().map(forever, Array.from({ length: 10 }), { signal });
    await eventually(
      () => client.queueStatus(),
      ({ engines }) => Object.values(engines).some(({ tasks }) => Number(tasks) > 0),
      "some are at engines",
    );
    const reason = new RangeError("enough of it");
    abort.abort(reason);
    assert.throws(() => view.apply(forever), reason);
    for (const one of tasks) {
      const error = await errorOf(one);
      assert(error instanceof TaskCancelled, String(error));
      assert.equal(error.cause, reason);
      assert.match(error.message, /enough of it/);
    }
    const composite = await errorOf(direct) as { errors: Error[] };
    assert.deepEqual(composite.errors.map(({ name, cause }) => [name, cause]), [
      ["TaskCancelled", reason],
      ["TaskCancelled", reason],
    ]);
    assert.equal(await errorOf(map), reason);
    await queueIsEmpty(client);
    assert.equal(await client.loadBalanced().apply(() => 1), 1);
  });

  await test.step("80,000 tasks on one signal end quickly", async () => {
    const abort = new AbortController();
    const view = client.loadBalanced({ signal: abort.signal });
    const tasks = Array.from({ length: 80_000 }, () => view.apply(forever));
    abort.abort(new Error("enough"));
    const ends = await Promise.allSettled(tasks);
    assert(ends.every((end) => end.status === "rejected" && end.reason instanceof TaskCancelled));
    await queueIsEmpty(client);
  });
});

Deno.test("a left cluster leaves the scopes of its clients", async () => {
  await using folder = new RunFolder();
  let task, client: Client;
  {
    await using cluster = await Cluster.start({ n: 1, profileDir: folder.dir });
    client = await cluster.client();
    task = client.loadBalanced().apply(forever);
    await eventually(() => client.queueStatus(), ({ engines }) => engines[0]?.tasks === 1, "it runs");
  }
  const error = await errorOf(task);
  assert(error instanceof TaskCancelled, String(error));
  await assert.rejects(client.queueStatus(), /closed/);
});
