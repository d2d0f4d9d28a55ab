/** Thousands of tasks of which many fail, with and without retries: every one has its outcome, and ran just as often as it may. */
import assert from "node:assert/strict";
import { RemoteError } from "../../../src/client/client.ts";
import { eventually, queueIsEmpty } from "../run.ts";
import { Marks, ranAtMost, recordedBy, scaled } from "./counted.ts";

/** Marks its run; of three kinds of numbers one always fails. */
const failing = (i: number, path: string) => {
  Deno.writeTextFileSync(path, `${i}\n`, { append: true });
  if (i % 3 === 0) throw new Error(`bad ${i}`);
  return i * 2;
};

Deno.test("tasks that fail are tried as often as they may, and each has one outcome", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 2 });
  const { client } = run, tasks = scaled(30_000), retriesOf = (i: number) => i % 7 % 3;
  const views = [0, 1, 2].map((retries) => client.loadBalanced({ retries }));
  const path = marks.path;
  const results = Array.from({ length: tasks }, (_, i) => views[retriesOf(i)]!.apply(failing, i, path));
  const settled = await Promise.allSettled(results);
  let bad = 0;
  for (const [i, one] of settled.entries()) {
    if (one.status === "fulfilled") assert.equal(one.value, i * 2);
    else {
      assert(one.reason instanceof RemoteError, String(one.reason));
      assert.match(one.reason.message, new RegExp(`bad ${i}$`));
      bad++;
    }
    assert.equal(one.status === "rejected", i % 3 === 0, `task ${i}`);
  }
  const counts = marks.counts();
  ranAtMost(counts, (i) => i % 3 === 0 ? 1 + retriesOf(i) : 1);
  for (let i = 0; i < tasks; i++) {
    assert.equal(counts.get(i), i % 3 === 0 ? 1 + retriesOf(i) : 1, `runs of task ${i}`);
  }
  await queueIsEmpty(client);
  await eventually(
    () => recordedBy(client, ["ok", "error"]),
    (found) => found.ok === tasks - bad && found.error === bad,
    "records agree with what the client saw",
  );
});
