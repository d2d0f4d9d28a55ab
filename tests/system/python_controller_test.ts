/** Our client, and our engines, with Python's own controller. */
import assert from "node:assert/strict";
import {
  EngineError,
  ImpossibleDependency,
  InvalidDependency,
  Reference,
  RemoteError,
  TaskAborted,
  TaskTimeout,
} from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { clientAt, pythonController, pythonEngines, pythonTest } from "./python_peers.ts";
import { errorOf, eventually, queueIsEmpty } from "./run.ts";

interface Setup {
  readonly python?: number;
  readonly ours?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A cluster whose controller is Python's, and a client of ours in it. */
async function cluster(stack: AsyncDisposableStack, { python = 0, ours = 0, args, env }: Setup) {
  const folder = stack.use(new RunFolder());
  const controller = await pythonController(stack, folder.dir, args, env);
  const engines = await pythonEngines(stack, folder.dir, python);
  if (ours > 0) await folder.start("engines", ["engine", "--engines", String(ours)]);
  const client = await clientAt(stack, folder.dir);
  const ids = await client.waitForEngines(python + ours, { timeoutMs: 40_000 });
  return { folder, controller, engines, client, ids };
}

pythonTest("direct views on Python engines behind Python's controller", async (stack) => {
  const { client, ids } = await cluster(stack, { python: 2 });
  const all = client.direct(), one = client.direct(ids[0]!);
  assert.deepEqual(await all.execute("2 ** 70"), [
    { value: 2n ** 70n, executionCount: 1, text: String(2n ** 70n) },
    { value: 2n ** 70n, executionCount: 1, text: String(2n ** 70n) },
  ]);
  await all.push({ a: [1, 2], b: "text" });
  assert.deepEqual(await one.pull(["a", "b"]), [[1, 2], "text"]);
  await all.execute("def f(*args, **more): return list(args) + a");
  assert.deepEqual(await all.apply(new Reference("f"), 0), [[0, 1, 2], [0, 1, 2]]);
  await all.scatter("part", new Int32Array([1, 2, 3, 4, 5]));
  assert.deepEqual(await all.gather("part"), new Int32Array([1, 2, 3, 4, 5]));
  const array = new Uint8Array(64 << 20).fill(7);
  await one.push({ array });
  const back = await one.pull("array");
  assert.ok(back instanceof Uint8Array && back.length === array.length && back.every((byte) => byte === 7));

  const printed = one.execute("print('hello')");
  await printed;
  await printed.outputReady();
  assert.equal(printed.metadata.stdout, "hello\n");
  const error = await errorOf(one.execute("nowhere"));
  assert.ok(error instanceof RemoteError && error.ename === "NameError" && error.engine.engine_id === ids[0]);
  const running = one.execute("import time; print('begun', flush=True); time.sleep(60)");
  const waiting = one.execute("1");
  await eventually(() => running.metadata.stdout, (text) => text !== "", "it runs");
  client.abort(waiting);
  running.cancel("enough");
  assert.ok(await errorOf(waiting) instanceof TaskAborted);
  assert.equal((await errorOf(running) as Error).name, "TaskCancelled");
  await all.clear();
  assert.ok(await errorOf(one.pull("a")) instanceof RemoteError);
  assert.throws(
    () => all.apply(() => 1),
    /Cannot send a TypeScript function to engines 0, 1 through this controller/,
  );
  assert.throws(() => client.direct(9), /Cannot use engine 9/);
  const status = await errorOf(client.status());
  assert.match(String(status), /status/);
});

pythonTest("load-balanced tasks on Python's scheduler", async (stack) => {
  const { client, ids } = await cluster(stack, { python: 2 });
  await client.direct().execute(
    "def double(x): return x * 2\ndef fails(): raise ValueError('no')\nimport os",
  );
  const view = client.loadBalanced();
  const results = Array.from({ length: 1000 }, (_, i) => view.apply(new Reference("double"), i));
  assert.deepEqual(await Promise.all(results), results.map((_, i) => i * 2));
  assert.equal(new Set(results.map(({ metadata }) => metadata.engineId)).size, 2);
  assert.deepEqual(await view.map(new Reference("double"), [1, 2, 3]), [2, 4, 6]);
  const first = view.execute("os.getpid()");
  const follow = view.with({ follow: first }).execute("os.getpid()");
  assert.equal((await follow).value, (await first).value);
  const failed = view.apply(new Reference("fails"));
  const dependent = view.with({ after: failed }).apply(new Reference("double"), 1);
  assert.ok(await errorOf(failed) instanceof RemoteError);
  assert.ok(await errorOf(dependent) instanceof ImpossibleDependency);
  assert.ok(await errorOf(view.with({ after: "no_such_1" }).execute("1")) instanceof InvalidDependency);
  const placed = view.with({ targets: [ids[1]!] }).execute("1");
  await placed;
  assert.equal(placed.metadata.engineId, ids[1]);
  const begun = ids.map((id) => view.with({ targets: [id] }).execute("import time; time.sleep(1)"));
  const late = view.with({ queueTimeoutMs: 100 }).execute("1");
  assert.ok(await errorOf(late) instanceof TaskTimeout);
  await Promise.all(begun);
  const tried = await errorOf(view.with({ retries: 1 }).apply(new Reference("fails")));
  assert.ok(tried instanceof RemoteError && tried.ename === "ValueError");
});

pythonTest("Python's hub answers our client's questions", async (stack) => {
  const { folder, client, ids } = await cluster(stack, { python: 1 });
  const other = await clientAt(stack, folder.dir);
  const view = client.direct(ids[0]!, { label: "mine" });
  const sum = view.apply(new Reference("sum"), [1, 2, 3]);
  const cell = view.execute("print('x'); 'value'");
  await Promise.all([sum, cell]);
  const balanced = client.loadBalanced().apply(new Reference("len"), "four");
  await balanced;
  await queueIsEmpty(client);
  assert.equal(await other.result(sum.msgIds[0]!), 6);
  assert.equal(await other.result(balanced.msgIds[0]!), 4);
  const { value, text } = await other.result(cell.msgIds[0]!) as { value: unknown; text: unknown };
  assert.deepEqual([value, text], ["value", "'value'"]);
  const [record] = await other.query({ msg_id: sum.msgIds[0]! }, ["label", "result_buffers"]);
  assert.deepEqual([record?.label, record?.result], ["mine", 6]);
  assert.deepEqual(await other.history(), [...sum.msgIds, ...cell.msgIds, ...balanced.msgIds]);
  assert.deepEqual(await other.resultStatus(sum.msgIds), { pending: [], completed: sum.msgIds });
  const again = await client.resubmit(balanced.msgIds);
  assert.equal(await other.result(again[balanced.msgIds[0]!]!, { timeoutMs: 10_000 }), 4);
  const unknown = await errorOf(other.result("no_such_task"));
  assert.ok(unknown instanceof RemoteError && unknown.ename === "KeyError");
  await client.purge({ msgIds: sum.msgIds });
  assert.ok(await errorOf(other.result(sum.msgIds[0]!)) instanceof RemoteError);
  await client.purge({ msgIds: "all" });
  assert.deepEqual(await other.history(), []);
});

pythonTest("engines come, die and are shut down behind Python's controller", async (stack) => {
  const { folder, controller, client, ids } = await cluster(stack, { python: 1 });
  const pid = Number(await client.direct(ids[0]!).pull("__import__('os').getpid()"));
  const lost = client.direct(ids[0]!).execute("import time; time.sleep(60)");
  await pythonEngines(stack, folder.dir, 1);
  await client.waitForEngines(2, { timeoutMs: 30_000 });
  const task = client.loadBalanced({ targets: [ids[0]!] }).execute("1");
  await eventually(
    () => client.queueStatus(),
    ({ engines }) => engines[ids[0]!]?.queue === 1 && engines[ids[0]!]?.tasks === 1,
    "both are there",
  );
  Deno.kill(pid, "SIGKILL");
  assert.ok(await errorOf(lost) instanceof EngineError);
  assert.ok(await errorOf(task) instanceof EngineError);
  const [left] = await eventually(() => client.ids, (now) => now.length === 1, "one engine is left");
  assert.equal((await client.direct(left!).execute("1")).value, 1);
  await client.shutdown({ hub: true });
  const { code } = await controller.ended();
  assert.equal(code, 0);
  assert.throws(() => client.loadBalanced().execute("1"), /shut down/);
});

pythonTest("our engines behind Python's controller run cells of our client", async (stack) => {
  const { client, ids } = await cluster(stack, { ours: 2 });
  const view = client.direct();
  const cells = await view.execute("const xs: number[] = [1, 2, 3]; xs.length");
  assert.deepEqual(cells.map(({ text }) => text), ["3", "3"]);
  const printed = client.direct(ids[0]!).execute("console.log('from ours')", { silent: true });
  await printed;
  await printed.outputReady();
  assert.equal(printed.metadata.stdout, "from ours\n");
  const error = await errorOf(client.direct(ids[1]!).execute("throw new RangeError('far')"));
  assert.ok(error instanceof RemoteError && error.ename === "RangeError" && error.evalue === "far");
  assert.equal((await client.loadBalanced().execute("xs[2]")).text, "3");
  assert.throws(() => view.apply((x: number) => x, 1), /new Reference\("name"\)/);

  await view.execute("function add(a: number, b: number) { return a + b }", { silent: true });
  await view.push({ pushed: { list: [1, 2, 3], text: "t" }, numbers: new Float64Array([1.5, 2.5]) });
  assert.deepEqual(await view.pull("pushed"), Array(2).fill({ list: [1, 2, 3], text: "t" }));
  assert.deepEqual(await client.direct(ids[0]!).pull(["numbers", "pushed.text"]), [
    new Float64Array([1.5, 2.5]),
    "t",
  ]);
  assert.deepEqual(await view.apply(new Reference("add"), 40, 2), [42, 42]);
  assert.equal(await client.loadBalanced().apply(new Reference("Math.max"), 3, 4), 4);
  await view.scatter("part", [1, 2, 3]);
  assert.deepEqual(await view.gather("part"), [1, 2, 3]);
  const missing = await errorOf(client.direct(ids[0]!).apply(new Reference("nowhere"), 1));
  assert.ok(missing instanceof RemoteError, String(missing));
  await view.clear();
  assert.ok(await errorOf(client.direct(ids[0]!).pull("pushed")) instanceof RemoteError);
});

pythonTest("messages in msgpack, on all interfaces", async (stack) => {
  const args = ["--ip=*", "--Session.packer=msgpack", "--Session.unpacker=msgpack"];
  const { client } = await cluster(stack, { python: 1, args });
  await client.direct().push({ a: { b: [1, "x", null] } });
  assert.deepEqual(await client.direct().pull("a"), [{ b: [1, "x", null] }]);
  const [cell] = await client.direct().execute("a['b']");
  assert.deepEqual(cell?.value, [1, "x", null]);
  assert.equal((await client.loadBalanced().execute("1")).value, 1);
});

pythonTest("with CURVE, Python's controller and engines", async (stack) => {
  const { client } = await cluster(stack, { python: 1, env: { IPP_ENABLE_CURVE: "1" } });
  assert.deepEqual(await client.direct().apply(new Reference("sum"), [1, 2]), [3]);
  assert.equal((await client.loadBalanced().execute("'curve'")).value, "curve");
  assert.equal((await client.history()).length, 2);
});
