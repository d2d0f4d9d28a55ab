/** Our client with Python engines beside ours, on our controller. */
import assert from "node:assert/strict";
import {
  type Client,
  CompositeError,
  EngineError,
  ImpossibleDependency,
  Reference,
  RemoteError,
  TaskAborted,
  TaskTimeout,
} from "../../src/client/client.ts";
import { pythonEngines, type PythonProcess, pythonTest } from "./python_peers.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

interface Mixed {
  readonly run: Run;
  readonly client: Client;
  /** Ids of our engines and of Python's. */
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly engines: readonly PythonProcess[];
}

interface Setup {
  readonly n?: number;
  readonly python?: number;
  readonly controllerArgs?: readonly string[];
}

async function mixed(
  stack: AsyncDisposableStack,
  { n = 1, python = 2, controllerArgs = [] }: Setup = {},
): Promise<Mixed> {
  const run = stack.use(await Run.start({ n, controllerArgs }));
  const { client } = run;
  const ours = [...client.ids];
  const engines = await pythonEngines(stack, run.folder.dir, python);
  const all = await client.waitForEngines(n + python, { timeoutMs: 40_000 });
  return { run, client, ours, theirs: all.filter((id) => !ours.includes(id)), engines };
}

pythonTest("cells, names and calls on Python engines from our client", async (stack) => {
  const { client, theirs } = await mixed(stack, { python: 2 });
  const [first, second] = theirs as [number, number];
  const view = client.direct(first), both = client.direct([second, first]);

  assert.deepEqual(await view.execute("[1, 'two', {'three': 3.5}]"), {
    value: [1, "two", { three: 3.5 }],
    executionCount: 1,
    text: "[1, 'two', {'three': 3.5}]",
  });
  const zeros = await view.execute("__import__('numpy').zeros(3)", { silent: false });
  assert.deepEqual([zeros.value, zeros.text], [new Float64Array(3), "array([0., 0., 0.])"]);
  assert.deepEqual(await view.execute("x = 1"), { value: undefined, executionCount: 3 });
  assert.equal((await view.execute("object()")).text?.startsWith("<object at"), true);
  const printed = view.execute("import sys; print('out'); print('err', file=sys.stderr); x");
  assert.equal((await printed).value, 1);
  await printed.outputReady();
  const { stdout, stderr, engineId, engineUuid, status, started, completed, submitted } = printed.metadata;
  assert.deepEqual([stdout, stderr, engineId, status], ["out\n", "err\n", first, "ok"]);
  assert.equal(engineUuid, client.engineUuid(first));
  assert.ok(started !== null && completed !== null && submitted <= completed && started <= completed);

  const failed = await errorOf(view.execute("def broken():\n    return 1 / 0\nbroken()"));
  assert.ok(failed instanceof RemoteError);
  assert.deepEqual([failed.ename, failed.evalue], ["ZeroDivisionError", "division by zero"]);
  assert.match(failed.traceback, /broken/);
  assert.deepEqual([failed.engine.engine_id, failed.engine.method], [first, "execute"]);

  await both.push({
    a: 20,
    "d": { nested: [true, null, "ü"] },
    big: 2n ** 70n,
    bytes: new Uint8Array([0, 255]),
  });
  assert.deepEqual(await both.pull("a"), [20, 20]);
  assert.deepEqual(await view.pull(["a", "d['nested']", "a * 2", "len(bytes)"]), [
    20,
    [true, null, "ü"],
    40,
    2,
  ]);
  assert.equal(await view.pull("big"), 2n ** 70n);
  assert.deepEqual(await view.pull("type(bytes).__name__"), "bytes");
  const missing = await errorOf(view.pull("nothing_of_that_name"));
  assert.ok(missing instanceof RemoteError && missing.ename === "NameError");

  await both.execute("def f(b, *more):\n    return a + b + sum(more)");
  assert.equal(await view.apply(new Reference("f"), 22), 42);
  assert.deepEqual(await both.apply(new Reference("f"), 1, 2, 3), [26, 26]);
  assert.equal(await view.apply(new Reference("max"), 3, 9, 4), 9);
  assert.equal(await view.apply(new Reference("(lambda v: v['nested'][2])"), { nested: [0, 0, "z"] }), "z");
  assert.equal(await view.apply(new Reference("f"), new Reference("a")), 40);
  const thrown = await errorOf(both.apply(new Reference("f"), "no number"));
  assert.ok(thrown instanceof CompositeError);
  assert.ok(thrown.errors.every((error) => error instanceof RemoteError && error.ename === "TypeError"));
  assert.deepEqual(thrown.engines, [second, first]);

  // Nothing of it leans on names that a user may take for himself.
  await view.execute("ipyparallel = get_ipython = numpy = __import__ = None", { silent: true });
  await view.push({ again: 1 });
  assert.equal(await view.pull("again"), 1);

  await both.clear();
  assert.ok(await errorOf(view.pull("a")) instanceof RemoteError);
  await queueIsEmpty(client);
});

pythonTest("each engine of a mixed cluster is spoken to in its language", async (stack) => {
  const { client, ours, theirs } = await mixed(stack, { n: 2, python: 2 });
  const all = client.direct();
  await all.push({ shared: [1, 2, 3], word: "w" });
  const each = client.ids.length;
  assert.deepEqual(await all.pull("word"), Array(each).fill("w"));
  assert.deepEqual(await all.pull(["shared", "word"]), Array(each).fill([[1, 2, 3], "w"]));
  assert.deepEqual(
    (await all.execute("6 * 7")).map(({ value, text }) => [value, text]),
    Array(each).fill([42, "42"]),
  );
  await client.direct(ours).execute("function f(x: number) { return x + 1 }");
  await client.direct(theirs).execute("def f(x): return x + 2");
  const called = await all.apply(new Reference("f"), 40);
  assert.deepEqual(called, client.ids.map((id) => ours.includes(id) ? 41 : 42));
  await all.push({ forty: 40 });
  assert.deepEqual(await all.apply(new Reference("f"), new Reference("forty")), called);
  const onOurs = client.loadBalanced({ targets: ours });
  assert.equal(await onOurs.apply(new Reference("f"), new Reference("forty + 1")), 42);
  assert.equal(
    await onOurs.apply((a: number, b: number) => a - b, new Reference("forty") as unknown as number, 1),
    39,
  );
  assert.equal(await onOurs.apply(new Reference("Math.max"), 3, 4), 4);
  assert.ok(await errorOf(onOurs.apply(new Reference("nowhere"), 1)) instanceof RemoteError);
  assert.throws(() => onOurs.apply(new Reference("no expression")), /it is no expression of TypeScript/);
  const scattered = new Float64Array(10).map((_, i) => i);
  await all.scatter("part", scattered);
  assert.deepEqual(await all.gather("part"), scattered);
  await all.scatter("list", ["a", "b", "c", "d", "e"]);
  assert.deepEqual(await all.gather("list"), ["a", "b", "c", "d", "e"]);
  assert.throws(
    () => all.apply((x: number) => x + 1, 1),
    new RegExp(`function to engines ${theirs.join(", ")}, which run Python`),
  );
  assert.throws(() => all.map((x: number) => x, [1, 2]), /which run Python/);
  assert.deepEqual(await client.direct(ours).apply((x: number) => x + 1, 1), [2, 2]);
  assert.deepEqual(await all.map(new Reference("f"), [0, 0, 0, 0]).then((values) => values.length), 4);
  await all.clear();
  const gone = await errorOf(all.pull("word"));
  assert.ok(gone instanceof CompositeError && gone.errors.length === each);
});

pythonTest("load-balanced tasks on Python engines, and what makes them wait or fail", async (stack) => {
  const { client, ours, theirs } = await mixed(stack, { python: 2 });
  await client.direct(theirs).execute(
    "import os\ndef double(x): return x * 2\ndef fails(): raise KeyError('k')",
  );
  const view = client.loadBalanced({ targets: theirs });
  const count = 1000;
  const results = Array.from({ length: count }, (_, i) => view.apply(new Reference("double"), i));
  assert.deepEqual(await Promise.all(results), Array.from({ length: count }, (_, i) => i * 2));
  const places = new Set(results.map(({ metadata }) => metadata.engineId));
  assert.deepEqual([...places].sort(), [...theirs]);
  assert.deepEqual(await view.map(new Reference("double"), [1, 2, 3], { chunkSize: 2 }), [2, 4, 6]);
  assert.deepEqual((await view.execute("double(4)")).value, 8);

  const first = view.with({ label: "first" }).execute("1");
  const after = view.with({ after: first }).apply(new Reference("double"), 1);
  assert.equal(await after, 2);
  assert.equal(first.metadata.label, "first");
  const failing = view.apply(new Reference("fails"));
  const never = view.with({ after: failing }).apply(new Reference("double"), 1);
  const error = await errorOf(failing);
  assert.ok(error instanceof RemoteError && error.ename === "KeyError" && error.evalue === "'k'");
  assert.ok(await errorOf(never) instanceof ImpossibleDependency);
  const follow = view.with({ follow: first }).execute("os.getpid()");
  assert.equal((await follow).value !== undefined && follow.metadata.engineId, first.metadata.engineId);
  const tried = view.with({ retries: 1, targets: theirs }).apply(new Reference("fails"));
  assert.ok(await errorOf(tried) instanceof RemoteError);

  const busy = client.direct(theirs).execute("import time; time.sleep(0.4)", { silent: true });
  const running = theirs.map((id) => view.with({ targets: [id] }).execute("import time; time.sleep(0.6)"));
  const late = view.with({ queueTimeoutMs: 50, targets: [theirs[0]!] }).execute("1");
  assert.ok(await errorOf(late) instanceof TaskTimeout);
  await busy;
  await Promise.all(running);

  // Groups and messages of one client depend on one another.
  const onOurs = client.loadBalanced();
  const group = onOurs.apply((x: number) => x, 1);
  const afterGroup = view.with({ after: group }).apply(new Reference("double"), 5);
  const afterMessage = onOurs.with({ after: afterGroup }).apply((x: number) => x, 6);
  const byName = onOurs.with({ after: [...group.msgIds, ...afterGroup.msgIds] }).apply((x: number) => x, 7);
  assert.deepEqual([await afterMessage, await byName, await afterGroup], [6, 7, 10]);
  const broken = onOurs.apply(() => {
    throw new Error("no");
  });
  assert.ok(await errorOf(view.with({ after: broken }).execute("1")) instanceof ImpossibleDependency);
  assert.ok(await errorOf(onOurs.with({ after: failing }).apply(() => 1)) instanceof ImpossibleDependency);

  // Our engines take functions as ever, and a view without targets goes there.
  assert.equal(await client.loadBalanced().apply((x: number) => x + 1, 1), 2);
  assert.throws(() => view.apply((x: number) => x, 1), /which run Python/);
  assert.equal(client.loadBalanced({ targets: ours }).options.targets, ours);
  await queueIsEmpty(client);
});

pythonTest("large arrays go to numpy and come back", async (stack) => {
  const { client, theirs } = await mixed(stack, { python: 1 });
  const view = client.direct(theirs[0]!);
  const array = new Float64Array(8 << 20);
  for (let i = 0; i < array.length; i += 1000) array[i] = i;
  await view.push({ array });
  assert.deepEqual(await view.pull(["array.dtype.str", "array.shape[0]", "float(array[7000])"]), [
    "<f8",
    array.length,
    7000,
  ]);
  const back = await view.pull("array");
  assert.ok(back instanceof Float64Array);
  assert.equal(back.length, array.length);
  assert.ok(back.every((value, i) => value === array[i]));
  for (
    const typed of [
      new Int8Array([-1, 2]),
      new Uint16Array([7]),
      new BigInt64Array([-(2n ** 60n)]),
      new Float32Array(0),
    ]
  ) {
    await view.push({ typed });
    assert.deepEqual(await view.pull("typed"), typed);
  }
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  await view.push({ bytes });
  assert.equal(await view.pull("len(bytes)"), bytes.length);
  const [pulled] = await view.pull(["bytes"]) as [Uint8Array];
  assert.deepEqual(new Uint8Array(pulled), bytes);
});

pythonTest("a Python engine that is killed fails its direct request at once, and its task", async (stack) => {
  const { client, theirs, engines } = await mixed(stack, { python: 2 });
  const pids = await client.direct(theirs).pull("__import__('os').getpid()");
  const victim = theirs[0]!;
  const direct = client.direct(victim).execute("import time; time.sleep(60)");
  const waiting = client.direct(victim).apply(new Reference("abs"), -1);
  await eventually(
    () => client.queueStatus(),
    ({ engines }) => engines[victim]?.queue === 2,
    "both are there",
  );
  Deno.kill(Number(pids[0]), "SIGKILL");
  for (const result of [direct, waiting]) {
    const error = await errorOf(result);
    assert.ok(error instanceof EngineError, String(error));
    assert.match(error.message, new RegExp(`Engine ${victim} `));
  }
  assert.equal(engines.length, 2);
  await eventually(() => client.ids, (ids) => !ids.includes(victim), "it is unregistered");
  assert.equal((await client.direct(theirs[1]!).execute("1")).value, 1);
  assert.throws(() => client.direct(victim).execute("1"), /Cannot use engine/);

  const last = theirs[1]!;
  const task = client.loadBalanced({ targets: [last] }).execute("import time; time.sleep(60)");
  await eventually(
    () => client.queueStatus(),
    ({ engines }) => engines[last]?.tasks === 1,
    "the task is there",
  );
  Deno.kill(Number(pids[1]), "SIGKILL");
  assert.ok(await errorOf(task) instanceof EngineError);
});

pythonTest("tasks on Python engines are aborted while they wait, and interrupted", async (stack) => {
  const { client, theirs } = await mixed(stack, { python: 1 });
  const view = client.direct(theirs[0]!);
  const signal = new AbortController();
  const running = view.with({ signal: signal.signal }).execute(
    "print('begun', flush=True)\nimport time\ntime.sleep(60)",
  );
  const waiting = view.execute("1"), other = view.apply(new Reference("abs"), -2);
  await eventually(() => running.metadata.stdout, (text) => text === "begun\n", "it runs");
  waiting.abort();
  signal.abort();
  assert.equal(await errorOf(running).then((error) => (error as Error).name), "TaskCancelled");
  assert.ok(await errorOf(waiting) instanceof TaskAborted);
  assert.equal(await other, 2);
  await queueIsEmpty(client);
  const [engine] = theirs;
  await client.shutdown({ targets: [engine!] });
  await eventually(() => client.ids, (ids) => !ids.includes(engine!), "the engine has left");
});

pythonTest("two clients share Python engines and the records of their tasks", async (stack) => {
  const { run, client, theirs } = await mixed(stack, { python: 1 });
  const second = await run.connect();
  await eventually(() => second.ids.length, (count) => count === client.ids.length, "it knows the engines");
  const view = client.direct(theirs[0]!, { label: "mine" }), theirView = second.direct(theirs[0]!);
  await view.push({ a: new Float32Array([1.5, 2.5]), odd: null });
  const pulled = theirView.pull("a");
  assert.deepEqual(await pulled, new Float32Array([1.5, 2.5]));
  const applied = view.apply(new Reference("dict"), [["k", 1]]), cell = view.execute("print('said')\n6 * 7");
  const odd = view.execute("import fractions; f = fractions.Fraction(1, 3)").then(() => view.pull("f"));
  const unreadable = await errorOf(odd);
  assert.match(String(unreadable), /Cannot read the result of .*fractions/);
  await Promise.all([applied, cell]);
  await cell.outputReady();
  assert.deepEqual(await second.result(applied.msgIds[0]!), { k: 1 });
  assert.deepEqual(await second.result(pulled.msgIds[0]!), [new Float32Array([1.5, 2.5])]);
  assert.deepEqual(await second.result(cell.msgIds[0]!), { value: 42, executionCount: 1, text: "42" });
  const failed = view.apply(new Reference("nowhere"));
  await errorOf(failed);
  const found = await errorOf(second.result(failed.msgIds[0]!));
  assert.ok(found instanceof RemoteError && found.ename === "NameError");

  const [record] = await second.query({ msg_id: applied.msgIds[0]! }, ["label", "result_buffers", "buffers"]);
  assert.equal(record?.label, "mine");
  assert.deepEqual(record?.result, { k: 1 });
  assert.ok(Array.isArray(record?.result_buffers) && record.result_buffers[0] instanceof Uint8Array);
  assert.ok(Array.isArray(record?.buffers) && record.buffers.length > 1);
  const history = await second.history();
  assert.ok(cell.msgIds.every((id) => history.includes(id)));
  const [io] = await second.query({ msg_id: cell.msgIds[0]! }, ["stdout"]);
  assert.equal(io?.stdout, "said\n");
  const again = await second.resubmit(applied.msgIds);
  assert.deepEqual(await second.result(again[applied.msgIds[0]!]!), { k: 1 });
});

pythonTest("with CURVE, on our controller", async (stack) => {
  const { client, ours, theirs } = await mixed(stack, { python: 1, controllerArgs: ["--enable-curve"] });
  assert.deepEqual(await client.direct(theirs).apply(new Reference("sum"), [1, 2]), [3]);
  assert.equal(await client.direct(ours[0]!).apply((x: number) => x, 4), 4);
  assert.equal((await client.loadBalanced({ targets: theirs }).execute("'curve'")).value, "curve");
});
