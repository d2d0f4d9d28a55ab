/** Tasks that misbehave: each costs itself and nothing else, and its error says what happened. */
import assert from "node:assert/strict";
import { type Client, LimitExceeded, TaskCancelled } from "../../src/client/client.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

/** Loops once it has said so. */
const loop = () => {
  console.log("begun");
  for (;;);
};

/** Takes memory until it is stopped. */
const hog = () => {
  const kept: Uint8Array[] = [];
  for (;;) kept.push(new Uint8Array(8 << 20).fill(1));
};

/** After any of them: the same engines under the same ids, the next tasks run on both, nothing is left in the queue. */
async function nothingElseHappened(client: Client, before: readonly (string | null)[]): Promise<void> {
  const after = await client.direct("all").apply(() => 6 * 7);
  assert.deepEqual(after, [42, 42]);
  assert.deepEqual(client.ids.map((id) => client.engineUuid(id)), before);
  await queueIsEmpty(client);
}

Deno.test("tasks that loop, take memory, exit, close themselves, throw late or flood cost only themselves", async (test) => {
  await using run = await Run.start({ engineArgs: ["--memory-limit-mb=600"] });
  const { client } = run;
  const view = client.loadBalanced();
  const uuids = client.ids.map((id) => client.engineUuid(id));

  await test.step("a loop ends at its run-time limit; those before and behind it are not touched", async () => {
    const on0 = view.with({ targets: [0] });
    const before = Array.from({ length: 20 }, (_, i) => on0.apply((x: number) => x, i));
    const looping = on0.with({ limits: { runTimeoutMs: 150 } }).apply(loop);
    const behind = Array.from({ length: 20 }, (_, i) => on0.apply((x: number) => x, i));
    const error = await errorOf(looping);
    assert(error instanceof LimitExceeded, String(error));
    assert.deepEqual([error.limit, error.max], ["run time", 150]);
    assert(error.value >= 150 && error.value < 2000, `${error.value}`);
    const expected = Array.from({ length: 20 }, (_, i) => i);
    assert.deepEqual(await Promise.all(before), expected);
    assert.deepEqual(await Promise.all(behind), expected);
    await nothingElseHappened(client, uuids);
  });

  await test.step("execute: the same limit", async () => {
    const error = await errorOf(client[0]!.with({ limits: { runTimeoutMs: 100 } }).execute("while (true);"));
    assert(error instanceof LimitExceeded, String(error));
    await nothingElseHappened(client, uuids);
  });

  await test.step("a loop ends by cancel, direct and balanced", async () => {
    for (const one of [client[0]!.apply(loop), view.apply(loop)]) {
      await eventually(() => one.metadata.stdout, (text) => text === "begun\n", "it has begun");
      one.cancel("no longer wanted");
      assert(await errorOf(one) instanceof TaskCancelled);
    }
    await nothingElseHappened(client, uuids);
  });

  await test.step("memory beyond the task's limit, and beyond the engine's", async () => {
    const own = await errorOf(view.with({ limits: { memoryLimitMB: 300 } }).apply(hog));
    assert(own instanceof LimitExceeded, String(own));
    assert.deepEqual([own.limit, own.max], ["memory", 300]);
    const general = await errorOf(view.apply(hog));
    assert(general instanceof LimitExceeded, String(general));
    assert.deepEqual([general.limit, general.max], ["memory", 600]);
    await nothingElseHappened(client, uuids);
  });

  await test.step("the runtime's own heap limit counts as memory", async () => {
    const error = await errorOf(
      view.with({ limits: { memoryLimitMB: 5000 } }).apply(() => {
        const kept: number[][] = [];
        for (;;) kept.push(new Array(1 << 16).fill(1.5));
      }),
    );
    assert(error instanceof LimitExceeded, String(error));
    assert.equal(error.limit, "memory");
    await nothingElseHappened(client, uuids);
  });

  await test.step("exit, and a Worker that closes itself: said at once", async () => {
    const acts = [
      () => {
        Deno.exit(0);
      },
      () => {
        Deno.exit(3);
      },
      () => {
        (self as unknown as { close(): void }).close();
        return new Promise(() => {});
      },
    ];
    for (const act of acts) {
      const error = await errorOf(client[0]!.with({ limits: { runTimeoutMs: 3000 } }).apply(act));
      assert(error instanceof Error);
      assert.doesNotMatch(String(error), /run time/, `${act}`);
      assert(error.message.length > 10, String(error));
      await nothingElseHappened(client, uuids);
    }
  });

  await test.step("what is thrown later, or rejected and not handled, is said in the text; the task is not hurt", async () => {
    const throwing = client[0]!.apply(async () => {
      setTimeout(() => {
        throw new Error("too late");
      }, 0);
      Promise.reject(new TypeError("unhandled"));
      await new Promise((resolve) => setTimeout(resolve, 30));
      return 7;
    });
    assert.equal(await throwing, 7);
    await throwing.outputReady();
    assert.match(throwing.metadata.stderr, /Uncaught.*TypeError: unhandled\n/);
    assert.match(throwing.metadata.stderr, /Uncaught.* Error: too late\n/);
    await nothingElseHappened(client, uuids);
  });

  await test.step("a late throw of a finished task does not fail the next one", async () => {
    const results = [];
    for (let i = 0; i < 30; i++) {
      results.push(client[0]!.apply((i: number) => {
        if (i % 10 === 0) {
          setTimeout(() => {
            throw new Error("late");
          }, 0);
        }
        return i;
      }, i));
    }
    assert.deepEqual(await Promise.all(results), Array.from({ length: 30 }, (_, i) => i));
    await nothingElseHappened(client, uuids);
  });

  await test.step("a flood of output is bounded, and ends with its own error where a limit is asked for", async () => {
    const flood = () => {
      const line = "x".repeat(1000);
      for (let i = 0; i < 20_000; i++) console.log(line);
      return "done";
    };
    assert.equal(await client[0]!.apply(flood), "done");
    const limited = await errorOf(client[0]!.with({ limits: { outputLimitBytes: 100_000 } }).apply(flood));
    assert(limited instanceof LimitExceeded, String(limited));
    assert.equal(limited.limit, "output");
    await nothingElseHappened(client, uuids);
  });
});

Deno.test("each engine's namespace says that it is lost after its child was stopped", async () => {
  await using run = await Run.start({ n: 1 });
  const engine = run.client[0]!;
  await engine.push({ kept: 5 });
  assert(await errorOf(engine.with({ limits: { runTimeoutMs: 100 } }).apply(loop)) instanceof LimitExceeded);
  const error = await errorOf(engine.pull("kept")).then((error) => error as Error);
  assert.equal(error.name, "NamespaceLost", String(error));
  await engine.push({ kept: 6 });
  assert.equal(await engine.pull("kept"), 6);
});
