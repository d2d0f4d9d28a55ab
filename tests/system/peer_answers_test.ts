/** Every request of a peer gets one answer: also a second one under a known id, one that cannot be read, and one whose engine answers what nobody can read. */
import assert from "node:assert/strict";
import type { Message } from "../../src/protocol/frames.ts";
import { RawEngine } from "./raw_engine.ts";
import { RawPeer } from "./raw_peer.ts";
import { eventually, queueIsEmpty, Run } from "./run.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => bytes(JSON.stringify(value));
const BROKEN = bytes('{"status": ');

/** A record's fields, once it is finished. */
async function recordOf(peer: RawPeer, msgId: string): Promise<Record<string, unknown>> {
  const reply = await eventually(
    () => peer.ask("db_request", { query: { msg_id: msgId, completed: { $exists: true } }, keys: null }),
    ({ content }) => (content["records"] as unknown[]).length > 0,
    `the record of ${msgId} is finished`,
  );
  return (reply.content["records"] as Record<string, unknown>[])[0]!;
}

function assertError({ content }: Message, ename: string, evalue: RegExp): void {
  assert.equal(content["status"], "error");
  assert.equal(content["ename"], ename);
  assert.match(String(content["evalue"]), evalue);
  assert(Array.isArray(content["traceback"]));
}

Deno.test("every request of a peer is answered", async (test) => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir), other = new RawPeer(run.folder.dir);
  using engine = new RawEngine(peer);
  await engine.register({ isConnected: false });
  engine.connect("task");
  engine.connect("mux");
  engine.connect("broadcast");
  await run.client.waitForEngines(2, { timeoutMs: 20_000 });
  const task = (changes: object = {}, from = peer, label = "") => {
    const header = { ...from.session.header("apply_request"), ...changes };
    from.send("task", from.session.pack(header, {}, { metadata: { label } }));
    return header;
  };
  const answer = async (from = peer, way = "task") => from.session.parse(await from.receive(way));

  await test.step("a second task under the id of an open one: its error comes behind the first one's reply", async () => {
    const first = task({}, peer, "first");
    const request = await engine.next();
    task({ msg_id: first.msg_id, session: "x" }, peer, "second");
    // Whoever did not send the first one hears of it at once.
    const foreign = task({ msg_id: first.msg_id, session: "y" }, other, "third");
    const told = await answer(other);
    assertError(told, "ValueError", new RegExp(`msg_id '${first.msg_id}' was used before`));
    assert.equal(told.parentHeader["session"], foreign.session);
    engine.reply(request, { status: "ok" }, [bytes("result")]);
    const reply = await answer();
    assert.deepEqual([reply.content["status"], reply.buffers], ["ok", [bytes("result")]]);
    const second = await answer();
    assertError(second, "ValueError", /was used before, and that request keeps its result/);
    assert.equal(second.parentHeader["session"], "x");
    const record = await recordOf(peer, first.msg_id);
    assert.deepEqual([record["label"], record["status"]], ["first", "ok"]);
    // And when it has ended, at once.
    task({ msg_id: first.msg_id, session: "z" });
    assertError(await answer(), "ValueError", /was used before/);
    assert.equal((await recordOf(peer, first.msg_id))["label"], "first");
    await queueIsEmpty(run.client);
  });

  await test.step("the very same message again is dropped and counted", async () => {
    const { dropped } = await run.client.status() as unknown as { dropped: number };
    const frames = peer.session.message("apply_request", {});
    peer.send("task", frames);
    peer.send("task", frames);
    engine.reply(await engine.next(), { status: "ok" });
    assert.equal((await answer()).content["status"], "ok");
    await eventually(
      () => run.client.status() as unknown as Promise<{ dropped: number }>,
      (status) => status.dropped === dropped + 1,
      "the second is counted",
    );
  });

  await test.step("options that cannot be understood end the task, once", async () => {
    const header = peer.session.header("apply_request");
    for (let i = 0; i < 2; i++) {
      peer.send("task", peer.session.pack(header, { i }, { metadata: { retries: "many" } }));
    }
    assertError(await answer(), "TypeError", /option "retries": "many"/);
    assertError(await answer(), "ValueError", /was used before/);
    await queueIsEmpty(run.client);
  });

  await test.step("a request that cannot be read, at each socket", async () => {
    for (const way of ["task", "mux", "broadcast"]) {
      const header = peer.session.header("execute_request");
      const address = way === "mux" ? [bytes(engine.uuid)] : [];
      peer.send(way, [...address, ...peer.session.signed([json(header), json({}), json({}), BROKEN])]);
      const reply = await answer(peer, way);
      assertError(reply, "TypeError", /Cannot take the request: its content is not json/);
      assert.deepEqual([reply.header.msg_type, reply.parentHeader.msg_id], ["execute_reply", header.msg_id]);
    }
    const header = task({ msg_type: "dance_request" });
    const reply = await answer();
    assertError(reply, "TypeError", /"dance_request"/);
    assert.equal(reply.parentHeader.msg_id, header.msg_id);
  });

  await test.step("a reply that cannot be read: its task ends with an error, and the engine is free", async () => {
    const damage: readonly (readonly [string, (header: object) => Uint8Array[]])[] = [
      ["content", (header) => [json(peer.session.header("apply_reply")), json(header), json({}), BROKEN]],
      ["metadata", (header) => [json(peer.session.header("apply_reply")), json(header), BROKEN, json({})]],
      ["metadata", (header) => [json(peer.session.header("apply_reply")), json(header), json([]), json({})]],
      ["header", (header) => [BROKEN, json(header), json({}), json({ status: "ok" })]],
      [
        "parent_header",
        () => [json(peer.session.header("apply_reply")), BROKEN, json({}), json({ status: "ok" })],
      ],
    ];
    for (const [what, parts] of damage) {
      const { msg_id } = task();
      const request = await engine.next();
      engine.replyBytes(request, parts(request.message.header));
      const reply = await answer();
      assert.equal(reply.parentHeader.msg_id, msg_id);
      assertError(
        reply,
        "EngineError",
        new RegExp(`Engine ${engine.id} answered task '${msg_id}' .* its ${what} is n`),
      );
      const record = await recordOf(peer, msg_id);
      assert.deepEqual([record["status"], record["engine_uuid"]], ["error", engine.uuid]);
    }
    await queueIsEmpty(run.client);
  });

  await test.step("with retries left it is tried again, elsewhere or not at all", async () => {
    const header = peer.session.header("apply_request");
    const metadata = { retries: 1, targets: [engine.uuid] };
    peer.send("task", peer.session.pack(header, {}, { metadata }));
    const request = await engine.next();
    engine.replyBytes(request, [
      json(peer.session.header("apply_reply")),
      json(request.message.header),
      json({}),
      BROKEN,
    ]);
    assertError(await answer(), "ImpossibleDependency", /./);
    await queueIsEmpty(run.client);
  });

  await test.step("a direct request whose reply cannot be read: the record ends, the reply goes on as it is", async () => {
    const header = peer.session.header("apply_request");
    peer.send("mux", [bytes(engine.uuid), ...peer.session.pack(header, {})]);
    const request = await engine.next();
    engine.replyBytes(request, [json(peer.session.header("apply_reply")), json(header), json({}), BROKEN]);
    assert.deepEqual((await peer.receive("mux")).at(-1), BROKEN);
    const record = await recordOf(peer, header.msg_id);
    assert.equal((record["result_content"] as Record<string, unknown>)["ename"], "EngineError");
    await queueIsEmpty(run.client);
  });

  await test.step("a second direct request under an id that was used, while the first is open and later", async () => {
    const header = peer.session.header("apply_request");
    const send = (i: number) => peer.send("mux", [bytes(engine.uuid), ...peer.session.pack(header, { i })]);
    const reply = async (to: { msg_id: string }) => {
      const request = await engine.next();
      assert.equal(request.message.header.msg_id, to.msg_id);
      const parts = [json(peer.session.header("apply_reply")), json(to), json({}), json({ status: "ok" })];
      engine.replyBytes(request, parts);
      assert.equal((await answer(peer, "mux")).content.status, "ok");
    };
    send(0);
    send(1);
    await reply(header);
    assertError(await answer(peer, "mux"), "ValueError", /was used before/);
    send(2);
    assertError(await answer(peer, "mux"), "ValueError", /was used before/);
    // The engine has heard of neither.
    const other = peer.session.header("apply_request");
    peer.send("mux", [bytes(engine.uuid), ...peer.session.pack(other, {})]);
    await reply(other);
    await queueIsEmpty(run.client);
  });

  await test.step("a broadcast, one by one and together", async () => {
    for (const is_coalescing of [false, true]) {
      for (const parent of [true, false]) {
        const header = peer.session.header("apply_request");
        const metadata = { targets: [[engine.uuid, engine.id]], is_broadcast: true, is_coalescing };
        peer.send("broadcast", peer.session.pack(header, {}, { metadata }));
        const request = await engine.next();
        // A second one under its id: where one reply is waited for under that id, behind that.
        peer.send("broadcast", peer.session.pack({ ...header, session: "x" }, {}, { metadata }));
        const second = is_coalescing ? undefined : await answer(peer, "broadcast");
        engine.replyBytes(request, [
          json(peer.session.header("apply_reply")),
          parent ? json(request.message.header) : BROKEN,
          json({}),
          BROKEN,
        ]);
        const reply = await answer(peer, "broadcast");
        assertError(reply, "EngineError", /answered with a message that cannot be read/);
        assert.equal(
          reply.parentHeader.msg_id,
          is_coalescing ? header.msg_id : `${header.msg_id}_${engine.uuid}`,
        );
        const told = second ?? await answer(peer, "broadcast");
        assertError(told, "ValueError", /was used before/);
        assert.deepEqual([told.parentHeader.msg_id, told.parentHeader.session], [header.msg_id, "x"]);
        // And when the first has ended, at once.
        peer.send("broadcast", peer.session.pack({ ...header, session: "y" }, {}, { metadata }));
        assertError(await answer(peer, "broadcast"), "ValueError", /was used before/);
        const record = await recordOf(peer, `${header.msg_id}_${engine.uuid}`);
        assert.equal(record["status"], "error");
        await queueIsEmpty(run.client);
      }
    }
  });
});
