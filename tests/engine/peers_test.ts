/**
 * The engine host towards peers: Jupyter messages on shell and control, and nonsense that must not end it.
 */
import assert from "node:assert/strict";
import { VERSION } from "../../src/base/version.ts";
import { Session } from "../../src/protocol/frames.ts";
import { OP, STATUS } from "../../src/protocol/groups.ts";
import { encodeValue } from "../../src/protocol/values.ts";
import type { FakeController } from "./fake_controller.ts";
import { cell, registered, test } from "./hosts.ts";

const encoder = new TextEncoder();

/** The reply to a request. */
async function replyTo(fake: FakeController, msgId: string) {
  const find = () => fake.replies.find((reply) => reply.parentHeader.msg_id === msgId);
  await fake.until(`a reply to ${msgId}`, () => find() !== undefined);
  return find()!;
}

/** What was published for a request, up to its idle. */
async function publishedFor(fake: FakeController, msgId: string) {
  const own = () => fake.published.filter((message) => message.parentHeader.msg_id === msgId);
  await fake.until("idle", () => own().some((message) => message.content["execution_state"] === "idle"));
  return own();
}

Deno.test("a peer's cell: reply with its metadata, and all that is published around it", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const content = { code: "console.log('one'); 6 * 7", silent: false, user_expressions: {} };
    const msgId = await fake.request("mux_out", uuid, "execute_request", content);
    const reply = await replyTo(fake, msgId);
    assert.equal(reply.header.msg_type, "execute_reply");
    assert.deepEqual(reply.content, { status: "ok", execution_count: 1, user_expressions: {}, payload: [] });
    const { started, ...metadata } = reply.metadata;
    assert.match(String(started), /^2\d\d\d-/);
    assert.deepEqual(metadata, {
      engine: uuid,
      status: "ok",
      dependencies_met: true,
      is_broadcast: false,
      is_coalescing: false,
      original_msg_id: "",
      label: null,
    });
    const published = await publishedFor(fake, msgId);
    assert.deepEqual(published.map((message) => message.topic.replace("engine.0.", "")), [
      "status",
      "execute_input",
      "stdout",
      "execute_result",
      "status",
    ]);
    assert.deepEqual(published[3]!.content, {
      execution_count: 1,
      data: { "text/plain": "42" },
      metadata: {},
    });
  }));

Deno.test("a peer's failing cell aborts those behind it; a silent one publishes little", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const run = (code: string, silent = false) =>
      fake.request("task_out", uuid, "execute_request", { code, silent, user_expressions: {} });
    const ids = [
      await run("await new Promise((r) => setTimeout(r, 100)); throw new RangeError('too far')"),
      await run("1"),
    ];
    const replies = [await replyTo(fake, ids[0]!), await replyTo(fake, ids[1]!)];
    assert.equal(replies[0]!.content["status"], "error");
    assert.equal(replies[0]!.content["ename"], "RangeError");
    assert.ok(Array.isArray(replies[0]!.content["traceback"]));
    assert.deepEqual(replies[0]!.metadata["engine_info"], {
      engine_uuid: uuid,
      engine_id: 0,
      method: "execute",
    });
    assert.deepEqual(replies[1]!.content, { status: "aborted" });
    assert.equal(replies[1]!.metadata["status"], "aborted");
    const silent = await run("2", true);
    assert.equal((await replyTo(fake, silent)).content["status"], "ok");
    const types = (await publishedFor(fake, silent)).map((message) => message.header.msg_type);
    assert.deepEqual(types, ["status", "status"]);
  }));

Deno.test("what an engine of ours cannot do for peers is refused with a sentence", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const apply = await replyTo(fake, await fake.request("mux_out", uuid, "apply_request", {}));
    assert.equal(apply.header.msg_type, "apply_reply");
    assert.equal(apply.content["ename"], "UnpicklingError");
    assert.match(String(apply.content["evalue"]), /a request of 0 buffers/);
    const wrong = await replyTo(fake, await fake.request("mux_out", uuid, "execute_request", { code: 5 }));
    assert.equal(wrong.content["status"], "error");
    assert.match(String(wrong.content["evalue"]), /code/);
  }));

Deno.test("nonsense, signed or not, ends nothing and takes no place", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const foreign = new Session({ key: "another key" });
    const rid = encoder.encode("peer");
    for (const name of ["mux_out", "control_out"]) {
      await fake.send(name, uuid, [rid, ...foreign.message("execute_request", { code: "1" })]);
      await fake.send(name, uuid, [rid]);
      await fake.send(name, uuid, [rid, encoder.encode("<IDS|MSG>")]);
      await fake.request(name, uuid, "comm_open", { comm_id: "x" });
      await fake.request(name, uuid, "__proto__", {});
      await fake.request(name, uuid, "abort_request", { msg_ids: 5 });
      await fake.request(name, uuid, "signal_request", {});
    }
    await fake.notify(uuid, "registration_reply", { status: "ok", id: "zero" });
    await fake.notify(uuid, "whatever", {});
    await fake.schedule(uuid, [{ n: 1, value: [1] }]);
    await fake.until("the honest result", () => fake.results.length === 1);
    assert.equal(fake.result(1)!.value, 2);
  }));

Deno.test("control answers while code runs: info, abort, interrupt, clear, shutdown", () =>
  test({}, async (fake, host) => {
    const uuid = await registered(fake);
    const control = (type: string, content = {}) => fake.request("control_out", uuid, type, content);
    await fake.schedule(uuid, [cell(1, "globalThis.y = 1; for (;;);")]);
    const info = await replyTo(fake, await control("kernel_info_request"));
    const { name, version } = info.content["language_info"] as Record<string, string>;
    assert.deepEqual([name, version], ["typescript", Deno.version.typescript]);
    assert.deepEqual([info.content["implementation"], info.content["implementation_version"]], [
      "tsparallel",
      VERSION,
    ]);
    const waiting = await fake.request("mux_out", uuid, "execute_request", {
      code: "1",
      user_expressions: {},
    });
    const abort = await control("abort_request", { msg_ids: [waiting] });
    assert.equal((await replyTo(fake, abort)).content["status"], "ok");
    assert.deepEqual((await replyTo(fake, waiting)).content, { status: "aborted" });
    assert.equal((await replyTo(fake, await control("signal_request", { sig: 2 }))).content["status"], "ok");
    await fake.until("the interrupted task", () => fake.result(1) !== undefined);
    assert.equal(fake.result(1)!.status, STATUS.cancelled);
    assert.match((fake.result(1)!.value as { evalue: string }).evalue, /Interrupted by SIGINT/);
    await fake.schedule(uuid, [cell(2, "globalThis.z = 2")]);
    assert.equal((await replyTo(fake, await control("clear_request"))).content["status"], "ok");
    await fake.schedule(uuid, [cell(3, "typeof z")]);
    await fake.until("the last result", () => fake.result(3) !== undefined);
    assert.equal((fake.result(3)!.value as { value: string }).value, "undefined");
    const bye = await control("shutdown_request", { restart: false });
    assert.deepEqual((await replyTo(fake, bye)).content, { status: "ok", restart: false });
    await fake.until(
      "farewell",
      () => fake.published.some((message) => message.topic === "engine.0.shutdown"),
    );
    let code = -1;
    host.status.then((status) => code = status.code);
    await fake.until("the end", () => code >= 0);
    assert.equal(code, 0);
  }));

Deno.test("large buffers travel in pieces, both ways", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const array = new Float64Array(1 << 20).map((_, i) => i); // 8 MiB
    const { buffers } = encodeValue({ big: array });
    assert.equal(buffers.length, 1);
    await fake.sendPieces(uuid, 1, buffers);
    await fake.schedule(uuid, [
      { n: 1, op: OP.push, value: { big: array } },
      cell(2, "big.reduce((sum, x) => sum + x, 0)"),
      { n: 3, op: OP.pull, value: ["big"] },
      { n: 4, op: OP.push, value: { lost: array } },
    ]);
    await fake.until("results", () => fake.results.length === 4);
    assert.equal((fake.result(2)!.value as { value: number }).value, (2 ** 20 * (2 ** 20 - 1)) / 2);
    assert.equal(fake.result(3)!.buffers, 1);
    const bytes = new Uint8Array(fake.pieces.reduce((sum, piece) => sum + piece.bytes.length, 0));
    for (const piece of fake.pieces) bytes.set(piece.bytes, piece.offset);
    assert.deepEqual(new Float64Array(bytes.buffer), array);
    assert.match((fake.result(4)!.value as { evalue: string }).evalue, /large buffers have arrived/);
  }));

Deno.test("bodies that are too long for the ring pass all the same", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const long = Array.from({ length: 300 }, () => "x".repeat(10_000));
    assert.equal(encodeValue({ long }).buffers.length, 0);
    await fake.schedule(uuid, [{ n: 1, op: OP.push, value: { long } }, cell(2, "long.join('').length")]);
    const code = `"${"y".repeat(3_000_000)}".length`;
    const reply = await replyTo(
      fake,
      await fake.request("mux_out", uuid, "execute_request", { code, silent: true }),
    );
    assert.equal(reply.content["status"], "ok", String(reply.content["evalue"]).slice(0, 300));
    await fake.until("results", () => fake.results.length === 2);
    assert.equal((fake.result(2)!.value as { value: number }).value, 3_000_000);
  }));

Deno.test("what a cell shows is bounded as a message, and none of it holds the engine up", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const shown = async (code: string) => {
      const content = { code, silent: false, user_expressions: {} };
      const msgId = await fake.request("mux_out", uuid, "execute_request", content);
      assert.equal((await replyTo(fake, msgId)).content["status"], "ok", code);
      const messages = await publishedFor(fake, msgId);
      return messages.find(({ header }) => header.msg_type === "display_data")?.content["data"] as Record<
        string,
        unknown
      >;
    };
    const raw = (value: string) => `await display({ "application/json": ${value} }, { raw: true })`;
    for (
      const value of [
        "new Array(2 ** 32 - 1)",
        "Array.from({ length: 40 }).reduce((inner) => [inner, inner], 1)",
        "(() => { const self = {}; self.self = self; return self; })()",
        "1n << 100000n",
      ]
    ) assert.match(String((await shown(raw(value)))["text/plain"]), /cannot be shown/, value);
    assert.deepEqual(
      (await shown(raw('{ a: [1, null, "b"], big: 3n, at: new Date(0) }')))["application/json"],
      {
        a: [1, null, "b"],
        big: "3",
        at: "1970-01-01T00:00:00.000Z",
      },
    );
  }));

Deno.test("values that are wide all the way down are shown in part", () =>
  test({}, async (fake) => {
    const uuid = await registered(fake);
    const textOf = async (code: string) => {
      const content = { code, silent: false, user_expressions: { again: code } };
      const msgId = await fake.request("mux_out", uuid, "execute_request", content);
      const { status, user_expressions } = (await replyTo(fake, msgId)).content;
      assert.equal(status, "ok", code);
      const messages = await publishedFor(fake, msgId);
      const result = messages.find(({ header }) => header.msg_type === "execute_result");
      const data = result?.content["data"] as Record<string, string>;
      assert.deepEqual((user_expressions as { again: { data: unknown } }).again.data, data, code);
      return data["text/plain"]!;
    };
    const wide = "Array.from({ length: 6 }).reduce((inner) => " +
      "Object.fromEntries(Array.from({ length: 200 }, (_, i) => ['k' + i, inner])), 1)";
    assert.match(await textOf(wide), /k0: \{\s+k0: \[Object\]/);
    assert.match(
      await textOf("Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => ['k' + i, i]))"),
      /k99: 99[\s\S]+and 199900 more/,
    );
    assert.match(
      await textOf(
        "Array.from({ length: 8 }).reduce((x) => new Map(Array.from({length: 100}, (_, i) => [i, x])), 1)",
      ),
      /^Map/,
    );
    assert.match(await textOf("1n << 400_000_000n"), /a BigInt of more than 65536 bits/);
    assert.match(await textOf("[[1n << 400_000_000n]]"), /a BigInt of more than 65536 bits/);
    assert.match(await textOf("new Array(2 ** 32 - 1)"), /4294967295 empty items/);
    assert.equal(await textOf("({ a: [1, { b: 2 }] })"), "{ a: [ 1, { b: 2 } ] }");
  }));
