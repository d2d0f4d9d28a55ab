import assert from "node:assert/strict";
import { Client, ConnectionFileError } from "../../src/client/client.ts";
import { FakeController } from "./fake_controller.ts";

Deno.test("a client connects, learns the engines and leaves nothing behind", async () => {
  await using controller = new FakeController().engine(0).engine(3);
  await using client = await Client.connect({ connection: controller.info });
  assert.deepEqual(client.ids, [0, 3]);
  assert.equal(client.engineUuid(3), "uuid-3");
  assert.deepEqual(controller.requests[0]?.type, "connection_request");
  // V8 of Node 24 throws at "await using" for a bound one.
  assert.doesNotMatch(client[Symbol.asyncDispose].name, /^bound/);
});

Deno.test("engines that come and go are followed", async () => {
  await using controller = new FakeController();
  await using client = await Client.connect({ connection: controller.info });
  const waiting = client.waitForEngines(2, { timeoutMs: 5000 });
  controller.engine(0).engine(1);
  assert.deepEqual(await waiting, [0, 1]);
  const third = client.waitForEngines(3, { timeoutMs: 5000 });
  controller.register(2);
  assert.deepEqual(await third, [0, 1, 2]);
  controller.unregister(1);
  while (client.ids.length > 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(client.ids, [0, 2]);
  assert.equal(client.engineUuid(1), "uuid-1");
  await assert.rejects(client.waitForEngines(5, { timeoutMs: 20 }), { name: "TimeoutError" });
});

Deno.test("with a controller without the extension functions are refused in words, at the call", async () => {
  await using controller = new FakeController().engine(0, false).engine(1, false);
  controller.isOurs = false;
  await using client = await Client.connect({ connection: controller.info });
  const words =
    /Cannot send a TypeScript function to engine(s 0,)? 1? ?.*ipcontroller.*new Reference.*execute/;
  assert.throws(() => client.direct(0).apply(() => 1), words);
  assert.throws(() => client.direct().apply(() => 1), words);
  assert.throws(() => client.loadBalanced().apply(() => 1), words);
  assert.throws(() => client.loadBalanced().map((x: number) => x, [1]), words);
  assert.throws(() => client.direct([0, 1]).map((x: number) => x, [1]), words);
  assert.equal(client.pending, 0);
});

Deno.test("a connection file that asks for a tunnel gets one, or an error in ssh's words", async () => {
  await using controller = new FakeController();
  const connection = { ...controller.info, ssh: "me@gate.invalid", location: "far.invalid" };
  await assert.rejects(
    Client.connect({ connection }),
    /Cannot open an SSH tunnel through "me@gate\.invalid": /,
  );
});

Deno.test("a controller that does not answer ends in a sentence", async () => {
  const controller = new FakeController();
  const { info } = controller;
  await controller[Symbol.asyncDispose]();
  await assert.rejects(Client.connect({ connection: info, timeoutMs: 50 }), /no reply in 50 ms/);
});

Deno.test("a missing connection file says what to do", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await assert.rejects(
      Client.connect({ profileDir: dir, waitMs: 60 }),
      (error) => error instanceof ConnectionFileError && error.kind === "missing",
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("close rejects what is awaited, and what comes after it", async () => {
  await using controller = new FakeController().engine(0);
  controller.answer = () => undefined;
  const client = await Client.connect({ connection: controller.info });
  const result = client.direct(0).apply(() => 1);
  await controller.until(() => controller.tasks.length === 1);
  const view = client.loadBalanced();
  await client.close();
  await client.close();
  await assert.rejects(result.then(), /client was closed/);
  assert.throws(() => view.apply(() => 1), /client was closed/);
});

Deno.test("a shutdown of the controller rejects what is awaited", async () => {
  await using controller = new FakeController().engine(0);
  controller.answer = () => undefined;
  await using client = await Client.connect({ connection: controller.info });
  const result = client.loadBalanced().apply(() => 1);
  await controller.until(() => controller.tasks.length === 1);
  // The subscription may still be on its way: say it until it is heard.
  while (!result.done) {
    controller.notify("shutdown_notification", { status: "ok" });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await assert.rejects(result.then(), /was shut down/);
});

Deno.test("the hub's answers and refusals come through", async () => {
  await using controller = new FakeController().engine(0);
  controller.hub.queue_request = () => ({
    status: "ok",
    unassigned: 2,
    "0": { queue: 1, completed: 3, tasks: 0 },
  });
  controller.hub.history_request = () => ({ status: "ok", history: ["a", "b"] });
  controller.hub.resubmit_request = () => ({ status: "ok", resubmitted: { a: "c" } });
  controller.hub.db_request = () => ({ status: "ok", records: [{ msg_id: "a" }] });
  controller.hub.purge_request = () => ({
    status: "error",
    ename: "IndexError",
    evalue: "msg pending: 'a'",
    traceback: [],
  });
  await using client = await Client.connect({ connection: controller.info });
  const { unassigned, engines } = await client.queueStatus();
  assert.equal(unassigned, 2);
  assert.deepEqual(engines[0], { queue: 1, completed: 3, tasks: 0 });
  assert.deepEqual(await client.history(), ["a", "b"]);
  assert.deepEqual(await client.resubmit(["a"]), { a: "c" });
  assert.deepEqual(await client.query({ completed: null }), [{ msg_id: "a" }]);
  await assert.rejects(client.purge({ msgIds: ["a"] }), { name: "RemoteError", ename: "IndexError" });
  await client.shutdown({ hub: true });
  const types = controller.requests.map(({ type }) => type);
  assert.ok(types.includes("shutdown_request uuid-0") && types.includes("shutdown_request"));
});

Deno.test("a process with a closed client ends by itself", async () => {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    const { Client } = await import(${at("../../src/client/client.ts")});
    const { FakeController } = await import(${at("./fake_controller.ts")});
    await using controller = new FakeController().engine(0);
    await using client = await Client.connect({ connection: controller.info });
    console.log(await client.loadBalanced().apply((x) => x + 1, 1), await client[0].pull("x"));
  `;
  const args = ["eval", script];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args,
    signal: AbortSignal.timeout(20_000),
    cwd: new URL("../..", import.meta.url),
  }).output();
  assert.equal(code, 0);
  assert.equal(new TextDecoder().decode(stdout), "2 undefined\n");
});
