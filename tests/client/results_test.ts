/** What a result can be asked beside its value: parts, waits, times, output, progress, groups. */
import assert from "node:assert/strict";
import { AsyncResult, Client, CompositeError, RemoteError, ResultGroup } from "../../src/client/client.ts";
import { bar, inNotebook, lines } from "../../src/client/progress_display.ts";
import { STATUS } from "../../src/protocol/groups.ts";
import { FakeController, type FakeTask } from "./fake_controller.ts";

async function connected(engines: number) {
  const controller = new FakeController();
  for (let id = 0; id < engines; id++) controller.engine(id);
  const client = await Client.connect({ connection: controller.info });
  controller.answer = () => undefined;
  return {
    controller,
    client,
    /** The open task of an engine. */
    task: async (engine: number): Promise<FakeTask> => {
      await controller.until(() => controller.tasks.some((task) => task.engine === engine));
      return controller.tasks.find((task) => task.engine === engine)!;
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await controller[Symbol.asyncDispose]();
    },
  };
}

const failure = {
  status: STATUS.error,
  value: { ename: "RangeError", evalue: "too far", traceback: [] },
};

Deno.test("wait tells what has ended: the first, the first that failed, all", async () => {
  await using world = await connected(3);
  const { client, controller } = world;
  const result = client.direct().apply(() => 1);
  assert.equal(result.ready, false);
  assert.throws(() => result.successful, /Cannot tell whether "apply on 3 engines" was successful: 3 of 3/);
  controller.finish(await world.task(2), { value: "two", engine: 2 });
  const first = await result.wait({ for: "first" });
  assert.deepEqual(first.done.map(({ index }) => index), [2]);
  assert.deepEqual(first.pending.map(({ index }) => index), [0, 1]);
  const untilFailure = result.wait({ for: "first-error" });
  await assert.rejects(result.wait({ for: "first-error", timeoutMs: 5 }), /2 of 3 tasks are open/);
  controller.finish(await world.task(0), { ...failure, engine: 0 });
  const { done, pending } = await untilFailure;
  assert.deepEqual([done.map(({ index }) => index), pending.map(({ index }) => index)], [[0, 2], [1]]);
  assert(done[0]?.error instanceof RemoteError && done[0].successful === false);
  assert.equal(await done[1], "two");
  await assert.rejects(result.get({ for: "first-error" }), /too far/);
  await assert.rejects(result.get({ timeoutMs: 5 }), { name: "TimeoutError" });
  controller.finish(await world.task(1), { value: 1, engine: 1 });
  assert.equal((await result.wait()).pending.length, 0);
  assert.deepEqual([result.ready, result.successful], [true, false]);
  await assert.rejects(
    result.then(),
    (error) => error instanceof CompositeError && /\[engine 0\] RangeError: too far/.test(error.message),
  );
  const settled = await result.settled();
  assert.deepEqual(settled.map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
  await assert.rejects(result.wait({ for: "some" as "all" }), TypeError);
});

Deno.test("a local get ends by time or signal, and leaves the task alone", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  const result = client.direct(0).apply(() => 1);
  await assert.rejects(
    result.get({ timeoutMs: 5 }),
    (error) => error instanceof DOMException && error.name === "TimeoutError",
  );
  const aborter = new AbortController();
  const waiting = result.get({ signal: aborter.signal });
  aborter.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  controller.finish(await world.task(0), { value: 5, engine: 0 });
  assert.equal(await result.get({ timeoutMs: 5000 }), 5);
  assert.equal(controller.stopped.length, 0);
});

Deno.test("values come in order, by engine, and part by part", async () => {
  await using world = await connected(3);
  const { client, controller } = world;
  const result = client.direct().apply(() => "x");
  const seen: string[] = [];
  const reading = (async () => {
    for await (const value of result.inOrder()) seen.push(value);
  })();
  const [zero, one, two] = result.parts();
  controller.finish(await world.task(1), { value: "b", engine: 1 });
  assert.equal(await one, "b");
  assert.deepEqual([seen, zero?.done, one?.done], [[], false, true]);
  await assert.rejects(two!.get({ timeoutMs: 5 }), /is open/);
  two?.cancel("not needed");
  await controller.until(() => controller.stopped.length === 1);
  assert.deepEqual([controller.stopped[0]?.engine, controller.stopped[0]?.word], [2, 0]);
  controller.finish(await world.task(2), { value: "c", engine: 2 });
  controller.finish(await world.task(0), { value: "a", engine: 0 });
  await reading;
  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.deepEqual([...await result.byEngine()], [[0, "a"], [1, "b"], [2, "c"]]);
});

Deno.test("times are told when all is done, and metadata is whole", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  const before = client.loadBalanced().apply(() => 0);
  const view = client.loadBalanced({ label: { run: 1 }, priority: 3, after: before, follow: [before] });
  const result = view.apply(() => 1);
  assert.throws(() => result.serialTime, /Cannot tell the times of "apply": 1 of 1 tasks are open/);
  assert(result.elapsed >= 0);
  assert.equal(result.metadata.received, null);
  await controller.until(() => controller.tasks.length === 2);
  controller.finish(controller.tasks[1]!, { value: 1, engine: 0 });
  controller.finish(controller.tasks[0]!, { value: 1, engine: 0 });
  await result;
  const { msgId, label, priority, after, follow, received, submitted, status, error, outputReady } =
    result.metadata;
  assert.deepEqual([label, priority, status, error, outputReady], [{ run: 1 }, 3, "ok", null, true]);
  assert.deepEqual([after, follow], [before.msgIds, before.msgIds]);
  assert.equal(msgId, result.msgIds[0]);
  assert(received !== null && received >= submitted);
  assert.equal(result.wallTime, received - submitted);
  assert.equal(result.elapsed, result.wallTime);
  assert.equal(result.speedup, result.serialTime / result.wallTime);
});

Deno.test("output comes live with who wrote it, and ends with its task", async () => {
  await using world = await connected(2);
  const { client, controller } = world;
  const result = client.direct().apply(() => 1);
  const [first, second] = [await world.task(0), await world.task(1)];
  const parent = { session: client.session, pid: Number(result.msgIds[0]!.split("_").at(-2)) };
  controller.print(parent, first.n, "stdout", "early ");
  const pieces: string[] = [];
  const reading = (async () => {
    for await (const { value, index, engineId } of result.stdout) {
      pieces.push(`${index} ${engineId} ${value}`);
    }
  })();
  while (pieces.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.print(parent, second.n, "stdout", "two");
  controller.print(parent, first.n, "stderr", "not asked");
  while (pieces.length === 1) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.finish(second, { value: 2, engine: 1, tail: { out: [3, 0] } });
  // Announced, and not there yet: the loop waits for it.
  controller.finish(first, { value: 1, engine: 0, tail: { out: [11, 9] } });
  await result;
  controller.print(parent, first.n, "stdout", "later");
  await reading;
  assert.deepEqual(pieces.map((text) => text.replace("null", "?")), ["0 ? early ", "1 ? two", "0 0 later"]);
  const again: string[] = [];
  for await (const { value } of result.stdout) again.push(value);
  assert.deepEqual(again, ["early later", "two"]);
  assert.deepEqual(result.stderr.soFar, ["not asked", ""]);
  for await (const piece of result.stdout) {
    assert.equal(piece.kind, "stdout");
    break;
  }
});

Deno.test("what tasks show is told live too", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  const result = client.direct(0).apply(() => 1);
  const task = await world.task(0);
  const [session, pid] = [client.session, result.msgIds[0]!.split("_").at(-2)];
  const content = { data: { "text/plain": "a picture" }, metadata: {} };
  controller.publish("display_data", content, { msg_id: `${session}_${pid}_${task.n}`, session });
  controller.finish(task, { value: 1, engine: 0, tail: { out: [0, 0, 1] } });
  const shown: unknown[] = [];
  for await (const { value } of result.displays) shown.push(value);
  assert.deepEqual(shown, [content]);
  assert.deepEqual(result.outputs, [content]);
});

Deno.test("progress is written as lines, as a bar on a terminal, as a display in a notebook", async () => {
  await using world = await connected(2);
  const { client, controller } = world;
  const result = client.direct().apply(() => 1);
  const written: string[] = [];
  const shown: string[] = [];
  const terminal = { isTTY: true, columns: 80, write: (text: string) => shown.push(text) };
  const broadcasts: { type: string; content: Record<string, unknown> }[] = [];
  const notebook = {
    broadcast: (type: string, content: Record<string, unknown>) => void broadcasts.push({ type, content }),
  };
  const waits = [
    result.waitInteractive({ interval: 1, write: (text) => written.push(text) }),
    result.waitInteractive({ interval: 1, display: await bar(terminal) }),
    result.waitInteractive({ interval: 1, display: inNotebook(notebook) }),
  ];
  await assert.rejects(result.waitInteractive({ timeoutMs: 5, write: () => {} }), { name: "TimeoutError" });
  await assert.rejects(result.waitInteractive({ interval: 0 }), RangeError);
  const listening = new Set<() => void>();
  const interruptible = {
    ...lines(() => {}),
    onInterrupt: (interrupted: () => void) => {
      listening.add(interrupted);
      return () => void listening.delete(interrupted);
    },
  };
  const interrupted = result.waitInteractive({ display: interruptible });
  while (listening.size === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  listening.forEach((interrupt) => interrupt());
  await assert.rejects(interrupted, {
    name: "AbortError",
    message: /interrupted: apply on 2 engines goes on/,
  });
  assert.equal(listening.size, 0);
  controller.finish(await world.task(0), { ...failure, engine: 0 });
  await result.wait({ for: "first" });
  while (written.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.finish(await world.task(1), { value: 1, engine: 1 });
  await Promise.all(waits);
  const texts = written.map((text) => text.replace(/\d+\.\d s/, "t"));
  assert.deepEqual(texts, [
    "apply on 2 engines: 0/2 t\n",
    "apply on 2 engines: 1/2 1 failed t\n",
    "apply on 2 engines: 2/2 1 failed t\n",
  ]);
  assert.match(shown.join(""), /apply on 2 engines \[=+\] 2\/2 1 failed/);
  assert.deepEqual([broadcasts[0]?.type, broadcasts.at(-1)?.type], ["display_data", "update_display_data"]);
  assert.deepEqual(broadcasts[0]?.content.transient, broadcasts.at(-1)?.content.transient);
  assert.match(JSON.stringify(broadcasts.at(-1)?.content.data), /2\/2 1 failed/);
  const silent: string[] = [];
  await result.waitInteractive({ display: lines((text) => silent.push(text)) });
  assert.equal(silent.length, 1);
});

Deno.test("a CompositeError names each engine, gives each error, and stays short", async () => {
  await using world = await connected(40);
  const { client, controller } = world;
  const result = client.direct().apply(() => 1);
  for (let engine = 0; engine < 40; engine++) {
    const value = { ename: "Error", evalue: `${engine} `.repeat(2000), traceback: [`at line ${engine}`] };
    controller.finish(await world.task(engine), { status: STATUS.error, value, engine });
  }
  const error = await result.then(() => undefined, (error) => error);
  assert(error instanceof CompositeError);
  assert.equal(error.errors.length, 40);
  assert(error.message.length < 10_000, `${error.message.length} characters`);
  assert.match(error.message, /\[engine 5\].*\n.*and 34 more/);
  assert.throws(() => error.raise(), (thrown) => thrown === error.errors[0]);
  assert.throws(() => error.raise(33), (thrown) => thrown === error.errors[33]);
  assert.throws(() => error.raise(77), /No error came from engine 77; the engines of these errors: 0, 1,/);
  assert.match(error.describe(), /\[engine 39\]/);
});

Deno.test("a group has counts, all values, one way to stop, and a bound", async () => {
  await using world = await connected(2);
  const { client, controller } = world;
  const view = client.loadBalanced();
  const pair = AsyncResult.all([client.direct(0).apply(() => 1), client.direct(1).apply(() => "s")]);
  assert.deepEqual(pair.counts, { total: 2, done: 0, failed: 0, pending: 2 });
  controller.finish(await world.task(1), { value: "s", engine: 1 });
  controller.finish(await world.task(0), { value: 1, engine: 0 });
  const values: [number, string] = await pair;
  assert.deepEqual(values, [1, "s"]);
  assert.equal(pair.done, true);

  const group = new ResultGroup<number[]>({ limit: 2 });
  const own = () => controller.tasks.filter(({ engine }) => engine === -1);
  for (let i = 0; i < 2; i++) await group.submit(() => view.apply((i: number) => i, i));
  await assert.rejects(
    group.submit(() => view.apply(() => 9), { timeoutMs: 5 }),
    /2 of 2 tasks of the group/,
  );
  const third = group.submit(() => view.apply(() => 2));
  await controller.until(() => own().length === 2);
  assert.equal(group.counts.total, 2);
  controller.finish(own()[1]!, { value: 1 });
  await third;
  await controller.until(() => own().length === 3);
  controller.finish(own()[0]!, failure);
  controller.finish(own()[2]!, { value: 2 });
  assert.deepEqual(await group.wait(), { total: 3, done: 3, failed: 1, pending: 0 });
  await assert.rejects(
    group.then(),
    (error) => error instanceof CompositeError && /group of 3/.test(error.message),
  );
  const seen: unknown[] = [];
  await assert.rejects(async () => {
    for await (const value of group) seen.push(value);
  }, /too far/);
  assert.deepEqual(seen, [1]);

  const aborter = new AbortController();
  const signalled = new ResultGroup({ signal: aborter.signal });
  signalled.add(view.apply(() => 1));
  signalled.add(view.apply(() => 2));
  await controller.until(() => own().length === 5);
  aborter.abort(new Error("over"));
  await controller.until(() => controller.stopped.length === 2);
  await assert.rejects(signalled.submit(() => view.apply(() => 3)), /over/);
  for (const task of own().slice(3)) controller.finish(task, { status: STATUS.cancelled, value: null });
  assert.deepEqual(await signalled.wait(), { total: 2, done: 2, failed: 2, pending: 0 });
  assert.throws(() => new ResultGroup({ limit: 0 }), RangeError);
  assert.deepEqual(await new ResultGroup(), []);
});

Deno.test("a client that is closed in the middle ends every wait with a sentence", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  controller.hub.result_request = () => ({ status: "ok", pending: ["x_1_1"], completed: [] });
  controller.hub.db_request = () => ({ status: "ok", records: [] });
  const result = client.direct(0).apply(() => 1);
  const group = AsyncResult.all([result]);
  const followed = client.result("x_1_1");
  await controller.until(() => controller.requests.some(({ type }) => type === "result_request"));
  const waits = [result.get(), group.get(), followed.get(), followed.inOrder().next()];
  const ended = Promise.allSettled(waits);
  const output = (async () => {
    for await (const _ of result.stdout);
  })();
  await world.task(0);
  await client.close();
  for (const outcome of await ended) {
    assert.match(String(outcome.status === "rejected" && outcome.reason), /client was closed/);
  }
  await output;
  assert.throws(() => client.result("x_1_1"), /client was closed/);
});

Deno.test("a map has the same words", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  const map = client.loadBalanced({ priority: 1 }).map((x: number) => x, [1, 2]);
  const own = () => controller.tasks.filter(({ engine }) => engine === -1);
  assert.throws(() => map.successful, /of the map are open/);
  assert.throws(() => map.times, /of the map are open/);
  await assert.rejects(map.get({ timeoutMs: 5 }), { name: "TimeoutError" });
  const lines: string[] = [];
  const shown = map.waitInteractive({ interval: 1, write: (text) => lines.push(text) });
  await controller.until(() => own().length === 2);
  for (const task of own()) controller.finish(task, { value: task.n, engine: 0 });
  await shown;
  assert.match(lines.at(-1)!, /^map: 2\/2/);
  assert.deepEqual([map.ready, map.successful], [true, true]);
  assert(map.times.wallTime > 0);
  assert.deepEqual(map.metadata.map(({ priority }) => priority), [1, 1]);
  assert.equal((await map.get()).length, 2);
});
