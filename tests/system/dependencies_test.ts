/** Time and place dependencies of load-balanced tasks: in every form, with every condition, on tasks of every kind. */
import assert from "node:assert/strict";
import {
  type Client,
  ImpossibleDependency,
  InvalidDependency,
  TaskCancelled,
  TaskTimeout,
} from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { NEEDS_PYTHON, PYTHON, PythonPeers } from "./python_peers.ts";
import { errorOf, queueIsEmpty, Run } from "./run.ts";

function fails(): never {
  throw new Error("as wanted");
}

/** A task that ends when it is told to, by its engine's namespace. */
function gate(client: Client, name: string) {
  const held = client.loadBalanced().apply(async (name: string) => {
    const space = globalThis as unknown as Record<string, unknown>;
    await new Promise<void>((resolve) => space[name] = resolve);
  }, name);
  return { held, open: () => held.cancel("the test goes on") };
}

Deno.test("after and follow", async (test) => {
  await using run = await Run.start({ n: 2 });
  const { client } = run;
  const view = client.loadBalanced();

  await test.step("by result, msg_id, list, condition", async () => {
    const first = view.apply(() => 1),
      second = view.apply(() => 2),
      both = client.loadBalanced().execute("3");
    const several = view.with({ after: [first, second.msgIds[0]!, both] }).apply(() => Date.now());
    const one = view.with({ after: first }).apply(() => Date.now());
    const named = view.with({ after: first.msgIds[0]! }).apply(() => Date.now());
    const condition = view.with({ after: { ids: [first, second], all: false } }).apply(() => Date.now());
    await Promise.all([several, one, named, condition]);
    const [end, other] = [first.metadata.completed!, second.metadata.completed!];
    for (const { metadata } of [several, one, named]) assert(metadata.started! >= end - 1);
    // One of the two is enough.
    assert(condition.metadata.started! >= Math.min(end, other) - 1);
    assert.deepEqual(several.metadata.after, [first, second, both].map(({ msgIds }) => msgIds[0]));
    assert.deepEqual(await view.with({ after: [] }).apply(() => 5), 5);
    const hubs = client.result(first.msgIds[0]!);
    assert.equal(await view.with({ after: hubs }).apply(() => 6), 6);
  });

  await test.step("success, failure, all, any", async () => {
    const good = view.apply(() => 1), bad = view.apply(fails);
    await errorOf(bad);
    await good;
    const run = (condition: object) =>
      view.with({ after: { ids: [good, bad], ...condition } }).apply(() => "ran");
    assert(await errorOf(run({})) instanceof ImpossibleDependency);
    assert(await errorOf(run({ failure: true, success: false })) instanceof ImpossibleDependency);
    assert.equal(await run({ failure: true }), "ran");
    assert.equal(await run({ all: false }), "ran");
    assert.equal(await run({ all: false, failure: true, success: false }), "ran");
    assert(
      await errorOf(view.with({ after: { ids: [bad], all: false } }).apply(() => 1)) instanceof
        ImpossibleDependency,
    );
  });

  await test.step("what has become impossible is said at once, and to those behind it", async () => {
    const { held, open } = gate(client, "first");
    const bad = view.apply(fails);
    const all = view.with({ after: [held, bad] }).apply(() => 1);
    const behind = view.with({ after: all }).apply(() => 2);
    const whenFailed = view.with({ after: { ids: [all], failure: true, success: false } }).apply(() => 3);
    const error = await errorOf(all);
    assert(error instanceof ImpossibleDependency);
    assert.match(error.message, /Cannot run: a task that its "after" names did not end as wanted/);
    assert(await errorOf(behind) instanceof ImpossibleDependency);
    assert.equal(await whenFailed, 3);
    assert.equal(held.done, false);
    open();
    await errorOf(held);
  });

  await test.step("place", async () => {
    const places = await Promise.all(
      [0, 1].map((id) => view.with({ targets: [id] }).apply((x: number) => x, id)),
    );
    assert.deepEqual(places, [0, 1]);
    for (const id of [0, 1, 1, 0]) {
      const there = view.with({ targets: [id] }).apply(() => 1);
      const follower = view.with({ follow: there }).apply(() => 2);
      await follower;
      assert.equal(follower.metadata.engineId, id);
    }
    const at0 = view.with({ targets: [0] }).apply(() => 1), at1 = view.with({ targets: [1] }).apply(() => 1);
    const torn = await errorOf(view.with({ follow: [at0, at1] }).apply(() => 2));
    assert(torn instanceof ImpossibleDependency);
    assert.match(torn.message, /the tasks that it follows ran on different engines/);
    assert.equal(await view.with({ follow: { ids: [at0, at1], all: false } }).apply(() => 2), 2);
    const elsewhere = await errorOf(view.with({ follow: at0, targets: [1] }).apply(() => 2));
    assert(elsewhere instanceof ImpossibleDependency);
  });

  await test.step("time", async () => {
    const { held, open } = gate(client, "second");
    const error = await errorOf(view.with({ after: held, queueTimeoutMs: 50 }).apply(() => 1));
    assert(error instanceof TaskTimeout);
    assert.match(error.message, /Waited longer than 0\.05 s/);
    open();
    await errorOf(held);
  });

  await test.step("unknown ids, direct requests, conditions that nothing meets, other things", async () => {
    for (const name of ["after", "follow"] as const) {
      const nobody = await errorOf(view.with({ [name]: "nobody_1" }).apply(() => 1));
      assert(nobody instanceof InvalidDependency);
      assert.match(nobody.message, new RegExp(`Cannot wait for task 'nobody_1' \\(${name}\\): no such task`));
    }
    const direct = client.direct(0).apply(() => 1);
    await direct;
    const unseen = await errorOf(view.with({ after: direct }).apply(() => 1));
    assert(unseen instanceof InvalidDependency);
    assert.match(unseen.message, /and no direct requests/);
    const first = view.apply(() => 1);
    await first;
    const with_ = (after: unknown) => () => view.with({ after: after as string }).apply(() => 1);
    assert.throws(with_({ ids: [first], success: false }), /neither success nor failure counts/);
    assert.throws(with_({ ids: [first], sucess: true }), /Unknown field "sucess" of a dependency.*success/);
    assert.throws(with_(5), /Cannot depend on 5: pass an AsyncResult or a msg_id/);
    assert.throws(with_([first, null]), /Cannot depend on null/);
    assert.throws(with_(null), /Cannot depend on null/);
    const map = view.map((x: number) => x, [1]);
    assert.throws(with_(map), /Cannot depend on a map/);
    assert.deepEqual(await map, [1]);
    assert.equal(await view.with({ after: { ids: first as never } }).apply(() => 2), 2);
  });

  await test.step("graphs name their cycle, and the unknown", () => {
    const run = () => 1;
    assert.throws(
      () => client.graph({ a: { run, after: ["c"] }, b: { run, after: ["a"] }, c: { run, follow: ["b"] } }),
      /it has a cycle: "a" waits for "c" waits for "b" waits for "a"/,
    );
    assert.throws(
      () => client.graph({ a: { run, after: ["z"] } }),
      /node "a" waits for "z", which is no node/,
    );
  });
  await queueIsEmpty(client);
});

Deno.test("tasks of other clients, and of long ago", async () => {
  await using run = await Run.start({ n: 1 });
  const { client } = run;
  const other = await run.connect();
  const view = client.loadBalanced();
  const good = other.loadBalanced().apply(() => 1), bad = other.loadBalanced().apply(fails);
  await good;
  await errorOf(bad);
  await other.close();
  await queueIsEmpty(client);
  await client.purge({ msgIds: "all" });
  assert.equal(await view.with({ after: good.msgIds }).apply(() => 2), 2);
  assert.equal(await view.with({ follow: good }).apply(() => 2), 2);
  assert.equal(await view.with({ after: [good, view.apply(() => 1)] }).apply(() => 2), 2);
  assert(await errorOf(view.with({ after: bad.msgIds }).apply(() => 2)) instanceof ImpossibleDependency);
});

Deno.test("tasks of an earlier run, which only the records know", async () => {
  await using run = await Run.start({ n: 1 });
  const good = run.client.loadBalanced().apply(() => 1), bad = run.client.loadBalanced().apply(fails);
  const direct = run.client.direct(0).apply(() => 1);
  await Promise.all([good, direct]);
  await errorOf(bad);
  await queueIsEmpty(run.client);
  const [goodId, badId, directId] = [good, bad, direct].flatMap(({ msgIds }) => msgIds) as [
    string,
    string,
    string,
  ];
  await run.client.close();
  await run.cluster.stop();
  await run.folder.isDeserted();
  await using cluster = await Cluster.start({ n: 1, profileDir: run.folder.dir });
  await using client = await cluster.client();
  const view = client.loadBalanced();
  assert.equal(await view.with({ after: goodId }).apply(() => 2), 2);
  assert.equal(await view.with({ after: [goodId, view.apply(() => 1)] }).apply(() => 3), 3);
  assert.equal(await view.with({ after: { ids: [badId, goodId], failure: true } }).apply(() => 4), 4);
  assert(await errorOf(view.with({ after: badId }).apply(() => 2)) instanceof ImpossibleDependency);
  assert.equal(await view.with({ after: client.result(goodId), label: "l" }).apply(() => 5), 5);
  for (const id of [directId, "nobody_1", `${goodId}0`]) {
    const error = await errorOf(view.with({ after: [goodId, id] }).apply(() => 1));
    assert(error instanceof InvalidDependency, String(error));
    assert.match(error.message, new RegExp(`Cannot wait for task '${id}' \\(after\\): no such task`));
  }
  // The engine where it ran is gone with that run.
  assert(await errorOf(view.with({ follow: goodId }).apply(() => 1)) instanceof ImpossibleDependency);
  // One that is cancelled, or too old, before the hub has answered, ends all the same.
  const stopped = view.with({ after: "nobody_2" }).apply(() => 1);
  stopped.cancel();
  const ended = await errorOf(stopped);
  assert(ended instanceof TaskCancelled || ended instanceof InvalidDependency);
  await queueIsEmpty(client);
});

Deno.test({
  name: `tasks of a Python client ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  async fn() {
    await using run = await Run.start({ n: 1 });
    const { client } = run;
    await using python = new PythonPeers(run.folder);
    python.startEngines(1);
    await client.waitForEngines(2, { timeoutMs: 40_000 });
    const [good, bad, late] = (await python.run(`
import sys, time, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(2, timeout=40)
view = rc.load_balanced_view()
view.targets = 1
def fails(): raise ValueError("no")
good, bad, late = view.apply_async(lambda: 1), view.apply_async(fails), view.apply_async(time.sleep, 0.5)
bad.wait(20)
print(*[r.msg_ids[0] for r in (good, bad, late)])
`)).split(" ") as [string, string, string];
    const view = client.loadBalanced();
    assert.equal(await view.with({ after: [good, late] }).apply(() => 5), 5);
    assert(await errorOf(view.with({ after: bad }).apply(() => 5)) instanceof ImpossibleDependency);
    assert.equal(await view.with({ after: { ids: [bad], failure: true } }).apply(() => 6), 6);
    // Its place is a Python engine, which takes no function of ours.
    const follow = await errorOf(view.with({ follow: good }).apply(() => 5));
    assert(follow instanceof ImpossibleDependency);
    const there = client.loadBalanced({ targets: [1], follow: good, after: late });
    assert.equal((await there.execute("1 + 1")).value, 2);
  },
});
