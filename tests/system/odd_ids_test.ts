/** Peers' tasks under ids of any text: each gets its own answer, each can be named by others, and the records find it. */
import assert from "node:assert/strict";
import { RawPeer } from "./raw_peer.ts";
import { queueIsEmpty, Run } from "./run.ts";

const IDS = [
  "3591271e-68f7857ef448b53ea7e8ae18_24677_0",
  crypto.randomUUID(),
  "_1",
  "x_",
  "x_01",
  "x_1",
  "7",
  "ünïcode ☂_7",
  "with\nnewline_5",
  "x_268435455",
  "x_268435456",
  "x_999999999",
  "x_4294967296",
  "x_99999999999999999999",
  "l".repeat(5000),
];

Deno.test("errors name tasks and engines as their client knows them", async () => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir);
  const why = async (metadata: Readonly<Record<string, unknown>>) => {
    peer.send("task", peer.session.message("apply_request", {}, { metadata }));
    const { content } = peer.session.parse(await peer.receive("task"), 0);
    return `${content["ename"]}: ${content["evalue"]}`;
  };
  const first = peer.session.msgId(1), later = peer.session.msgId(99);
  assert.match(await why({}), /^(?!InvalidDependency)/);
  assert.equal(
    await why({ after: [first, later] }),
    `InvalidDependency: Cannot wait for task '${later}' (after): no such task; the scheduler knows those that came to it, and no direct requests`,
  );
  // A number is no id, though the peer's first task was number 1.
  for (const name of ["after", "follow"]) {
    assert.equal(
      await why({ [name]: [1] }),
      `InvalidDependency: Cannot wait for task 1 (${name}): no such task; the scheduler knows those that came to it, and no direct requests`,
    );
  }
  assert.match(await why({ after: [null] }), /^TypeError: .*"after": null is no task id/);
  assert.equal(
    await why({ targets: ["nobody", "nor-she"] }),
    'ImpossibleDependency: Cannot run: no engine of ["nobody","nor-she"] is there to take it',
  );
  const view = run.client.loadBalanced();
  const done = view.apply(() => 1);
  await done;
  await assert.rejects(
    view.with({ after: ["nobody_1"] }).apply(() => 1),
    /Cannot wait for task 'nobody_1' \(after\): no such task/,
  );
});

Deno.test("a peer's task may have an id of any text", async () => {
  await using run = await Run.start({ n: 1 });
  using peer = new RawPeer(run.folder.dir);
  const send = (msg_id: string, metadata: object) =>
    peer.send(
      "task",
      peer.session.message("apply_request", {}, { header: { msg_id }, metadata: { ...metadata } }),
    );
  for (const id of IDS) send(id, {});
  for (const id of IDS) send(`after ${id}`, { after: { dependencies: [id], success: false, failure: true } });
  send("after nobody", { after: ["nobody"] });
  const answers = new Map<string, string>();
  while (answers.size < 2 * IDS.length + 1) {
    const { parentHeader, content } = peer.session.parse(await peer.receive("task"), 0);
    answers.set(String(parentHeader.msg_id), String(content["ename"]));
  }
  // Ours cannot run what a peer sends here, and says so for each; what waited for that failure has run too.
  for (const id of IDS) {
    const ename = answers.get(id);
    assert(ename !== undefined && !/Dependency|ValueError/.test(ename), `${id}: ${ename}`);
    assert.equal(answers.get(`after ${id}`), ename);
  }
  assert.equal(answers.get("after nobody"), "InvalidDependency");
  await queueIsEmpty(run.client);
  const { content } = await peer.ask("db_request", { query: { msg_id: { $in: IDS } }, keys: ["completed"] });
  const records = content["records"] as { msg_id: string; completed: unknown }[];
  assert.deepEqual(records.map(({ msg_id }) => msg_id).sort(), [...IDS].sort());
  assert(records.every(({ completed }) => completed !== null));
});
