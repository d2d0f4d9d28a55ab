/** `map(input, function, options)` as p-map documents it, and transforms of streams, over a controller in this process. */
import assert from "node:assert/strict";
import { Client, CompositeError, task } from "../../src/client/client.ts";
import { FakeController } from "./fake_controller.ts";

async function connected() {
  const controller = new FakeController();
  controller.engine(0);
  const client = await Client.connect({ connection: controller.info });
  return {
    controller,
    client,
    view: client.loadBalanced(),
    async [Symbol.asyncDispose]() {
      await client.close();
      await controller[Symbol.asyncDispose]();
    },
  };
}

Deno.test("input first: an array of results in the order of the input, index as second argument", async () => {
  await using world = await connected();
  const { view, client } = world;
  const sums: number[] = await view.map([10, 20, 30], (x, i) => x + i);
  assert.deepEqual(sums, [10, 21, 32]);
  const direct: string[] = await client.direct(0).map(new Set(["a", "b"]), (x) => x + x);
  assert.deepEqual(direct, ["aa", "bb"]);
  assert.deepEqual(await view.map([], (x: number) => x), []);
  const tagged = task((x: number) => -x, { captures: {} });
  assert.deepEqual(await view.map([1, 2], tagged), [-1, -2]);
  // The function first is as it ever was.
  assert.deepEqual(await view.map((x: number) => x + 1, [1, 2]), [2, 3]);
});

Deno.test("promises in the input are awaited, of iterables and async iterables", async () => {
  await using world = await connected();
  const { view } = world;
  const input = [Promise.resolve(1), 2, new Promise<number>((resolve) => queueMicrotask(() => resolve(3)))];
  assert.deepEqual(await view.map(input, (x) => x * 2), [2, 4, 6]);
  async function* later() {
    yield 1;
    await Promise.resolve();
    yield 2;
  }
  assert.deepEqual(await view.map(later(), (x) => x * 2), [2, 4]);
  assert.deepEqual(await view.map(ReadableStream.from(later()), (x) => x * 2), [2, 4]);
  await assert.rejects(
    Promise.resolve(view.map([Promise.reject(new Error("no item"))], (x) => x)),
    /no item/,
  );
});

Deno.test("an iterator that throws ends the map, with and without stopOnError", async () => {
  await using world = await connected();
  function* broken() {
    yield 1;
    throw new Error("broken input");
  }
  for (const stopOnError of [true, false]) {
    await assert.rejects(
      Promise.resolve(world.view.map(broken(), (x) => x, { stopOnError })),
      /broken input/,
    );
  }
});

Deno.test("stopOnError: false waits for all, and tells all errors in the order of the input", async () => {
  await using world = await connected();
  const { view } = world;
  let taken = 0;
  function* input() {
    for (taken = 0; taken < 10; taken++) yield taken === 4 ? Promise.reject(new Error("item 4")) : taken;
  }
  const odd = (x: number) => {
    if (x % 2 === 1) throw new RangeError(`odd ${x}`);
    return x;
  };
  const error = await Promise.resolve(view.map(input(), odd, { stopOnError: false, concurrency: 2 })).catch((
    e,
  ) => e);
  assert(error instanceof CompositeError && error instanceof AggregateError, String(error));
  assert.deepEqual(error.errors.map(({ message }) => /\w+ \d$/.exec(message)?.[0]), [
    "odd 1",
    "odd 3",
    "item 4",
    "odd 5",
    "odd 7",
    "odd 9",
  ]);
  assert.equal(taken, 10);
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const value of view.map(input(), odd, { stopOnError: false, concurrency: 3 })) {
      seen.push(value);
    }
  }, CompositeError);
  assert.deepEqual(seen, [0, 2, 6, 8]);
  // The first error ends it by default, and no more is taken.
  await assert.rejects(Promise.resolve(view.map(input(), odd, { concurrency: 1 })), /odd 1/);
  assert(taken <= 3, `${taken} were taken`);
});

Deno.test("options out of range are named", async () => {
  await using world = await connected();
  const { view } = world;
  const f = (x: number) => x;
  assert.throws(() => view.map([1], f, { concurrency: 0 }), /Cannot use 0 for "concurrency"/);
  assert.throws(() => view.map([1], f, { concurrency: 1.5 }), RangeError);
  assert.throws(() => view.map([1], f, { concurrency: 3, backpressure: 2 }), /less than "concurrency"/);
  assert.throws(() => view.map([1], undefined as unknown as typeof f), /Cannot map: pass an iterable/);
  assert.deepEqual(await view.map([1], f, { concurrency: Infinity }), [1]);
  assert.throws(() => view.transform(f, { concurrency: 0 }), RangeError);
});

Deno.test("a signal that has aborted rejects with its reason and sends nothing", async () => {
  await using world = await connected();
  const reason = new Error("enough");
  const map = world.view.map([1, 2], (x) => x, { signal: AbortSignal.abort(reason) });
  assert.equal(await Promise.resolve(map).catch((error) => error), reason);
  assert.equal(map.taken, 0);
});

Deno.test("streams go through in order, by text and bytes, and end", async () => {
  await using world = await connected();
  const { view } = world;
  const words = ReadableStream.from(["a", "b", "c"]).pipeThrough(
    view.transform((x: string) => x.toUpperCase()),
  );
  assert.deepEqual(await Array.fromAsync(words), ["A", "B", "C"]);
  const bytes = new ReadableStream<Uint8Array>({
    type: "bytes",
    start(controller) {
      for (const size of [3, 100_000]) controller.enqueue(new Uint8Array(size).fill(size));
      controller.close();
    },
  });
  const sizes = bytes.pipeThrough(view.transform((x: Uint8Array) => x.length + x[0]!, { ordered: true }));
  assert.deepEqual(await Array.fromAsync(sizes), [6, 100_000 + (100_000 & 255)]);
  const stream = ReadableStream.from(view.map((x: number) => x + 1, [1, 2, 3]));
  assert.deepEqual(await Array.fromAsync(stream), [2, 3, 4]);
});

Deno.test("a transform that fails fails both sides", async () => {
  await using world = await connected();
  const { readable, writable } = world.view.transform((x: number) => {
    if (x === 2) throw new RangeError("not two");
    return x;
  });
  const writer = writable.getWriter();
  const reader = readable.getReader();
  writer.write(1).catch(() => {});
  assert.deepEqual(await reader.read(), { done: false, value: 1 });
  writer.write(2).catch(() => {});
  await assert.rejects(reader.read(), /not two/);
  await assert.rejects(writer.closed, /not two/);
});
