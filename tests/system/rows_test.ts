/** What docs/ipyparallel.md says and no other test shows. */
import assert from "node:assert/strict";
import { Client, Reference, TaskCancelled } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { errorOf, eventually, Run } from "./run.ts";

Deno.test("ipyparallel's words in ours", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced(), all = client.direct("all");

  await test.step("tasks of one client are found by its session", async () => {
    const other = await run.connect();
    const mine = view.apply(() => 1), others = other.loadBalanced().apply(() => 2);
    await Promise.all([mine, others]);
    const found: unknown[] = [];
    for await (const { msg_id } of client.tasks({ client_uuid: client.session }, ["msg_id"])) {
      found.push(msg_id);
    }
    assert.deepEqual(found, mine.msgIds);
  });

  await test.step("tasks are waited for by their ids, and looked at while they run", async () => {
    const other = await run.connect();
    const ids = [1, 2, 3].map((x) => view.apply((x: number) => x * x, x)).flatMap(({ msgIds }) => msgIds);
    const lines: string[] = [];
    const results = other.result(ids);
    await results.waitInteractive({ write: (text) => lines.push(text) });
    assert.match(lines.at(-1) ?? "", /3\/3/);
    const { done, pending } = await other.result(ids).wait({ for: "all" });
    assert.deepEqual([done.length, pending.length], [3, 0]);
    assert.deepEqual(await results, [1, 4, 9]);
  });

  await test.step("a view tells its targets and options, and never changes", () => {
    assert.deepEqual(all.targets, [0, 1]);
    assert.equal(all.targets.length, 2);
    assert.deepEqual(client.direct({ from: 1 }).targets, [1]);
    const narrow = view.with({ targets: [1], retries: 2 });
    const labelled = narrow.with({ label: "x" });
    assert.deepEqual(narrow.options, { targets: [1], retries: 2 });
    assert.deepEqual(labelled.options, { targets: [1], retries: 2, label: "x" });
    assert.deepEqual(view.options, {});
    assert.deepEqual(all.with({ targets: [0] }).targets, [0]);
    assert.deepEqual(all.targets, [0, 1]);
  });

  await test.step("a view aborts what waits on its engines", async () => {
    const busy = client.direct(0).apply(async () => {
      console.log("begun");
      await new Promise((resolve) => setTimeout(resolve, 3_600_000));
    });
    await eventually(() => busy.metadata.stdout, (text) => text === "begun\n", "the first runs");
    const waiting = client.direct(0).apply(() => 1);
    client.direct(0).abort();
    assert.equal((await errorOf(waiting) as Error).name, "TaskAborted");
    assert.equal(busy.done, false);
    busy.cancel();
    await errorOf(busy);
  });

  await test.step("a result is as good as a promise", async () => {
    const ended: string[] = [];
    await view.apply(() => 1).finally(() => ended.push("finally"));
    assert.equal(await view.apply(() => 1).then((x) => x + 1), 2);
    const fail = () => {
      throw new Error("no");
    };
    assert.equal(await view.apply(fail).catch(() => "caught"), "caught");
    assert.deepEqual(await Promise.all([view.apply(() => 1), view.apply(() => 2)]), [1, 2]);
    assert.equal(await Promise.any([view.apply(fail), view.apply(() => 3)]), 3);
    assert.deepEqual(ended, ["finally"]);
  });

  await test.step("a cancelled result says so", async () => {
    const result = view.apply(() => new Promise<void>(() => {}));
    result.cancel("changed my mind");
    const error = await errorOf(result);
    assert(error instanceof TaskCancelled);
    assert.equal(error.by?.why, "changed my mind");
    assert.deepEqual([result.done, result.successful, result.metadata.status], [true, false, "cancelled"]);
    result.cancel("again");
    result.abort();
  });

  await test.step("a cell's text is in its record", async () => {
    const code = "const answer = 42; answer";
    const cell = client.direct(0).execute(code);
    await cell;
    const [msg_id] = cell.msgIds;
    const records = await eventually(
      () => client.query({ msg_id }, ["execute_input"]),
      (found) => found.length > 0,
      "the record is there",
    );
    assert.equal(records[0]?.execute_input, code);
  });

  await test.step("a reference stands for what the engine has", async () => {
    await all.push({ table: [1, 2, 3] });
    await all.execute("const total = (xs: number[]) => xs.reduce((a, b) => a + b, 0)");
    assert.deepEqual(await all.apply(new Reference("total"), [4, 5]), [9, 9]);
    assert.equal(await client.direct(0).apply(new Reference("Math.max"), 3, 8), 8);
    const sized = (xs: number[]) => xs.length;
    assert.equal(await client.direct(0).apply(sized, new Reference("table") as unknown as number[]), 3);
  });
});

Deno.test("a client is found by profile folder and by file", async () => {
  await using run = await Run.start({ n: 1 });
  for (const place of [{ profileDir: run.folder.dir }, { file: run.clientFile }]) {
    await using client = await Client.connect(place);
    assert.deepEqual(client.ids, [0]);
  }
});

Deno.test("engine hosts get signals, and who waits for an end hears of it", async () => {
  await using run = await Run.start({ n: 1 });
  const ended = run.cluster.partEnded();
  await run.cluster.signalEngines("SIGTERM", "0");
  const { part, sentence } = await ended;
  assert.equal(part.saved.set, "0");
  assert.match(sentence, /is gone/);
  assert.deepEqual([...run.cluster.engineSets.keys()], []);
});

Deno.test("engines learn from their environment where the controller is", async () => {
  await using folder = new RunFolder();
  await using cluster = await Cluster.start({ n: 1, profileDir: folder.dir, connectionInfo: "environment" });
  const { pid } = cluster.engineSet("0");
  const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
  assert.match(environment, /(^|\0)IPP_CONNECTION_INFO=\{/);
  await using client = await cluster.client();
  assert.equal(await client.loadBalanced().apply(() => 1), 1);
});
