/** Views, complete: what they do beside apply, map, push and pull (`tasks_test.ts`). */
import assert from "node:assert/strict";
import { CompositeError, ImpossibleDependency, RemoteError } from "../../src/client/client.ts";
import { pythonEngines, pythonTest } from "./python_peers.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

Deno.test("views over two engines", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const all = client.direct("all"), one = client.direct(0);

  await test.step("names as in a dictionary", async () => {
    await all.set("a", 1);
    await all.update({ b: [2], c: "three" });
    assert.deepEqual(await all.get("a"), [1, 1]);
    assert.deepEqual(await one.get(["b", "c"]), [[2], "three"]);
    assert.equal(await one.names.a, 1);
    assert.deepEqual(await all.names.b, [[2], [2]]);
    const typed: string = await one.namesAs<{ c: string }>().c;
    assert.equal(typed, "three");
    const names = one.names as Record<string, unknown>;
    assert.equal(await Promise.resolve(names), names);
    assert.throws(() => names.a = 2, /Cannot set "a" at once.*view\.set\("a", value\)/);
    assert.throws(() => "a" in names, /are on the engines/);
    assert.throws(() => Object.keys(names), /are on the engines/);
    assert.throws(() => delete names.a, /are on the engines/);
    await assert.rejects(Promise.resolve(one.names.missing), RemoteError);
  });

  await test.step("scatter and gather in turn", async () => {
    await all.scatter("part", [1, 2, 3, 4, 5], { dist: "cyclic" });
    assert.deepEqual(await all.pull("part"), [[1, 3, 5], [2, 4]]);
    assert.deepEqual(await all.gather("part", { dist: "cyclic" }), [1, 2, 3, 4, 5]);
    await all.scatter("flat", new Float64Array([7, 8]), { dist: "cyclic", flatten: true });
    assert.deepEqual(await all.pull("flat"), [7, 8]);
    assert.throws(() => all.scatter("x", [1], { dist: "round" as "block" }), /it takes "block" or "cyclic"/);
  });

  await test.step("imports stay in the namespace", async () => {
    await all.importModules("node:path");
    await all.importModules({ address: "node:url" });
    assert.equal((await one.execute(`path.basename("/a/b.ts")`)).value, "b.ts");
    assert.equal((await one.execute("typeof address.fileURLToPath")).value, "function");
    await assert.rejects(Promise.resolve(one.importModules({ nothing: "node:nothing" })), RemoteError);
  });

  await test.step("a file runs by path and URL, one that is missing is named", async () => {
    const path = `${run.folder.dir}/work with spaces.ts`;
    Deno.writeTextFileSync(
      path,
      "interface P { x: number }\nconst p: P = { x: 20 };\nvar total = p.x + 1; total * 2",
    );
    assert.equal((await one.run(path)).value, 42);
    const url = new URL(`file://${path.replaceAll(" ", "%20")}`);
    assert.deepEqual((await all.run(url)).map(({ value }) => value), [42, 42]);
    assert.equal(await one.names.total, 21);
    await assert.rejects(one.run(`${path}.not`), /Cannot run ".*\.not": there is no such file/);
    await assert.rejects(one.run("https://127.0.0.1/a.ts"), /only files of this host are read/);
  });

  await test.step("queues, signals and interrupts", async () => {
    assert.deepEqual(Object.keys((await one.queueStatus()).engines), ["0"]);
    const endless = one.apply(() => {
      console.log("begun");
      for (;;);
    });
    await eventually(() => endless.metadata.stdout === "begun\n", (is) => is, "the task runs");
    await one.interrupt();
    assert((await errorOf(endless)) instanceof Error);
    await assert.rejects(one.signal("INT"), /signals are named as "SIGINT"/);
    await assert.rejects(one.signal("SIGNOTHING"), /SIGNOTHING/);
  });

  await test.step("empty and unknown targets, empty ranges", () => {
    assert.throws(() => client.direct([]).apply(() => 1), /they name no engine of 0, 1/);
    assert.throws(() => client.direct({ from: 5 }).execute("1"), /they name no engine of 0, 1/);
    assert.throws(() => client.direct(9), /Cannot use engine 9: the registered ones are 0, 1/);
    assert.throws(() => client.direct({ step: 0 }).importModules("node:path"), /a step of 0/);
  });
});

Deno.test("imap is bounded in tasks and bytes, and a break cancels what is open", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();
  let taken = 0;
  function* blocks(bytes: number) {
    for (;;) {
      taken++;
      yield new Uint8Array(bytes);
    }
  }

  function* numbers() {
    for (;;) yield taken++;
  }

  await test.step("by bytes, over an endless input", async () => {
    let seen = 0;
    const results = view.imap((block: Uint8Array) => block.length, blocks(10_000), { maxBytes: 50_000 });
    assert(taken <= 6, `${taken} were taken`);
    for await (const length of results) {
      assert.equal(length, 10_000);
      assert(taken - seen <= 256 + 6, `${taken} were taken at ${seen}`);
      if (++seen === 500) break;
    }
    await results.wait();
    assert.equal(client.pending, 0);
  });

  await test.step("by tasks, in order and not", async () => {
    for (const ordered of [true, false]) {
      taken = 0;
      const seen: number[] = [];
      for await (const n of view.imap((n: number) => n, numbers(), { maxOutstanding: 8, ordered })) {
        seen.push(n);
        assert(taken <= seen.length + 8, `${taken} were taken at ${seen.length}`);
        if (seen.length === 100) break;
      }
      if (ordered) assert.deepEqual(seen, Array.from({ length: 100 }, (_, i) => i));
      assert.equal(new Set(seen).size, 100);
    }
  });

  await test.step("a task that runs for ever ends with the loop", async () => {
    const work = (n: number) => {
      if (n > 0) { for (;;); }
      return n;
    };
    for await (const n of view.imap(work, [0, 1, 2, 3], { maxOutstanding: 4 })) {
      assert.equal(n, 0);
      break;
    }
    await eventually(() => client.pending === 0, (is) => is, "nothing is open");
    await queueIsEmpty(client);
    assert.equal(await view.apply(() => 5), 5);
  });

  await test.step("bounds that are none", () => {
    assert.throws(() => view.imap((n: number) => n, [1], { maxOutstanding: 0 }), /"maxOutstanding"/);
    assert.throws(() => view.imap((n: number) => n, [1], { maxBytes: -1 }), /"maxBytes"/);
  });
});

Deno.test("graphs of named tasks", async (test) => {
  await using run = await Run.start();
  const { client } = run;

  await test.step("each after those that it names; results by name", async () => {
    const graph = client.graph({
      last: { run: () => Date.now(), after: ["left", "right"] },
      left: { run: (x: number) => ({ x, at: Date.now() }), args: [1], after: ["first"] },
      right: { run: () => "right", follow: ["first"] },
      first: { run: () => Date.now() },
    });
    const { first, left, right, last } = await graph.values();
    const when: number = left.at;
    assert(first <= when && when <= last);
    assert.deepEqual([left.x, right], [1, "right"]);
    const { results } = graph;
    assert.equal(results.right.metadata.engineId, results.first.metadata.engineId);
  });

  await test.step("what waits for a failure's success is impossible, what waits for the failure runs", async () => {
    const graph = client.graph({
      bad: {
        run: () => {
          throw new Error("no");
        },
      },
      never: { run: () => 1, after: ["bad"] },
      mourner: { run: () => "told", after: ["bad"], when: { success: false, failure: true } },
    });
    assert.equal(await graph.results.mourner, "told");
    assert((await errorOf(graph.results.never)) instanceof ImpossibleDependency);
    const error = await errorOf(graph.values());
    assert(error instanceof CompositeError);
    assert.deepEqual(error.errors.length, 2);
  });

  await test.step("a cycle, or a node that cannot be sent: nothing goes on", async () => {
    const node = { run: () => 1 };
    assert.throws(
      () => client.graph({ a: { ...node, after: ["b"] }, b: { ...node, after: ["a"] } }),
      /cycle/,
    );
    const forever = () => {
      for (;;);
    };
    const uncodable = { run: (f: () => void) => f, args: [() => 1] };
    assert.throws(() => client.graph({ a: { run: forever }, b: { ...uncodable, after: ["a"] } }), TypeError);
    await eventually(() => client.pending === 0, (is) => is, "nothing is open");
    assert.deepEqual(await client.graph({}).values(), {});
  });
});

Deno.test("an engine that is shut down by its view leaves, and views on it say so", async () => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.direct(1);
  await view.shutdown();
  await eventually(() => client.ids.length === 1, (is) => is, "the engine is gone");
  assert.throws(() => view.execute("1"), /Cannot use engine 1: it is gone; the registered ones are 0/);
  assert.deepEqual(await client.direct("all").apply(() => 1), [1]);
});

pythonTest("views on a Python engine", async (stack) => {
  const run = stack.use(await Run.start({ n: 1 }));
  const { client } = run;
  await pythonEngines(stack, run.folder.dir, 1);
  await client.waitForEngines(2, { timeoutMs: 40_000 });
  const all = client.direct("all"), python = client.direct(1);
  await python.importModules({ np: "numpy" });
  assert.equal((await python.execute("int(np.arange(4).sum())")).value, 6);
  await python.importModules(["os.path", "json"]);
  assert.equal((await python.execute("os.path.basename('/a/b')")).value, "b");
  assert.throws(() => all.importModules("node:path"), /no name of a Python module/);
  await all.set("a", 5);
  assert.deepEqual(await all.names.a, [5, 5]);
  await all.scatter("part", [1, 2, 3], { dist: "cyclic" });
  assert.deepEqual(await all.gather("part", { dist: "cyclic" }), [1, 2, 3]);
  const path = `${run.folder.dir}/work.py`;
  Deno.writeTextFileSync(path, "def twice(x):\n    return 2 * x\ntwice(a)\n");
  assert.equal((await python.run(path)).value, 10);
  assert.deepEqual(Object.keys((await python.queueStatus()).engines), ["1"]);
  const sleeper = python.execute("print('begun', flush=True)\nimport time\ntime.sleep(1000)");
  await eventually(() => sleeper.metadata.stdout === "begun\n", (is) => is, "it runs");
  await python.interrupt();
  const error = await errorOf(sleeper);
  assert(error instanceof RemoteError && error.ename === "KeyboardInterrupt", String(error));
  await python.shutdown();
  await eventually(() => client.ids.length === 1, (is) => is, "the engine is gone");
});
