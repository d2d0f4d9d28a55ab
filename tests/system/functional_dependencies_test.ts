/** Tasks that say that they cannot run on an engine: notHere, depend, require; on our engines, on Python's, from Python's clients. */
import assert from "node:assert/strict";
import {
  CompositeError,
  depend,
  ImpossibleDependency,
  Reference,
  RemoteError,
  require,
  task,
  TaskTimeout,
  UnmetDependency,
} from "../../src/client/client.ts";
import { NEEDS_PYTHON, PYTHON, pythonEngines, PythonPeers, pythonTest } from "./python_peers.ts";
import { errorOf, queueIsEmpty, Run } from "./run.ts";

Deno.test("a task that cannot run here runs elsewhere", async (test) => {
  await using run = await Run.start({ n: 3 });
  const { client } = run;
  const view = client.loadBalanced();
  await Promise.all([0, 1, 2].map((id) => client.direct(id).push({ place: id })));
  const onlyOn = task((wanted: number, value: unknown) => {
    const place = Reflect.get(globalThis, "place");
    if (place !== wanted) task.notHere(`this is ${place}`);
    return [place, value];
  });

  await test.step("wherever it is asked first", async () => {
    const results = Array.from({ length: 60 }, (_, i) => view.apply(onlyOn, i % 3, i));
    assert.deepEqual(await Promise.all(results), Array.from({ length: 60 }, (_, i) => [i % 3, i]));
    for (const [i, { metadata }] of results.entries()) {
      assert.deepEqual([metadata.engineId, metadata.tries, metadata.status], [i % 3, 1, "ok"]);
    }
  });

  await test.step("records tell where it was", async () => {
    const result = view.with({ targets: [0, 1] }).apply(onlyOn, 1, "x");
    await result;
    const again = view.with({ targets: [0] }).apply(onlyOn, 1, "x");
    const error = await errorOf(again);
    assert(error instanceof ImpossibleDependency);
    assert.match(error.message, /^Cannot run: .*it said that it cannot run on engine 0: this is 0$/);
    assert.equal(error.postMortem?.endedBy, "dependency");
    assert.deepEqual(
      error.postMortem?.attempts.map(({ engineId, outcome, why }) => [engineId, outcome, why]),
      [
        [0, "unmet", "this is 0"],
      ],
    );
    const [record] = await client.query({ msg_id: again.msgIds[0]! }, ["post_mortem", "status"]);
    const { post_mortem, status } = record as { post_mortem: { attempts: unknown[] }; status: string };
    assert.equal(status, "error");
    assert.equal(post_mortem.attempts.length, 1);
  });

  await test.step("nowhere: every reason, once for engines that say the same", async () => {
    const error = await errorOf(view.apply(onlyOn, 9, null));
    assert(error instanceof ImpossibleDependency);
    for (const id of [0, 1, 2]) assert.match(error.message, new RegExp(`engine ${id}: this is ${id}`));
    assert.deepEqual(
      error.postMortem?.attempts.map(({ engineId, outcome }) => [engineId, outcome]).sort(),
      [0, 1, 2].map((id) => [id, "unmet"]),
    );
    const same = await errorOf(view.apply(() => task.notHere("no GPU")));
    assert.match(String(same), /it said that it cannot run on engines 0, 1, 2: no GPU$/);
    const silent = await errorOf(view.apply(async () => {
      await Promise.resolve();
      task.notHere();
    }));
    assert.match(String(silent), /it said that it cannot run on engines 0, 1, 2$/);
    const long = await errorOf(view.apply(() => task.notHere("x".repeat(1 << 20))));
    assert(long instanceof ImpossibleDependency);
    assert(long.message.length < 1200);
  });

  await test.step("no retry is used, and failures are still retried, but not there", async () => {
    await client.direct().execute("var runs = 0");
    const result = view.with({ retries: 2 }).apply((wanted: number) => {
      const space = globalThis as unknown as { place: number; runs: number };
      if (space.place !== wanted) task.notHere();
      space.runs++;
      if (space.runs < 3) throw new Error("again");
      return space.runs;
    }, 2);
    assert.equal(await result, 3);
    assert.equal(result.metadata.tries, 3);
    assert.deepEqual(await client.direct().pull("runs"), [0, 0, 3]);
  });

  await test.step("caught it says nothing, and a look-alike is an error as any other", async () => {
    const value = await view.apply(() => {
      try {
        task.notHere("caught");
      } catch (error) {
        return (error as Error).name;
      }
    });
    assert.equal(value, "UnmetDependency");
    const forged = view.apply(() => {
      throw Object.assign(new Error("made up"), { name: "UnmetDependency" });
    });
    const error = await errorOf(forged);
    assert(error instanceof UnmetDependency);
    assert.equal(forged.metadata.engineId! >= 0, true);
    assert.equal(error.message, "made up");
    const wrapped = await errorOf(view.apply(() => {
      try {
        task.notHere("inner");
      } catch (cause) {
        throw new RangeError("outer", { cause });
      }
    }));
    assert(wrapped instanceof RemoteError && wrapped.ename === "RangeError");
  });

  await test.step("cells, large arguments and large values go along", async () => {
    const large = new Float64Array(500_000).fill(2);
    const [sum] = await view.apply(
      (wanted: number, numbers: Float64Array) => {
        if (Reflect.get(globalThis, "place") !== wanted) task.notHere();
        return [numbers.reduce((a, b) => a + b)];
      },
      1,
      large,
    );
    assert.equal(sum, 1_000_000);
    const cell = await view.execute(`if (place !== 0) task.notHere("a cell"); place`);
    assert.equal(cell.value, 0);
  });

  await test.step("a direct view hears it", async () => {
    const one = await errorOf(client.direct(0).apply(onlyOn, 1, null));
    assert(one instanceof UnmetDependency);
    assert.equal(one.message, "this is 0");
    assert.equal(one.engine.engine_id, 0);
    const all = await errorOf(client.direct().apply(onlyOn, 1, null));
    assert(all instanceof CompositeError);
    assert.deepEqual(all.engines, [0, 2]);
    assert(all.errors.every((error) => error instanceof UnmetDependency));
  });

  await test.step("maps: item by item, and chunks as a whole", async () => {
    const only1 = task((x: number) => {
      if (Reflect.get(globalThis, "place") !== 1) task.notHere("not 1");
      return x * 2;
    });
    const items = Array.from({ length: 50 }, (_, i) => i);
    assert.deepEqual(await view.map(only1, items), items.map((x) => x * 2));
    const chunked = view.map(only1, items, { chunkSize: 7 });
    assert.deepEqual(await chunked, items.map((x) => x * 2));
    assert(chunked.metadata.every(({ engineId }) => engineId === 1));
    const never = await errorOf(
      view.map(task((x: number) => x === 3 ? task.notHere("three") : x), [1, 2, 3], {
        chunkSize: 3,
      }),
    );
    assert(never instanceof ImpossibleDependency);
    assert.match(never.message, /three/);
    const direct = await errorOf(client.direct([0, 2]).map(only1, [1]));
    assert(direct instanceof UnmetDependency);
  });

  await test.step("an engine that joins may have what waits for another one", async () => {
    const blocked = client.direct(2).apply(() => new Promise<void>(() => {}));
    const waiting = view.apply(onlyOn, 3, "late");
    await run.folder.start("engines", ["engine", "--engines", "1"]);
    await client.waitForEngines(4, { timeoutMs: 20_000 });
    await client.direct(3).push({ place: 3 });
    blocked.cancel();
    await errorOf(blocked);
    assert.deepEqual(await waiting, [3, "late"]);
    assert.equal(waiting.metadata.engineId, 3);
  });

  await test.step("no time is left", async () => {
    const slow = view.with({ queueTimeoutMs: 1 }).apply(onlyOn, 9, null);
    const error = await errorOf(slow);
    assert(error instanceof ImpossibleDependency || error instanceof TaskTimeout);
  });

  await queueIsEmpty(client);
  assert.equal(client.pending, 0);
  assert.throws(() => task.notHere(), /inside a function that runs on an engine/);
});

Deno.test("depend and require", async (test) => {
  await using run = await Run.start({ n: 2, engineArgs: ["--allow-import"] });
  const { client } = run;
  const view = client.loadBalanced();
  await Promise.all([0, 1].map((id) => client.direct(id).push({ place: id })));

  await test.step("a predicate decides", async () => {
    const isAt = (wanted: number) => Reflect.get(globalThis, "place") === wanted;
    const add = (a: number, b: number) => a + b;
    for (const id of [0, 1, 1, 0]) {
      const result = view.apply(depend(isAt, add, id), 20, 22);
      const sum: number = await result;
      assert.deepEqual([sum, result.metadata.engineId], [42, id]);
    }
    const error = await errorOf(view.apply(depend(isAt, add, 7), 1, 2));
    assert(error instanceof ImpossibleDependency);
    assert.match(error.message, /engines 0, 1: its condition "isAt" gave false$/);
  });

  await test.step("promises, captures, own words, other errors", async () => {
    const wanted = 1, factor = 3;
    const later = task(async () => {
      await Promise.resolve();
      return Reflect.get(globalThis, "place") === wanted;
    }, { captures: { wanted } });
    const times = task((x: number) => x * factor, { captures: { factor }, label: "times" });
    const result = view.apply(depend(later, times), 14);
    assert.deepEqual([await result, result.metadata.engineId, result.metadata.label], [42, 1, "times"]);
    const words = await errorOf(view.apply(depend(() => task.notHere("own words"), times), 1));
    assert.match(String(words), /engines 0, 1: own words$/);
    const named = await errorOf(view.apply(
      depend(() => {
        throw Object.assign(new Error("by name"), { name: "UnmetDependency" });
      }, times),
      1,
    ));
    assert.match(String(named), /engines 0, 1: by name$/);
    const broken = await errorOf(view.apply(
      depend(() => {
        throw new RangeError("broken");
      }, times),
      1,
    ));
    assert(broken instanceof RemoteError && broken.ename === "RangeError");
    const failing = await errorOf(view.apply(
      depend(() => true, () => {
        throw new SyntaxError("its own");
      }),
    ));
    assert(failing instanceof RemoteError && failing.ename === "SyntaxError");
    // Nothing and other falsy values are no refusal.
    for (const met of [undefined, null, 0, ""]) {
      assert.equal(
        await view.apply(depend(task(() => met as never, { captures: { met } }), () => "ran")),
        "ran",
      );
    }
  });

  await test.step("in maps and on direct views", async () => {
    const only0 = depend(() => Reflect.get(globalThis, "place") === 0, (x: number) => -x);
    assert.deepEqual(await view.map(only0, [1, 2, 3]), [-1, -2, -3]);
    assert.deepEqual(await view.map(only0, [1, 2, 3], { chunkSize: 2 }), [-1, -2, -3]);
    assert((await errorOf(client.direct(1).apply(only0, 1))) instanceof UnmetDependency);
    assert.deepEqual(await client.broadcast([0]).apply(only0, 1), [-1]);
  });

  await test.step("modules and names", async () => {
    const base = require("node:path", (file: string) => {
      const { path } = globalThis as unknown as { path: { basename(file: string): string } };
      return path.basename(file);
    });
    assert.equal(await view.apply(base, "/a/b.ts"), "b.ts");
    const missing = await errorOf(view.apply(require("node:no_such_module", () => 1)));
    assert(missing instanceof ImpossibleDependency);
    assert.match(missing.message, /it cannot import "node:no_such_module": /);
    await client.direct(1).execute("var table = [1, 2, 3]");
    const sum = require({ names: ["table"], modules: { p: "node:path" } }, () => {
      const space = globalThis as unknown as { table: number[]; p: { sep: string } };
      return space.p.sep + space.table.join(space.p.sep);
    });
    const result = view.apply(sum);
    assert.deepEqual([await result, result.metadata.engineId], ["/1/2/3", 1]);
    assert.deepEqual(
      await view.map(require({ names: ["table"] }, (x: number) => x), [4, 5], { chunkSize: 2 }),
      [4, 5],
    );
    const nowhere = await errorOf(view.apply(require({ names: ["nobody_has_it"] }, () => 1)));
    assert.match(String(nowhere), /engines 0, 1: it has no "nobody_has_it"$/);
  });

  await test.step("functions that are there already", async () => {
    await client.direct().execute(
      "function twice(x) { return x * 2 }\nfunction isHere(id) { return place === id }",
    );
    const dependent = depend(new Reference("isHere"), new Reference("twice"), 1);
    const result = view.apply(dependent, 21);
    assert.deepEqual([await result, result.metadata.engineId], [42, 1]);
  });

  await test.step("what is no function, no module, nothing", () => {
    assert.throws(() => depend(true as never, () => 1), /the condition is no function, task or Reference/);
    assert.throws(() => depend(() => true, 5 as never), /what is to run is no function/);
    assert.throws(() => require([], () => 1), /Cannot require nothing/);
    assert.throws(() => require("node:a-b", () => 1), /that is no name of a variable/);
  });
});

pythonTest("functional dependencies on Python engines", async (stack) => {
  const run = stack.use(await Run.start({ n: 1 }));
  const { client } = run;
  await pythonEngines(stack, run.folder.dir, 2);
  const ids = (await client.waitForEngines(3, { timeoutMs: 40_000 })).filter((id) => id !== 0);
  const [first, second] = ids as [number, number];
  await client.direct(ids).execute(
    "from ipyparallel.error import UnmetDependency\n" +
      "def is_here(n): return n == place\n" +
      "def raises(n):\n    if n != place: raise UnmetDependency('own words')\n    return n\n" +
      "def add(a, b): return a + b\n",
  );
  for (const id of ids) await client.direct(id).push({ place: id });
  const view = client.loadBalanced({ targets: ids });
  for (const id of [first, second, second, first]) {
    const result = view.apply(depend(new Reference("is_here"), new Reference("add"), id), 20, 22);
    assert.deepEqual([await result, result.metadata.engineId], [42, id]);
    const own = view.apply(new Reference("raises"), id);
    assert.deepEqual([await own, own.metadata.engineId], [id, id]);
  }
  const both = depend(new Reference("is_here"), new Reference("add"), second);
  assert.deepEqual(await view.map(both, [1, 2, 3], [10, 20, 30]), [11, 22, 33]);
  assert.deepEqual(await view.map(both, [1, 2, 3], [10, 20, 30], { chunkSize: 2 }), [11, 22, 33]);
  const nowhere = await errorOf(view.apply(depend(new Reference("is_here"), new Reference("add"), 99), 1, 2));
  assert(nowhere instanceof ImpossibleDependency, String(nowhere));
  const direct = await errorOf(client.direct(first).apply(both, 1, 2));
  assert(direct instanceof UnmetDependency);
  assert.match(direct.message, /its condition "is_here" gave false/);

  await client.direct(second).push({ table: [1, 2] });
  const wants = require(
    { modules: { js: "json" }, names: ["table"] },
    new Reference("(lambda x: js.dumps(table + [x]))"),
  );
  const json = view.apply(wants, 3);
  assert.deepEqual([await json, json.metadata.engineId], ["[1, 2, 3]", second]);
  assert.equal(await view.apply(require("os.path", new Reference("os.path.basename")), "/a/b"), "b");
  const missing = await errorOf(view.apply(require("no_such_module.part", new Reference("add")), 1, 2));
  assert(missing instanceof ImpossibleDependency, String(missing));
  assert.throws(
    () => view.apply(depend(() => true, new Reference("add")), 1, 2),
    /Cannot send a TypeScript function/,
  );
  await queueIsEmpty(client);
});

Deno.test({
  name: `a Python client's tasks that our engines cannot run ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  async fn() {
    await using run = await Run.start({ n: 2 });
    await using python = new PythonPeers(run.folder);
    await Promise.all([0, 1].map((id) => run.client.direct(id).push({ place: id })));
    await run.client.direct().execute(
      "function only(id) { if (place !== id) task.notHere(`this is ${place}`); return place }",
    );
    const printed = await python.run(`
import sys, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(2, timeout=20)
view = rc.load_balanced_view()
only = ipp.Reference("only")
assert [view.apply_async(only, i % 2).get(20) for i in range(10)] == [0, 1] * 5
view.targets = [0, 1]
try:
    view.apply_async(only, 7).get(20)
    raise SystemExit("no error")
except ipp.error.RemoteError as error:
    assert error.ename == "ImpossibleDependency", error.ename
    print(error.evalue)
try:
    rc[0].apply_async(only, 1).get(20)
    raise SystemExit("no error")
except ipp.error.RemoteError as error:
    assert error.ename == "UnmetDependency", error.ename
    print(error.evalue)
`);
    assert.match(printed, /cannot run on engine [01]: this is [01]; engine [01]: this is [01]\nthis is 0$/);
  },
});
