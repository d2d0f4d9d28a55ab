/** Cancelling exactly one task in each of its states: what it costs it, and that it costs nobody else anything. */
import assert from "node:assert/strict";
import { task, TaskCancelled } from "../../src/client/client.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

const increment = (x: number) => x + 1;

/** Loops once it has said so. */
const loop = () => {
  console.log("begun");
  for (;;);
};

/** Looks at its signal in a loop without a pause. */
const polling = () => {
  const { signal } = task;
  console.log("begun");
  while (!signal.aborted);
  throw signal.reason;
};

/** Waits for its signal. */
const waiting = () =>
  new Promise((_, reject) => {
    task.signal.addEventListener("abort", () => reject(task.signal.reason));
    console.log("begun");
  });

Deno.test("cancel: waiting, running, heeding and stubborn tasks, each alone", async (test) => {
  await using run = await Run.start({ n: 1, engineArgs: ["--cancel-grace-ms=400"] });
  const { client } = run, engine = client[0]!, view = client.loadBalanced();
  const begun = (one: { readonly metadata: { readonly stdout: string } }) =>
    eventually(() => one.metadata.stdout, (text) => text.startsWith("begun"), "it has begun");
  await engine.push({ kept: 5 });

  await test.step("a task that waits behind a running one, direct and balanced", async () => {
    const running = engine.apply(() => new Promise((resolve) => setTimeout(resolve, 300, "done")));
    const direct = engine.apply(increment, 1), balanced = view.apply(increment, 2);
    const others = [engine.apply(increment, 3), view.apply(increment, 4)];
    direct.cancel();
    balanced.cancel();
    assert(await errorOf(direct) instanceof TaskCancelled);
    assert(await errorOf(balanced) instanceof TaskCancelled);
    assert.deepEqual(await Promise.all([running, ...others]), ["done", 4, 5]);
    assert.equal(await engine.pull("kept"), 5);
  });

  await test.step("one that looks at its signal ends by itself, and the namespace stays", async () => {
    for (const act of [polling, waiting]) {
      const one = engine.apply(act);
      const behind = engine.apply(increment, 1);
      await begun(one);
      one.cancel();
      one.cancel();
      const error = await errorOf(one);
      assert(error instanceof TaskCancelled, String(error));
      assert.match(error.message, /ended by itself/);
      assert.equal(await behind, 2);
      assert.equal(await engine.pull("kept"), 5);
    }
  });

  await test.step("one that looks and goes on is killed after the grace", async () => {
    const one = engine.apply(() => {
      console.log("begun", task.signal.aborted);
      for (;;);
    });
    const behind = engine.apply(increment, 1);
    await begun(one);
    one.cancel();
    const error = await errorOf(one);
    assert(error instanceof TaskCancelled, String(error));
    assert.match(error.message, /its process was killed/);
    assert.equal(await behind, 2);
    await engine.push({ kept: 6 });
  });

  await test.step("one that never looked is killed at once; what waited behind it runs, in order", async () => {
    const one = engine.apply(loop);
    const behind = Array.from({ length: 20 }, (_, i) => engine.apply(increment, i));
    await begun(one);
    one.cancel();
    const error = await errorOf(one);
    assert(error instanceof TaskCancelled, String(error));
    assert.deepEqual(await Promise.all(behind), Array.from({ length: 20 }, (_, i) => i + 1));
  });

  await test.step("one that has stopped its own thread", async () => {
    const one = engine.apply(() => {
      console.log("begun");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });
    await begun(one);
    one.cancel();
    assert(await errorOf(one) instanceof TaskCancelled);
  });

  await test.step("too late is harmless", async () => {
    const one = engine.apply(increment, 1);
    assert.equal(await one, 2);
    one.cancel();
    assert.equal(await engine.apply(increment, 2), 3);
  });

  await test.step("a signal of the past says nothing of the task that runs now", async () => {
    await engine.apply(() => {
      Object.assign(globalThis, { old: task.signal });
    });
    const one = engine.apply(() => {
      const { old } = globalThis as unknown as { old: AbortSignal };
      console.log("begun", task.signal === old);
      while (!task.signal.aborted);
      return old.aborted;
    });
    await begun(one);
    one.cancel();
    assert(await errorOf(one) instanceof TaskCancelled);
    assert.equal(one.metadata.stdout, "begun false\n");
    assert.equal(await engine.apply(() => task.signal.aborted), false);
  });
  await queueIsEmpty(client);
});

Deno.test("task.signal outside of an engine says where it belongs", () => {
  assert.throws(() => task.signal, /inside a function that runs on an engine/);
});
