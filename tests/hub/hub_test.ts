import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { Session } from "../../src/protocol/frames.ts";
import { connectionPaths } from "../../src/protocol/connection_file.ts";
import { silentLogger } from "../../src/base/log.ts";
import { startHub } from "../../src/hub/hub.ts";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { BatchWriter } from "../../src/protocol/link_batch.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { ANY, KIND } from "../../src/protocol/groups.ts";
import { readValue } from "../../src/protocol/values.ts";
import { resultsGroup, tasksGroup } from "../contracts/records.ts";
import { until } from "./fake_scheduler.ts";
import { TestHub } from "./peers.ts";

const OURS = { tsparallel: { version: 1, host: "here", pid: 1, sandbox: "both walls" } };
const encoder = new TextEncoder();

/** A hub test: native sockets and timers of libzmq's closing outlive a test by design of its context. */
function test(name: string, run: (hub: TestHub) => Promise<void>, options = {}): void {
  Deno.test(name, async () => {
    await using hub = await TestHub.start(options);
    await run(hub);
  });
}

test("hub writes ipyparallel's files once the schedulers are ready, and removes them at the end", async (hub) => {
  const paths = connectionPaths(hub.folder);
  assert.equal(Deno.statSync(paths.client).mode! & 0o777, 0o600);
  const { clientFile, engineFile } = hub;
  assert.equal(clientFile.registration, engineFile.registration);
  assert.equal(clientFile.interface, "tcp://127.0.0.1");
  assert.equal(clientFile.location, Deno.hostname());
  assert.equal(clientFile.broadcast, 5);
  assert.deepEqual(engineFile.broadcast, [10, 11]);
  assert.equal(clientFile.task_scheme, "leastload");
  assert.ok(
    hub.lines.some((line) => /Hub listening on tcp:\/\/127\.0\.0\.1:\d+ for registration/.test(line)),
  );
  await hub.hub.stop();
  assert.equal(await hub.hub.closed, "it was stopped");
  assert.deepEqual([...Deno.readDirSync(`${hub.folder}/security`)], []);
  assert.deepEqual([...Deno.readDirSync(`${hub.folder}/pid`)].map((entry) => entry.name), [
    ".ipcontroller.lock",
  ]);
  assert.ok(hub.scheduler.heard("stop") || await until("stop", () => hub.scheduler.heard("stop")));
});

test("hub refuses a second controller on the same profile and takes one with another cluster id", async (hub) => {
  await assert.rejects(
    startHub({ profileDir: hub.folder }, silentLogger()),
    new RegExp(`process ${Deno.pid} is one`),
  );
  const other = await startHub({ profileDir: hub.folder, clusterId: "b" }, silentLogger());
  await other.stop();
});

test("hub answers a Python client's connection_request with engines by text id", async (hub) => {
  const client = hub.client();
  const engine = hub.engine("engine-a");
  assert.equal(await engine.join(), 0);
  const { content, header } = await client.ask("connection_request");
  assert.equal(header.msg_type, "connection_reply");
  assert.deepEqual(content, { status: "ok", engines: { "0": "engine-a" } });
});

test("hub gives a client of ours its index, the nonce and the engines that are ours", async (hub) => {
  await hub.engine("peer").join();
  await hub.engine("ours").join(OURS);
  const client = hub.client();
  const announcement = { version: 1, session: "s", username: "me", pid: 7 };
  const first = await client.ask("connection_request", { tsparallel: announcement });
  const extension = first.content["tsparallel"] as Record<string, unknown>;
  assert.deepEqual(extension["engines"], [1]);
  assert.match(String(extension["nonce"]), /^[0-9a-f]{16}$/);
  const again = await client.ask("connection_request", { tsparallel: announcement });
  assert.deepEqual(again.content["tsparallel"], extension);
});

test("hub announces an engine within a round trip, not at the next beat", async (hub) => {
  const client = hub.client();
  await client.ask("connection_request");
  const engine = hub.engine("fast");
  const reply = await engine.request(OURS);
  assert.deepEqual(reply.parentHeader, {});
  assert.equal(reply.content["hb_period"], 60_000);
  assert.equal((reply.content["connection_info"] as Record<string, unknown>)["mux"], 7);
  engine.beat();
  const news = await client.notified("registration_notification", 0);
  assert.deepEqual(news.content, { id: 0, uuid: "fast", tsparallel: { version: 1 } });
  assert.deepEqual(hub.scheduler.heard("engine_registered"), {
    kind: "engine_registered",
    id: 0,
    uuid: "fast",
    ours: true,
    permissions: { ceiling: {}, sets: {}, isolation: "shared" },
  });
}, { heartbeatPeriodMs: 60_000 });

test("hub gives up an engine whose heart stops, and takes it back under its old id", async (hub) => {
  const client = hub.client();
  await client.ask("connection_request");
  const engine = hub.engine("a");
  await engine.join(OURS);
  engine.isBeating = false;
  await client.notified("unregistration_notification", 0);
  assert.equal(hub.hub.status().engines.length, 0);
  engine.isBeating = true;
  const told = await until(
    "word that it was given up",
    () => engine.replies.find((reply) => reply.header.msg_type === "unregistration_notification"),
  );
  assert.deepEqual(told.content, { id: 0, uuid: "a" });
  const { content } = await engine.request({ ...OURS, id: 0 });
  assert.equal(content["id"], 0);
  await until("its return", () => hub.hub.status().engines.find((found) => found.id === 0));
}, { heartbeatPeriodMs: 20, maxMisses: 3 });

test("hub lets anybody unregister an engine and does not use its id again", async (hub) => {
  const client = hub.client();
  await client.ask("connection_request");
  await hub.engine("a").join();
  client.socket.send(client.session.message("unregistration_request", { id: 0 }));
  await client.notified("unregistration_notification", 0);
  assert.equal(hub.scheduler.heard("engine_unregistered")?.["uuid"] ?? "a", "a");
  assert.equal(await hub.engine("b").join(), 1);
  const refused = await hub.engine("b2").request({ uuid: "b" });
  assert.equal(refused.content["evalue"], `"uuid 'b' in use"`);
});

test("hub answers malformed and unknown requests with errors and drops what is not signed", async (hub) => {
  const client = hub.client();
  assert.equal(
    await client.askBadly("nonsense_request", {}, "KeyError"),
    `"Bad Message Type: 'nonsense_request'"`,
  );
  assert.match(await client.askBadly("queue_request", { targets: { a: 1 } }, "TypeError"), /targets/);
  assert.match(
    await client.askBadly("result_request", { msg_ids: ["x"] }, "KeyError"),
    /^'No such message: x'$/,
  );
  assert.match(
    await client.askBadly("queue_request", { targets: [99] }, "IndexError"),
    /No Such Engine: \[99\]/,
  );
  assert.match(await client.askBadly("db_request", { query: { msg_id: { $bad: 1 } } }, "KeyError"), /\$bad/);
  assert.match(await client.askBadly("resubmit_request", { msg_ids: ["x"] }, "KeyError"), /No such msg/);
  const forger = new Session({ key: "another" });
  for (let i = 0; i < 3; i++) client.socket.send(forger.message("shutdown_request", {}));
  client.socket.send([encoder.encode("rubbish")]);
  client.socket.send(client.session.message("unregistration_request", { id: "no" }));
  await until("the drops", () => hub.hub.status().dropped === 4 || undefined);
  assert.equal(hub.lines.filter((line) => line.includes("A message is dropped")).length, 1);
  assert.equal((await client.ask("history_request")).content["status"], "ok");
});

test("hub records groups, acknowledges them after the commit, and counts what is open", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join(OURS);
  const announcement = { version: 1, session: "s", username: "me", pid: 7 };
  const { content } = await client.ask("connection_request", { tsparallel: announcement });
  const index = (content["tsparallel"] as { client: number }).client;
  hub.scheduler.data("tasks", [tasksGroup(index, 1, 100)]);
  const names = new GroupWriter();
  for (let n = 1; n <= 60; n++) names.name(index, n, n, 0);
  const header = {
    kind: KIND.assigned,
    origin: 0,
    seq: 1,
    target: 0,
    nonce: 1n,
    acked: 0,
    committed: 0,
    window: 0,
  };
  hub.scheduler.data("assigned", [names.close(header, () => {})]);
  hub.scheduler.data("direct", [tasksGroup(index, 101, 5, 0)]);
  await until("3 acknowledgements", () => hub.scheduler.acknowledged === 3 || undefined);
  const queue = await client.ask("queue_request", { targets: null, verbose: false });
  assert.deepEqual(queue.content, {
    status: "ok",
    "0": { queue: 5, tasks: 60, completed: 0 },
    unassigned: 40,
  });
  hub.scheduler.data("results", [resultsGroup(index, 1, 105)]);
  await until("the last acknowledgement", () => hub.scheduler.acknowledged === 4 || undefined);
  const after = await client.ask("queue_request", { targets: null, verbose: false });
  assert.deepEqual(after.content, {
    status: "ok",
    "0": { queue: 0, tasks: 0, completed: 105 },
    unassigned: 0,
  });
  const result = await hub.client().ask("result_request", {
    msg_ids: ["s_7_2", "s_7_1"],
    status_only: false,
  });
  assert.deepEqual(result.content["completed"], ["s_7_1", "s_7_2"]);
  assert.equal(readValue(result.buffers[0]!), 43);
  assert.equal((result.content["s_7_1"] as Record<string, unknown>)["buffer_count"], 1);
  const records = await client.ask("db_request", { query: { msg_id: "s_7_3" }, keys: ["buffers", "label"] });
  assert.deepEqual(records.content["records"], [{ label: null, msg_id: "s_7_3" }]);
  assert.deepEqual(records.content["buffer_lens"], [2]);
  assert.equal(records.buffers.length, 2);
  hub.scheduler.data("tasks", [encoder.encode("no group")]);
  await until("an acknowledgement all the same", () => hub.scheduler.acknowledged === 5 || undefined);
});

test("hub acknowledges every message of a batch, also those that it cannot read", async (hub) => {
  const writer = new BatchWriter();
  const { session } = hub.client();
  const output = session.message("stream", { name: "stdout", text: "said" }, { parent: session.header("x") });
  for (const frames of [output, output, output]) {
    writer.begin(frames.length + 1);
    writer.frame(encoder.encode("iopub"));
    frames.forEach((frame) => writer.frame(frame));
  }
  const batch = writer.take().slice();
  hub.scheduler.data("batch", [batch]);
  await until("all of them", () => hub.scheduler.acknowledged === 3 || undefined);
  hub.scheduler.data("batch", [batch.subarray(0, batch.length - 1)]);
  await until("the one that is cut off too", () => hub.scheduler.acknowledged === 6 || undefined);
  hub.scheduler.data("batch", [new Uint8Array(0)]);
  await until("a batch of nothing too", () => hub.scheduler.acknowledged === 7 || undefined);
  assert.equal(hub.lines.filter((line) => line.includes("a batch that cannot be read")).length, 2);
});

test("hub records a Python client's task from the schedulers' copies", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  const { session } = client;
  const request = session.message("apply_request", {}, {
    buffers: [encoder.encode("f")],
    metadata: { label: "l" },
  });
  const parent = JSON.parse(new TextDecoder().decode(request[2]));
  hub.scheduler.data("intask", [encoder.encode("rid"), ...request]);
  const waiting = () => client.ask("queue_request", { targets: null, verbose: true });
  await until("the task", () => hub.scheduler.acknowledged === 1 || undefined);
  assert.deepEqual((await waiting()).content["unassigned"], [parent.msg_id]);
  hub.scheduler.data("tracktask", [encoder.encode(parent.msg_id), encoder.encode("e0")]);
  const stream = session.message("stream", { name: "stdout", text: "hi" }, { parent });
  hub.scheduler.data("iopub", [encoder.encode("engine.0.stdout"), ...stream]);
  await until("the output", () => hub.scheduler.acknowledged === 3 || undefined);
  assert.deepEqual((await waiting()).content["0"], { queue: [], tasks: [parent.msg_id], completed: [] });
  const pending = await client.ask("result_request", { msg_ids: [parent.msg_id] });
  assert.deepEqual(pending.content["pending"], [parent.msg_id]);
  const metadata = { engine: "e0", status: "ok", started: "2026-11-23T08:21:21.123456Z" };
  const reply = session.message("apply_reply", { status: "ok" }, {
    parent,
    metadata,
    buffers: [encoder.encode("r")],
  });
  hub.scheduler.data("outtask", [encoder.encode("rid"), encoder.encode("e0"), ...reply]);
  await until("the result", () => hub.scheduler.acknowledged === 4 || undefined);
  assert.deepEqual((await waiting()).content["0"], { queue: [], tasks: [], completed: [parent.msg_id] });
  const { content, buffers } = await client.ask("result_request", { msg_ids: [parent.msg_id] });
  const entry = content[parent.msg_id] as Record<string, Record<string, unknown>>;
  assert.equal(entry["io"]!["stdout"], "hi");
  assert.equal(new TextDecoder().decode(buffers[0]), "r");
  const found = await client.ask("db_request", { query: { submitted: parent.date }, keys: null });
  const [record] = found.content["records"] as Record<string, unknown>[];
  assert.equal(record!["started"], metadata.started);
  assert.equal(record!["label"], "l");
  assert.equal(
    (await client.ask("purge_request", { msg_ids: "all", engine_ids: [] })).content["status"],
    "ok",
  );
  assert.deepEqual((await client.ask("history_request")).content["history"], []);
});

test("hub ends the direct requests of a dead engine in their records", async (hub) => {
  const client = hub.client();
  await hub.engine("e0").join();
  const request = client.session.message("apply_request", {});
  const { msg_id: msgId } = JSON.parse(new TextDecoder().decode(request[2]));
  hub.scheduler.data("in", [encoder.encode("e0"), encoder.encode("rid"), ...request]);
  await until("the request", () => hub.scheduler.acknowledged === 1 || undefined);
  client.socket.send(client.session.message("unregistration_request", { id: 0 }));
  await until("its end", () => hub.hub.status().queue.open === 0 || undefined);
  const { content } = await client.ask("result_request", { msg_ids: [msgId] });
  const entry = content[msgId] as Record<string, Record<string, unknown>>;
  assert.equal(entry["result_content"]!["ename"], "EngineError");
}, { heartbeatPeriodMs: 20, registrationTimeoutMs: 50 });

test("hub resubmits a group's task as its own client, and a peer's with the same header", async (hub) => {
  const client = hub.client();
  const announcement = { version: 1, session: "s", username: "me", pid: 7 };
  const { content } = await client.ask("connection_request", { tsparallel: announcement });
  const index = (content["tsparallel"] as { client: number }).client;
  hub.scheduler.data("tasks", [tasksGroup(index, 1, 1)]);
  hub.scheduler.data("results", [resultsGroup(index, 1, 1)]);
  await until("the task", () => hub.scheduler.acknowledged === 2 || undefined);
  const reply = await client.ask("resubmit_request", { msg_ids: ["s_7_1"] });
  const renamed = reply.content["resubmitted"] as Record<string, string>;
  const frames = await until("the group", () => hub.scheduler.taskSocket.receive());
  const reader = new GroupReader();
  const header = reader.open(frames[1]!);
  assert.equal(header.kind, KIND.tasks);
  assert.equal(header.target, ANY);
  assert.equal(header.count, 3);
  const record = await client.ask("db_request", { query: { msg_id: "s_7_1" }, keys: ["resubmitted"] });
  const [found] = record.content["records"] as Record<string, unknown>[];
  assert.equal(found!["resubmitted"], renamed["s_7_1"]);

  const request = client.session.message("apply_request", {}, { buffers: [encoder.encode("f")] });
  const original = JSON.parse(new TextDecoder().decode(request[2]));
  hub.scheduler.data("intask", [encoder.encode("rid"), ...request]);
  await until("the message", () => hub.scheduler.acknowledged === 3 || undefined);
  const second = await client.ask("resubmit_request", { msg_ids: [original.msg_id] });
  const newId = (second.content["resubmitted"] as Record<string, string>)[original.msg_id];
  const sent = await until("the message again", () => hub.scheduler.taskSocket.receive());
  const { header: again, metadata } = new Session({ key: hub.clientFile.key }).parse(sent, 1);
  assert.deepEqual({ ...again, date: "" }, { ...original, msg_id: newId, date: "" });
  assert.deepEqual(metadata, {});
});

test("hub ends with a reason when a client asks for it", async (hub) => {
  const client = hub.client();
  await client.ask("connection_request");
  const reply = await client.ask("shutdown_request");
  assert.equal(reply.header.msg_type, "shutdown_reply");
  await until(
    "the notification",
    () => client.notifications.find((news) => news.header.msg_type === "shutdown_notification"),
  );
  assert.equal(await hub.hub.closed, "a client asked for it");
});

test("hub tells its status over the wire", async (hub) => {
  await hub.engine("e0").join(OURS);
  const { content } = await hub.client().ask("status_request");
  const [engine] = content["engines"] as Record<string, unknown>[];
  assert.equal(engine!["sandbox"], "both walls");
  assert.deepEqual([engine!["permissions"], engine!["sets"], engine!["isolation"]], [{}, {}, "shared"]);
  assert.equal(content["records"], "written");
  assert.equal(content["database"], "memory");
}, { database: "memory" });

test("hub keeps what an engine's tasks may ask for, and refuses an engine that says it wrongly", async (hub) => {
  const permissions = {
    ceiling: { net: ["B.org"], read: true },
    sets: { web: { net: ["b.org:1"] } },
    isolation: "worker",
  };
  await hub.engine("e0").join({ tsparallel: { ...OURS.tsparallel, permissions } });
  const told = await until("the news", () => hub.scheduler.heard("engine_registered"));
  const ceiling = { read: true, net: ["b.org"] };
  assert.deepEqual(told["permissions"], { ...permissions, ceiling });
  const { content } = await hub.client().ask("status_request");
  const [engine] = content["engines"] as Record<string, unknown>[];
  assert.deepEqual([engine!["permissions"], engine!["isolation"]], [ceiling, "worker"]);
  const wrong = { ...OURS.tsparallel, permissions: { ceiling: { nett: true } } };
  const reply = await hub.engine("e1").request({ uuid: "e1", tsparallel: wrong });
  assert.match(String(reply.content["evalue"]), /"permissions\.ceiling\.nett", did you mean "net"/);
});

test("hub sets up a scheduler that replaces another one and names the engines to it", async (hub) => {
  await hub.engine("e0").join(OURS);
  await until("the engine", () => hub.scheduler.heard("engine_registered"));
  hub.scheduler.news.length = 0;
  hub.scheduler.tell({ kind: "scheduler_hello", version: 1 });
  await until("the engines", () => hub.scheduler.heard("engine_registered"));
  const { ports } = hub.scheduler.heard("scheduler_setup") as { ports: { client: { mux: number } } };
  assert.equal(ports.client.mux, 2);
});

Deno.test("hub that is told to reuse keeps key and ports and its files", async () => {
  const folder = Deno.makeTempDirSync();
  const log = silentLogger();
  const first = await TestHub.start({ profileDir: folder, reuse: true });
  const before = first.clientFile;
  await first.hub.stop();
  assert.deepEqual(first.clientFile, before);
  const second = await startHub({ profileDir: folder, reuse: true }, log);
  const scheduler = JSON.parse(Deno.readTextFileSync(second.schedulerFile));
  assert.equal(scheduler.key, before.key);
  await second.stop();
  await first[Symbol.asyncDispose]();
});

Deno.test("hub whose schedulers do not come ends and says so", async () => {
  const folder = Deno.makeTempDirSync();
  const hub = await startHub({ profileDir: folder, schedulerTimeoutMs: 50 }, silentLogger());
  await assert.rejects(hub.ready, /the schedulers were not ready in 0.05 s/);
  assert.match(await hub.closed, /not ready/);
  Deno.removeSync(folder, { recursive: true });
});

test("hub holds records that the disk refuses, says so, stops acknowledging at the bound, and writes them later", async (hub) => {
  const client = hub.client();
  const announcement = { version: 1, session: "s", username: "me", pid: 7 };
  const { content } = await client.ask("connection_request", { tsparallel: announcement });
  const index = (content["tsparallel"] as { client: number }).client;
  const blocker = new DatabaseSync(`${hub.folder}/tsparallel.db`);
  blocker.exec("BEGIN IMMEDIATE");
  hub.scheduler.data("tasks", [tasksGroup(index, 1, 10)]);
  await until("the refusal", () => hub.hub.status().records.startsWith("refused: ") || undefined);
  await until("what is held is acknowledged", () => hub.scheduler.acknowledged === 1 || undefined);
  assert.equal(hub.lines.filter((line) => line.includes("Records cannot be written")).length, 1);
  const large = new GroupWriter();
  large.task(11, index, 0, 2, 0, 0, 0, 1, 1, new Uint8Array(7 << 20));
  const header = {
    kind: KIND.tasks,
    origin: 1,
    seq: 1,
    target: ANY,
    nonce: 1n,
    acked: 0,
    committed: 0,
    window: 0,
  };
  const group = large.close(header, () => {}).slice();
  for (let i = 0; i < 10; i++) hub.scheduler.data("tasks", [group]);
  await until("all of it", () => hub.hub.status().queue.open === 11 || undefined);
  assert.ok(hub.scheduler.acknowledged < 11);
  blocker.exec("COMMIT");
  blocker.close();
  await until("everything on disk", () => hub.hub.status().records === "written" || undefined);
  await until("the acknowledgements", () => hub.scheduler.acknowledged === 11 || undefined);
  const history = await client.ask("history_request");
  assert.equal((history.content["history"] as string[]).length, 11);
});

test("hub lives on whatever is sent to its sockets", async (hub) => {
  const { registration, notification } = hub.clientFile;
  const { hb_ping, hb_pong } = hub.engineFile;
  const client = hub.client();
  await client.ask("connection_request");
  const senders = [registration, hb_pong, hb_ping, notification].map((port, i) => {
    const socket = hub.context.socket(i < 2 ? "DEALER" : "XSUB");
    socket.connect(`tcp://127.0.0.1:${port}`);
    return socket;
  });
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(...client.session.message("registration_request", { uuid: "x" })),
    fc.constantFrom(encoder.encode("0.0"), new Uint8Array([1]), new Uint8Array([0])),
  );
  const frames = fc.sample(fc.array(frame, { minLength: 1, maxLength: 8 }), 500);
  const types = [
    "connection_request",
    "registration_request",
    "db_request",
    "purge_request",
    "queue_request",
  ];
  const contents = fc.sample(
    fc.dictionary(fc.constantFrom("uuid", "id", "targets", "query", "msg_ids"), fc.jsonValue()),
    200,
  );
  for (const message of frames) for (const socket of senders) socket.send(message);
  for (const [i, content] of contents.entries()) {
    client.socket.send(client.session.message(types[i % types.length]!, content));
  }
  const links = fc.sample(fc.array(frame, { minLength: 0, maxLength: 3 }), 200);
  for (
    const topic of ["tasks", "results", "assigned", "chunk", "direct", "intask", "iopub", "out", "unknown"]
  ) {
    for (const message of links) hub.scheduler.data(topic, message);
  }
  await until("all acknowledgements", () => hub.scheduler.acknowledged === 1800 || undefined);
  assert.equal((await client.ask("status_request")).content["status"], "ok");
  assert.deepEqual(hub.lines.filter((line) => line.includes("A handler failed")), []);
});

test("hub asks the schedulers to stop tasks, and the records about those that are over", async (hub) => {
  const client = hub.client();
  const announcement = { version: 1, session: "s", username: "me", pid: 7 };
  const { content } = await client.ask("connection_request", { tsparallel: announcement });
  const { client: index } = content["tsparallel"] as { client: number };
  hub.scheduler.data("tasks", [tasksGroup(index, 1, 2)]);
  hub.scheduler.data("results", [resultsGroup(index, 1, 1)]);
  const asked = client.ask("cancel_request", { msg_ids: ["s_7_1", "s_7_2", "other"], why: "a\nb" });
  const told = await until("cancel", () => hub.scheduler.heard("cancel"));
  assert.deepEqual(told["tasks"], [
    { msg_id: "s_7_1", client: index, n: 1 },
    { msg_id: "s_7_2", client: index, n: 2 },
    { msg_id: "other" },
  ]);
  assert.match(String(told["who"]), /session /);
  assert.equal(told["why"], "a b");
  const words = { s_7_1: "finished", s_7_2: "cancelling", other: "unknown" };
  hub.scheduler.tell({ kind: "cancelled", request: told["request"], words });
  const reply = await asked;
  assert.equal(reply.header.msg_type, "cancel_reply");
  assert.deepEqual(reply.content, {
    status: "ok",
    tasks: { s_7_1: "already finished", s_7_2: "cancelling", other: "not known" },
  });
  assert.match(await client.askBadly("cancel_request", { msg_ids: 7 }, "TypeError"), /msg_ids/);
});
