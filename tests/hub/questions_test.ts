/** Every question that a client may ask the hub, as a raw message, with every store behind it: the answers are the same. */

import assert from "node:assert/strict";
import { freshDatabase, isWithoutMongo, MongoServer } from "../contracts/mongo_server.ts";
import { until } from "./fake_scheduler.ts";
import { TestHub } from "./peers.ts";
import { recorded, Traffic } from "./traffic.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
type Fields = Record<string, unknown>;

function test(name: string, run: (hub: TestHub) => Promise<void>): void {
  for (const database of ["memory", "sqlite", "mongodb"] as const) {
    const isMongo = database === "mongodb";
    Deno.test({
      name: `hub with ${database}: ${name}${isMongo ? " (needs TSPARALLEL_TOOLS)" : ""}`,
      ignore: isMongo && isWithoutMongo,
      async fn() {
        const place = isMongo ? { mongoUrl: MongoServer.shared().url, mongoDatabase: freshDatabase() } : {};
        await using hub = await TestHub.start({ database, ...place });
        await run(hub);
      },
    });
  }
}

test("queue_request counts and names what waits, runs and is done, dead engines too", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  await hub.engine("e1").join();
  const [waiting, running, done, aborted, direct, directDone] = [1, 2, 3, 4, 5, 6].map(() =>
    new Traffic(hub)
  ) as [
    Traffic,
    Traffic,
    Traffic,
    Traffic,
    Traffic,
    Traffic,
  ];
  for (const task of [waiting, running, done, aborted]) task.submit();
  for (const task of [running, done, aborted]) task.assign("e0");
  done.finish("e0");
  aborted.finish("e0", { status: "aborted" }, { metadata: { status: "aborted" } });
  direct.direct("e1");
  directDone.direct("e1").directResult("e1");
  new Traffic(hub).direct("nobody").directResult("nobody");
  await recorded(hub);
  const numbers = await client.ask("queue_request", { targets: null, verbose: false });
  const [e0, e1] = [{ queue: 0, tasks: 1, completed: 1 }, { queue: 1, tasks: 0, completed: 1 }];
  assert.equal(numbers.header.msg_type, "queue_reply");
  assert.deepEqual(numbers.content, { status: "ok", "0": e0, "1": e1, unassigned: 1 });
  assert.deepEqual((await client.ask("load_request", { targets: null })).content, {
    status: "ok",
    "0": 1,
    "1": 1,
  });
  const lists = await client.ask("queue_request", { targets: null, verbose: true });
  assert.deepEqual(lists.content["0"], {
    queue: [],
    tasks: [running.msgId],
    completed: [done.msgId, aborted.msgId],
  });
  assert.deepEqual(lists.content["1"], { queue: [direct.msgId], tasks: [], completed: [directDone.msgId] });
  assert.deepEqual(lists.content["unassigned"], [waiting.msgId]);
  for (const targets of [1, "e1", [1], ["e1"]]) {
    const { content } = await client.ask("queue_request", { targets });
    assert.deepEqual(content, { status: "ok", "1": e1, unassigned: 1 });
  }
  client.socket.send(client.session.message("unregistration_request", { id: 0 }));
  await client.notified("unregistration_notification", 0);
  for (const targets of [null, [0, 1]]) {
    assert.deepEqual((await client.ask("queue_request", { targets })).content["0"], e0);
  }
  for (
    const [targets, text] of [
      [[99], "No Such Engine: [99]"],
      [[1, 99, "no"], "No Such Engine: [99, 'no']"],
      ["0", "No Such Engine: ['0']"],
      [[], "No Engines Registered"],
    ] as const
  ) assert.equal(await client.askBadly("queue_request", { targets }, "IndexError"), text);
  assert.equal(await client.askBadly("load_request", { targets: [7] }, "IndexError"), "No Such Engine: [7]");
});

test("result_request tells pending from completed, with buffers in the order of msg_ids", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  const tasks = [1, 2, 3].map(() => new Traffic(hub, { metadata: { label: "l" } }).submit().assign("e0"));
  const [first, second, open] = tasks as [Traffic, Traffic, Traffic];
  const buffers = (text: string) => ({ buffers: [encoder.encode(text), encoder.encode(`${text}!`)] });
  second.output("stream", { name: "stderr", text: "oh" }).finish("e0", { status: "ok" }, buffers("2"));
  first.output("execute_input", { code: "1 + 1" }).output("execute_result", { data: { "text/plain": "2" } });
  first.output("error", { ename: "E" }).output("status", { execution_state: "idle" });
  first.finish("e0", { status: "ok" }, buffers("1"));
  await recorded(hub);
  const msgIds = tasks.map((task) => task.msgId);
  const asked = { msg_ids: [open, second, first, second].map((task) => task.msgId) };
  const { header, content, buffers: got } = await client.ask("result_request", asked);
  assert.equal(header.msg_type, "result_reply");
  assert.deepEqual(content["pending"], [open.msgId]);
  assert.deepEqual(content["completed"], [first.msgId, second.msgId].sort());
  const inOrder = first.msgId < second.msgId ? ["1", "1!", "2", "2!"] : ["2", "2!", "1", "1!"];
  assert.deepEqual(got.map((buffer) => decoder.decode(buffer)), inOrder);
  const entry = content[first.msgId] as Record<string, Fields>;
  assert.deepEqual(entry["io"], {
    execute_input: "1 + 1",
    execute_result: { data: { "text/plain": "2" } },
    error: { ename: "E" },
    stdout: "",
    stderr: "",
  });
  assert.equal(entry["header"]!["msg_id"], first.msgId);
  assert.equal(entry["metadata"]!["label"], "l");
  assert.equal(entry["result_metadata"]!["engine"], "e0");
  assert.equal(entry["result_header"]!["msg_type"], "apply_reply");
  assert.deepEqual(entry["result_content"], { status: "ok" });
  assert.match(String(entry["received"]), /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.equal((content[second.msgId] as { io: Fields }).io["stderr"], "oh");
  assert.equal(content[open.msgId], undefined);
  const status = await hub.client().ask("result_request", { msg_ids: msgIds, status_only: true });
  assert.deepEqual(Object.keys(status.content).sort(), ["completed", "pending", "status"]);
  const bad = await client.ask("result_request", { msg_ids: [first.msgId, "x'y"] });
  assert.equal(bad.header.msg_type, "result_reply");
  assert.deepEqual(
    [bad.content["ename"], bad.content["evalue"], bad.content["status"]],
    ["KeyError", `"No such message: x'y"`, "error"],
  );
  assert.equal(bad.buffers.length, 0);
  assert.match(await client.askBadly("result_request", { msg_ids: 5 }, "TypeError"), /"msg_ids"/);
});

test("history_request lists by submission, db_request queries by microseconds", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  const date = (micros: string) => ({ header: { date: `2026-11-23T08:21:21.${micros}Z` } });
  const later = new Traffic(hub, date("123457")).submit(), first = new Traffic(hub, date("123456")).submit();
  const stray = new Traffic(hub).output("stream", { name: "stdout", text: "of a task that nobody sent" });
  first.finish("e0");
  await recorded(hub);
  const history = await client.ask("history_request");
  assert.deepEqual(history.content, { status: "ok", history: [first.msgId, later.msgId] });
  const found = async (query: object) => {
    const { content } = await client.ask("db_request", { query, keys: [] });
    return (content["records"] as Fields[]).map((record) => record["msg_id"]);
  };
  const at = "2026-11-23T08:21:21.123457+00:00";
  assert.deepEqual(await found({ submitted: at }), [later.msgId]);
  assert.deepEqual(await found({ submitted: { $lt: at } }), [first.msgId]);
  assert.deepEqual(await found({ submitted: { $gte: at } }), [later.msgId]);
  assert.deepEqual(await found({ submitted: null }), [stray.msgId]);
  assert.deepEqual(await found({ completed: { $ne: null }, queue: "task", engine_uuid: "e0" }), [
    first.msgId,
  ]);
  assert.deepEqual(await found({ "header.username": "tsparallel", completed: null }), [later.msgId]);
  const { content } = await client.ask("db_request", { query: { msg_id: first.msgId }, keys: null });
  const [record] = content["records"] as Fields[];
  assert.deepEqual([content["buffer_lens"], content["result_buffer_lens"]], [null, null]);
  assert.equal(record!["submitted"], "2026-11-23T08:21:21.123456Z");
  assert.equal(record!["started"], "2026-11-23T08:21:21.123456Z");
  assert.ok(!("buffers" in record!) && !("result_buffers" in record!));
});

test("db_request gives a page, and the one behind a record", async (hub) => {
  const client = hub.client();
  const tasks = [5, 3, 3, 1, 9].map((second) =>
    new Traffic(hub, { header: { date: `2026-11-23T08:21:0${second}Z` } }).submit()
  );
  await recorded(hub);
  const ask = async (page: object) => {
    const { content } = await client.ask("db_request", { query: {}, keys: ["submitted"], page });
    return content["records"] as { msg_id: string; submitted: string }[];
  };
  const whole = await ask({ limit: 100 });
  assert.deepEqual(whole.map(({ submitted }) => submitted[18]), ["1", "3", "3", "5", "9"]);
  assert.deepEqual(await ask({ limit: 2 }), whole.slice(0, 2));
  assert.deepEqual(await ask({ limit: 2, after: whole[1] }), whole.slice(2, 4));
  assert.deepEqual(await ask({ limit: 2, after: whole[4] }), []);
  assert.equal(tasks.length, whole.length);
  const badly = (page: object, ename: string) => client.askBadly("db_request", { query: {}, page }, ename);
  await badly({ limit: 0 }, "TypeError");
  await badly({ limit: 1, after: { msg_id: "x" } }, "TypeError");
  assert.match(await badly({ limit: 1, after: { msg_id: "x", submitted: "soon" } }, "ValueError"), /no time/);
});

test("db_request gives the keys that are asked for, and buffers per record", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  const bytes = (...texts: string[]) => ({ buffers: texts.map((text) => encoder.encode(text)) });
  const dates = ["2026-11-23T08:21:21Z", "2026-11-23T08:21:22Z"];
  const one = new Traffic(hub, { ...bytes("a", "b"), header: { date: dates[0]! } }).submit();
  one.finish("e0", { status: "ok" }, bytes("r"));
  new Traffic(hub, { ...bytes("c"), header: { date: dates[1]! } }).submit();
  await recorded(hub);
  const keys = ["buffers", "queue", "result_buffers"];
  const { content, buffers } = await client.ask("db_request", { query: {}, keys });
  assert.deepEqual(Object.keys((content["records"] as Fields[])[0]!).sort(), ["msg_id", "queue"]);
  assert.deepEqual([content["buffer_lens"], content["result_buffer_lens"]], [[2, 1], [1, 0]]);
  assert.deepEqual(buffers.map((buffer) => decoder.decode(buffer)), ["a", "b", "r", "c"]);
  for (
    const [query, keys, ename, evalue] of [
      [{ nokey: 1 }, null, "KeyError", `"Illegal testing key(s): {'nokey'}"`],
      [{ "label.x": 1 }, null, "KeyError", `"Illegal testing key(s): {'label.x'}"`],
      [{ label: { $no: 1 } }, null, "KeyError", `"Unsupported operator: '$no'"`],
      [{ header: { msg_type: "x" } }, null, "KeyError", `"Unsupported operator: 'msg_type'"`],
      [{}, ["msg_id", "nokey"], "KeyError", `"Bad record key(s): ['nokey']"`],
      [
        { submitted: { $lt: 5 } },
        null,
        "TypeError",
        /'<' not supported between 'submitted', which holds a time/,
      ],
      [{ submitted: { $gte: null } }, null, "TypeError", /'>=' not supported/],
      [{ priority: { $lt: "high" } }, null, "TypeError", /'priority', which holds a number, and string/],
      [
        { msg_id: { $gt: 5 } },
        null,
        "TypeError",
        /'>' not supported between 'msg_id', which holds text, and number/,
      ],
      [{ header: { $lt: "x" } }, null, "TypeError", /holds an object/],
      [{ label: { $in: "x" } }, null, "TypeError", /\$in must be a list/],
      [{ label: { $mod: [0, 1] } }, null, "ZeroDivisionError", /\$mod/],
      [{ buffers: null }, null, "TypeError", /'buffers' cannot be tested/],
    ] as const
  ) {
    const reply = await client.ask("db_request", { query, keys });
    assert.equal(reply.header.msg_type, "db_reply");
    assert.deepEqual([reply.content["status"], reply.content["ename"]], ["error", ename]);
    if (typeof evalue === "string") assert.equal(reply.content["evalue"], evalue);
    else assert.match(String(reply.content["evalue"]), evalue);
  }
  assert.match(await client.askBadly("db_request", { query: 5 }, "TypeError"), /"query"/);
});

test("purge_request drops what is done, and nothing where something is pending or unknown", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  await hub.engine("e1").join();
  const [a, b, c] = ["e0", "e1", "e1"].map((uuid) => new Traffic(hub).submit().finish(uuid)) as [
    Traffic,
    Traffic,
    Traffic,
  ];
  const open = new Traffic(hub).submit();
  await recorded(hub);
  const history = async () => new Set((await client.ask("history_request")).content["history"] as string[]);
  const purge = (msgIds: unknown, engineIds: number[] = []) =>
    client.ask("purge_request", { msg_ids: msgIds, engine_ids: engineIds });
  const pending = await purge([a.msgId, open.msgId]);
  assert.equal(pending.header.msg_type, "purge_reply");
  assert.deepEqual([pending.content["ename"], pending.content["evalue"]], [
    "IndexError",
    `msg pending: '${open.msgId}'`,
  ]);
  const unknown = await purge([a.msgId], [99]);
  assert.deepEqual([unknown.content["ename"], unknown.content["evalue"]], [
    "IndexError",
    "No such engine: 99",
  ]);
  assert.equal((await history()).size, 4);
  assert.deepEqual((await purge([a.msgId, "never-there"])).content, { status: "ok" });
  assert.deepEqual(await history(), new Set([b.msgId, c.msgId, open.msgId]));
  assert.deepEqual((await purge([], [0])).content, { status: "ok" });
  assert.equal((await history()).size, 3);
  assert.deepEqual((await purge([], [1])).content, { status: "ok" });
  assert.deepEqual(await history(), new Set([open.msgId]));
  open.finish("e0");
  await recorded(hub);
  assert.deepEqual((await purge("all")).content, { status: "ok" });
  assert.equal((await history()).size, 0);
  assert.match(await client.askBadly("purge_request", { engine_ids: ["x"] }, "TypeError"), /engine_ids/);
});

test("resubmit_request runs done, open and direct tasks again under the header that they had", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  const header = { username: "somebody", subshell_id: null };
  const content = { code: "1", silent: false };
  const done = new Traffic(hub, {
    header,
    metadata: { label: "l", retries: 3 },
    buffers: [encoder.encode("f")],
  });
  done.submit().finish("e0");
  const open = new Traffic(hub, { type: "execute_request", content }).submit();
  const direct = new Traffic(hub).direct("e0").directResult("e0");
  await recorded(hub);
  const tasks = [done, open, direct];
  const reply = await client.ask("resubmit_request", { msg_ids: tasks.map((task) => task.msgId) });
  assert.equal(reply.header.msg_type, "resubmit_reply");
  const renamed = reply.content["resubmitted"] as Record<string, string>;
  for (const task of tasks) {
    const frames = await until("the task", () => hub.scheduler.taskSocket.receive());
    const again = client.session.parse(frames, 1);
    const isOf = tasks.find(({ msgId }) => renamed[msgId] === again.header.msg_id)!;
    assert.equal(isOf, task);
    assert.deepEqual({ ...again.header, date: "" }, {
      ...task.header,
      msg_id: renamed[task.msgId],
      date: "",
    });
    assert.deepEqual(again.metadata, {});
    assert.deepEqual(again.content, task === open ? content : {});
    assert.equal(again.buffers.length, task === done ? 1 : 0);
  }
  const keys = ["resubmitted", "queue", "completed", "client_uuid"];
  const records = async (ids: string[]) => {
    const query = { msg_id: { $in: ids } };
    const { content } = await client.ask("db_request", { query, keys });
    return Object.fromEntries((content["records"] as Fields[]).map((record) => [record["msg_id"], record]));
  };
  const old = await records(tasks.map((task) => task.msgId));
  for (const task of tasks) assert.equal(old[task.msgId]!["resubmitted"], renamed[task.msgId]);
  const fresh = await records(Object.values(renamed));
  for (const task of tasks) {
    const record = fresh[renamed[task.msgId]!]!;
    const { queue, completed, client_uuid: uuid, resubmitted } = record;
    assert.deepEqual([queue, completed, uuid, resubmitted], ["task", null, task.header.session, null]);
  }
  const pending = await client.ask("result_request", { msg_ids: Object.values(renamed), status_only: true });
  assert.equal((pending.content["pending"] as string[]).length, 3);
  const bad = await client.ask("resubmit_request", { msg_ids: [done.msgId, "lost", "gone"] });
  assert.equal(bad.header.msg_type, "resubmit_reply");
  assert.deepEqual([bad.content["ename"], bad.content["evalue"]], [
    "KeyError",
    `"No such msg(s): ['lost', 'gone']"`,
  ]);
  assert.equal(hub.scheduler.taskSocket.receive(), undefined);
});

test("answers of one client come in the order of its questions, and others do not wait", async (hub) => {
  const client = hub.client();
  const types = ["history_request", "queue_request", "connection_request", "db_request", "result_request"];
  const asked = Array.from({ length: 100 }, (_, i) => types[i % types.length]!);
  for (const type of asked) client.socket.send(client.session.message(type, { msg_ids: [] }));
  await until("all answers", () => client.replies.length === asked.length || undefined);
  assert.deepEqual(
    client.replies.map((reply) => reply.header.msg_type),
    asked.map((type) => type.replace("_request", "_reply")),
  );
});

test("what cannot be read, or is of no known type, is answered with hub_error", async (hub) => {
  const client = hub.client();
  const unknown = await client.ask("nonsense", {});
  assert.equal(unknown.header.msg_type, "hub_error");
  assert.equal(unknown.content["evalue"], `"Bad Message Type: 'nonsense'"`);
  const list = await client.ask("db_request", [1, 2]);
  assert.equal(list.header.msg_type, "hub_error");
  assert.match(String(list.content["evalue"]), /content is no dictionary/);
  assert.equal((await client.ask("stop_distributed_request")).content["status"], "ok");
  assert.equal((await client.ask("become_dask_request")).content["status"], "error");
  assert.equal((await client.ask("history_request")).content["status"], "ok");
});

test("a query that means nothing finds nothing by an error, and flags are true as in Python", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  const ask = (text: string, ename: string) => client.askBadly("db_request", JSON.parse(text), ename);
  assert.match(await ask('{"query": {"__proto__": 1}}', "KeyError"), /__proto__/);
  assert.match(await ask('{"query": {"constructor": null}}', "KeyError"), /constructor/);
  assert.match(await ask('{"query": {"[]": 1}}', "KeyError"), /\[\]/);
  assert.match(await ask('{"query": {"label": {"__proto__": 1}}}', "KeyError"), /__proto__/);
  assert.match(await ask('{"query": []}', "TypeError"), /field "query": is no dictionary/);
  for (
    const query of [
      '{"submitted": {"$gt": "2026-02-30T00:00:00Z"}}',
      '{"submitted": "2026-13-01T00:00:00Z"}',
      '{"label": {"$in": ["x", "2026-01-01T25:00:00Z"]}}',
    ]
  ) assert.match(await ask(`{"query": ${query}}`, "ValueError"), /'2026-.*' is no time/);
  const verbose = await client.ask("queue_request", { targets: null, verbose: 1 });
  assert.deepEqual(verbose.content["0"], { queue: [], tasks: [], completed: [] });
  const plain = await client.ask("queue_request", { targets: null, verbose: [] });
  assert.deepEqual(plain.content["0"], { queue: 0, tasks: 0, completed: 0 });
});

test("a signed message whose dictionaries cannot be read is answered with the name of the field", async (hub) => {
  const client = hub.client();
  const header = client.session.header("history_request");
  const without = (name: string) =>
    Object.fromEntries(Object.entries(header).filter(([key]) => key !== name));
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const broken = new TextEncoder().encode("{");
  const cases: readonly (readonly [Uint8Array[], RegExp, object])[] = [
    [[broken, json({}), json({}), json({})], /its header is not json/, {}],
    [[json([1]), json({}), json({}), json({})], /its header is no dictionary/, {}],
    [[json({ ...header, msg_id: 7 }), json({}), json({}), json({})], /"msg_id" is no text/, {
      ...header,
      msg_id: 7,
    }],
    [[json(without("msg_type")), json({}), json({}), json({})], /"msg_type" is no text/, without("msg_type")],
    [[json(without("version")), json({}), json({}), json({})], /"version" is missing/, without("version")],
    [[json({ ...header, version: "4.1" }), json({}), json({}), json({})], /"version" is "4.1"/, {
      ...header,
      version: "4.1",
    }],
    [[json({ ...header, version: 5 }), json({}), json({}), json({})], /"version" is 5/, {
      ...header,
      version: 5,
    }],
    [[json(header), broken, json({}), json({})], /its parent_header is not json/, header],
    [[json(header), json({}), broken, json({})], /its metadata is not json/, header],
    [[json(header), json({}), json({}), broken], /its content is not json/, header],
    [[json(header), json({}), json({})], /4 frames, at least 5/, header],
  ];
  for (const [parts, evalue, parent] of cases) {
    const before = client.replies.length;
    const frames = client.session.signed(parts);
    // The very same message again is a replay, and gets nothing.
    for (let i = 0; i < 2; i++) client.socket.send(frames);
    const asked = client.session.message("history_request", {});
    client.socket.send(asked);
    await until("both replies", () => client.replies.length >= before + 2 ? true : undefined);
    const reply = client.replies[before]!;
    assert.equal(reply.header.msg_type, "hub_error");
    assert.equal(reply.content["status"], "error");
    assert.match(String(reply.content["evalue"]), evalue);
    assert.deepEqual(reply.parentHeader, parent);
    assert.equal(client.replies[before + 1]!.header.msg_type, "history_reply");
    assert.equal(client.replies.length, before + 2);
  }
});

Deno.test("hub with memory: a result that was asked for stays until it is fetched, whatever is culled", async () => {
  await using hub = await TestHub.start({ database: "memory", recordLimit: 5 });
  const client = hub.client();
  await hub.engine("e0").join();
  const first = new Traffic(hub).submit();
  await recorded(hub);
  const ask = { msg_ids: [first.msgId] };
  assert.deepEqual((await client.ask("result_request", ask)).content["pending"], [first.msgId]);
  first.finish("e0");
  const others = Array.from({ length: 20 }, () => new Traffic(hub).submit().finish("e0"));
  await recorded(hub);
  const status = await client.ask("result_request", { ...ask, status_only: true });
  assert.deepEqual(status.content["completed"], [first.msgId]);
  assert.deepEqual((await client.ask("result_request", ask)).content["completed"], [first.msgId]);
  const culled = await client.ask("result_request", { msg_ids: [others[0]!.msgId] });
  assert.equal(culled.content["evalue"], `"Record '${others[0]!.msgId}' has been culled for size"`);
  new Traffic(hub).submit().finish("e0");
  await recorded(hub);
  assert.match(await client.askBadly("result_request", ask, "KeyError"), /culled for size/);
});

Deno.test("hub without records answers what it knows, and every other question with NoData", async () => {
  await using hub = await TestHub.start({ database: "none" });
  const client = hub.client();
  await hub.engine("e0").join();
  const open = new Traffic(hub).submit(), done = new Traffic(hub).submit().assign("e0").finish("e0");
  await recorded(hub);
  const { content } = await client.ask("queue_request", { targets: null });
  assert.deepEqual(content, { status: "ok", "0": { queue: 0, tasks: 0, completed: 1 }, unassigned: 1 });
  for (
    const [type, content] of [
      ["result_request", { msg_ids: [done.msgId] }],
      ["result_request", { msg_ids: [open.msgId] }],
      ["history_request", {}],
      ["db_request", { query: {} }],
      ["resubmit_request", { msg_ids: [done.msgId] }],
    ] as const
  ) {
    const reply = await client.ask(type, content);
    assert.equal(reply.header.msg_type, type.replace("_request", "_reply"));
    assert.deepEqual([reply.content["status"], reply.content["ename"]], ["error", "NoData"]);
  }
  const status = await client.ask("result_request", { msg_ids: [open.msgId, done.msgId], status_only: true });
  assert.deepEqual(status.content, { status: "ok", pending: [open.msgId], completed: [done.msgId] });
  const verbose = await client.ask("queue_request", { targets: [0], verbose: true });
  assert.deepEqual((verbose.content["0"] as Fields)["completed"], [done.msgId]);
  assert.equal(
    await client.askBadly("result_request", { msg_ids: ["x"], status_only: true }, "KeyError"),
    "'No such message: x'",
  );
  assert.equal((await client.ask("purge_request", { msg_ids: "all" })).content["status"], "ok");
});
