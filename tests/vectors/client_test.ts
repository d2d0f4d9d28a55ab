/** Our client given the replies that ipyparallel's hub and engines gave: values, records and errors come out of them. */
import assert from "node:assert/strict";
import { Client, Reference, RemoteError, TaskAborted } from "../../src/client/client.ts";
import type { Dictionary, Message } from "../../src/protocol/frames.ts";
import { FakeController } from "../client/fake_controller.ts";
import { loadCapture, readAll } from "./vectors.ts";

/** A controller that is not ours with one engine, our client, and what was captured. */
async function stage(stack: AsyncDisposableStack) {
  const controller = stack.use(new FakeController().engine(0, false));
  controller.isOurs = false;
  const client = stack.use(await Client.connect({ connection: controller.info }));
  const captured = readAll(await loadCapture("json"));
  const replies = (socket: string, type: string) =>
    captured.filter(({ event, message }) =>
      event.socket === socket && event.to === "peer" && message.header.msg_type === type
    ).map(({ message }) => message);
  return { controller, client, replies };
}

/** What became of a promise: its value, or its error. */
async function outcome(promise: PromiseLike<unknown>): Promise<{ value?: unknown; error?: unknown }> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}

/** Gives the next request to an engine the content, metadata and buffers of a captured reply. */
function answerWith(controller: FakeController, reply: Message): void {
  const { content, metadata, buffers, header: { msg_type: type } } = reply;
  controller.message = ({ header }, send) => {
    send(controller.session.message(type, content, { parent: header, metadata, buffers }));
    controller.publish("status", { execution_state: "idle" }, header);
  };
}

/** The error that a captured content must become. */
function assertError(error: unknown, { content }: Message): void {
  if (content["status"] === "aborted") return assert.ok(error instanceof TaskAborted, String(error));
  assert.ok(error instanceof Error);
  // Those that callers catch by their class have its name.
  assert.equal(error instanceof RemoteError ? error.ename : error.name, content["ename"]);
}

Deno.test("replies of ipyparallel's engines to applies become values and errors", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client, replies } = await stage(stack);
  const all = [...replies("client mux", "apply_reply"), ...replies("client task", "apply_reply")];
  const values: unknown[] = [];
  for (const reply of all) {
    answerWith(controller, reply);
    const { value, error } = await outcome(client.direct(0).apply(new Reference("f")));
    if (reply.content["status"] === "ok") {
      assert.equal(error, undefined);
      values.push(value);
    } else assertError(error, reply);
  }
  assert.ok(all.length > 15);
  assert.deepEqual(values.slice(0, 2), [null, [5, [1, 2.5, null, true]]]);
  assert.ok(values.includes(42));
});

Deno.test("replies of ipyparallel's engines to cells become results and errors", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client, replies } = await stage(stack);
  const all = replies("client mux", "execute_reply");
  for (const reply of all) {
    answerWith(controller, reply);
    const { value, error } = await outcome(client.direct(0).execute("1", { silent: true }));
    if (reply.content["status"] !== "ok") assertError(error, reply);
    else assert.equal((value as { executionCount: number }).executionCount, reply.content["execution_count"]);
  }
  assert.ok(all.length >= 8);
});

Deno.test("replies of ipyparallel's hub become queues, records, histories and errors", async () => {
  await using stack = new AsyncDisposableStack();
  const { controller, client, replies } = await stage(stack);
  const asks: Record<string, (content: Dictionary) => PromiseLike<unknown>> = {
    queue_reply: () => client.queueStatus(),
    history_reply: () => client.history(),
    db_reply: () => client.query({}),
    purge_reply: () => client.purge({ msgIds: "all" }),
    result_reply: () => client.resultStatus(["an id"]),
  };
  for (const [type, ask] of Object.entries(asks)) {
    for (const reply of replies("client registration", type)) {
      controller.hub[type.replace("_reply", "_request")] = () => reply.content;
      const { value, error } = await outcome(ask(reply.content));
      if (reply.content["status"] !== "ok") assertError(error, reply);
      else assert.equal(error, undefined, `${type}: ${error}`);
      if (type === "history_reply") assert.deepEqual(value, reply.content["history"]);
      if (type === "db_reply" && error === undefined) {
        const ids = (list: unknown) => (list as { msg_id: string }[]).map(({ msg_id }) => msg_id);
        assert.deepEqual(ids(value), ids(reply.content["records"]));
      }
    }
  }
});
