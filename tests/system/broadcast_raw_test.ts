/** Broadcasts by hand: what peers see of the tree, engines that are not there, ids that come twice, aborts that overtake; nothing stays behind. */
import assert from "node:assert/strict";
import { RawEngine } from "./raw_engine.ts";
import { RawPeer } from "./raw_peer.ts";
import { eventually, queueIsEmpty, Run } from "./run.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (frame: Uint8Array | undefined) => new TextDecoder().decode(frame);

Deno.test("what peers see of a broadcast", async (test) => {
  await using run = await Run.start({ n: 1, controllerArgs: ["--broadcast-depth=2"] });
  using peer = new RawPeer(run.folder.dir);
  using first = new RawEngine(peer), second = new RawEngine(peer);
  await first.register();
  await second.register();
  await run.client.waitForEngines(3, { timeoutMs: 20_000 });
  const pair = ({ uuid, id }: RawEngine) => [uuid, id] as const;
  const broadcast = (
    targets: unknown,
    isCoalescing: boolean,
    buffers: Uint8Array[] = [],
    content: object = {},
  ) => {
    const header = peer.session.header("apply_request");
    const metadata = {
      targets,
      is_broadcast: true,
      is_coalescing: isCoalescing,
      label: "x",
      large: 2n ** 60n,
    };
    peer.send("broadcast", peer.session.pack(header, content, { metadata, buffers }));
    return header.msg_id;
  };
  const answer = async () => peer.session.parse(await peer.receive("broadcast"));

  await test.step("a copy has an id of its own, all else is as it came; idents name the nodes on the way", async () => {
    const large = crypto.getRandomValues(new Uint8Array(60_000));
    const id = broadcast([pair(first), pair(second)], false, [bytes("a"), large, bytes("")], {
      deep: [1, { x: null }],
    });
    for (const engine of [second, first]) {
      const request = await engine.next();
      const { header, metadata, content, buffers } = request.message;
      assert.equal(header.msg_id, `${id}_${engine.uuid}`);
      assert.deepEqual(content, { deep: [1, { x: null }] });
      assert.deepEqual(buffers, [bytes("a"), large, bytes("")]);
      assert.deepEqual([metadata["original_msg_id"], metadata["label"]], [id, "x"]);
      assert.equal(metadata["large"], 2n ** 60n);
      assert.deepEqual(metadata["targets"], [pair(engine)]);
      const path = (engine.id % 4).toString(2).padStart(3, "0");
      const names = [path, path.slice(0, 2), path.slice(0, 1)].map((name) => `sub_scheduler_${name}`);
      assert.deepEqual(request.idents.slice(0, 3).map(text), names);
      assert.equal(request.idents.length, 4);
      engine.reply(request, { status: "ok" }, [bytes(engine.uuid)]);
      const reply = await answer();
      assert.equal(reply.idents.length, 0);
      assert.equal(reply.parentHeader.msg_id, `${id}_${engine.uuid}`);
      assert.deepEqual(reply.buffers, [bytes(engine.uuid)]);
    }
    await queueIsEmpty(run.client);
  });

  await test.step("an engine that is not there gets an error in its place, in either mode", async () => {
    const id = broadcast([["nobody", 77], pair(first)], false);
    const refused = await answer();
    assert.equal(refused.parentHeader.msg_id, `${id}_nobody`);
    assert.deepEqual([refused.content["status"], refused.content["ename"]], ["error", "EngineError"]);
    first.reply(await first.next(), { status: "ok" });
    assert.equal((await answer()).parentHeader.msg_id, `${id}_${first.uuid}`);

    const together = broadcast([["nobody", 77], pair(first)], true);
    first.reply(await first.next(), { status: "ok" }, [bytes("fine")]);
    const whole = await answer();
    assert.equal(whole.metadata["original_msg_id"], together);
    assert.deepEqual(whole.metadata["broadcast_targets"], [["nobody", 77], pair(first)]);
    assert.match(
      String(whole.content["evalue"]),
      /1 of 2 engines failed: \[engine 77\] .*"nobody" is not registered/,
    );
    assert.deepEqual(whole.buffers, []);

    broadcast([["nobody", 77]], true);
    assert.equal((await answer()).content["status"], "error");
  });

  await test.step("targets that are none get an error under the request's own id", async () => {
    for (const targets of [[], undefined, 5, ["nobody"], [[1, "x"]], [["", 1]], { a: 1 }, [["x", 0], null]]) {
      const id = broadcast(targets, true);
      const reply = await answer();
      assert.deepEqual([reply.parentHeader.msg_id, reply.content["status"]], [id, "error"]);
      assert.equal(reply.metadata["is_coalescing"], undefined);
    }
  });

  await test.step("only an engine's own reply counts, and once", async () => {
    const id = broadcast([pair(first), pair(second)], true);
    const [one, two] = [await first.next(), await second.next()];
    second.reply(one, { status: "ok" }, [bytes("forged")]);
    first.reply(one, { status: "ok" }, [bytes("1")]);
    first.reply(one, { status: "ok" }, [bytes("again")]);
    second.reply(two, { status: "ok" }, [bytes("2")]);
    second.reply(two, { status: "ok" }, [bytes("late")]);
    const whole = await answer();
    assert.equal(whole.metadata["original_msg_id"], id);
    assert.deepEqual(whole.buffers.map(text), ["1", "2"]);
    const next = broadcast([pair(first)], false);
    first.reply(await first.next(), { status: "ok" });
    assert.equal((await answer()).parentHeader.msg_id, `${next}_${first.uuid}`);
  });

  await test.step("an abort that overtakes its broadcast, and one that does not", async () => {
    const header = peer.session.header("apply_request");
    const uuid = bytes(first.uuid);
    peer.send("control", [uuid, ...peer.session.message("abort_request", { msg_ids: [header.msg_id] })]);
    // What comes after it on the same connection shows that it was read.
    const { dropped } = (await run.client.status()) as unknown as { dropped: number };
    peer.send("control", [bytes("junk")]);
    await eventually(
      () => run.client.status() as unknown as Promise<{ dropped: number }>,
      (s) => s.dropped > dropped,
      "read",
    );
    const metadata = { targets: [pair(first)], is_broadcast: true, is_coalescing: true };
    peer.send("broadcast", peer.session.pack(header, {}, { metadata }));
    assert.equal((await answer()).content["status"], "aborted");
  });

  await test.step("an engine whose connection does not stand yet gets its copy once it does", async () => {
    using late = new RawEngine(peer);
    await late.register({ isConnected: false });
    await run.client.waitForEngines(4, { timeoutMs: 20_000 });
    peer.send("control", [bytes(late.uuid), ...peer.session.message("clear_request", {})]);
    const id = broadcast([pair(late)], false, [bytes("x".repeat(20_000))]);
    broadcast([pair(late)], false);
    late.connect();
    const request = await late.next();
    assert.equal(request.message.header.msg_id, `${id}_${late.uuid}`);
    assert.equal(request.message.buffers[0]!.length, 20_000);
    late.reply(request, { status: "ok" });
    await answer();
    late.connectControl();
    const frames = await eventually(
      () => late.control.receive(),
      (frames) => frames !== undefined,
      "control comes",
    );
    assert.equal(peer.session.parse(frames!).header.msg_type, "clear_request");
    // It leaves without an answer to the second: its client hears of that, the record ends.
    late.leave();
    await queueIsEmpty(run.client);
    const { content } = await peer.ask("db_request", {
      query: { engine_uuid: late.uuid },
      keys: ["result_content", "completed"],
    });
    const records = content["records"] as { result_content: { ename?: string }; completed: unknown }[];
    assert.equal(records.length, 2);
    assert(records.every(({ completed }) => completed !== null));
    assert(records.some(({ result_content }) => result_content.ename === "EngineError"));
  });

  assert.doesNotMatch(run.log("ipcontroller"), /Cannot handle a message|cannot be recorded/);
});
