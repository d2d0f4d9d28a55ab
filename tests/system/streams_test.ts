/** Generators on real engines: their values here, in order, as they are wanted; and who ends them. */
import assert from "node:assert/strict";
import * as v from "valibot";
import {
  type DirectView,
  EngineError,
  NamespaceLost,
  Reference,
  RemoteError,
  SchemaError,
  task,
} from "../../src/client/client.ts";
import { STREAMS } from "../../src/client/remote_texts.ts";
import { errorOf, eventually, Run } from "./run.ts";

type Work = typeof import("./modules/work.ts");
const WORK = new URL("modules/work.ts", import.meta.url);

/** Counts without end, and leaves in the namespace how far it is and how it ended. */
const counting = function* (name: string) {
  const kept = globalThis as unknown as Record<string, unknown>;
  try {
    for (let i = 0;; i++) {
      kept[name] = i;
      yield i;
    }
  } catch (error) {
    kept[`${name}Caught`] = String(error);
    throw error;
  } finally {
    kept[`${name}Ended`] = true;
  }
};

async function listOf<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}

async function isEnded(engine: DirectView<"one">, name: string): Promise<boolean> {
  return (await engine.execute(`globalThis.${name}Ended === true`)).value === true;
}

Deno.test("streams", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();
  const one = client[0]!;

  await test.step("values come in order from any view, with what the generator returns", async () => {
    const numbers = async function* (n: number): AsyncGenerator<number, string> {
      for (let i = 0; i < n; i++) {
        if (i % 700 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        yield i;
      }
      return "all";
    };
    const expected = Array.from({ length: 5000 }, (_, i) => i);
    assert.deepEqual(await listOf(view.stream(numbers, 5000)), expected);
    assert.deepEqual(await listOf(one.stream(numbers, 5000)), expected);
    const stream = one.stream(numbers, 1);
    assert.deepEqual(await stream.next(), { done: false, value: 0 });
    const last: IteratorResult<number, string | undefined> = await stream.next();
    assert.deepEqual(last, { done: true, value: "all" });
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    assert.deepEqual(await listOf(one.stream(numbers, 0)), []);
  });

  await test.step("of whatever can be iterated, also by name, and of modules", async () => {
    assert.deepEqual(await listOf(view.stream(() => ["a", "b"])), ["a", "b"]);
    assert.deepEqual(await listOf(view.stream(() => Promise.resolve(new Map([[1, new Date(5)]])))), [[
      1,
      new Date(5),
    ]]);
    const promises = () => [Promise.resolve(1), Promise.resolve(2)];
    assert.deepEqual(await listOf(one.stream(promises)), [1, 2]);
    await one.execute("globalThis.remoteOnes = function* (n) { while (n-- > 0) yield 1; }");
    assert.deepEqual(await listOf(one.stream(new Reference("remoteOnes"), 3)), [1, 1, 1]);
    const { squares } = await task<Work>(WORK);
    assert.deepEqual(await listOf(view.stream(squares, 4)), [0, 1, 4, 9]);
    const step = 3;
    const steps = task(function* (n: number) {
      for (let i = 0; i < n; i++) yield i * step;
    }, { captures: { step } });
    assert.deepEqual(await listOf(view.stream(steps, 3)), [0, 3, 6]);
  });

  await test.step("who reads sets the pace: one batch is fetched ahead, by number and by bytes", async () => {
    const slow = one.stream(counting, "slow");
    for (let i = 0; i < 10; i++) assert.deepEqual(await slow.next(), { done: false, value: i });
    await eventually(() => one.pull("slow"), (made) => made === 1999, "the second batch is made");
    assert.equal(await one.pull("slow"), 1999);
    await slow.return();
    const large = one.stream(function* () {
      const kept = globalThis as unknown as { arrays: number };
      for (kept.arrays = 0;; kept.arrays++) yield new Float64Array(300_000).fill(kept.arrays);
    });
    for (let i = 0; i < 5; i++) {
      const { value } = await large.next();
      assert.deepEqual(value, new Float64Array(300_000).fill(i));
    }
    assert((await one.pull("arrays")) as number <= 6);
    await large.return();
  });

  await test.step("leaving ends the generator on its engine", async () => {
    const ended = async (name: string) => {
      assert.equal(await one.pull(`${name}Ended`), true);
    };
    for await (const value of one.stream(counting, "left")) if (value === 1500) break;
    await ended("left");
    const failed = await errorOf((async () => {
      for await (const _ of one.stream(counting, "failed")) throw new Error("mine");
    })());
    assert.equal((failed as Error).message, "mine");
    await ended("failed");
    {
      await using stream = one.stream(counting, "scoped");
      await stream.next();
    }
    await ended("scoped");
    const returned = one.stream(counting, "returned");
    await returned.next();
    assert.deepEqual(await returned.return(), { done: true, value: undefined });
    await ended("returned");
    assert.deepEqual(await returned.next(), { done: true, value: undefined });
    const thrown = one.stream(counting, "thrown");
    await thrown.next();
    const reason = new RangeError("thrown in");
    assert.equal(await errorOf(thrown.throw(reason)), reason);
    assert.equal(await one.pull("thrownCaught"), "RangeError: thrown in");
    await ended("thrown");
    const never = one.stream(counting, "never");
    assert.deepEqual(await never.return(), { done: true, value: undefined });
    assert.equal((await one.execute("typeof never")).value, "undefined");
  });

  await test.step("an aborted signal ends it, also one that waits, and by force one that does not end", async () => {
    const abort = new AbortController();
    const stream = one.with({ signal: abort.signal }).stream(counting, "aborted");
    await stream.next();
    const reason = new Error("enough");
    abort.abort(reason);
    assert.equal(await errorOf(stream.next()), reason);
    await eventually(() => isEnded(one, "aborted"), Boolean, "its finally block ran");
    assert.throws(() => one.with({ signal: abort.signal }).stream(counting, "x"), reason);
    const waiting = async function* () {
      yield 1;
      await new Promise(() => {});
    };
    const other = new AbortController();
    const waits = client[1]!.with({ signal: other.signal }).stream(waiting);
    assert.deepEqual(await waits.next(), { done: false, value: 1 });
    const next = waits.next();
    other.abort(reason);
    assert.equal(await errorOf(next), reason);
    const third = new AbortController();
    const busy = client[1]!.with({ signal: third.signal, cancelGraceMs: 50 }).stream(function* () {
      yield 1;
      for (;;);
    });
    const first = errorOf(busy.next());
    await eventually(() => client.pending, (open) => open > 0, "it runs");
    third.abort(reason);
    assert.equal(await first, reason);
    const fourth = new AbortController();
    const left = client[1]!.with({ signal: fourth.signal, cancelGraceMs: 50 }).stream(function* () {
      for (let i = 0; i < 1000; i++) yield i;
      for (;;);
    });
    await left.next();
    const over = left.return();
    fourth.abort(reason);
    assert.deepEqual(await over, { done: true, value: undefined });
    assert.equal(await client[1]!.apply((x: number) => x, 3), 3);
  });

  await test.step("errors come behind the values before them, and name the user's file", async () => {
    const { failing } = await task<Work>(WORK);
    for (const stream of [view.stream(failing, 3), one.stream(failing, 3)]) {
      const texts: string[] = [];
      const error = await errorOf((async () => {
        for await (const { text } of stream) texts.push(text);
      })());
      assert.deepEqual(texts, ["0", "1", "2"]);
      assert(error instanceof RemoteError);
      assert.equal(error.ename, "RangeError");
      assert.match(error.stack ?? "", /modules\/work\.ts:\d+:9/);
      assert.doesNotMatch(error.traceback, /task:[0-9a-f]/);
      assert.deepEqual(await stream.next(), { done: true, value: undefined });
    }
    const closing = one.stream(function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        // deno-lint-ignore no-unsafe-finally
        throw new TypeError("in finally");
      }
    });
    await closing.next();
    await closing.next();
    const late = await errorOf(closing.next());
    assert.match(String(late), /TypeError: in finally/);
  });

  await test.step("a value that cannot be sent comes as an error behind those before it", async () => {
    const values: unknown[] = [];
    const error = await errorOf((async () => {
      for await (
        const value of one.stream(function* () {
          yield 1;
          yield { deep: [2] };
          yield () => 3;
          yield 4;
        })
      ) values.push(value);
    })());
    assert.deepEqual(values, [1, { deep: [2] }]);
    assert(error instanceof Error);
    assert.match(error.message, /function/);
  });

  await test.step("a batch that is too large for a limit comes in parts", async () => {
    const limited = one.with({ limits: { resultLimitBytes: 40_000 } });
    const values = await listOf(limited.stream(function* () {
      for (let i = 0; i < 12; i++) yield `${i}`.padEnd(9000, "x");
    }));
    assert.deepEqual(
      values.map((value) => value.slice(0, 2).replace("x", "")),
      Array.from({ length: 12 }, (_, i) => `${i}`),
    );
  });

  await test.step("many at once on one engine take turns, and hold up no other task", async () => {
    const streams = Array.from({ length: 20 }, (_, i) =>
      one.stream(function* (from: number) {
        for (let i = 0; i < 3000; i++) yield from + i;
      }, i * 10_000));
    const lists = await Promise.all(streams.map(listOf));
    lists.forEach((list, i) =>
      assert.deepEqual(list, Array.from({ length: 3000 }, (_, j) => i * 10_000 + j))
    );
    const idle = one.stream(async function* () {
      yield "begun";
      await new Promise(() => {});
      yield "never";
    });
    await idle.next();
    const next = idle.next();
    for (let i = 0; i < 30; i++) assert.equal(await one.apply((x: number) => x + 1, i), i + 1);
    await Promise.all([idle.return(), next]);
    assert.deepEqual(await next, { done: true, value: undefined });
  });

  await test.step("one that hears nothing of its client is ended between the tasks of others", async () => {
    const word = { id: "a", op: "open", from: 0, maxCount: 3, maxBytes: 1000, maxMs: 20, idleMs: 30 };
    const forsaken =
      `function* () { try { for (;;) yield 1; } finally { globalThis.forsakenEnded = true; } }`;
    const begin = new Function(`return (${STREAMS})(() => ${forsaken})(${JSON.stringify(word)}, [])`);
    await one.apply(begin as () => unknown);
    await eventually(() => isEnded(one, "forsaken"), Boolean, "its finally block ran");
  });

  await test.step("several calls of next are answered in order", async () => {
    const stream = one.stream(counting, "several");
    const results = await Promise.all([stream.next(), stream.next(), stream.next()]);
    assert.deepEqual(results.map(({ value }) => value), [0, 1, 2]);
    await stream.return();
  });

  await test.step("web streams read it", async () => {
    const readable = ReadableStream.from(view.stream(function* () {
      yield "a";
      yield "b";
    }));
    const texts = readable.pipeThrough(
      new TransformStream<string, string>({
        transform: (text, into) => into.enqueue(text.toUpperCase()),
      }),
    );
    assert.deepEqual(await Array.fromAsync(texts), ["A", "B"]);
    const reader = ReadableStream.from(one.stream(counting, "piped")).getReader();
    await reader.read();
    await reader.cancel();
    await eventually(() => isEnded(one, "piped"), Boolean, "its finally block ran");
  });

  await test.step("permissions, limits and labels hold for each of its tasks", async () => {
    const strict = view.with({ permissions: "none", label: "streamed" });
    const tries = task(function* () {
      yield 1;
      Deno.readTextFileSync("/etc/hostname");
    });
    const error = await errorOf(listOf(strict.stream(tries)));
    assert.equal((error as Error).name, "PermissionDenied");
    const records = await client.query({ label: "streamed" }, ["msg_id"]);
    assert(records.length >= 1);
    const spinning = task(function* () {
      yield 1;
      for (;;);
    }, { limits: { runTimeoutMs: 100 } });
    assert.equal((await errorOf(listOf(one.stream(spinning))) as Error).name, "LimitExceeded");
  });

  await test.step("a schema checks arguments at the call and each value as it comes", async () => {
    const checked = task(function* (n: number) {
      yield "a";
      yield n as unknown as string;
    }, { schema: { args: v.tuple([v.number()]), result: v.string() as never } });
    assert.throws(() => one.stream(checked as never, "x" as never), SchemaError);
    const values: unknown[] = [];
    const error = await errorOf((async () => {
      for await (const value of one.stream(checked as never, 5 as never)) values.push(value);
    })());
    assert.deepEqual(values, ["a"]);
    assert(error instanceof SchemaError);
  });

  await test.step("what cannot be streamed is refused in words", async () => {
    assert.throws(
      () => one.with({ isolation: "process" }).stream(counting, "x"),
      /Cannot stream with isolation "process"/,
    );
    assert.throws(() => view.stream(task(counting, { isolation: "worker" }), "x"), /isolation "worker"/);
    assert.throws(() => client.direct("all").stream(counting, "x"), /Cannot stream from 2 engines: name one/);
    const notThere = 1;
    assert.throws(() => view.stream(() => [notThere]), /it uses "notThere"/);
    const plain = view.stream((() => 5) as unknown as () => number[]);
    assert.match(String(await errorOf(plain.next())), /it is nothing to iterate over; use apply/);
    assert.match(String(await errorOf(one.apply(counting, "x"))), /use stream/);
  });

  await test.step("a child that is stopped ends it with an error that says so", async () => {
    const stream = one.stream(counting, "lost");
    await stream.next();
    await errorOf(
      one.with({ limits: { runTimeoutMs: 30 } }).apply(() => {
        for (;;);
      }),
    );
    const error = await errorOf(listOf(stream));
    assert(error instanceof NamespaceLost, String(error));
    assert.match(error.message, /The stream of "counting" has ended: engine 0 does not have it any more/);
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
  });

  await test.step("one that has not begun is taken back", async () => {
    const both = client.direct("all");
    const busy = both.apply(() => {
      const until = Date.now() + 300;
      while (Date.now() < until);
    });
    const stream = view.stream(counting, "queued");
    const next = stream.next();
    await stream.return();
    assert.deepEqual(await next, { done: true, value: undefined });
    await busy;
  });
});

Deno.test("streams end with an engine that dies, and with their client", async () => {
  await using run = await Run.start({ n: 1 });
  const client = await run.connect();
  const stream = client[0]!.stream(counting, "x");
  await stream.next();
  await client.close();
  assert.match(String(await errorOf(listOf(stream))), /The client was closed/);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  const dying = run.client[0]!.stream(counting, "y");
  await dying.next();
  Deno.kill(run.hostPid, "SIGKILL");
  const error = await errorOf(listOf(dying));
  assert(error instanceof EngineError, String(error));
});
