/** Results in a real cluster: waits, live output, groups, and results and records from elsewhere. */
import assert from "node:assert/strict";
import {
  AsyncResult,
  LimitExceeded,
  RemoteError,
  ResultGroup,
  TaskCancelled,
  UnknownTask,
} from "../../src/client/client.ts";
import { errorOf, eventually, Run } from "./run.ts";

const slow = (ms: number) => new Promise<string>((resolve) => setTimeout(() => resolve("late"), ms));

Deno.test("results of a running cluster, and of its records", async (test) => {
  await using run = await Run.start();
  const { client } = run;
  const view = client.loadBalanced();
  const all = client.direct("all");
  const recorded = (msgId: string) =>
    eventually(
      async () => (await client.query({ msg_id: msgId }, ["completed"]))[0]?.completed,
      (completed) => completed != null,
      "it is recorded",
    );

  await test.step("times and metadata of real tasks", async () => {
    const result = all.apply(slow, 60);
    assert.equal((await result.wait({ for: "first", timeoutMs: 10_000 })).done.length > 0, true);
    await result;
    assert.equal(result.successful, true);
    assert(result.serialTime >= 100, `${result.serialTime}`);
    assert(result.wallTime >= 50 && result.speedup > 0, `${result.wallTime} ${result.speedup}`);
    for (const { submitted, started, completed, received, engineId } of result.metadata) {
      assert(submitted <= started! && started! <= completed! && completed! <= received!);
      assert(client.ids.includes(engineId!));
    }
    assert.deepEqual([...(await result.byEngine()).keys()], client.ids);
  });

  await test.step("text is there while its task still runs, with who wrote it", async () => {
    const result = all.apply(async (name: string) => {
      const space = globalThis as unknown as Record<string, unknown>;
      console.log("begun");
      while (space[name] !== true) await new Promise((resolve) => setTimeout(resolve, 5));
      console.error("ended");
    }, "mayEnd");
    const writers = new Set<number | null>();
    for await (const { value, engineId } of result.stdout) {
      assert.equal(value, "begun\n");
      assert.equal(result.progress, 0);
      writers.add(engineId);
      if (writers.size === client.ids.length) break;
    }
    assert.deepEqual([...writers].sort(), client.ids);
    result.cancel("seen enough");
    await result.wait();
  });

  await test.step("progress as text, until all is done", async () => {
    const lines: string[] = [];
    await all.apply(slow, 30).waitInteractive({ interval: 5, write: (text) => lines.push(text) });
    assert.match(lines.at(-1)!, /^apply on 2 engines: 2\/2 \d+\.\d s\n$/);
  });

  await test.step("a group never has more open than its limit", async () => {
    const group = new ResultGroup<number[]>({ limit: 3 });
    let most = 0;
    for (let i = 0; i < 20; i++) {
      await group.submit(() => view.apply((x: number) => x * 2, i));
      most = Math.max(most, group.counts.pending);
    }
    assert.deepEqual(await group, Array.from({ length: 20 }, (_, i) => i * 2));
    assert(most <= 3, `${most}`);
    const mixed = AsyncResult.all([all.apply(() => 1), view.apply(slow, 60_000)]);
    mixed.cancel("no more");
    await mixed.wait({ timeoutMs: 15_000 });
    const failure = await errorOf(mixed);
    assert.match(String(failure), /group of 2 results.*\n.*TaskCancelled/);
  });

  await test.step("results of several tasks by msg_ids, from another client", async () => {
    const other = await run.connect();
    const value = view.with({ label: "v", priority: 2 }).apply((x: number) => ({ x }), 4);
    const failed = view.with({ after: value }).apply(() => {
      console.log("before it failed");
      throw new TypeError("on purpose");
    });
    const limited = view.with({ limits: { resultLimitBytes: 1000 } }).apply(() => "x".repeat(100_000));
    const running = view.apply(slow, 300);
    const ids = [value, failed, limited, running].map(({ msgIds }) => msgIds[0]!);
    const result = other.result(ids, { timeoutMs: 15_000 });
    assert.equal(result.count, 4);
    const { done } = await result.wait({ for: "first-error" });
    assert(done.length >= 1);
    const settled = await result.settled();
    assert.deepEqual(settled[0], { status: "fulfilled", value: { x: 4 } });
    assert.deepEqual(settled[3], { status: "fulfilled", value: "late" });
    const [, error, limit] = settled.map((one) => one.status === "rejected" ? one.reason : undefined);
    assert(error instanceof RemoteError && error.ename === "TypeError");
    assert(limit instanceof LimitExceeded);
    const [first, second, third] = result.metadata;
    assert.deepEqual([first!.label, first!.priority, first!.status], ["v", 2, "ok"]);
    assert.deepEqual(second!.after, [ids[0]]);
    assert.deepEqual([second!.status, third!.status], ["error", "error"]);
    const { submitted, started, completed, received, engineUuid, engineId } = first!;
    assert(submitted <= started! && started! <= completed! && completed! <= received! + 1);
    assert.deepEqual([engineId, engineUuid], [value.metadata.engineId, value.metadata.engineUuid]);
    assert(result.serialTime >= 250);
    const again = other.result(ids[1]!);
    await again.wait();
    const printed = await eventually(
      async () => (await other.query({ msg_id: ids[1]! }, ["stdout"]))[0]!.stdout,
      (text) => text !== null,
      "its text is recorded",
    );
    assert.equal(printed, "before it failed\n");
    const texts: string[] = [];
    const later = other.result([ids[1]!]);
    for await (const { value } of later.stdout) texts.push(value);
    assert.deepEqual(texts, ["before it failed\n"]);
  });

  await test.step("another client's running task can be stopped by its result", async () => {
    const other = await run.connect();
    const running = view.apply(slow, 60_000);
    const followed = other.result(running.msgIds[0]!);
    await eventually(() => followed.metadata.submitted, (time) => time > 0, "it is followed");
    assert.throws(() => followed.abort(), /cancel\(\) stops them/);
    followed.cancel("asked from elsewhere");
    const error = await errorOf(followed);
    assert(error instanceof TaskCancelled, String(error));
    assert.match(String(await errorOf(running)), /asked from elsewhere/);
    assert.equal(followed.metadata.status, "cancelled");
  });

  await test.step("unknown and purged tasks end in a sentence, beside those that are known", async () => {
    const known = view.apply(() => "there");
    await known;
    await recorded(known.msgIds[0]!);
    const result = client.result(["nobody_1_1", known.msgIds[0]!, "nobody_1_12"], { timeoutMs: 10_000 });
    const settled = await result.settled();
    assert.deepEqual(settled[1], { status: "fulfilled", value: "there" });
    for (const i of [0, 2]) {
      const one = settled[i]!;
      const error: unknown = one.status === "rejected" ? one.reason : undefined;
      assert(
        error instanceof UnknownTask && /no client of this cluster has submitted it/.test(error.message),
      );
    }
    await client.purge({ msgIds: [known.msgIds[0]!] });
    assert.match(String(await errorOf(client.result(known.msgIds[0]!))), /or its record was purged/);
    assert.throws(() => client.result([]), /no msg_id is named/);
    assert.throws(() => client.result([5 as unknown as string]), /pass msg_ids/);
    assert.equal(await client.result(view.apply(() => "at once").msgIds[0]!), "at once");
    const open = view.apply(slow, 500);
    await assert.rejects(
      client.result(open.msgIds[0]!, { timeoutMs: 20 }),
      /Waited 20 ms: task .* not finished/,
    );
    const aborter = new AbortController();
    const left = client.result(open.msgIds[0]!, { signal: aborter.signal });
    aborter.abort(new Error("left"));
    assert.match(String(await errorOf(left)), /left/);
    assert.equal(await open, "late");
  });

  await test.step("tasks that run again give results too", async () => {
    const task = view.apply((x: number) => x + 1, 1);
    await task;
    await recorded(task.msgIds[0]!);
    const { msgIds, result } = await client.resubmit(task.msgIds, { results: true });
    assert.deepEqual(await result, [2]);
    assert.deepEqual(result.msgIds, Object.values(msgIds));
  });

  await test.step("records come one by one, none twice and none left out, while tasks are added", async () => {
    const count = 1000;
    const before = view.with({ label: "counted" }).map(
      (x: number) => x,
      Array.from({ length: count }, (_, i) => i),
    );
    await before;
    const counted = { label: "counted" };
    await eventually(
      () => client.query({ ...counted, completed: { $ne: null } }, ["msg_id"]),
      (records) => records.length === count,
      "all are recorded",
    );
    const expected = (await client.query(counted, ["msg_id"])).map(({ msg_id }) => String(msg_id));
    const seen: string[] = [];
    const added: PromiseLike<unknown>[] = [];
    for await (const record of client.tasks(counted, ["msg_id", "label"], { pageSize: 70 })) {
      assert.deepEqual(Object.keys(record).sort(), ["label", "msg_id"]);
      seen.push(String(record.msg_id));
      if (seen.length % 100 === 0 && seen.length < count) added.push(view.with(counted).apply(() => 0));
    }
    await Promise.all(added);
    assert.equal(new Set(seen).size, seen.length);
    assert.deepEqual(seen.filter((id) => expected.includes(id)), expected);
    const values: unknown[] = [];
    for await (const { result } of client.tasks(counted, ["result_buffers"], { pageSize: 400 })) {
      values.push(result);
      if (values.length === 3) break;
    }
    assert.deepEqual(values, [0, 1, 2]);
    await assert.rejects(client.tasks({ nothing: 1 }).next(), /nothing/);
    await assert.rejects(client.tasks({}, null, { pageSize: 0 }).next(), RangeError);
    const empty: unknown[] = [];
    for await (const record of client.tasks({ label: "nobody's" })) empty.push(record);
    assert.deepEqual(empty, []);
  });

  await test.step("labels and priorities can be asked for", async () => {
    await view.with({ label: "urgent", priority: 7 }).apply(() => 1);
    const found = await eventually(
      () => client.query({ label: "urgent", priority: { $gt: 5 } }, ["label", "priority"]),
      (records) => records.length > 0,
      "it is recorded",
    );
    assert.deepEqual([found[0]!.label, found[0]!.priority], ["urgent", 7]);
  });

  await test.step("results outlive their client", async () => {
    const first = await run.connect();
    const running = first.loadBalanced().apply(slow, 400);
    const done = first.loadBalanced().apply(() => new Uint8Array(2 << 20).fill(3));
    await done;
    const ids = [running.msgIds[0]!, done.msgIds[0]!];
    await first.close();
    await assert.rejects(running.then(), /client was closed/);
    const second = await run.connect();
    const [text, bytes] = await second.result(ids, { timeoutMs: 15_000 }) as [string, Uint8Array];
    assert.deepEqual([text, bytes.length, bytes.at(-1)], ["late", 2 << 20, 3]);
  });
});
