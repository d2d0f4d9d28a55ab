/** Tasks as Jupyter messages against a peer that answers what it likes; real ones are in tests/system. */
import assert from "node:assert/strict";
import {
  Client,
  EngineError,
  ImpossibleDependency,
  Reference,
  RemoteError,
  TaskAborted,
  TaskCancelled,
} from "../../src/client/client.ts";
import type { Message } from "../../src/protocol/frames.ts";
import { FakeController } from "./fake_controller.ts";

type Send = (frames: readonly Uint8Array[]) => void;

const encoder = new TextEncoder();

/** A controller of Python's with two engines, and a client. */
async function peers(stack: AsyncDisposableStack): Promise<{ controller: FakeController; client: Client }> {
  const controller = stack.use(new FakeController().engine(0, false).engine(1, false));
  controller.isOurs = false;
  const client = stack.use(await Client.connect({ connection: controller.info }));
  return { controller, client };
}

/** A right reply, as a Python engine gives it. */
function reply(
  controller: FakeController,
  { header }: Message,
  content: object,
  more: { metadata?: object; buffers?: Uint8Array[] } = {},
): Uint8Array[] {
  const status = "status" in content ? content.status : undefined;
  const metadata = { engine: "uuid-0", status, started: "2026-11-25T08:00:00.000001Z", ...more.metadata };
  const { buffers = [] } = more;
  const type = header.msg_type.replace("_request", "_reply");
  return controller.session.message(type, content, { parent: header, metadata, buffers });
}

const CELL = { status: "ok", execution_count: 3, user_expressions: {}, payload: [] };

Deno.test("a request is a message with a msg_id of the client's own count", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  const requests: Message[] = [];
  controller.message = (request, send) => {
    requests.push(request);
    send(reply(controller, request, CELL));
  };
  const view = client.direct(0, { label: { a: 1 } });
  const first = view.execute("1", { silent: true }), second = view.execute("2", { silent: true });
  assert.deepEqual(await first, { value: undefined, executionCount: 3 });
  await second;
  const [one, two] = requests;
  assert.deepEqual([one?.header.msg_id, two?.header.msg_id], [...first.msgIds, ...second.msgIds]);
  assert.ok(one?.header.msg_id.startsWith(`${client.session}_`));
  assert.equal(one?.header.msg_type, "execute_request");
  assert.equal(one?.content.code, "1");
  assert.deepEqual(one?.metadata.label, { a: 1 });
  assert.equal(new TextDecoder().decode(one?.idents[0]), "uuid-0");
  const { engineId, engineUuid, started, status, label } = first.metadata;
  assert.deepEqual([engineId, engineUuid, started, status, label], [
    0,
    "uuid-0",
    Date.UTC(2026, 10, 25, 8) + 0.001,
    "ok",
    { a: 1 },
  ]);
});

Deno.test("a cell's text comes from its output where the engine does not evaluate Python", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  controller.message = (request, send) => {
    send(reply(controller, request, CELL));
    const { header } = request;
    controller.publish("execute_result", { data: { "text/plain": "42" }, execution_count: 3 }, header);
    controller.publish("status", { execution_state: "idle" }, header);
  };
  const result = client.direct(0).execute("42");
  assert.deepEqual(await result, { value: undefined, executionCount: 3, text: "42" });
  await result.outputReady();
  assert.equal(result.metadata.display.length, 1);
});

const DAMAGED: Readonly<
  Record<string, readonly [words: RegExp, damage: (frames: Uint8Array[]) => Uint8Array[]]>
> = {
  "a wrong signature": [/bad signature/, ([delimiter, signature, ...rest]) => {
    const wrong = signature!.slice();
    wrong[0]! ^= 1;
    return [delimiter!, wrong, ...rest];
  }],
  "a changed content": [
    /bad signature/,
    (frames) => frames.with(5, encoder.encode(`{"status":"ok","execution_count":9}`)),
  ],
  "too few frames": [/at least 5/, (frames) => frames.slice(0, 5)],
};

for (const [name, [words, damage]] of Object.entries(DAMAGED)) {
  Deno.test(`a reply with ${name} ends its one task with an error`, async () => {
    await using stack = new AsyncDisposableStack();
    const { controller, client } = await peers(stack);
    controller.message = (request, send) => {
      const right = reply(controller, request, CELL);
      send(request.content.code === "bad" ? damage(right) : right);
    };
    const view = client.direct(0);
    const bad = view.execute("bad", { silent: true });
    const good = view.execute("good", { silent: true });
    await assert.rejects(Promise.resolve(bad), words);
    assert.equal((await good).executionCount, 3);
    assert.equal(client.pending, 0);
  });
}

/** Pickles that are none, or more than data. */
const BAD_RESULTS: Readonly<Record<string, readonly Uint8Array[]>> = {
  "nothing": [],
  "noise": [encoder.encode("noise")],
  "an unknown global": [encoder.encode("cos\nsystem\n(S'true'\ntR.")],
  "a cut string": [new Uint8Array([0x80, 4, 0x8c, 200, 65])],
  "one buffer too many": [encoder.encode("I1\n."), new Uint8Array(2000)],
};

Deno.test("results that are no data end their one task with an error", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  const asked: number[] = [];
  const results = Object.values(BAD_RESULTS);
  controller.message = (request, send) => {
    const at = asked.push(request.buffers.length) - 1;
    const buffers = [...results[at] ?? [encoder.encode("I7\n.")]];
    send(reply(controller, request, { status: "ok" }, { buffers }));
  };
  const view = client.direct(0);
  const bad = results.map(() => view.apply(new Reference("f"), 1));
  const good = view.apply(new Reference("f"), 1), pushed = view.push({ a: 1 });
  for (const result of bad) {
    await assert.rejects(Promise.resolve(result), /Cannot read the result of .*_\d+: /);
    assert.equal(result.metadata.status, "error");
  }
  assert.equal(await good, 7);
  assert.equal(await pushed, null);
  assert.equal(client.pending, 0);
});

Deno.test("replies to nobody, twice, and of no status harm nobody", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  controller.message = (request, send) => {
    const stranger = { ...request, header: { ...request.header, msg_id: "stranger_1_1" } };
    send(reply(controller, stranger, CELL));
    send([encoder.encode("no message")]);
    if (request.content.code === "none") return send(reply(controller, request, {}));
    const right = reply(controller, request, CELL);
    send(right);
    send(right);
    send(reply(controller, request, { status: "error", ename: "Late", evalue: "", traceback: [] }));
  };
  const view = client.direct(0);
  assert.equal((await view.execute("1", { silent: true })).executionCount, 3);
  await assert.rejects(Promise.resolve(view.execute("none", { silent: true })), /its status is none/);
  assert.equal((await view.execute("2", { silent: true })).executionCount, 3);
});

Deno.test("errors are the engine's or the controller's", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  const info = { engine_uuid: "uuid-1", engine_id: 1, method: "execute" };
  const errors: Record<string, object> = {
    thrown: { ename: "EngineError", evalue: "says the task", traceback: ["one", "two"], engine_info: info },
    impossible: { ename: "ImpossibleDependency", evalue: "no", traceback: [], engine_info: {} },
    odd: { ename: 7, traceback: "text" },
  };
  controller.message = (request, send) => {
    const { code } = request.content as { code: string };
    send(reply(controller, request, { status: "error", ...errors[code] }));
  };
  const view = client.direct(1);
  await assert.rejects(Promise.resolve(view.execute("thrown")), (error) => {
    assert.ok(error instanceof RemoteError);
    assert.deepEqual([error.ename, error.evalue, error.traceback], [
      "EngineError",
      "says the task",
      "one\ntwo",
    ]);
    assert.equal(error.engine.engine_id, 1);
    return true;
  });
  await assert.rejects(Promise.resolve(view.execute("impossible")), ImpossibleDependency);
  await assert.rejects(Promise.resolve(view.execute("odd")), { ename: "Error" });
});

Deno.test("an engine that leaves fails what it alone could answer", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  let count = 0;
  const kept: [Message, Send][] = [];
  controller.message = (request, send) => {
    kept.push([request, send]);
    count++;
  };
  const onZero = client.direct(0).execute("a"), onOne = client.direct(1).execute("b", { silent: true });
  const balanced = client.loadBalanced().execute("c", { silent: true });
  await controller.until(() => count === 3);
  controller.unregister(0);
  await assert.rejects(Promise.resolve(onZero), (error) => {
    assert.ok(error instanceof EngineError);
    assert.match(error.message, /Engine 0 "uuid-0" is gone.*may have run/);
    return true;
  });
  assert.equal(onZero.metadata.status, "lost");
  assert.equal(client.pending, 2);
  await onZero.outputReady();
  // What it still says is stale.
  for (const [request, send] of kept) send(reply(controller, request, CELL));
  assert.equal((await onOne).executionCount, 3);
  assert.equal((await balanced).executionCount, 3);
});

Deno.test("a request that its engine has dropped ends with an error, a late answer counts", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  const kept: [Message, Send][] = [];
  const asked: string[] = [];
  controller.message = (request, send) => {
    if (request.header.msg_type === "kernel_info_request") {
      asked.push(new TextDecoder().decode(request.idents[0]));
      for (const [late, sendLate] of kept.splice(0)) {
        if (late.content.code === "late") sendLate(reply(controller, late, CELL));
      }
      return send(reply(controller, request, { status: "ok" }));
    }
    kept.push([request, send]);
    controller.publish("status", { execution_state: "idle" }, request.header);
  };
  const view = client.direct(0);
  const dropped = view.execute("dropped", { silent: true }), late = view.execute("late", { silent: true });
  await assert.rejects(Promise.resolve(dropped), /No reply to .*its engine has ended it without one/);
  assert.equal((await late).executionCount, 3);
  assert.deepEqual(asked, ["uuid-0"]);
  assert.equal(client.pending, 0);
});

Deno.test("abort asks the engine, cancel ends here and interrupts", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  const kept: [Message, Send][] = [];
  controller.message = (request, send) => void kept.push([request, send]);
  const aborted = client.direct(0).execute("a");
  aborted.abort();
  await controller.until(() => controller.requests.some(({ type }) => type === "abort_request uuid-0"));
  await controller.until(() => kept.length === 1);
  kept[0]![1](reply(controller, kept[0]![0], { status: "aborted" }));
  await assert.rejects(Promise.resolve(aborted), TaskAborted);
  await aborted.outputReady();

  const signal = new AbortController();
  const cancelled = client.direct(1, { signal: signal.signal }).execute("b");
  await controller.until(() => kept.length === 2);
  controller.publish("status", { execution_state: "busy" }, kept[1]![0].header);
  controller.publish("stream", { name: "stdout", text: "x" }, kept[1]![0].header);
  while (cancelled.metadata.stdout === "") await new Promise((resolve) => setTimeout(resolve, 1));
  signal.abort(new Error("enough"));
  await assert.rejects(Promise.resolve(cancelled), (error) => {
    assert.ok(error instanceof TaskCancelled);
    assert.match(String(error.cause), /enough/);
    return true;
  });
  await controller.until(() => controller.requests.some(({ type }) => type.startsWith("signal_request")));
});

Deno.test("limits cannot be held by a peer, and a reference wants a name", async () => {
  await using stack = new AsyncDisposableStack();
  const { client } = await peers(stack);
  const limited = client.direct(0, { limits: { runTimeoutMs: 5 } });
  assert.throws(() => limited.execute("1"), /Cannot hold limits on engine 0/);
  assert.throws(
    () => client.loadBalanced({ limits: { memoryLimitMB: 5 } }).execute("1"),
    /Cannot hold limits/,
  );
  assert.throws(() => client.direct(0).stream(() => [1]), /Cannot stream/);
  assert.throws(() => client.loadBalanced().stream(new Reference("f") as never), /Cannot stream/);
  assert.throws(() => new Reference(""), /Cannot refer to a name/);
});

Deno.test("options of a load-balanced view become a message's metadata", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client } = await peers(stack);
  const requests: Message[] = [];
  controller.message = (request, send) => {
    requests.push(request);
    send(reply(controller, request, CELL));
  };
  const view = client.loadBalanced();
  const first = view.execute("1", { silent: true });
  await view.with({
    after: first,
    follow: { ids: ["other_1_1"], all: false, failure: true },
    targets: [1, 0],
    queueTimeoutMs: 1500,
    retries: 2,
    label: "x",
  }).execute("2", { silent: true });
  assert.deepEqual(requests[0]?.metadata, {
    label: null,
    targets: [],
    after: [],
    follow: [],
    timeout: null,
    retries: 0,
  });
  assert.deepEqual(requests[1]?.metadata, {
    label: "x",
    targets: ["uuid-1", "uuid-0"],
    after: { dependencies: first.msgIds, all: true, success: true, failure: false },
    follow: { dependencies: ["other_1_1"], all: false, success: true, failure: true },
    timeout: 1.5,
    retries: 2,
  });
});
