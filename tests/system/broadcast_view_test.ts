/** Broadcast views: on our engines, on Python's behind our controller, on both at once, and behind Python's own controller. */
import assert from "node:assert/strict";
import {
  type BroadcastView,
  type Client,
  CompositeError,
  EngineError,
  Reference,
  RemoteError,
  TaskAborted,
  TaskCancelled,
} from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { clientAt, pythonController, pythonEngines, type PythonProcess, pythonTest } from "./python_peers.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

Deno.test("a broadcast view of our engines", async (test) => {
  await using run = await Run.start({ n: 3 });
  const { client } = run;
  for (const coalescing of [false, true]) {
    const all = client.broadcast("all", { coalescing });
    await test.step(`calls, names and cells, coalescing: ${coalescing}`, async () => {
      assert.equal(all.isCoalescing, coalescing);
      assert.deepEqual(all.targets, [0, 1, 2]);
      assert.deepEqual(await all.apply((a: number, b: number) => a + b, 20, 22), [42, 42, 42]);
      const large = new Float64Array(200_000).fill(0.5);
      await all.push({ large, word: "w" });
      assert.deepEqual(await all.pull(["word", "large.length"]), Array(3).fill(["w", 200_000]));
      assert.deepEqual(await all.get("word"), ["w", "w", "w"]);
      await all.set("k", coalescing);
      await all.update({ m: 1 });
      assert.deepEqual(await all.names.k, [coalescing, coalescing, coalescing]);
      const typed: number[] = await all.namesAs<{ m: number }>().m;
      assert.deepEqual(typed, [1, 1, 1]);
      assert.deepEqual((await all.execute("6 * 7")).map(({ value }) => value), [42, 42, 42]);
      await all.importModules("node:path");
      assert.deepEqual((await all.execute(`path.basename("/a/b")`)).map(({ value }) => value), [
        "b",
        "b",
        "b",
      ]);
      assert.deepEqual(Object.keys((await all.queueStatus()).engines), ["0", "1", "2"]);
      await all.clear();
      assert((await errorOf(all.pull("word"))) instanceof CompositeError);
    });

    await test.step(`parts of an array, and a map, coalescing: ${coalescing}`, async () => {
      await all.scatter("part", new Int32Array([1, 2, 3, 4, 5, 6, 7]));
      assert.deepEqual(await all.pull("part.length"), [3, 2, 2]);
      assert.deepEqual(await all.gather("part"), new Int32Array([1, 2, 3, 4, 5, 6, 7]));
      const mapped = all.map((x: number, y: number) => x * y, [1, 2, 3, 4, 5], new Set([1, 2, 3, 4, 5, 6]));
      assert.deepEqual(await mapped, [1, 4, 9, 16, 25]);
      assert.deepEqual(mapped.metadata.map(({ engineId }) => engineId), [0, 1, 2]);
      assert.deepEqual(await all.map((x: number) => x, []), []);
      assert.deepEqual(await all.map((x: number) => -x, [1]), [-1]);
      assert.throws(
        () => all.map((x: number) => x, [1], { chunkSize: 2 } as object),
        /Cannot use "chunkSize"/,
      );
      const endless = (async function* () {
        yield await Promise.resolve(1);
      })();
      assert.throws(() => all.map((x) => x, endless as unknown as number[]), /asynchronous iterable/);
    });

    await test.step(`one engine fails, coalescing: ${coalescing}`, async () => {
      await client.direct(1).push({ bad: true });
      const result = all.apply(() => {
        if ("bad" in globalThis) throw new RangeError("not on this one");
        return "fine";
      });
      const error = await errorOf(result);
      assert(error instanceof CompositeError);
      assert.deepEqual(error.engines, [1]);
      assert.match(error.message, /apply on 3 engines: 1 error\n.*\[engine 1\] RangeError: not on this one/);
      const each = await result.settled();
      assert.deepEqual(each.map((one) => one.status === "fulfilled" ? one.value : "failed"), [
        "fine",
        "failed",
        "fine",
      ]);
      await client.direct(1).clear();
    });
  }

  await test.step("immutable: others, narrower", async () => {
    const view = client.broadcast([2, 0], { label: "b" });
    const other = view.with({ targets: { from: 1 }, coalescing: true });
    assert.deepEqual([view.targets, other.targets, view.isCoalescing, other.isCoalescing], [
      [2, 0],
      [1, 2],
      false,
      true,
    ]);
    const result = other.apply(() => 1);
    await result;
    assert.deepEqual(result.metadata.map(({ label, engineId }) => [label, engineId]), [["b", 1], ["b", 2]]);
    assert.deepEqual(other.options, { label: "b", coalescing: true });
  });

  await test.step("empty and unknown targets", () => {
    assert.throws(() => client.broadcast([7]), /Cannot use engine 7: the registered ones are 0, 1, 2/);
    assert.throws(() => client.broadcast([]).apply(() => 1), /they name no engine of 0, 1, 2/);
  });
});

/** What holds for Python engines behind any controller. */
async function onPython(client: Client, view: BroadcastView, ids: readonly number[]): Promise<void> {
  await view.execute(
    "import os\ndef add(a, b=0): return a + b\ndef fails_on(pid, x):\n" +
      "    if os.getpid() == pid: raise ValueError('not on this one')\n    return x\n" +
      "def said(x):\n    print('said', x)\n    return x",
  );
  assert.deepEqual(await view.apply(new Reference("add"), 20, 22), ids.map(() => 42));
  const pids = await view.apply(new Reference("os.getpid")) as number[];
  assert.equal(new Set(pids).size, ids.length);
  const each = await Promise.all(ids.map((id) => client.direct(id).apply(new Reference("os.getpid"))));
  assert.deepEqual(pids, each);

  const array = new Float64Array(300_000).map((_, i) => i);
  await view.push({ array, word: "w", n: 2 ** 40 });
  assert.deepEqual(await view.pull("array"), ids.map(() => array));
  assert.deepEqual(await view.pull(["word", "n", "len(array)"]), ids.map(() => ["w", 2 ** 40, 300_000]));

  const cells = view.execute("print('cell', word); n + 1");
  assert.deepEqual((await cells).map(({ value }) => value), ids.map(() => 2 ** 40 + 1));
  await cells.outputReady();
  assert.deepEqual(cells.metadata.map(({ stdout }) => stdout), ids.map(() => "cell w\n"));
  const said = view.apply(new Reference("said"), [1, { a: null }]);
  assert.deepEqual(await said, ids.map(() => [1, { a: null }]));
  await said.outputReady();
  assert.deepEqual(
    said.metadata.map(({ stdout, engineId }) => [stdout, engineId]),
    ids.map((id) => [
      "said [1, {'a': None}]\n",
      id,
    ]),
  );

  assert.deepEqual(await view.map(new Reference("add"), [1, 2, 3, 4, 5], [10, 20, 30, 40, 50]), [
    11,
    22,
    33,
    44,
    55,
  ]);
  await view.scatter("part", new Int32Array([1, 2, 3, 4, 5]));
  assert.deepEqual(await view.gather("part"), new Int32Array([1, 2, 3, 4, 5]));
  const cell = await errorOf(view.execute("nowhere"));
  assert(cell instanceof CompositeError);
  assert(cell.errors.every((error) => error instanceof RemoteError && error.ename === "NameError"));
  assert.deepEqual(cell.engines, ids);
  assert.throws(() => view.apply(() => 1), /Cannot send a TypeScript function/);
}

/** One engine's error, and what the others gave. */
async function oneFails(view: BroadcastView, ids: readonly number[]): Promise<void> {
  const pids = await view.apply(new Reference("os.getpid")) as number[];
  const result = view.apply(new Reference("fails_on"), pids[1], "x".repeat(3000));
  const error = await errorOf(result);
  assert(error instanceof CompositeError, String(error));
  assert.deepEqual(error.engines, [ids[1]]);
  assert.match(error.message, new RegExp(`\\[engine ${ids[1]}\\] ValueError: not on this one`));
  const [failure] = error.errors;
  assert(failure instanceof RemoteError);
  assert.match(failure.traceback, /fails_on/);
  const all = await result.settled();
  assert.deepEqual(all.map(({ status }) => status), ids.map((_, i) => i === 1 ? "rejected" : "fulfilled"));
  assert.deepEqual(await result.parts()[0], "x".repeat(3000));
}

async function stopped(client: Client, view: BroadcastView, ids: readonly number[]): Promise<void> {
  const running = view.execute("import time; print('begun', flush=True); time.sleep(60)");
  await eventually(
    () => running.metadata.map(({ stdout }) => stdout),
    (texts) => texts.every((text) => text === "begun\n"),
    "all run",
  );
  const waiting = view.apply(new Reference("add"), 1), other = view.apply(new Reference("add"), 1);
  waiting.abort();
  client.abort(other.msgIds[0]!);
  view.with({ targets: [ids[1]!] }).abort();
  running.cancel("enough");
  const cancelled = await errorOf(running);
  assert(
    cancelled instanceof CompositeError && cancelled.errors.every((one) => one instanceof TaskCancelled),
  );
  const aborted = await errorOf(waiting);
  assert(aborted instanceof CompositeError);
  assert(aborted.errors.every((error) => error instanceof TaskAborted), aborted.describe());
  const some = await errorOf(other);
  assert(some instanceof CompositeError);
  assert(some.errors.slice(0, 2).every((error) => error instanceof TaskAborted), some.describe());
  assert.deepEqual(await view.apply(new Reference("add"), 2), ids.map(() => 2));
}

/** An engine dies with its copy. @param survivors how many engines' results are there in spite of that */
async function dies(
  view: BroadcastView,
  engines: readonly PythonProcess[],
  survivors: number,
): Promise<void> {
  await view.execute("def die(pid):\n    if os.getpid() == pid: os.kill(pid, 9)\n    return 'alive'");
  const result = view.apply(new Reference("die"), engines[0]!.pid);
  const error = await errorOf(result);
  assert(error instanceof CompositeError);
  assert(error.errors.every((one) => one instanceof EngineError), error.describe());
  const values = (await result.settled()).flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  assert.deepEqual(values, Array(survivors).fill("alive"));
}

for (const coalescing of [false, true]) {
  pythonTest(`a broadcast view of Python engines, coalescing: ${coalescing}`, async (stack) => {
    const run = stack.use(await Run.start({ n: 1 }));
    const { client } = run;
    const engines = await pythonEngines(stack, run.folder.dir, 3);
    await client.waitForEngines(4, { timeoutMs: 40_000 });
    const ids = client.ids.filter((id) => id !== 0).reverse();
    const view = client.broadcast(ids, { coalescing, label: "b" });
    await onPython(client, view, ids);
    await oneFails(view, ids);
    await stopped(client, view, ids);
    await queueIsEmpty(client);

    // Each engine's copy has a record, which anybody may ask for.
    const result = view.apply(new Reference("add"), 1);
    await result;
    const again = await (await run.connect()).result(result.msgIds);
    assert.deepEqual(again, [1, 1, 1]);
    const records = await client.query({ msg_id: { $in: [...result.msgIds] } }, [
      "queue",
      "label",
      "engine_uuid",
    ]);
    assert.deepEqual(records.map(({ queue, label }) => [queue, label]), ids.map(() => ["broadcast", "b"]));
    assert.deepEqual(
      records.map(({ engine_uuid }) => engine_uuid).sort(),
      ids.map((id) => client.engineUuid(id)).sort(),
    );

    // Both kinds at once: each in its language, results in the order of the targets.
    const both = client.broadcast([ids[0]!, 0, ids[1]!], { coalescing });
    await both.push({ shared: [1, "two"] });
    assert.deepEqual(await both.pull("shared"), Array(3).fill([1, "two"]));
    assert.deepEqual((await both.execute("6 * 7")).map(({ value }) => value), [42, 42, 42]);
    const mixed = await errorOf(both.pull("nothing_of_that_name"));
    assert(mixed instanceof CompositeError);
    assert.deepEqual(mixed.engines, [ids[0], 0, ids[1]]);

    await dies(view, engines, 2);
    assert.equal(client.pending, 0);
    await eventually(() => client.ids.length, (count) => count === 3, "the dead engine is gone");
    const left = client.broadcast(client.ids.filter((id) => id !== 0), { coalescing });
    assert.deepEqual(await left.apply(new Reference("add"), 5), [5, 5]);
    // The view still names the one that is gone.
    assert.throws(() => view.apply(new Reference("add"), 1), /Cannot use engine/);
  });

  pythonTest(`a broadcast view behind Python's controller, coalescing: ${coalescing}`, async (stack) => {
    const folder = stack.use(new RunFolder());
    await pythonController(stack, folder.dir);
    const engines = await pythonEngines(stack, folder.dir, 2);
    const client = await clientAt(stack, folder.dir);
    const ids = [...await client.waitForEngines(2, { timeoutMs: 40_000 })];
    const view = client.broadcast(ids, { coalescing });
    await onPython(client, view, ids);
    if (!coalescing) await oneFails(view, ids);
    else {
      const pids = await view.apply(new Reference("os.getpid")) as number[];
      const error = await errorOf(view.apply(new Reference("fails_on"), pids[1], "x"));
      assert(error instanceof CompositeError);
      // Python's controller has one content for all: that of the last reply.
      assert.match(
        error.describe(),
        /Cannot tell the results of a coalescing broadcast apart|not on this one/,
      );
      assert.equal(error.errors.length, 2);
    }
    assert.equal(client.pending, 0);
    await dies(view, engines, coalescing ? 0 : 1);
    assert.equal(client.pending, 0);
  });
}
