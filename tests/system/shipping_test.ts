/** Functions on their way to real engines: what they lack is said before they are sent, and where they fail is said in the user's own places. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { ENGINE_GLOBALS } from "../../src/client/engine_globals.ts";
import { RemoteError, SchemaError, task, UnresolvedName } from "../../src/client/client.ts";
import { errorOf as thrown, Run } from "./run.ts";
import { half, priced } from "./shipping_work.ts";

const HERE = import.meta.url;
const WORK = new URL("shipping_work.ts", HERE).href;

async function errorOf(promise: PromiseLike<unknown>): Promise<Error> {
  const error = await thrown(promise);
  assert(error instanceof Error);
  return error;
}

/** The only line of a file that has a mark, with the column of a text in it: `file:///…:12:3`. */
function placeOf(url: string, mark: string, text: string): string {
  const lines = Deno.readTextFileSync(new URL(url)).split("\n");
  const line = lines.findIndex((one) => one.includes(`// ${mark}`) && !one.includes("placeOf"));
  return `${url}:${line + 1}:${(lines[line]?.indexOf(text) ?? 0) + 1}`;
}

function firstFrame(error: Error): string {
  return error.stack?.split("\n").find((line) => /^\s+at /.test(line)) ?? "";
}

function assertAt(error: Error, place: string): void {
  assert(error instanceof RemoteError, String(error));
  assert(
    firstFrame(error).endsWith(`${place})`) || firstFrame(error).endsWith(place),
    `${error.stack}\n${place}`,
  );
  assert(error.traceback.includes(place));
  assert(!/tsparallel:slot|task:[0-9a-f]/.test(error.traceback), error.traceback);
}

Deno.test("shipping code", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();
  const all = client.direct("all");

  await test.step("stacks point to file, line and column", async () => {
    assertAt(
      await errorOf(view.apply(
        (x: number, y: string) => {
          const z: number = x;
          if (z > 0) throw new TypeError(y); // ARROW
          return z;
        },
        1,
        "no",
      )),
      placeOf(HERE, "ARROW", "new TypeError"),
    );
    assertAt(await errorOf(view.apply(priced, { count: 4 }, 3)), placeOf(WORK, "PRICED", "new RangeError"));
    assertAt(await errorOf(view.apply(half, 3)), placeOf(WORK, "HALF", "deep"));
    const later = async function later(text: string): Promise<unknown> {
      await Promise.resolve();
      return JSON.parse(text); // LATER
    };
    const error = await errorOf(view.apply(later, "{"));
    assert(error.stack?.includes(placeOf(HERE, "LATER", "parse")), error.stack ?? "");
  });

  await test.step("also of functions that are captured, and of maps", async () => {
    const outer = task((n: number) => priced({ count: n }, 2) + 1, { captures: { priced } }); // OUTER
    const error = await errorOf(view.apply(outer, 9));
    assertAt(error, placeOf(WORK, "PRICED", "new RangeError"));
    assert(error.stack?.includes(placeOf(HERE, "OUTER", "priced({")), error.stack ?? "");
    const inMap = (x: number) => {
      if (x === 7) throw new Error("seven"); // MAPPED
      return x;
    };
    assertAt(await errorOf(view.map(inMap, [5, 6, 7])), placeOf(HERE, "MAPPED", "new Error"));
    assertAt(
      await errorOf(view.map(inMap, [5, 6, 7], { chunkSize: 2 })),
      placeOf(HERE, "MAPPED", "new Error"),
    );
    const [first] = ((await errorOf(all.apply(inMap, 7))) as AggregateError).errors as Error[];
    assertAt(first as Error, placeOf(HERE, "MAPPED", "new Error"));
  });

  await test.step("a function that is in no file tells where it was sent from", async () => {
    const made = new Function("x", "return x.a.b") as (x: object) => unknown;
    const error = await errorOf(view.apply(made, {}));
    assert.match(
      error.stack ?? "",
      /line 3, column \d+ of the function that was sent from file:.*shipping_test\.ts:\d+:\d+/,
    );
  });

  await test.step("a name that is nowhere is refused before anything is sent", async () => {
    const factor = 3;
    const bad = function scale(x: number) {
      return x * factor;
    };
    assert.throws(() => view.apply(bad, 1), (error: Error) => {
      assert(error instanceof UnresolvedName && error instanceof TypeError);
      assert.equal(error.variable, "factor");
      assert.equal(error.line, 2);
      assert.match(error.message, /function "scale": it uses "factor" \(line 2, column \d+ of its text\)/);
      assert.match(error.message, /return x \* factor;\n +\^{6}\n/);
      assert.match(error.message, /captures: \{ factor \}/);
      return true;
    });
    assert.throws(() => all.apply(bad, 1), UnresolvedName);
    assert.throws(() => view.map(bad, [1]), UnresolvedName);
    assert.throws(() => view.apply(task(() => bad(1), { captures: { bad } })), UnresolvedName);
    assert.equal(client.pending, 0);
    assert.equal(await view.apply(task(bad, { captures: { factor } }), 2), 6);
    assert.match(
      (await errorOf(view.apply(task(bad, { namespace: ["factor"] }), 2))).message,
      /factor is not defined/,
    );
  });

  await test.step("names that this client brought into namespaces are known", async () => {
    const names = globalThis as unknown as Record<string, number>;
    void names;
    await all.push({ pushedName: 2 });
    await all.execute("const cellName = 3");
    await all.scatter("partName", [1, 2]);
    await all.apply(() => {
      (globalThis as Record<string, unknown>).setName = 5;
    });
    assert.equal(
      await view.apply(new Function("return pushedName * cellName * setName") as () => number),
      30,
    );
    assert.deepEqual(await all.apply(new Function("return partName") as () => number[]), [[1], [2]]);
  });

  await test.step("what a task asks goes over what its view asks", async () => {
    const label = { of: "task" };
    const asked = task((x: number) => x, { label, limits: { runTimeoutMs: 60_000 } });
    const result = view.with({ label: "view" }).apply(asked, 4);
    assert.equal(await result, 4);
    assert.deepEqual(result.metadata.label, label);
    const spin = task(() => {
      for (;;);
    }, { limits: { runTimeoutMs: 50 } });
    assert.equal((await errorOf(view.apply(spin))).name, "LimitExceeded");
    assert.equal((await errorOf(client[0]!.apply(spin))).name, "LimitExceeded");
    const reads = task(() => Deno.readTextFileSync("/etc/hostname"), { permissions: "none" });
    assert.equal((await errorOf(view.apply(reads))).name, "PermissionDenied");
    assert.throws(() => view.apply(task(() => 1, { retries: -1 })), /"retries"/);
    assert.deepEqual(await view.map(asked, [1, 2]), [1, 2]);
  });

  await test.step("schemas check arguments before, results after", async () => {
    const run = task((a: number, b: { name: string }) => `${b.name}${a}`, {
      name: "greet",
      schema: {
        args: v.tuple([v.pipe(v.string(), v.transform(Number)), v.object({ name: v.string() })]),
        result: v.pipe(v.string(), v.maxLength(4)),
      },
    });
    assert.equal(await view.apply(run, "7", { name: "ab" }), "ab7");
    assert.throws(() => view.apply(run, "7", { name: 5 as unknown as string }), (error: Error) => {
      assert(error instanceof SchemaError && error instanceof TypeError);
      assert.deepEqual(error.issues.map(({ path }) => path), [[1, "name"]]);
      assert.match(error.message, /"greet": its arguments do not meet the schema\n {2}args\[1\]\.name: /);
      return true;
    });
    assert.equal(client.pending, 0);
    const error = await errorOf(view.apply(run, "7", { name: "much too long" }));
    assert.match(error.message, /The result of function "greet" does not meet the schema\n {2}result: /);
    assert.deepEqual(await view.map(run, ["1", "2"], [{ name: "a" }, { name: "b" }]), ["a1", "b2"]);
    assert.deepEqual(await all.map(run, ["1", "2"], [{ name: "a" }, { name: "b" }], { chunkSize: 2 }), [
      "a1",
      "b2",
    ]);
    await assert.rejects(() => Promise.resolve(view.map(run, ["1"], [{} as { name: string }])), SchemaError);
    assert.deepEqual(await all.apply(run, "3", { name: "c" }), ["c3", "c3"]);
  });

  await test.step("schemas may wait for results, not for arguments", async () => {
    const later = {
      "~standard": {
        version: 1 as const,
        vendor: "own",
        validate: async (value: unknown) => {
          await Promise.resolve();
          return value === 2 ? { value: "two" } : { issues: [{ message: "no two" }] };
        },
      },
    };
    const run = task((x: number) => x, { schema: { result: later } });
    assert.equal(await view.apply(run, 2), "two");
    assert.match((await errorOf(view.apply(run, 3))).message, /result: no two/);
    assert.deepEqual(await view.map(run, [2, 2, 2], { chunkSize: 2 }), ["two", "two", "two"]);
    assert.throws(
      () => view.apply(task((x: number) => x, { schema: { args: later as never } }), 2),
      /the schema is asynchronous/,
    );
  });
});

Deno.test("the list of engines' globals is what an engine has", async () => {
  await using run = await Run.start({ n: 1 });
  const found = await run.client.loadBalanced().apply(() => {
    const names = new Set<string>();
    for (let at: object | null = globalThis; at !== null; at = Object.getPrototypeOf(at)) {
      for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    }
    return [...names];
  });
  // Deno 2.6 has some methods of Node's event emitter there by accident.
  const strays = /^(on|once|off|emit|ref|unref|eventNames|listenerCount|\w+Listeners?)$/;
  assert.deepEqual(found.filter((name) => !ENGINE_GLOBALS.has(name) && !strays.test(name)), []);
  const isOld = !("Temporal" in globalThis);
  const missing = [...ENGINE_GLOBALS].filter((name) => !found.includes(name));
  assert(isOld ? missing.length < 20 : missing.length === 0, missing.join(" "));
});

Deno.test("a client that sends a new function with each call for long makes neither host nor child grow", async () => {
  await using run = await Run.start({ n: 1 });
  const view = run.client.loadBalanced();
  const call = async (from: number, to: number) => {
    for (let at = from; at < to; at += 1000) {
      const results = Array.from({ length: 1000 }, (_, i) =>
        // The text of each is another, so that it is another function for everybody.
        view.apply(
          new Function("x", `return x + ${at + i} /* ${"long ".repeat(2000)} */`) as (x: number) => number,
          1,
        ));
      assert.deepEqual(await Promise.all(results), results.map((_, i) => at + i + 1));
    }
  };
  const childPid = await view.apply(() => Deno.pid);
  await call(0, 6000);
  const before = [rssMB(run.hostPid), rssMB(childPid)];
  await call(6000, 20_000);
  const after = [rssMB(run.hostPid), rssMB(childPid)];
  assert.equal(await view.apply(() => Deno.pid), childPid);
  // 14,000 functions of 10 kB are 140 MB for the host, and twice that as text and as code's text for the child.
  const [host = 0, child = 0] = after.map((mb, i) => mb - (before[i] ?? 0));
  assert(host < 80 && child < 160, `grew by ${host} and ${child} MB, from ${before.join(" and ")}`);
});

function rssMB(pid: number): number {
  const kB = /^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
  return Math.round(Number(kB) / 1024);
}
