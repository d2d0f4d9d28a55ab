/** What users do with a cluster: tasks of all kinds over two engines, and what comes back. */
import assert from "node:assert/strict";
import {
  CompositeError,
  ImpossibleDependency,
  RemoteError,
  task,
  TaskTimeout,
} from "../../src/client/client.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

const MB = 1 << 20;

Deno.test("tasks of all kinds over two engines", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();
  const all = client.direct("all");

  await test.step("apply, with arguments, promises and captures", async () => {
    const scale = 3;
    assert.equal(await view.apply((a: number, b: number) => a + b, 20, 22), 42);
    assert.equal(await view.apply(async (a: number) => await Promise.resolve(a * 2), 21), 42);
    assert.equal(await view.apply(task((x: number) => x * scale, { captures: { scale } }), 14), 42);
    assert.equal(await view.apply(() => undefined), undefined);
    assert.deepEqual(await all.apply((a: number) => a * a, 7), [49, 49]);
    assert.equal(await client[1]!.apply(() => 1), 1);
  });

  await test.step("map keeps the order, by ones and in chunks, over one and several iterables", async () => {
    const items = Array.from({ length: 1000 }, (_, i) => i);
    const squares = items.map((i) => i * i);
    assert.deepEqual(await view.map((i: number) => i * i, items), squares);
    assert.deepEqual(await view.map((i: number) => i * i, items, { chunkSize: 37 }), squares);
    assert.deepEqual(await all.map((i: number) => i * i, items), squares);
    assert.deepEqual(await view.map((a: number, b: string) => `${a}${b}`, [1, 2, 3], ["a", "b", "c"]), [
      "1a",
      "2b",
      "3c",
    ]);
    const seen = new Set<number>();
    for await (const value of view.map((i: number) => i, items, { ordered: false })) seen.add(value);
    assert.equal(seen.size, 1000);
  });

  await test.step("a lazy map takes no more than its window from an endless source", async () => {
    let taken = 0;
    function* numbers() {
      for (;;) yield taken++;
    }
    const results: number[] = [];
    for await (const value of view.map((i: number) => i + 1, numbers(), { window: 16 })) {
      results.push(value);
      if (results.length === 100) break;
    }
    assert.deepEqual(results, Array.from({ length: 100 }, (_, i) => i + 1));
    assert(taken <= 140, `${taken} items were taken`);
  });

  await test.step("push, pull, execute: names persist from task to task", async () => {
    await all.push({ a: 5, list: [1, 2] });
    assert.deepEqual(await all.pull("a"), [5, 5]);
    assert.deepEqual(await client[0]!.pull(["a", "list"]), [5, [1, 2]]);
    await all.execute("let b = a * 2; function twice(x: number): number { return x * 2 }");
    assert.deepEqual((await all.execute("twice(b) + 2")).map(({ value }) => value), [22, 22]);
    await client[0]!.execute("b = 100");
    assert.deepEqual(await all.pull("b"), [100, 10]);
    await all.clear();
    await assert.rejects(client[0]!.pull("a"), (error) => error instanceof RemoteError);
  });

  await test.step("scatter and gather keep the order, arrays and typed arrays", async () => {
    const numbers = Array.from({ length: 101 }, (_, i) => i);
    await all.scatter("part", numbers);
    const lengths = await all.execute("part.length");
    assert.deepEqual(lengths.map(({ value }) => value), [51, 50]);
    await all.execute("part = part.map((x) => x * 2)");
    assert.deepEqual(await all.gather("part"), numbers.map((x) => x * 2));
    const floats = Float64Array.from(numbers);
    await all.scatter("floats", floats);
    assert.deepEqual(await all.gather("floats"), floats);
  });

  await test.step("execute takes TypeScript and top-level await; the last expression is the value", async () => {
    const code = `
      interface Point { readonly x: number; readonly y: number }
      type Named<T> = T & { name: string };
      const points: Named<Point>[] = await Promise.all([1, 2].map(async (x) => ({ x, y: x * x, name: \`p\${x}\` })));
      points.map(({ x, y }: Point) => x + y) as number[];`;
    const result = await client[0]!.execute(code);
    assert.deepEqual(result.value, [2, 6]);
    assert.equal(typeof result.executionCount, "number");
    const next = await client[0]!.execute("points[1]!.name");
    assert.equal(next.value, "p2");
    assert.equal(next.executionCount, result.executionCount + 1);
  });

  await test.step("stdout and stderr are in the metadata, byte for byte", async () => {
    const result = view.apply(() => {
      console.log("hello", 1, { a: [2] });
      console.error("oh dear: ä€😀");
      for (let i = 0; i < 1000; i++) console.log(i);
      return 7;
    });
    assert.equal(await result, 7);
    await result.outputReady();
    const { stdout, stderr } = result.metadata;
    const lines = Array.from({ length: 1000 }, (_, i) => `${i}\n`).join("");
    assert.equal(stdout, `hello 1 { a: [ 2 ] }\n${lines}`);
    assert.equal(stderr, "oh dear: ä€😀\n");
  });

  await test.step("a value's own display travels", async () => {
    const result = client[0]!.execute(
      `({ [Symbol.for("Jupyter.display")]: () => ({ "text/html": "<b>42</b>", "text/plain": "42" }) })`,
    );
    await result;
    await result.outputReady();
    assert.match(JSON.stringify(result.metadata.display), /<b>42<\/b>/);
  });

  await test.step("metadata says when and where", async () => {
    const before = Date.now();
    const result = view.apply(() => 1);
    await result;
    const { submitted, started, completed, engineId, engineUuid, status, tries } = result.metadata;
    // Three processes with a clock each.
    assert(before <= submitted && submitted <= started! + 5 && completed! <= Date.now() + 5, String(started));
    assert(started! <= completed!);
    assert.equal(engineUuid, client.engineUuid(engineId!));
    assert.deepEqual([status, tries], ["ok", 1]);
  });

  await test.step("errors keep class, message, code, cause and the remote stack", async () => {
    function outer() {
      class Wrong extends RangeError {
        override name = "Wrong";
        code = "E_WRONG";
      }
      const inner = () => {
        throw new Wrong("too far", { cause: new TypeError("the reason") });
      };
      inner();
    }
    const error = await errorOf(view.apply(outer));
    assert(error instanceof RemoteError);
    assert.deepEqual([error.ename, error.evalue], ["Wrong", "too far"]);
    assert.match(error.traceback, /Wrong: too far[^]*inner[^]*outer/);
    assert.equal(typeof error.engine.engine_id, "number");
    const cause = error.cause as Error & { code?: string; cause?: Error };
    assert(cause instanceof Error);
    assert.deepEqual([cause.name, cause.message, cause.code], ["Wrong", "too far", "E_WRONG"]);
    assert(cause.cause instanceof TypeError);
    assert.equal(cause.cause.message, "the reason");
  });

  await test.step("errors of several engines come together; what is no Error comes too", async () => {
    const many = await errorOf(all.apply(() => {
      throw new TypeError("each");
    }));
    assert(many instanceof CompositeError);
    assert.deepEqual(many.engines, [0, 1]);
    for (
      const throwing of [
        () => {
          throw "text";
        },
        () => {
          throw null;
        },
        () => Promise.reject({ odd: true }),
        () => {
          throw new Proxy({}, {
            get() {
              throw 1;
            },
          });
        },
      ]
    ) assert(await errorOf(view.apply(throwing)) instanceof RemoteError);
    assert((await errorOf(client[0]!.execute("const x = ;"))) instanceof RemoteError);
  });

  await test.step("what cannot travel back is an error that names the path, and costs nothing more", async () => {
    const error = await errorOf(view.apply(() => ({ deep: [() => 1] })));
    assert.match(String(error), /deep\[0\]|deep\.0/);
    await assert.rejects(
      async () => await view.apply((f: unknown) => f, { options: { cb: () => 1 } }),
      /args\[0\]\.options\.cb/,
    );
  });

  await queueIsEmpty(client);
});

Deno.test("values of every kind and size travel both ways", async (test) => {
  await using run = await Run.start();
  const view = run.client.loadBalanced();

  await test.step("what structured clone keeps, cycles and shared parts included", async () => {
    interface Node {
      self?: Node;
      list: unknown[];
    }
    const node: Node = { list: [] };
    node.self = node;
    const shared = { n: 1 };
    node.list = [shared, shared, [node]];
    const values = {
      map: new Map<unknown, unknown>([[1, "one"], [{ key: true }, new Map([["a", new Set([1, 2])]])]]),
      set: new Set([1, "a", null]),
      date: new Date(1234567890123),
      big: [0n, -1n, 2n ** 200n],
      numbers: [0, -0, NaN, Infinity, -Infinity, 2 ** 53, 1.5e-300],
      typed: [new Uint8Array([1, 2]), Float32Array.of(1.5), BigInt64Array.of(-5n), new Uint16Array(0)],
      buffer: new Uint8Array([9, 8, 7]).buffer,
      text: "ä€😀\ud800\0",
      regexp: /a+b/gi,
      nothing: [undefined, null],
      sparse: [1, , 3], // deno-lint-ignore no-sparse-arrays
    };
    const back = await view.apply((value: unknown) => value, values);
    assert.deepEqual(back, values);
    const invalid = await view.apply((value: Date) => value, new Date(NaN));
    assert(invalid instanceof Date && Number.isNaN(invalid.getTime()));
    const again = await view.apply((value: unknown) => value, node) as Node;
    assert.equal(again.self, again);
    assert.equal(again.list[0], again.list[1]);
    assert.equal((again.list[2] as unknown[])[0], again);
  });

  await test.step("20 MB of text and of numbers", async () => {
    const text = "0123456789äöüß€".repeat(1 << 20);
    const [length, back] = await view.apply((t: string) => [t.length, t] as const, text);
    assert.equal(length, text.length);
    assert(back === text);
    const list = Array.from({ length: 2_000_000 }, (_, i) => i * 1.25);
    const doubled = await view.apply((numbers: number[]) => numbers.map((x) => x * 2), list);
    assert.equal(doubled.length, list.length);
    assert(doubled.every((x, i) => x === i * 2.5));
  });

  await test.step("buffers of 64 MiB, as arguments and results and by name", async () => {
    const bytes = new Uint8Array(64 * MB);
    for (let i = 0; i < bytes.length; i += 4093) bytes[i] = i;
    const back = await view.apply((b: Uint8Array) => {
      b[1] = 77;
      return b;
    }, bytes);
    bytes[1] = 77;
    assert.equal(Buffer.compare(back, bytes), 0);
    await run.client.direct("all").push({ bytes });
    const pulled = await run.client[1]!.pull("bytes") as Uint8Array;
    assert.equal(Buffer.compare(pulled, bytes), 0);
    const mixed = await view.apply(
      (parts: Map<string, Uint8Array>) => new Map([...parts].map(([name, part]) => [name, part.slice(1)])),
      new Map([["a", bytes.subarray(0, 3 * MB)], ["b", bytes.subarray(3 * MB, 3 * MB + 5)]]),
    );
    assert.deepEqual([...mixed].map(([name, part]) => [name, part.length]), [["a", 3 * MB - 1], ["b", 4]]);
  });
  await queueIsEmpty(run.client);
});

Deno.test("scheduling options through the real scheduler", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();
  const wait = (ms: number) => new Promise<number>((resolve) => setTimeout(() => resolve(Date.now()), ms));

  await test.step("targets are obeyed", async () => {
    for (const engine of [0, 1]) {
      const results = Array.from({ length: 20 }, () => view.with({ targets: [engine] }).apply(() => 1));
      await Promise.all(results);
      assert(results.every((result) => result.metadata.engineId === engine));
    }
  });

  await test.step("after waits for others, follow goes where they ran", async () => {
    for (const engine of [0, 1]) {
      const first = view.with({ targets: [engine] }).apply(wait, 80);
      const second = view.with({ after: first }).apply(() => Date.now());
      const third = view.with({ follow: first }).apply(() => 1);
      const [ended, begun] = await Promise.all([first, second, third]);
      assert(begun >= ended, `${begun} < ${ended}`);
      assert.equal(third.metadata.engineId, engine);
    }
  });

  await test.step("a dependency that failed makes the task impossible, unless failure counts", async () => {
    const failing = view.apply(() => {
      throw new Error("no");
    });
    const error = await errorOf(view.with({ after: failing }).apply(() => 1));
    assert(error instanceof ImpossibleDependency, String(error));
    const counted = { ids: [failing], success: true, failure: true };
    assert.equal(await view.with({ after: counted }).apply(() => 1), 1);
  });

  await test.step("retries run a failing task again, elsewhere", async () => {
    const failing = view.with({ retries: 2 }).apply(() => {
      console.log("try");
      throw new Error("never");
    });
    assert(await errorOf(failing) instanceof RemoteError);
    await failing.outputReady();
    assert.equal(failing.metadata.tries, 3);
    assert.equal(failing.metadata.stdout, "try\ntry\ntry\n");
    const bound = view.with({ targets: [1], retries: 1 }).apply(() => {
      throw new Error("not here");
    });
    assert.match(String(await errorOf(bound)), /not here/);
    assert.equal(bound.metadata.tries, 2);
    const luckyOn0 = view.with({ retries: 1 });
    await client.direct("all").execute("var isLucky = false");
    await client[0]!.execute("isLucky = true");
    const values = await Promise.all(Array.from({ length: 10 }, () =>
      luckyOn0.apply(() => {
        if (!(globalThis as unknown as { isLucky: boolean }).isLucky) throw new Error("unlucky");
        return 1;
      })));
    assert.equal(values.length, 10);
  });

  await test.step("queueTimeoutMs ends tasks that wait, and only those", async () => {
    const busy = Array.from({ length: 2 }, (_, engine) => view.with({ targets: [engine] }).apply(wait, 400));
    const late = view.with({ queueTimeoutMs: 60 }).apply(() => 1);
    assert(await errorOf(late) instanceof TaskTimeout);
    await Promise.all(busy);
    assert.equal(await view.with({ queueTimeoutMs: 5000 }).apply(() => 1), 1);
  });

  await test.step("abort ends waiting tasks, cancel running ones", async () => {
    const running = client[0]!.apply(() => {
      for (;;);
    });
    const waiting = client[0]!.apply(() => 1);
    await eventually(() => client.queueStatus(), ({ engines }) => engines[0]?.queue === 2, "both are there");
    waiting.abort();
    assert.equal((await errorOf(waiting) as Error).name, "TaskAborted");
    running.cancel("enough");
    assert.equal((await errorOf(running) as Error).name, "TaskCancelled");
    assert.equal(await client[0]!.apply(() => 1), 1);
  });
  await queueIsEmpty(client);
});

for (const scheme of ["lru", "plainrandom", "twobin", "weighted"]) {
  Deno.test(`the controller schedules by ${scheme}`, async () => {
    await using run = await Run.start({ controllerArgs: [`--scheme=${scheme}`, "--database=none"] });
    const items = Array.from({ length: 500 }, (_, i) => i);
    const result = run.client.loadBalanced().map((i: number) => -i, items);
    assert.deepEqual(await result, items.map((i) => -i));
    await queueIsEmpty(run.client);
  });
}
