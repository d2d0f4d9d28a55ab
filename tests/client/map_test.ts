import assert from "node:assert/strict";
import fc from "fast-check";
import { Client, RemoteError, TaskAborted } from "../../src/client/client.ts";
import { FakeController } from "./fake_controller.ts";

async function connected(engines = 2) {
  const controller = new FakeController();
  for (let id = 0; id < engines; id++) controller.engine(id);
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

async function* later(count: number) {
  for (let i = 0; i < count; i++) {
    if (i % 7 === 0) await Promise.resolve();
    yield i;
  }
}

Deno.test("a map gives what Array.map gives, whatever the chunks, windows and sources", async () => {
  await using world = await connected();
  const { view, client } = world;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer(), { maxLength: 50 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      fc.constantFrom("await", "iterate"),
      async (items, chunkSize, window, isDirect, mode) => {
        const view1 = isDirect ? client.direct() : view;
        const map = view1.map((x: number) => x + 1, items, { chunkSize, window });
        const values: number[] = [];
        if (mode === "await") values.push(...await map);
        else for await (const value of map) values.push(value);
        assert.deepEqual(values, items.map((x) => x + 1));
        assert.equal(map.done, true);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("several iterables go in step, the shortest ends", async () => {
  await using world = await connected();
  const sums = await world.view.map((a: number, b: string) => a + b, [1, 2, 3], new Set(["a", "b"]));
  assert.deepEqual(sums, ["1a", "2b"]);
  const three = await world.view.map(
    (a: number, b: number, c: number) => a * b * c,
    [1, 2],
    later(5),
    [3, 4],
    {
      chunkSize: 2,
    },
  );
  assert.deepEqual(three, [0, 8]);
});

Deno.test("results come as they finish where order does not matter", async () => {
  await using world = await connected();
  const { controller, view } = world;
  controller.answer = () => undefined;
  const map = view.map((x: number) => x, [0, 1, 2], { ordered: false });
  await controller.until(() => controller.tasks.length === 3);
  for (const i of [1, 2, 0]) controller.finish(controller.tasks[i]!, { value: i });
  const seen: number[] = [];
  for await (const value of map) seen.push(value);
  assert.deepEqual(seen, [1, 2, 0]);
});

Deno.test("an endless source is taken at the pace of the loop", async () => {
  await using world = await connected();
  let taken = 0;
  let left = false;
  function* endless() {
    try {
      for (;;) yield taken++;
    } finally {
      left = true;
    }
  }
  const map = world.view.map((x: number) => x * 10, endless(), { window: 8 });
  await world.controller.until(() => world.controller.tasks.length === 8);
  assert.equal(taken, 8);
  const seen: number[] = [];
  for await (const value of map) {
    seen.push(value);
    assert.ok(taken <= seen.length + 9, `${taken} taken for ${seen.length}`);
    if (seen.length === 40) break;
  }
  assert.equal(left, true);
  assert.deepEqual(seen.slice(0, 3), [0, 10, 20]);
  await map.wait({ timeoutMs: 5000 });
  assert.equal(map.done, true);
});

Deno.test("the first failure ends a map and aborts what waits", async () => {
  await using world = await connected();
  const { controller, view } = world;
  controller.answer = (task) => {
    const [x] = task.args as number[];
    return x === 3 ? { error: new RangeError("three") } : x! < 3 ? { value: x } : undefined;
  };
  const map = view.map((x: number) => x, Array.from({ length: 10 }, (_, i) => i));
  await assert.rejects(map.then(), (error) => error instanceof RemoteError && error.ename === "RangeError");
  await controller.until(() => controller.stopped.length === 6);
  assert.ok(controller.stopped.every(({ word }) => word === 1));
});

Deno.test("a source that throws ends the map with its error", async () => {
  await using world = await connected();
  function* bad() {
    yield 1;
    throw new SyntaxError("bad source");
  }
  await assert.rejects(world.view.map((x: number) => x, bad()).then(), SyntaxError);
  // deno-lint-ignore require-yield
  async function* worse() {
    await Promise.resolve();
    throw new SyntaxError("worse");
  }
  await assert.rejects(world.view.map((x: number) => x, worse()).then(), SyntaxError);
  await assert.rejects(
    world.view.map((x: unknown) => x, [1, Symbol("no")]).then(),
    /Cannot send args\[0\]/,
  );
});

Deno.test("signals, cancel and abort stop a map", async () => {
  await using world = await connected();
  const { controller, view } = world;
  controller.answer = () => undefined;
  const aborter = new AbortController();
  const map = view.map((x: number) => x, later(1000), { window: 4, signal: aborter.signal });
  await controller.until(() => controller.tasks.length === 4);
  aborter.abort(new Error("stop it"));
  await assert.rejects(map.then(), /stop it/);
  await controller.until(() => controller.stopped.length === 4);
  const other = view.map((x: number) => x, [1, 2]);
  other.abort();
  await assert.rejects(other.then(), TaskAborted);
});

Deno.test("what cannot be mapped is refused at once", async () => {
  await using world = await connected();
  const { view } = world;
  const run = (x: unknown) => x;
  assert.throws(() => view.map(run, "text" as unknown as string[]), TypeError);
  assert.throws(() => view.map(run, [1], { chunkSize: 0 }), RangeError);
  assert.throws(() => view.map(run, [1], { window: 1.5 }), RangeError);
  assert.throws(() => view.map(Math.max as (x: unknown) => unknown, [1]), TypeError);
  const map = view.map(run, [1, 2]);
  for await (const _ of map) break;
  await assert.rejects(map.then(), /twice/);
});

Deno.test("an empty map is done", async () => {
  await using world = await connected();
  assert.deepEqual(await world.view.map((x: number) => x, []), []);
  for await (const _ of world.view.map((x: number) => x, [])) assert.fail();
});
