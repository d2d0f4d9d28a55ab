/** What every record store must do: the same answers, whichever holds the record. Run it from a test file of the store. */

import assert from "node:assert/strict";
import { type Condition, parseQuery } from "../../src/hub/query_match.ts";
import type { RecordKey } from "../../src/hub/record_keys.ts";
import type { RecordContext, RecordStore, StoredRecord, Submitted } from "../../src/hub/records.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { ANY, KIND, OP, RESULT_FLAG, STATUS, TASK_FLAG } from "../../src/protocol/groups.ts";
import { encodeValue } from "../../src/protocol/values.ts";

const noSign = () => {};
export const HEADER = { origin: 1, seq: 1, target: ANY, nonce: 1n, acked: 0, committed: 0, window: 0 };
export const SUBMITTED_MS = Date.UTC(2026, 10, 23, 8, 21, 21) + 123.456;

/** A group of apply tasks 1 … count of a client, with its definition 7 in front. */
export function tasksGroup(client: number, from: number, count: number, target = ANY): Uint8Array {
  const writer = new GroupWriter();
  const definition = encodeValue({ kind: "function", source: "(x) => x", captures: {}, name: "f" }).body;
  writer.task(0, client, 7, OP.define, 0, 0, 0, 0, 0, definition);
  const body = encodeValue([42]).body;
  for (let i = 0; i < count; i++) {
    writer.task(from + i, client, 7, OP.apply, 0, 0, 0, from + i, SUBMITTED_MS + i, body);
  }
  return writer.close({ ...HEADER, kind: KIND.tasks, target }, noSign).slice();
}

/** A group of results of tasks 1 … count. */
export function resultsGroup(client: number, from: number, count: number, engine = 0): Uint8Array {
  const writer = new GroupWriter();
  const body = encodeValue(43).body;
  for (let i = 0; i < count; i++) {
    const n = from + i;
    writer.result(
      n,
      client,
      STATUS.ok,
      0,
      0,
      engine,
      0,
      n,
      1,
      SUBMITTED_MS + i + 1,
      SUBMITTED_MS + i + 2,
      body,
    );
  }
  return writer.close({ ...HEADER, kind: KIND.results }, noSign).slice();
}

function chunkGroup(client: number, n: number, side: number, piece: Uint8Array, total: number, offset = 0) {
  const writer = new GroupWriter();
  writer.chunk({ n, client, index: 0, side, offset, length: piece.length, total });
  return writer.close({ ...HEADER, kind: KIND.chunk }, noSign).slice();
}

/** What an engine has told of itself. */
const NOTE = {
  host: "here",
  pid: 7,
  sandbox: "deno, landlock 6",
  isolation: "shared",
  permissions: { read: ["/data"] },
  sets: { web: { net: ["a:1"] } },
};

const encoder = new TextEncoder();

/** Executes 1 … of a client, each with such a tail. */
function askingGroup(client: number, tails: readonly object[]): Uint8Array {
  const writer = new GroupWriter();
  tails.forEach((tail, i) => {
    const { body, tailLength } = withTail({ code: "1" }, tail);
    writer.task(i + 1, client, 0, OP.execute, TASK_FLAG.tail, 0, tailLength, i + 1, SUBMITTED_MS + i, body);
  });
  return writer.close({ ...HEADER, kind: KIND.tasks }, noSign).slice();
}

/** Results from `from` on, each with such a tail. */
function toldGroup(client: number, from: number, tails: readonly object[], engine: number): Uint8Array {
  const writer = new GroupWriter();
  tails.forEach((tail, i) => {
    const { body, tailLength } = withTail({ value: 1 }, tail);
    const n = from + i;
    writer.result(n, client, STATUS.ok, RESULT_FLAG.tail, 0, engine, tailLength, n, 1, 1000, 1001, body);
  });
  return writer.close({ ...HEADER, kind: KIND.results }, noSign).slice();
}

function withTail(value: unknown, tail: object): { body: Uint8Array; tailLength: number } {
  const end = encoder.encode(JSON.stringify(tail));
  const { body } = encodeValue(value);
  const whole = new Uint8Array(body.length + end.length);
  whole.set(body);
  whole.set(end, body.length);
  return { body: whole, tailLength: end.length };
}

async function fieldsOf(store: RecordStore, msgId: string, keys: readonly RecordKey[]): Promise<unknown[]> {
  const record = (await store.get(msgId))!;
  return keys.map((key) => record.field(key));
}

/** A store, ready to be asked. */
export type OpenStore = RecordStore & { [Symbol.dispose]?(): void };

const query = (value: unknown): Condition[] => parseQuery(value);

/** Registers the suite's tests. */
export function testRecords(
  name: string,
  open: (context: RecordContext) => OpenStore | Promise<OpenStore>,
  options: { readonly ignore?: boolean } = {},
): void {
  function test(
    what: string,
    run: (store: RecordStore) => Promise<void>,
    engineOf: RecordContext["engineOf"] = () => null,
  ) {
    Deno.test({
      name: `${name}: ${what}`,
      ignore: options.ignore ?? false,
      async fn() {
        const store = await open({ engineOf });
        try {
          await run(store);
        } finally {
          await store.close();
          store[Symbol.dispose]?.();
        }
      },
    });
  }

  test("a client's index belongs to session and pid", async (store) => {
    const index = await store.clients.index("s", 1, "me");
    assert.equal(await store.clients.index("s", 1, "me"), index);
    assert.notEqual(await store.clients.index("s", 2, "me"), index);
    assert.deepEqual(store.clients.card(index), { index, session: "s", pid: 1, username: "me" });
    assert.equal(store.clients.card(999), undefined);
  });

  test("a group's task is a record in ipyparallel's shape", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.engine(0, "engine-0");
    store.takeTasks(tasksGroup(client, 1, 2), "task");
    const open = (await store.get("s_1_1"))!;
    assert.equal(open.field("submitted"), "2026-11-23T08:21:21.123456Z");
    assert.equal(open.field("completed"), null);
    assert.equal(open.field("engine_uuid"), null);
    assert.equal(open.field("queue"), "task");
    assert.equal(open.field("status"), "waiting");
    assert.equal(open.field("stdout"), "");
    assert.deepEqual(open.field("header"), {
      msg_id: "s_1_1",
      msg_type: "apply_request",
      username: "me",
      session: "s",
      date: "2026-11-23T08:21:21.123456Z",
      version: "5.4",
    });
    store.takeResults(resultsGroup(client, 1, 1), 5_000_000);
    const done = (await store.get("s_1_1"))!;
    assert.equal(done.field("completed"), "2026-11-23T08:21:21.125456Z");
    assert.equal(done.field("received"), "1970-01-01T00:00:05Z");
    assert.equal(done.field("engine_uuid"), "engine-0");
    assert.deepEqual(done.field("result_content"), { status: "ok" });
    assert.deepEqual(done.resultBuffers(), [encodeValue(43).body]);
    assert.equal(done.buffers().length, 2);
    assert.equal(done.replay?.isReplayable, true);
    assert.equal((await store.get("s_1_2"))!.field("completed"), null);
    assert.equal(await store.get("s_1_3"), undefined);
  });

  test("page by page every record comes once, also those of one moment, while others are added", async (store) => {
    const first = await store.clients.index("s", 1, "me"), second = await store.clients.index("t", 1, "me");
    // The second client's were submitted at the same moments; its numbers say nothing of the order.
    store.takeTasks(tasksGroup(first, 1, 23), "task");
    store.takeTasks(tasksGroup(second, 1, 23), "task");
    store.put("peer", { header: {}, submitted: SUBMITTED_MS * 1000 + 2000 });
    store.output("stray", { kind: "stdout", text: "of a task that nobody sent" });
    const expected = (await store.find([], 1000, ["msg_id"])).map(({ msgId }) => msgId).filter((id) =>
      id !== "stray"
    );
    for (const size of [1, 2, 5, 100]) {
      const seen: string[] = [];
      for (let after: Submitted | null = null;;) {
        const page: StoredRecord[] = await store.find([], { first: size, after }, ["msg_id", "submitted"]);
        seen.push(...page.map(({ msgId }) => msgId));
        if (page.length < size) break;
        after = page.at(-1)!;
        if (seen.length === 10) {
          store.put(`behind-${size}`, { header: {}, submitted: SUBMITTED_MS * 1000 - 1 });
        }
      }
      assert.deepEqual(seen.filter((id) => !id.startsWith("behind")), expected, `pages of ${size}`);
    }
    const some = await store.find(query({ client_uuid: "t" }), { first: 3, after: null }, ["msg_id"]);
    assert.deepEqual(some.map(({ msgId }) => msgId), ["t_1_1", "t_1_2", "t_1_3"]);
  });

  test("an open task tells the engine that has it", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.takeTasks(tasksGroup(client, 1, 1), "task");
    assert.equal((await store.get("s_1_1"))!.field("engine_uuid"), "engine-9");
  }, () => "engine-9");

  test("a record has permissions, isolation and walls from its engine's note, its result or its request", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    const keys = (msgId: string) => fieldsOf(store, msgId, ["permissions", "isolation", "sandbox"]);
    store.engine(0, "engine-0", NOTE);
    store.engine(1, "peer", null);
    store.takeTasks(askingGroup(client, [{}, { permissions: "web" }, {}, {}, {}]), "task");
    assert.deepEqual(await keys("s_1_1"), [null, null, null], "no engine has it");
    const denied = { permission: "net", value: "x", where: "the scheduler" };
    const tails = [{}, { permissions: { net: ["a:1"] }, isolation: "process" }, { denied }];
    store.takeResults(toldGroup(client, 1, tails, 0), 1);
    store.takeResults(toldGroup(client, 4, [{}], 1), 1);
    assert.deepEqual(await keys("s_1_1"), [{ read: ["/data"] }, "shared", "deno, landlock 6"]);
    assert.deepEqual(await keys("s_1_2"), [{ net: ["a:1"] }, "process", "deno, landlock 6"]);
    assert.deepEqual(await keys("s_1_3"), [null, "shared", "deno, landlock 6"], "it never ran");
    assert.deepEqual(await keys("s_1_4"), [null, null, null], "a peer's engine tells nothing");
    const found = async (conditions: unknown) =>
      (await store.find(query(conditions), 10)).map((record) => record.msgId);
    assert.deepEqual(await found({ "permissions.net": { $ne: null } }), ["s_1_2"]);
    assert.deepEqual(await found({ sandbox: { $glob: "*landlock*" }, isolation: "shared" }), [
      "s_1_1",
      "s_1_3",
    ]);
    store.put("p-1", { header: { msg_id: "p-1" }, submitted: 1, engine_uuid: "engine-0" });
    assert.deepEqual(await keys("p-1"), [{ read: ["/data"] }, "shared", "deno, landlock 6"]);
  });

  test("post_mortem has what a result's tail tells, completed by the record, and null where all went well", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.engine(0, "engine-0", NOTE);
    store.takeTasks(tasksGroup(client, 1, 5), "task");
    const told = { ended_by: "signal", signal: 9, last_output: "bye" };
    const attempts = [{ engine_id: 0, engine_uuid: "engine-0", ended: 7, outcome: "lost" }];
    store.takeResults(
      endedGroup(client, [
        { status: STATUS.ok, tail: {} },
        { status: STATUS.lost, tail: { post_mortem: { ...told, attempts } } },
        { status: STATUS.error, tail: {} },
        {
          status: STATUS.cancelled,
          tail: { post_mortem: { ended_by: "cancel", by: { who: "ada", why: "" } } },
        },
      ]),
      9_000_000,
    );
    const one = { engine_uuid: "engine-0", started: 1000, ended: 2000 };
    const field = async (msgId: string) => (await store.get(msgId))!.field("post_mortem");
    assert.equal(await field("s_1_1"), null);
    assert.deepEqual(await field("s_1_2"), { ...told, attempts });
    assert.deepEqual(await field("s_1_3"), { ended_by: "error", attempts: [{ ...one, outcome: "error" }] });
    assert.deepEqual(await field("s_1_4"), {
      ended_by: "cancel",
      by: { who: "ada", why: "" },
      attempts: [{ ...one, outcome: "cancelled" }],
    });
    assert.equal(await field("s_1_5"), null, "it is open");
    const found = await store.find(query({ "post_mortem.by.who": "ada" }), 10);
    assert.deepEqual(found.map(({ msgId }) => msgId), ["s_1_4"]);
  });

  test("post_mortem of a peer's task is what the scheduler tells and the reply shows", async (store) => {
    const error = { status: "error", ename: "ZeroDivisionError", evalue: "", traceback: [] };
    const common = { submitted: 1, completed: 2_000_000, started: 1_000_000, engine_uuid: "e" };
    store.put("p-1", { ...common, header: { msg_id: "p-1" }, result_content: error });
    const by = { who: "ada", why: "late" };
    store.put("p-2", {
      submitted: 1,
      completed: 2_000_000,
      header: { msg_id: "p-2" },
      result_content: { ...error, ename: "TaskCancelled" },
      result_metadata: { tsparallel: { version: 1, post_mortem: { ended_by: "cancel", by } } },
    });
    store.put("p-3", { ...common, header: { msg_id: "p-3" }, result_content: { status: "ok" } });
    store.put("p-4", { header: { msg_id: "p-4" }, submitted: 1 });
    assert.deepEqual(await fieldsOf(store, "p-1", ["status", "post_mortem"]), ["error", {
      ended_by: "error",
      attempts: [{ engine_uuid: "e", started: 1000, ended: 2000, outcome: "error" }],
    }]);
    assert.deepEqual(await fieldsOf(store, "p-2", ["status", "post_mortem"]), ["cancelled", {
      ended_by: "cancel",
      by,
      attempts: [],
    }]);
    assert.deepEqual(await fieldsOf(store, "p-3", ["status", "post_mortem"]), ["ok", null]);
    assert.deepEqual(await fieldsOf(store, "p-4", ["status", "post_mortem"]), ["waiting", null]);
  });

  test("an open task's permissions are what it asked for, by its engine's sets", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.engine(0, "engine-9", NOTE);
    const asks = [{}, { permissions: "web" }, { permissions: { net: ["b"] }, isolation: "worker" }, {
      permissions: "none",
    }, { permissions: "no such" }];
    store.takeTasks(askingGroup(client, asks), "task");
    const all = await Promise.all(
      asks.map((_, i) => fieldsOf(store, `s_1_${i + 1}`, ["permissions", "isolation"])),
    );
    assert.deepEqual(all, [
      [{ read: ["/data"] }, "shared"],
      [{ net: ["a:1"] }, "shared"],
      [{ net: ["b"] }, "worker"],
      [{}, "shared"],
      [null, "shared"],
    ]);
  }, () => "engine-9");

  test("the first result of a task stays", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.engine(0, "a");
    store.engine(1, "b");
    store.takeTasks(tasksGroup(client, 1, 1), "task");
    store.takeResults(resultsGroup(client, 1, 1, 0), 1);
    store.takeResults(resultsGroup(client, 1, 1, 1), 2);
    assert.equal((await store.get("s_1_1"))!.field("engine_uuid"), "a");
  });

  test("an error's record has what the client shows", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.takeTasks(tasksGroup(client, 1, 1), "task");
    const writer = new GroupWriter();
    const body = encodeValue({ ename: "TypeError", evalue: "no", traceback: ["at f"] }).body;
    writer.result(1, client, STATUS.error, 0, 0, 0, 0, 1, 0, 0, 0, body);
    store.takeResults(writer.close({ ...HEADER, kind: KIND.results }, noSign).slice(), 7);
    const record = (await store.get("s_1_1"))!;
    assert.deepEqual(record.field("result_content"), {
      status: "error",
      ename: "TypeError",
      evalue: "no",
      traceback: ["at f"],
      engine_info: {},
    });
    assert.equal(record.field("started"), null);
    assert.equal(record.field("completed"), "1970-01-01T00:00:00.000007Z");
  });

  test("options in the tail are the metadata", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    const writer = new GroupWriter();
    const tail = new TextEncoder().encode(JSON.stringify({ label: "mine", retries: 2, priority: -4 }));
    const value = encodeValue({ code: "1 + 1" }).body;
    const body = new Uint8Array([...value, ...tail]);
    writer.task(1, client, 0, OP.execute, TASK_FLAG.tail, 0, tail.length, 1, SUBMITTED_MS, body);
    store.takeTasks(writer.close({ ...HEADER, kind: KIND.tasks }, noSign).slice(), "task");
    const record = (await store.get("s_1_1"))!;
    assert.equal(record.field("label"), "mine");
    assert.equal((record.field("metadata") as Record<string, unknown>)["retries"], 2);
    assert.equal(record.field("priority"), -4);
    assert.equal((await store.find(query({ priority: { $lt: 0 } }), 10)).length, 1);
    assert.equal((await store.find(query({ priority: { $gte: 0 } }), 10)).length, 0);
    assert.deepEqual(record.field("content"), { silent: false, user_expressions: {}, code: "1 + 1" });
    assert.equal((await store.find(query({ label: "mine" }), 10)).length, 1);
    assert.equal((await store.find(query({ label: { $nin: [""] } }), 10)).length, 1);
  });

  test("large buffers come in pieces and are whole in the record", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    const large = crypto.getRandomValues(new Uint8Array(60_000));
    const halves = [large.subarray(0, 30_000), large.subarray(30_000)] as const;
    for (const total of [60_000, 3 << 20]) {
      const n = total;
      const pieces = total === 60_000 ? [...halves] : Array(3).fill(new Uint8Array(1 << 20).fill(9));
      let offset = 0;
      for (const piece of pieces) {
        store.takeChunk(chunkGroup(client, n, 1, piece, total, offset), piece);
        offset += piece.length;
      }
      store.takeTasks(tasksGroup(client, n, 1), "task");
      const writer = new GroupWriter();
      writer.result(n, client, STATUS.ok, 2, 1, 0, 0, 1, 0, 0, 0, encodeValue("body").body);
      store.takeResults(writer.close({ ...HEADER, kind: KIND.results }, noSign).slice(), 7);
      const buffers = (await store.get(`s_1_${n}`))!.resultBuffers();
      assert.equal(buffers.length, 2);
      assert.equal(buffers[1]!.length, total);
      if (total === 60_000) assert.deepEqual(buffers[1], large);
    }
    await store.drop(["s_1_60000", `s_1_${3 << 20}`]);
    assert.equal(await store.get("s_1_60000"), undefined);
  });

  test("a piece that does not fit is refused, and its buffer is not there", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    const piece = new Uint8Array(10);
    assert.throws(() => store.takeChunk(chunkGroup(client, 1, 0, piece, 100, 50), piece), RangeError);
    assert.throws(
      () => store.takeChunk(chunkGroup(client, 1, 0, piece, 100), new Uint8Array(11)),
      RangeError,
    );
  });

  test("a peer's task: submitted, assigned, finished, output in any order", async (store) => {
    store.output("peer-1", { kind: "stdout", text: "early " });
    assert.equal((await store.get("peer-1"))!.field("submitted"), null);
    store.put("peer-1", {
      header: { msg_id: "peer-1", subshell_id: null },
      metadata: { label: "p" },
      content: {},
      submitted: 1_000_001,
      client_uuid: "c",
      queue: "mux",
      engine_uuid: "e",
      buffers: [new Uint8Array([1]), new Uint8Array([2])],
    });
    store.output("peer-1", { kind: "stdout", text: "late" });
    store.output("peer-1", { kind: "execute_result", text: '{"data": {"text/plain": "4"}}' });
    store.put("peer-1", {
      result_header: { msg_id: "r" },
      result_content: { status: "ok" },
      result_metadata: { engine: "e" },
      completed: 2_000_000,
      received: 2_000_001,
      result_buffers: [new Uint8Array([3])],
    });
    const record = (await store.get("peer-1"))!;
    assert.equal(record.field("stdout"), "early late");
    assert.deepEqual(record.field("execute_result"), { data: { "text/plain": "4" } });
    assert.deepEqual(record.field("header"), { msg_id: "peer-1", subshell_id: null });
    assert.equal(record.field("label"), "p");
    assert.equal(record.field("status"), "ok");
    assert.equal(record.field("submitted"), "1970-01-01T00:00:01.000001Z");
    assert.deepEqual(record.buffers(), [new Uint8Array([1]), new Uint8Array([2])]);
    assert.deepEqual(record.resultBuffers(), [new Uint8Array([3])]);
  });

  test("whole numbers of any length keep their digits", async (store) => {
    const long = 12345678901234567890n, longer = -(10n ** 30n) - 7n;
    store.put("p_1_1", {
      header: { msg_id: "p_1_1", msg_type: "apply_request", trace: longer },
      metadata: { label: long, parts: { n: 9007199254740993n, list: [1, 9007199254740992n] } },
      content: {},
      submitted: 1_764_000_000_000_000,
    });
    store.put("p_1_1", { result_content: { status: "ok", n: long }, completed: 1_764_000_000_000_001 });
    store.output("p_1_1", { kind: "display_data", text: `{"data":{"n":${long}}}` });
    const record = (await store.get("p_1_1"))!;
    assert.deepEqual(record.field("header"), {
      msg_id: "p_1_1",
      msg_type: "apply_request",
      trace: longer,
    });
    assert.equal(record.field("label"), long);
    assert.deepEqual(record.field("result_content"), { status: "ok", n: long });
    assert.deepEqual(record.field("display_data"), { data: { n: long } });
    const count = async (asked: unknown) => (await store.find(query(asked), 10)).length;
    assert.equal(await count({ label: long }), 1);
    assert.equal(await count({ label: long + 1n }), 0);
    assert.equal(await count({ label: { $in: [1, long] } }), 1);
    assert.equal(await count({ "metadata.parts.n": { $gt: 9007199254740992n } }), 1);
    assert.equal(await count({ "metadata.parts.n": { $lte: 9007199254740992n } }), 0);
    assert.equal(await count({ "metadata.parts.n": { $mod: [10, 3] } }), 1);
    assert.equal(await count({ "metadata.parts.list": [1, 2n ** 53n] }), 1);
  });

  test("output of a group's task joins its record", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.output("s_1_1", { kind: "stderr", text: "oh" });
    assert.equal(await store.get("s_1_1"), undefined);
    store.takeTasks(tasksGroup(client, 1, 1), "task");
    assert.equal((await store.get("s_1_1"))!.field("stderr"), "oh");
    assert.equal((await store.history()).length, 1);
  });

  test("text output of a task is bounded", async (store) => {
    const text = "x".repeat(300_000);
    for (let i = 0; i < 10; i++) store.output("peer-1", { kind: "stdout", text });
    assert.equal(String((await store.get("peer-1"))!.field("stdout")).length, 900_000);
  });

  test("queries narrow by time, state, engine, client and queue", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.engine(0, "e0");
    store.takeTasks(tasksGroup(client, 1, 10), "task");
    store.takeTasks(tasksGroup(client, 11, 2, 0), "mux");
    store.takeResults(resultsGroup(client, 1, 4), 9);
    store.put("peer-1", { submitted: 5, client_uuid: "c", queue: "task", engine_uuid: "e0", completed: 6 });
    const count = async (value: unknown) => (await store.find(query(value), 100)).length;
    assert.equal(await count({}), 13);
    assert.equal(await count({ completed: null }), 8);
    assert.equal(await count({ completed: { $ne: null } }), 5);
    assert.equal(await count({ client_uuid: "s" }), 12);
    assert.equal(await count({ engine_uuid: "e0" }), 7);
    assert.equal(await count({ engine_uuid: "e0", completed: { $exists: true } }), 5);
    assert.equal(await count({ queue: "mux" }), 2);
    assert.equal(await count({ msg_id: "s_1_3" }), 1);
    assert.equal(await count({ msg_id: { $in: ["s_1_3", "peer-1", "nobody"] } }), 2);
    assert.equal(await count({ msg_id: { $glob: "s_1_*" } }), 12);
    assert.equal(await count({ submitted: "2026-11-23T08:21:21.124456+00:00" }), 2);
    assert.equal(await count({ submitted: { $lt: "2026-11-23T08:21:21.126456Z" } }), 6);
    assert.equal(await count({ submitted: { $gte: "2026-11-23T08:21:21.126456Z" } }), 7);
    assert.deepEqual((await store.find(query({}), 100))[0]!.msgId, "peer-1");
    await assert.rejects(async () => await store.find(query({}), 5), /more than 5/);
    assert.deepEqual((await store.history()).slice(0, 2), ["peer-1", "s_1_1"]);
  });

  test("finished records are dropped, open ones stay", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.engine(0, "e0");
    store.takeTasks(tasksGroup(client, 1, 5), "task");
    store.takeResults(resultsGroup(client, 1, 3), 9);
    store.put("peer-1", { submitted: 5, engine_uuid: "e1", completed: 6 });
    await store.dropFinished("e0");
    assert.deepEqual((await store.history()).sort(), ["peer-1", "s_1_4", "s_1_5"]);
    await store.dropFinished();
    assert.deepEqual((await store.history()).sort(), ["s_1_4", "s_1_5"]);
  });

  test("resubmitted is kept for both kinds of record", async (store) => {
    const client = await store.clients.index("s", 1, "me");
    store.takeTasks(tasksGroup(client, 1, 1), "task");
    store.put("s_1_1", { resubmitted: "new-1" });
    store.put("peer-1", { submitted: 5 });
    store.put("peer-1", { resubmitted: "new-2" });
    assert.equal((await store.get("s_1_1"))!.field("resubmitted"), "new-1");
    assert.equal((await store.get("peer-1"))!.field("resubmitted"), "new-2");
  });

  test("malformed groups are refused", async (store) => {
    await store.commit();
    const group = tasksGroup(1, 1, 3);
    assert.throws(() => store.takeTasks(group.subarray(0, group.length - 8), "task"), RangeError);
    assert.throws(() => store.takeResults(new Uint8Array(10), 1), RangeError);
  });
}

/** Results of a client's tasks from 1 on, at engine 0, from the first to the second second of 1970. */
function endedGroup(
  client: number,
  ended: readonly { readonly status: number; readonly tail: object }[],
): Uint8Array {
  const writer = new GroupWriter();
  ended.forEach(({ status, tail }, i) => {
    const { body } = encodeValue(null), text = new TextEncoder().encode(JSON.stringify(tail));
    const whole = new Uint8Array([...body, ...text]);
    writer.result(i + 1, client, status, RESULT_FLAG.tail, 0, 0, text.length, 0, 0, 1000, 2000, whole);
  });
  const header = { origin: 0, seq: 1, target: ANY, nonce: 0n, acked: 0, committed: 0, window: 0 };
  return writer.close({ ...header, kind: KIND.results }, () => {}).slice();
}
