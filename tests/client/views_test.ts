import assert from "node:assert/strict";
import {
  Client,
  CompositeError,
  LimitExceeded,
  NoEnginesRegistered,
  RemoteError,
  task,
  TaskAborted,
  TaskCancelled,
} from "../../src/client/client.ts";
import { STATUS } from "../../src/protocol/groups.ts";
import { encodeValue } from "../../src/protocol/values.ts";
import { FakeController } from "./fake_controller.ts";

async function connected(engines: number) {
  const controller = new FakeController();
  for (let id = 0; id < engines; id++) controller.engine(id);
  const client = await Client.connect({ connection: controller.info });
  return {
    controller,
    client,
    async [Symbol.asyncDispose]() {
      await client.close();
      await controller[Symbol.asyncDispose]();
    },
  };
}

Deno.test("apply gives one value, or one for each target in order", async () => {
  await using world = await connected(3);
  const { client } = world;
  const one: number = await client.loadBalanced().apply((a: number, b: number) => a + b, 40, 2);
  assert.equal(one, 42);
  const direct: string = await client.direct(1).apply((name: string) => `hello ${name}`, "you");
  assert.equal(direct, "hello you");
  const all: number[] = await client.direct("all").apply(
    async (x: number) => await Promise.resolve(x * 2),
    4,
  );
  assert.deepEqual(all, [8, 8, 8]);
  assert.equal(await client[2]?.apply(() => 5), 5);
  assert.deepEqual(await client.direct({ from: 1 }).apply(() => 1), [1, 1]);
  assert.equal(await client.direct("any").apply(() => 9), 9);
});

Deno.test("captures go along, and a definition travels once", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  const scale = 3;
  const times = task((x: number) => x * scale, { captures: { scale } });
  const view = client.loadBalanced();
  assert.equal(await view.apply(times, 5), 15);
  assert.equal(await view.apply(times, 6), 18);
  for (let i = 0; i < 3; i++) await view.apply(() => 1);
  const functions = controller.defined.filter(({ id }) => id > 0);
  assert.equal(functions.length, 2);
  assert.deepEqual(controller.defined.filter(({ id }) => id === 0).length, 1);
});

Deno.test("push, pull, execute, clear, scatter and gather", async () => {
  await using world = await connected(3);
  const { client } = world;
  const all = client.direct();
  await all.push({ x: 1, y: [2] });
  assert.deepEqual(await all.pull("x"), [1, 1, 1]);
  assert.deepEqual(await client.direct(0).pull(["x", "y"]), [1, [2]]);
  await all.scatter("part", [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(await all.pull("part"), [[1, 2, 3], [4, 5], [6, 7]]);
  assert.deepEqual(await all.gather("part"), [1, 2, 3, 4, 5, 6, 7]);
  await all.scatter("typed", new Float64Array([1, 2, 3, 4]));
  assert.deepEqual(await all.gather("typed"), new Float64Array([1, 2, 3, 4]));
  await all.scatter("flat", ["a", "b", "c"], { flatten: true });
  assert.deepEqual(await all.pull("flat"), ["a", "b", "c"]);
  const { value, executionCount } = await client.direct(0).execute("6 * 7");
  assert.deepEqual([value, executionCount], [42, 1]);
  await all.clear();
  assert.deepEqual(await all.pull("x"), [undefined, undefined, undefined]);
});

Deno.test("a task's error arrives with what it was", async () => {
  await using world = await connected(2);
  const { client } = world;
  const fail = () => {
    throw new RangeError("too far");
  };
  await assert.rejects(
    client.loadBalanced().apply(fail).then(),
    (error) =>
      error instanceof RemoteError && error.ename === "RangeError" && error.cause instanceof RangeError,
  );
  await assert.rejects(
    client.direct().apply(fail).then(),
    (error) => error instanceof CompositeError && error.errors.length === 2 && error.engines[1] === 1,
  );
});

Deno.test("results that the system ended say so", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  const view = client.loadBalanced();
  controller.answer = () => ({ status: STATUS.aborted, value: null });
  await assert.rejects(view.apply(() => 1).then(), TaskAborted);
  controller.answer = () => ({ status: STATUS.cancelled, value: null });
  await assert.rejects(view.apply(() => 1).then(), TaskCancelled);
  controller.answer = () => ({
    status: STATUS.lost,
    value: { ename: "EngineError", evalue: "gone", traceback: [] },
  });
  await assert.rejects(view.apply(() => 1).then(), { name: "EngineError", message: "gone" });
  controller.answer = () => ({
    status: STATUS.error,
    value: { ename: "LimitExceeded", evalue: "", traceback: [] },
    tail: { limit: { limit: "run time", value: 12, max: 10 } },
  });
  await assert.rejects(
    view.apply(() => 1).then(),
    (error) => error instanceof LimitExceeded && error.limit === "run time" && error.max === 10,
  );
  controller.answer = () => ({ body: new Uint8Array([255, 1, 2]) });
  await assert.rejects(view.apply(() => 1).then(), /Cannot read the result of task/);
});

Deno.test("nobody awaits a failing result, and the process lives", async () => {
  await using world = await connected(1);
  const result = world.client.loadBalanced().apply(() => {
    throw new Error("unheard");
  });
  await result.wait();
  assert.equal(result.done, true);
  assert.equal(result.metadata.status, "error");
});

Deno.test("wrong targets are named, with the right ones", async () => {
  await using world = await connected(2);
  const { client, controller } = world;
  assert.throws(() => client.direct(5), /Cannot use engine 5: the registered ones are 0, 1/);
  assert.throws(() => client.direct([0, 9]), RangeError);
  assert.throws(() => client.loadBalanced({ targets: [4] }), RangeError);
  controller.engine(7, false);
  await client.waitForEngines(3, { timeoutMs: 5000 });
  assert.throws(() => client.direct(7).apply(() => 1), /engine 7, which runs Python: .*new Reference/);
  await using empty = await connected(0);
  assert.throws(() => empty.client.direct().apply(() => 1), NoEnginesRegistered);
});

Deno.test("options become the task's tail", async () => {
  await using world = await connected(2);
  const { client, controller } = world;
  const view = client.loadBalanced({ retries: 2, queueTimeoutMs: 1500, targets: [1], priority: 0 });
  const first = view.apply(() => 1);
  await first;
  assert.deepEqual(controller.tasks[0]?.tail, { targets: [1], timeout: 1.5, retries: 2 });
  const [n] = first.numbers;
  await view.with({
    after: first,
    follow: { ids: [first], all: false, failure: true },
    label: { a: 1 },
    priority: -5,
  })
    .apply(() => 2);
  assert.deepEqual(controller.tasks[1]?.tail, {
    after: { ids: [n], all: true, success: true, failure: false },
    follow: { ids: [n], all: false, success: true, failure: true },
    targets: [1],
    timeout: 1.5,
    retries: 2,
    priority: -5,
    label: { a: 1 },
  });
  await client.direct(0, { limits: { runTimeoutMs: 5 } }).push({ a: 1 });
  assert.deepEqual(controller.tasks[2]?.tail, { limits: { runTimeoutMs: 5 } });
  assert.throws(() => view.with({ retries: -1 }), /"retries"/);
  for (const priority of [1001, -1001, 0.5, NaN]) {
    assert.throws(() => view.with({ priority }), {
      name: "RangeError",
      message: /"priority".*-1000 to 1000/,
    });
  }
  assert.throws(() => view.with({ limits: { memoryLimitMB: NaN } }), /"limits.memoryLimitMB"/);
});

Deno.test("permissions, isolation and limits are in the tail, in their one spelling", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  const view = client.loadBalanced({
    permissions: { net: ["Example.ORG:443"], sys: true, env: [] },
    isolation: "process",
  });
  await view.apply(() => 1);
  await client.direct(0, {
    permissions: "web",
    limits: { cpuLimitMs: 5, resultLimitBytes: 9 },
    cancelGraceMs: 7,
  })
    .apply(() => 1);
  await view.with({ permissions: "none", isolation: undefined }).apply(() => 1);
  assert.deepEqual(controller.tasks.map(({ tail }) => tail), [
    { permissions: { net: ["example.org:443"], sys: true }, isolation: "process" },
    { permissions: "web", limits: { cpuLimitMs: 5, resultLimitBytes: 9 }, graceMs: 7 },
    { permissions: {} },
  ]);
  assert.throws(() => view.with({ permissions: { net: ["host:port"] } }), {
    name: "TypeError",
    message: 'Cannot use "host:port" for "permissions.net": "port" is no port',
  });
  assert.throws(
    () => view.with({ limits: { cpuLimit: 1 } as never }),
    /Unknown limit "limits\.cpuLimit", did you mean/,
  );
  assert.throws(() => view.with({ isolation: "none" as never }), /"none" for "isolation"/);
});

Deno.test("a Python engine cannot hold permissions", async () => {
  await using world = await connected(0);
  const { client, controller } = world;
  controller.engine(7, false);
  await client.waitForEngines(1, { timeoutMs: 5000 });
  const asking = client.direct(7, { permissions: "none" });
  assert.throws(() => asking.execute("1"), /Cannot hold "permissions" on engine 7, which runs Python/);
  assert.throws(() => client.loadBalanced({ isolation: "process" }).execute("1"), /Cannot hold "isolation"/);
});

Deno.test("what was refused before a task ran is a PermissionDenied that says by whom", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  const denied = { permission: "net", value: "a:1", where: "engine 0" };
  controller.answer = () => ({
    status: STATUS.error,
    value: { ename: "PermissionDenied", evalue: "Cannot run this task: no", traceback: [] },
    tail: { denied },
  });
  await assert.rejects(client.loadBalanced().apply(() => 1), { name: "PermissionDenied", ...denied });
});

Deno.test("abort, cancel and signals reach the owner of the task", async () => {
  await using world = await connected(2);
  const { client, controller } = world;
  controller.answer = () => undefined;
  const balanced = client.loadBalanced().apply(() => 1);
  const direct = client.direct().apply(() => 1);
  await controller.until(() => controller.tasks.length === 3);
  balanced.abort();
  direct.cancel("enough");
  await controller.until(() => controller.stopped.length === 3);
  const [n] = balanced.numbers;
  assert.deepEqual(controller.stopped[0], { n, word: 1, engine: -1 });
  assert.deepEqual(controller.stopped.slice(1).map(({ word, engine }) => [word, engine]), [[0, 0], [0, 1]]);
  const aborter = new AbortController();
  const signalled = client.loadBalanced({ signal: aborter.signal }).apply(() => 1);
  await controller.until(() => controller.tasks.length === 4);
  aborter.abort(new Error("no more"));
  await controller.until(() => controller.stopped.length === 4);
  assert.equal(controller.stopped[3]?.n, signalled.numbers[0]);
  assert.throws(() => client.loadBalanced({ signal: aborter.signal }).apply(() => 1), /no more/);
  for (const task of controller.tasks) controller.finish(task, { status: STATUS.cancelled, value: null });
  await assert.rejects(signalled.then(), TaskCancelled);
});

Deno.test("a local wait ends, the task goes on", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  controller.answer = () => undefined;
  const result = client.loadBalanced().apply(() => 1);
  await assert.rejects(result.wait({ timeoutMs: 10 }), { name: "TimeoutError" });
  await controller.until(() => controller.tasks.length === 1);
  controller.finish(controller.tasks[0]!, { value: 8 });
  assert.equal(await result, 8);
});

Deno.test("several results can be iterated as they finish", async () => {
  await using world = await connected(3);
  const { client, controller } = world;
  controller.answer = () => undefined;
  const result = client.direct().apply(() => 1);
  await controller.until(() => controller.tasks.length === 3);
  for (const i of [2, 0, 1]) controller.finish(controller.tasks[i]!, { value: i });
  const seen: number[] = [];
  for await (const value of result) seen.push(value);
  assert.deepEqual(seen, [2, 0, 1]);
  assert.deepEqual(await result, [0, 1, 2]);
  assert.equal(result.progress, 3);
});

Deno.test("output is gathered, also where it is later than the result", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  controller.answer = () => ({ value: 1, tail: { out: [9, 0], tries: 2 } });
  const result = client.loadBalanced().apply(() => 1);
  await result;
  const [msgId = ""] = result.msgIds;
  const [session = "", pid = "", n = ""] = msgId.split("_");
  const ready = result.outputReady();
  // A subscription may still be on its way.
  while (!result.metadata.stdout.startsWith("häl")) {
    controller.print({ session, pid: Number(pid) }, Number(n), "stdout", "häl");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  controller.print({ session, pid: Number(pid) }, Number(n), "stdout", "lo wo");
  await ready;
  assert.match(result.metadata.stdout, /^häl/);
  assert.equal(result.metadata.tries, 2);
  assert.equal(result.metadata.engineId, 0);
});

Deno.test("results from the hub's records are read", async () => {
  await using world = await connected(1);
  const { client, controller } = world;
  let asked = 0;
  controller.hub.result_request = () => {
    if (asked++ === 0) return { status: "ok", pending: ["a"], completed: [] };
    const result_metadata = { tsparallel: { version: 1 } };
    const record = { result_content: { status: "ok" }, result_metadata };
    return { status: "ok", pending: [], completed: ["a"], a: record, buffers: [encodeValue({ x: 1 }).body] };
  };
  assert.deepEqual(await client.result("a"), { x: 1 });
  controller.hub.result_request = () => ({
    status: "ok",
    pending: [],
    completed: ["b"],
    b: { result_content: { status: "error", ename: "Oh", evalue: "no", traceback: [] }, result_metadata: {} },
  });
  await assert.rejects(client.result("b"), { name: "RemoteError", ename: "Oh" });
});
