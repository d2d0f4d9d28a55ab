/**
 * The engine host as a process of its own against a played controller, over real sockets and with real slots.
 */
import assert from "node:assert/strict";
import { KIND, STATUS } from "../../src/protocol/groups.ts";
import { FakeController } from "./fake_controller.ts";
import { cell, childrenOf, isAlive, registered, SETUP, startHost, test } from "./hosts.ts";

Deno.test("tasks of a group are answered in one group, with who, when and where", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    await fake.schedule(uuid, Array.from({ length: 100 }, (_, i) => ({ n: i + 1, value: [i] })));
    await fake.until("results", () => fake.results.length === 100);
    assert.deepEqual(
      fake.results.map((result) => result.value),
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    const [first] = fake.results;
    assert.equal(first!.seq, 1001);
    assert.equal(first!.engine, 0);
    assert.equal(first!.status, STATUS.ok);
    assert.equal(first!.path, "task");
    assert.equal(first!.origin, 0x8000_0000);
    assert.ok(first!.started > 0 && first!.completed >= first!.started);
    const request = fake.requests[0]!;
    assert.equal(request.header.session, uuid, "session and uuid are one");
    const { sandbox, version } = request.content["tsparallel"] as Record<string, unknown>;
    assert.equal(version, 1);
    assert.match(String(sandbox), /deno/);
  }));

Deno.test("direct tasks go back to their client; errors say where; text is published under its task", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    await fake.direct(uuid, [...SETUP, cell(1, "console.log('grüße'); console.error('oh'); 1")]);
    await fake.direct(uuid, [cell(2, "throw new RangeError('too far')"), { n: 3, definition: 99 }]);
    await fake.until("results", () => fake.results.length === 3);
    assert.deepEqual(fake.result(1)!.tail, { out: [8, 3] });
    assert.equal(fake.result(1)!.path, "mux");
    const error = fake.result(2)!;
    assert.equal(error.status, STATUS.error);
    assert.equal((error.value as { ename: string }).ename, "RangeError");
    const { post_mortem, engine_info } = error.tail as Record<string, Record<string, unknown>>;
    assert.deepEqual(engine_info, { engine_id: 0, engine_uuid: uuid, method: "execute" });
    assert.equal(post_mortem?.["ended_by"], "error");
    assert.match((fake.result(3)!.value as { evalue: string }).evalue, /function 99/);
    await fake.until("text", () => fake.published.length >= 2);
    const texts = fake.published.filter((message) => message.header.msg_type === "stream");
    assert.deepEqual(texts.map(({ topic, content }) => [topic, content["text"]]), [
      ["engine.0.stdout", "grüße\n"],
      ["engine.0.stderr", "oh\n"],
    ]);
    assert.equal(texts[0]!.parentHeader.msg_id, "s-7_99_1");
    assert.equal(texts[0]!.parentHeader.session, "s-7");
  }));

Deno.test("forged, damaged, replayed and foreign groups change nothing", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const group = await fake.schedule(uuid, [{ n: 1, value: [1] }]);
    await fake.send("task_out", uuid, [group]); // replayed
    await fake.send("mux_out", uuid, [new TextEncoder().encode("client"), group]); // on another path
    const damaged = group.slice();
    damaged[100]! ^= 1;
    await fake.send("task_out", uuid, [damaged]);
    await fake.schedule(uuid, [{ n: 2, value: [2] }], 5); // for another engine
    await fake.send("task_out", uuid, [group.slice(0, 90)]);
    await fake.send("control_out", uuid, [new TextEncoder().encode("peer"), new Uint8Array(3)]);
    await fake.schedule(uuid, [{ n: 3, value: [3] }]);
    await fake.until("the honest result", () => fake.result(3) !== undefined);
    assert.deepEqual(fake.results.map((result) => result.n), [1, 3]);
  }));

Deno.test("a running task is cancelled, the others run, the namespace counts anew", () =>
  test({ spares: 1 }, async (fake) => {
    const uuid = await registered(fake);
    await fake.schedule(uuid, [
      { n: 1, value: [0] },
      cell(2, "console.log('I run'); for (;;);"),
      { n: 3, value: [2] },
      { n: 4, value: [3] },
    ]);
    // Until it says so it may still be taken back, and then no child ends for it.
    await fake.until(
      "the second task",
      () => fake.published.some(({ content }) => content["text"] === "I run\n"),
    );
    await fake.names(uuid, KIND.cancel, [2]);
    await fake.until("all results", () => fake.results.length === 4);
    const cancelled = fake.result(2)!;
    assert.equal(cancelled.status, STATUS.cancelled);
    assert.equal((cancelled.value as { ename: string }).ename, "TaskCancelled");
    assert.deepEqual([fake.result(3)!.value, fake.result(4)!.value], [3, 4]);
    assert.equal(fake.result(1)!.epoch, 1);
    assert.equal(fake.result(4)!.epoch, 2);
  }));

Deno.test("limits: run time, memory and output end with their names", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const limits = (value: object) => ({ limits: value });
    await fake.schedule(uuid, [
      { n: 1, definition: 2, tail: limits({ runTimeoutMs: 150 }) },
      cell(
        2,
        "const all = []; for (;;) all.push(new Uint8Array(1 << 22).fill(1))",
        limits({ memoryLimitMB: 300 }),
      ),
      cell(3, "for (;;) console.log('x'.repeat(10_000))", limits({ outputLimitBytes: 100_000 })),
      { n: 4, value: [1], tail: limits({ runTimeoutMs: "soon" }) },
      { n: 5, value: [1], tail: limits({ runTimeoutMs: 10_000 }) },
    ]);
    await fake.until("results", () => fake.results.length === 5);
    const limit = (n: number) =>
      fake.result(n)!.tail["limit"] as { limit: string; value: number; max: number };
    assert.deepEqual([1, 2, 3].map((n) => limit(n).limit), ["run time", "memory", "output"]);
    assert.deepEqual([1, 2, 3].map((n) => limit(n).max), [150, 300, 100_000]);
    assert.ok(limit(1).value >= 150 && limit(1).value < 1000, `killed after ${limit(1).value} ms`);
    assert.ok(limit(2).value > 300 && limit(2).value < 1000, `killed at ${limit(2).value} MiB`);
    for (const n of [1, 2, 3]) {
      assert.equal((fake.result(n)!.value as { ename: string }).ename, "LimitExceeded");
    }
    assert.match((fake.result(4)!.value as { evalue: string }).evalue, /"runTimeoutMs" is "soon"/);
    assert.equal(fake.result(5)!.value, 2);
  }));

Deno.test("a task whose process dies under it is lost, those behind it run elsewhere", () =>
  test({ outputLimitBytes: 1000 }, async (fake, host) => {
    const uuid = await registered(fake);
    await fake.schedule(uuid, [
      { n: 1, value: [1] },
      cell(2, "console.log('running'); for (;;);"),
      { n: 3, value: [3] },
      cell(4, "console.log('y'.repeat(5000)); 'more'"),
    ]);
    await fake.until("the task's text", () => fake.published.length > 0);
    for (const child of childrenOf(host.pid)) Deno.kill(child, "SIGKILL");
    await fake.until("results", () => fake.results.length === 4);
    const lost = fake.result(2)!;
    assert.equal(lost.status, STATUS.lost);
    assert.match(
      (lost.value as { evalue: string }).evalue,
      /Engine 0 lost the task while it ran: .*may have run/,
    );
    assert.deepEqual([fake.result(1)!.value, fake.result(3)!.value], [2, 4]);
    await fake.until("the note", () => fake.published.some((message) => message.topic === "engine.0.stderr"));
    const text = fake.published.map((message) => String(message.content["text"])).join("");
    assert.ok(text.includes("output beyond 1000 bytes is dropped") && text.length < 1100, text.slice(-100));
  }));

Deno.test("recall gives back what has not started, and nothing twice", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const tasks = Array.from({ length: 20 }, (_, i) =>
      cell(i + 1, "await new Promise((r) => setTimeout(r, 50)); 1"));
    await fake.schedule(uuid, tasks);
    await fake.until("one result", () =>
      fake.results.length > 0);
    await fake.names(uuid, KIND.recall, [], 0, 10);
    await fake.until("the rest", () => fake.results.length + fake.returned.length === 20);
    const all = [...fake.results.map((result) => result.n), ...fake.returned.map(([, n]) => n!)];
    assert.deepEqual(all.sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i + 1));
    assert.equal(fake.returned.length, 10);
    assert.deepEqual(fake.returned[0], [7, 20, 1020]);
  }));

Deno.test("an engine that was given up registers again under its id and keeps its namespace", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    await fake.schedule(uuid, [
      cell(1, "globalThis.kept = 42"),
      // Long enough that it still runs when the engine is given up, however slow the machine.
      cell(2, "await new Promise((r) => setTimeout(r, 2000)); 1"),
      cell(3, "3"),
    ]);
    await fake.until("a result", () => fake.results.length === 1);
    await fake.notify(uuid, "unregistration_notification", { id: 0, uuid });
    await fake.until("the second request", () => fake.requests.length === 2);
    assert.equal(fake.requests[1]!.content["uuid"], uuid);
    assert.equal(fake.requests[1]!.content["id"], 0);
    // A new registration counts from the start.
    fake.seq = 0;
    fake.acked = 0;
    await fake.schedule(uuid, [cell(4, "kept")]);
    await fake.until("the result", () => fake.result(4) !== undefined);
    assert.equal((fake.result(4)!.value as { value: number }).value, 42);
    assert.deepEqual(
      fake.results.map((result) => result.n),
      [1, 4],
      "what belonged to the old life is not told",
    );
  }));

Deno.test("an engine that was only in doubt keeps what it has", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const slow = (n: number) =>
      cell(n, "await new Promise((r) => setTimeout(r, 2000)); globalThis.m = (globalThis.m ?? 0) + 1");
    await fake.schedule(uuid, [slow(1), slow(2), cell(3, "m")]);
    fake.pings = false;
    await fake.until("the question whether it is known", () => fake.requests.length === 2);
    fake.pings = true;
    await fake.until("all results", () => fake.results.length === 3);
    assert.equal((fake.result(3)!.value as { value: number }).value, 2);
    await fake.schedule(uuid, [cell(4, "4")]);
    await fake.until("a result of a later group", () => fake.result(4) !== undefined);
  }));

Deno.test("several engines in one host have ids, slots and namespaces of their own", () =>
  test({ engines: 3, id: 5 }, async (fake) => {
    await fake.until("registration", () => fake.uuids.length === 3 && fake.pongs.size === 3);
    const ids = fake.requests.map((request) => request.content["id"]);
    assert.deepEqual(ids.toSorted(), [5, 6, 7]);
    for (const [i, uuid] of fake.uuids.entries()) {
      await fake.schedule(uuid, [cell(i + 1, "globalThis.x = (globalThis.x ?? 0) + 1")], ids[i] as number);
    }
    await fake.until("results", () => fake.results.length === 3);
    assert.deepEqual(fake.results.map((result) => (result.value as { value: number }).value), [1, 1, 1]);
    assert.deepEqual(fake.results.map((result) => result.engine).toSorted(), [5, 6, 7]);
  }));

Deno.test("isolation by process: nothing is left of a task for the next", () =>
  test({ isolation: "process", spares: 1 }, async (fake) => {
    const uuid = await registered(fake);
    await fake.schedule(uuid, [1, 2, 3].map((n) => cell(n, "const was = typeof x; globalThis.x = 1; was")));
    await fake.until("results", () => fake.results.length === 3);
    const values = fake.results.map((result) => (result.value as { value: string }).value);
    assert.deepEqual(values, ["undefined", "undefined", "undefined"]);
  }));

Deno.test("SIGTERM: what has not started goes back, the engine says goodbye, exit code 0, no child is left", () =>
  test({ spares: 1 }, async (fake, host) => {
    const uuid = await registered(fake);
    const rest = [2, 3, 4].map((n) => ({ n, value: [1] }));
    await fake.schedule(uuid, [cell(1, "console.log('running'); for (;;);"), ...rest]);
    await fake.until("the task's text", () => fake.published.length > 0);
    await fake.until("children", () => childrenOf(host.pid).length === 3);
    const children = childrenOf(host.pid);
    host.kill("SIGTERM");
    await fake.until(
      "goodbye",
      () => fake.requests.some((message) => message.header.msg_type === "unregistration_request"),
    );
    await fake.until("answers", () => fake.results.length === 1 && fake.returned.length === 3);
    assert.equal(fake.result(1)!.status, STATUS.lost);
    assert.equal((await host.status).code, 0);
    assert.deepEqual(children.filter(isAlive), []);
  }));

Deno.test("kill -9 of the host takes its children along", () =>
  test({ spares: 1, engines: 2 }, async (fake, host) => {
    await registered(fake, 2);
    await fake.until("children", () => childrenOf(host.pid).length === 4);
    const children = childrenOf(host.pid);
    host.kill("SIGKILL");
    await host.status;
    await fake.until("their end", () => !children.some(isAlive));
  }));

Deno.test("without an answer, and without pings, the host ends with a reason", async () => {
  const silent = new FakeController();
  silent.answersRegistration = false;
  try {
    await using host = startHost(silent, { registrationTimeoutMs: 50 });
    let code = -1;
    host.status.then((status) => code = status.code);
    await silent.until("the end", () => code >= 0);
    assert.equal(code, 1);
    const types = silent.requests.map((request) => request.header.msg_type);
    assert.equal(types.filter((type) => type === "registration_request").length, 4);
  } finally {
    silent.close();
  }
  await test({ patience: 2 }, async (fake, host) => {
    await registered(fake);
    fake.pings = false;
    let code = -1;
    host.status.then((status) => code = status.code);
    await fake.until("the end", () => code >= 0);
    assert.equal(code, 1);
  });
});

Deno.test("the counts of output are those of what was published, displays too", () =>
  test({ outputLimitBytes: 100 }, async (fake) => {
    const uuid = await registered(fake);
    await fake.schedule(uuid, [
      cell(1, "display(1); display(2); console.log('é')"),
      cell(2, "console.log('z'.repeat(500))"),
    ]);
    await fake.until("results", () => fake.results.length === 2);
    assert.deepEqual(fake.result(1)!.tail["out"], [3, 0, 2]);
    const note = "\n[output beyond 100 bytes is dropped]\n";
    assert.deepEqual(fake.result(2)!.tail["out"], [100, note.length]);
    await fake.until("what was published", () => fake.published.length === 5);
  }));
