import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { KIND } from "../../src/protocol/groups.ts";
import { FakeController } from "./fake_controller.ts";

Deno.test("large buffers, bodies and texts travel in pieces both ways", async () => {
  await using controller = new FakeController().engine(0);
  await using client = await Client.connect({ connection: controller.info });
  const view = client.loadBalanced({ label: "large" });
  const bytes = new Uint8Array(5_000_000).map((_, i) => i * 7);
  const echo = (...args: unknown[]) => args;
  const [same, floats] = await view.apply(echo, bytes, new Float64Array(100_000).fill(1.5)) as [
    Uint8Array,
    Float64Array,
  ];
  assert.deepEqual(same, bytes);
  assert.equal(floats[99_999], 1.5);
  const list = Array.from({ length: 200_000 }, (_, i) => i);
  assert.deepEqual(await view.apply(echo, list), [list]);
  const text = "ü".repeat(300_000);
  assert.deepEqual(await view.apply(echo, text, { bytes }), [text, { bytes }]);
  assert.ok(controller.groups.filter(({ kind }) => kind === KIND.chunk).length > 10);
  assert.deepEqual(controller.tasks.map(({ tail }) => tail), Array(3).fill({ label: "large" }));
});

Deno.test("what follows a large task on the way stays behind it", async () => {
  await using controller = new FakeController().engine(0);
  await using client = await Client.connect({ connection: controller.info });
  const engine = client.direct(0);
  const big = new Uint8Array(20_000_000).fill(3);
  const pushed = engine.push({ big });
  const pulled = engine.pull("big");
  const second = engine.push({ big: 1 });
  assert.deepEqual(await pulled, big);
  await Promise.all([pushed, second]);
  assert.equal(await engine.pull("big"), 1);
  assert.deepEqual(
    controller.tasks.map(({ n }) => n),
    [...controller.tasks.map(({ n }) => n)].sort((a, b) => a - b),
  );
});

Deno.test("a large task that is cancelled on its way is cancelled behind its last piece", async () => {
  await using controller = new FakeController().engine(0);
  controller.answer = () => undefined;
  await using client = await Client.connect({ connection: controller.info });
  const engine = client.direct(0);
  const first = engine.push({ big: new Uint8Array(40_000_000) });
  const second = engine.push({ small: 1 });
  first.cancel();
  second.cancel("not wanted");
  await assert.rejects(second.then(), { name: "TaskCancelled", message: /before it was sent/ });
  await controller.until(() => controller.stopped.length === 1);
  assert.equal(controller.tasks.length, 1);
  assert.equal(controller.stopped[0]?.n, first.numbers[0]);
});
