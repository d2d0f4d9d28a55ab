import assert from "node:assert/strict";
import { Client, task, TaskCancelled } from "../../src/client/client.ts";
import { STATUS } from "../../src/protocol/groups.ts";
import { FakeController } from "./fake_controller.ts";

/** An AbortController whose signal tells how many listen. */
function counted() {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove.apply(signal, args);
  };
  return { controller, signal, listeners: () => listeners };
}

/** A controller that ends tasks when they are cancelled, and otherwise keeps them open. */
function patient(engines = 1): FakeController {
  const controller = new FakeController();
  for (let id = 0; id < engines; id++) controller.engine(id);
  controller.answer = () => undefined;
  return controller;
}

/** Answers those that were cancelled, as an engine does. */
function answerStopped(controller: FakeController): Promise<void> {
  return controller.until(() => {
    for (const { n } of controller.stopped.splice(0)) {
      const stopped = controller.tasks.find((task) => task.n === n);
      if (stopped !== undefined) controller.finish(stopped, { status: STATUS.cancelled, value: null });
    }
    return controller.tasks.length > 0 && false;
  });
}

Deno.test("a left view cancels what was submitted through it and through views made of it, and no more", async () => {
  await using controller = patient(2);
  await using client = await Client.connect({ connection: controller.info });
  const outer = client.loadBalanced();
  const other = client.loadBalanced().apply(() => "other");
  const before = outer.apply(() => "outer");
  answerStopped(controller);
  const inside = await (async () => {
    await using view = outer.with({ label: "inner" });
    const named = view.with({ priority: 3 });
    const tasks = [view.apply(() => 1), named.apply(() => 2), view.apply(task(() => 3, { priority: 1 }))];
    const map = view.map((x: number) => x, [1, 2, 3]);
    const detached = [
      view.with({ detached: true }).apply(() => 4),
      view.apply(task(() => 5, { detached: true })),
    ];
    return { tasks, map, detached, view, named };
  })();
  for (const one of inside.tasks) assert(one.done);
  await assert.rejects(inside.map.then(), {
    name: "TaskCancelled",
    message: /the scope of the view was left/,
  });
  assert.deepEqual(inside.detached.map(({ done }) => done), [false, false]);
  assert.deepEqual([before.done, other.done], [false, false]);
  assert.throws(() => inside.view.apply(() => 1), {
    name: "TypeError",
    message: /the scope of the view was left/,
  });
  assert.throws(() => inside.named.map((x: number) => x, [1]), { name: "TypeError" });
  assert.throws(() => inside.view.with({ label: 1 }).apply(() => 1), { name: "TypeError" });
  outer.apply(() => "goes on");
});

Deno.test("a left client cancels what is open, but for what is detached, and close() cancels nothing", async () => {
  await using controller = patient(2);
  const client = await Client.connect({ connection: controller.info });
  const one = client.loadBalanced().apply(() => 1);
  const all = client.direct("all").apply(() => 1);
  const map = client.direct("all").map((x: number) => x, [1, 2, 3]);
  const detached = client.loadBalanced({ detached: true }).apply(() => 1);
  await controller.until(() => controller.tasks.length === 7);
  await client[Symbol.asyncDispose]();
  await controller.until(() => controller.stopped.length === 6);
  const error = await one.then(() => assert.fail(), (error: unknown) => error);
  assert(error instanceof TaskCancelled);
  assert.match(error.message, /^Cancelled by .*: the scope of the client was left$/);
  await assert.rejects(all.then(), { name: "CompositeError", message: /scope of the client was left/ });
  await assert.rejects(map.then(), { name: "TaskCancelled" });
  await assert.rejects(detached.then(), /closed/);
  assert(!controller.stopped.some(({ n }) => detached.numbers.includes(n)));

  await using other = patient();
  const closed = await Client.connect({ connection: other.info });
  const left = closed.loadBalanced().apply(() => 1);
  await other.until(() => other.tasks.length === 1);
  await closed.close();
  await assert.rejects(left.then(), { message: /The client was closed/ });
  assert.deepEqual(other.stopped, []);
});

Deno.test("leaving a scope stops a lazy map whose input never ends", async () => {
  await using controller = patient();
  await using client = await Client.connect({ connection: controller.info });
  controller.answer = (task) => controller.run(task);
  let returned = false;
  async function* endless() {
    try {
      for (let i = 0;; i++) yield i;
    } finally {
      returned = true;
    }
  }
  const seen: number[] = [];
  const { map } = await (async () => {
    await using view = client.loadBalanced();
    const map = view.imap((x: number) => x, endless(), { maxOutstanding: 4 });
    for await (const x of map) {
      seen.push(x);
      if (x === 10) break;
    }
    // Not itself: it would be awaited here.
    return { map: view.imap((x: number) => x, endless(), { maxOutstanding: 4 }) };
  })();
  await assert.rejects(
    (async () => {
      for await (const x of map) seen.push(x);
    })(),
    { name: "TaskCancelled" },
  );
  assert(returned);
});

Deno.test("an aborted signal ends waiting and running tasks with its reason and refuses further ones; nobody listens when nothing is open", async () => {
  await using controller = patient(2);
  await using client = await Client.connect({ connection: controller.info });
  const { controller: abort, signal, listeners } = counted();
  controller.answer = (task) => controller.run(task);
  const view = client.loadBalanced({ signal });
  for (let i = 0; i < 20; i++) await view.apply((x: number) => x, i);
  await client.direct("all", { signal }).apply(() => 1);
  await view.map((x: number) => x, [1, 2, 3]);
  await view.apply(() => 1).get({ signal });
  await client.queueStatus({ signal, targets: [] });
  assert.throws(() => view.apply((x: unknown) => x, new WeakMap()), /args\[0\]/);
  await assert.rejects(view.map((x: unknown) => x, [new WeakMap()]).then(), /args/);
  assert.equal(listeners(), 0, "one is left listening");

  controller.answer = () => undefined;
  const open = [view.apply(() => 1), client.loadBalanced().with({ signal }).apply(() => 1)];
  const map = client.loadBalanced().map((x: number) => x, [1, 2], { signal });
  const before = controller.tasks.length;
  await controller.until(() => controller.tasks.length === before + 4);
  const large = view.apply((b: Uint8Array) => b.length, new Uint8Array(40_000_000));
  const behind = view.apply(() => 2);
  const reason = new Error("the user has left");
  answerStopped(controller);
  abort.abort(reason);
  assert.throws(() => view.apply(() => 1), reason);
  assert.throws(() => view.map((x: number) => x, [1]), reason);
  assert.throws(() => client.direct("all", { signal }).apply(() => 1), reason);
  await assert.rejects(map.then(), reason);
  for (const one of [...open, large, behind]) {
    const error = await one.then(() => assert.fail(), (error: unknown) => error);
    if (error instanceof TaskCancelled) assert.equal(error.cause, reason);
  }
  await assert.rejects(behind.then(), { name: "TaskCancelled", message: /the user has left/, cause: reason });
});

Deno.test("a map whose input gives nothing just now ends with the connection, detached or not", async () => {
  await using controller = new FakeController().engine(0);
  const client = await Client.connect({ connection: controller.info });
  async function* input() {
    yield 1;
    await new Promise(() => {});
  }
  const maps = [false, true].map((detached) =>
    client.loadBalanced({ detached }).map((x: number) => x, input())
  );
  const seen = maps.map(async (map) => {
    for await (const x of map) assert.equal(x, 1);
  });
  await controller.until(() => controller.tasks.length === 2);
  const ends = Promise.allSettled(seen);
  await client.close();
  for (const end of await ends) {
    assert.match(String((end as PromiseRejectedResult).reason), /The client was closed/);
  }
});
