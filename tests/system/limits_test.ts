/** Each limit ends a task with an error of its own and the measured value in it; its record says how it ended; neighbours are not touched. */
import assert from "node:assert/strict";
import { type Client, LimitExceeded, type TaskLimits } from "../../src/client/client.ts";
import { errorOf, eventually, queueIsEmpty, Run } from "./run.ts";

type PostMortem = Readonly<Record<string, unknown>>;

/** What the record of the one task with this label tells of its end. */
async function postMortem(client: Client, label: string): Promise<PostMortem> {
  const [record] = await eventually(
    () => client.query({ "metadata.label": label }),
    (records) => records[0]?.completed !== null && records[0]?.completed !== undefined,
    `the record of ${label}`,
  );
  return (record?.result_metadata as { tsparallel: { post_mortem: PostMortem } }).tsparallel.post_mortem;
}

interface Case {
  readonly limit: string;
  readonly limits: TaskLimits;
  readonly max: number;
  readonly words: RegExp;
  readonly act: () => unknown;
}

const CASES: readonly Case[] = [
  {
    limit: "run time",
    limits: { runTimeoutMs: 150 },
    max: 150,
    words: /run time passed its limit: \d+ ms, at most 150 ms/,
    act: () => {
      console.log("last words");
      for (;;);
    },
  },
  {
    limit: "run time",
    limits: { runTimeoutMs: 200 },
    max: 200,
    words: /run time passed/,
    // Its thread is blocked.
    act: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  },
  {
    limit: "deadline",
    limits: { deadlineMs: 300 },
    max: 300,
    words: /deadline passed its limit: \d+ ms, at most 300 ms/,
    act: () => new Promise(() => {}),
  },
  {
    limit: "cpu",
    limits: { cpuLimitMs: 200 },
    max: 200,
    words: /CPU time passed its limit: \d+ ms, at most 200 ms/,
    act: () => {
      for (;;);
    },
  },
  {
    limit: "memory",
    limits: { memoryLimitMB: 250 },
    max: 250,
    words: /memory passed its limit: \d+ MiB, at most 250 MiB/,
    act: () => {
      const kept: Uint8Array[] = [];
      for (;;) kept.push(new Uint8Array(64 << 20).fill(1));
    },
  },
  {
    limit: "output",
    limits: { outputLimitBytes: 100_000 },
    max: 100_000,
    words: /output passed its limit: \d+ bytes, at most 100000 bytes/,
    act: () => {
      for (;;) console.log("x".repeat(1000));
    },
  },
  {
    limit: "result",
    limits: { resultLimitBytes: 50_000 },
    max: 50_000,
    words: /result passed its limit: \d+ bytes, at most 50000 bytes/,
    act: () => "y".repeat(80_000),
  },
  {
    limit: "result",
    limits: { resultLimitBytes: 1_000_000 },
    max: 1_000_000,
    words: /result passed its limit/,
    act: () => [new Uint8Array(600_000), new Uint8Array(600_000)],
  },
];

Deno.test("each limit has its own error, with the measured value; the task behind it runs", async (test) => {
  await using run = await Run.start({ n: 1 });
  const { client } = run, engine = client[0]!;
  for (const [index, { limit, limits, max, words, act }] of CASES.entries()) {
    const label = `case ${index}`;
    await test.step(`${limit} (${max})`, async () => {
      const failing = client.loadBalanced().with({ limits, label }).apply(act);
      const behind = engine.apply((x: number) => x + 1, index);
      const error = await errorOf(failing);
      assert(error instanceof LimitExceeded, String(error));
      assert.deepEqual([error.limit, error.max], [limit, max]);
      assert(error.value >= max, `${error.value}`);
      assert.match(error.message, words);
      assert.equal(await behind, index + 1);
      const end = await postMortem(client, label);
      assert.equal(end["ended_by"], "limit");
      assert.deepEqual((end["limit"] as { limit: string }).limit, limit);
      assert.deepEqual([end["isolation"], end["permissions"]], ["shared", {}]);
      if (index === 0) assert.equal(end["last_output"], "last words\n");
      if (limit === "memory") assert((end["peak_memory_mb"] as number) > 250, JSON.stringify(end));
      if (limit === "cpu") assert((end["cpu_ms"] as number) >= 200, JSON.stringify(end));
    });
  }
  await queueIsEmpty(client);
});

Deno.test("a result that is too large leaves the namespace as it is", async () => {
  await using run = await Run.start({ n: 1 });
  const engine = run.client[0]!;
  await engine.push({ kept: 5 });
  const limited = engine.with({ limits: { resultLimitBytes: 1000 } });
  const error = await errorOf(limited.apply(() => "x".repeat(5000)));
  assert(error instanceof LimitExceeded, String(error));
  const cell = await errorOf(limited.execute("'x'.repeat(5000)"));
  assert(cell instanceof LimitExceeded, String(cell));
  assert.equal(await engine.pull("kept"), 5);
});

Deno.test("limits of the engine hold for every task, and a task may only tighten them", async () => {
  const engineArgs = [
    "--cpu-limit-ms=300",
    "--result-limit-bytes=20000",
    "--deadline-ms=60000",
    "--output-limit-bytes=5000",
  ];
  await using run = await Run.start({ n: 1, engineArgs });
  const engine = run.client[0]!;
  const limitOf = async (promise: PromiseLike<unknown>) => {
    const error = await errorOf(promise);
    assert(error instanceof LimitExceeded, String(error));
    return [error.limit, error.max];
  };
  const loop = () => {
    for (;;);
  };
  assert.deepEqual(await limitOf(engine.apply(loop)), ["cpu", 300]);
  assert.deepEqual(await limitOf(engine.with({ limits: { cpuLimitMs: 5000 } }).apply(loop)), ["cpu", 300]);
  assert.deepEqual(await limitOf(engine.apply(() => "x".repeat(30_000))), ["result", 20_000]);
  assert.deepEqual(await limitOf(engine.apply(() => console.log("x".repeat(6000)))), ["output", 5000]);
  assert.deepEqual(
    await limitOf(engine.with({ limits: { deadlineMs: 100 } }).apply(() => new Promise(() => {}))),
    ["deadline", 100],
  );
});

Deno.test("how a child ended by itself is told with its exit code, at once", async () => {
  await using run = await Run.start({ n: 1 });
  const { client } = run, view = client.loadBalanced();
  const ends: [label: string, act: () => unknown, ended: string, code: number | undefined][] = [
    ["exit", () => Deno.exit(3), "exit", 3],
    [
      "process",
      () => (globalThis as unknown as { process: { exit(code: number): never } }).process.exit(4),
      "exit",
      4,
    ],
    [
      "close",
      () => {
        (self as unknown as { close(): void }).close();
        return new Promise(() => {});
      },
      "exit",
      0,
    ],
    [
      "throw",
      () => {
        throw new RangeError("too far");
      },
      "error",
      undefined,
    ],
  ];
  for (const [label, act, ended, code] of ends) {
    const error = await errorOf(view.with({ label, limits: { runTimeoutMs: 10_000 } }).apply(act)) as Error;
    if (code !== undefined) assert.match(error.message, new RegExp(`exit code ${code}`));
    const end = await postMortem(client, label);
    assert.deepEqual([end["ended_by"], end["exit_code"], end["signal"]], [ended, code, undefined], label);
  }
});

Deno.test("a child is renewed after so many tasks, and who has names there is told", async () => {
  await using run = await Run.start({ n: 1, engineArgs: ["--tasks-per-child=3"] });
  const engine = run.client[0]!;
  await engine.push({ kept: 1 });
  assert.equal(await engine.pull("kept"), 1);
  await engine.apply(() => 0);
  assert.equal((await errorOf(engine.pull("kept")) as Error).name, "NamespaceLost");
});

Deno.test("a namespace that a task has frozen is cleared all the same", async () => {
  await using run = await Run.start({ n: 1 });
  const engine = run.client[0]!;
  await engine.push({ kept: 1 });
  await engine.execute("Object.freeze(globalThis); 0");
  await engine.clear();
  assert.match(String(await errorOf(engine.pull("kept"))), /kept/);
  await engine.push({ kept: 2 });
  assert.equal(await engine.pull("kept"), 2);
});

Deno.test("what a task was not allowed to do is told with its end", async () => {
  await using run = await Run.start({ n: 1 });
  const { client } = run;
  const error = await errorOf(
    client.loadBalanced().with({ label: "denied" }).apply(() => Deno.readTextFileSync("/etc/hostname")),
  );
  assert.equal((error as Error).name, "PermissionDenied");
  const end = await postMortem(client, "denied");
  const [act] = end["denied"] as { permission: string; value: string; times: number }[];
  assert.deepEqual([act?.permission, act?.value, act?.times], ["read", "/etc/hostname", 1]);
});

Deno.test("a process that is stopped is hit by its limits, and by a cancel, as any other", async () => {
  await using run = await Run.start({ n: 1 });
  const engine = run.client[0]!;
  const act = () => {
    console.log(Deno.pid);
    for (;;);
  };
  const stopped = async (task: { readonly metadata: { readonly stdout: string } }) => {
    const text = await eventually(() => task.metadata.stdout, (text) => text.endsWith("\n"), "it has begun");
    Deno.kill(Number(text), "SIGSTOP");
  };
  const limited = engine.with({ limits: { runTimeoutMs: 1500 } }).apply(act);
  await stopped(limited);
  const error = await errorOf(limited);
  assert(error instanceof LimitExceeded && error.limit === "run time", String(error));
  const cancelled = engine.apply(act);
  await stopped(cancelled);
  cancelled.cancel();
  assert.equal((await errorOf(cancelled) as Error).name, "TaskCancelled");
  assert.equal(await engine.apply((x: number) => x + 1, 1), 2);
});
