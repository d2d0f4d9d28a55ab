/** What is new for each task, seen from inside: nothing, a Worker, a process; by the engine's choice and the task's. */
import assert from "node:assert/strict";
import { type DirectView, PermissionDenied } from "../../src/client/client.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

/** What a task finds of the one before it, and leaves for the next. */
const visit = () => {
  const kept = globalThis as unknown as { visits?: number };
  kept.visits = (kept.visits ?? 0) + 1;
  return { visits: kept.visits, pid: Deno.pid };
};

async function visits(engine: DirectView<"one">, count: number) {
  const seen = [];
  for (let i = 0; i < count; i++) seen.push(await engine.apply(visit));
  return seen;
}

const pids = (seen: readonly { readonly pid: number }[]) => new Set(seen.map(({ pid }) => pid)).size;

Deno.test("a shared engine: a task may ask for a Worker or a process of its own, and disturbs nothing by it", async () => {
  await using run = await Run.start({ n: 1 });
  const engine = run.client[0]!;
  const shared = await visits(engine, 3);
  assert.deepEqual([shared.map((one) => one.visits), pids(shared)], [[1, 2, 3], 1]);
  const workers = await visits(engine.with({ isolation: "worker" }), 5);
  assert.deepEqual([workers.map((one) => one.visits), pids(workers)], [[1, 1, 1, 1, 1], 1]);
  assert.notEqual(workers[0]!.pid, shared[0]!.pid);
  const processes = await visits(engine.with({ isolation: "process" }), 4);
  assert.deepEqual([processes.map((one) => one.visits), pids(processes)], [[1, 1, 1, 1], 4]);
  assert.deepEqual((await visits(engine, 1)).map((one) => one.visits), [4]);
  await queueIsEmpty(run.client);
});

Deno.test("tasks of different keys run beside one another, many of each", async () => {
  await using run = await Run.start({ n: 1 });
  const engine = run.client[0]!, worker = engine.with({ isolation: "worker" });
  const results = [];
  for (let i = 0; i < 60; i++) results.push((i % 3 === 0 ? worker : engine).apply((x: number) => x * 2, i));
  assert.deepEqual(await Promise.all(results), Array.from({ length: 60 }, (_, i) => 2 * i));
});

Deno.test("an engine that isolates: a task may not ask for less", async (test) => {
  for (const level of ["worker", "process"] as const) {
    await test.step(level, async () => {
      await using run = await Run.start({ n: 1, engineArgs: [`--isolation=${level}`] });
      const engine = run.client[0]!;
      const seen = await visits(engine, 4);
      assert.deepEqual(seen.map((one) => one.visits), [1, 1, 1, 1]);
      assert.equal(pids(seen), level === "worker" ? 1 : 4);
      assert(await errorOf(engine.with({ isolation: "shared" }).apply(visit)) instanceof PermissionDenied);
    });
  }
});

Deno.test("a fresh Worker: output, large values, errors, cells, and leftovers of the one before", async () => {
  await using run = await Run.start({ n: 1, engineArgs: ["--isolation=worker"] });
  const engine = run.client[0]!;
  for (let i = 0; i < 3; i++) {
    const one = engine.apply((i: number) => {
      console.log("hello", i);
      setInterval(() => console.log("late"), 1);
      return new Uint8Array(300_000).fill(i);
    }, i);
    assert.deepEqual(await one, new Uint8Array(300_000).fill(i));
    await one.outputReady();
    assert.equal(one.metadata.stdout, `hello ${i}\n`);
    const failed = await errorOf(engine.apply(() => {
      throw new RangeError("too far");
    }));
    assert.match(String(failed), /RangeError: too far/);
    assert.equal((await engine.execute("1 + 1")).value, 2);
  }
  // One that never gives way to the next.
  await engine.apply(() => {
    queueMicrotask(() => {
      for (;;);
    });
  }).catch(() => {});
  assert.equal((await engine.apply(visit)).visits, 1);
});

/** How the kernel calls a process's state: `T` is stopped. */
const stateOf = (pid: number) => /\) (\w)/.exec(Deno.readTextFileSync(`/proc/${pid}/stat`))?.[1];

Deno.test("an engine whose clients share nothing: each has a process of its own, stopped while it is another's turn", async () => {
  await using run = await Run.start({ n: 1, engineArgs: ["--sharing=client"] });
  const other = await run.connect();
  const mine = run.client[0]!, theirs = other[0]!;
  await mine.push({ name: "mine" });
  await theirs.push({ name: "theirs" });
  assert.deepEqual([await mine.pull("name"), await theirs.pull("name")], ["mine", "theirs"]);
  const pid = await mine.apply(() => Deno.pid);
  // Something of the first client's that goes on when its task is over.
  await mine.apply(() => {
    setInterval(() => {}, 1);
  });
  let long = theirs.apply(() => {
    console.log("begun");
    return new Promise<number>((resolve) => setTimeout(resolve, 400, Deno.pid));
  });
  await eventually(() => long.metadata.stdout, (text) => text !== "", "it has begun");
  const waiting = mine.apply((x: number) => x + 1, 1);
  assert.equal(stateOf(pid), "T");
  assert.notEqual(await long, pid);
  assert.equal(await waiting, 2);
  long = theirs.apply(() => {
    console.log("begun");
    for (;;);
  });
  await eventually(() => long.metadata.stdout, (text) => text !== "", "it has begun");
  long.cancel();
  await errorOf(long);
  assert.deepEqual([await mine.pull("name"), await mine.apply(() => Deno.pid)], ["mine", pid]);
});

Deno.test("children are bounded: who comes back after the one that was let go is told that the namespace is lost", async () => {
  await using run = await Run.start({ n: 1, engineArgs: ["--sharing=client", "--max-children=2"] });
  const clients = [run.client, await run.connect(), await run.connect()];
  for (const [i, client] of clients.entries()) await client[0]!.push({ kept: i });
  const found = [];
  for (const client of clients.toReversed()) {
    found.push(await client[0]!.pull("kept").then((value) => value, (error) => (error as Error).name));
  }
  assert.deepEqual(found, [2, 1, "NamespaceLost"]);
});
