/** Waves of cancels and AbortSignals among thousands of tasks, and children killed under load: each task has one outcome, and none runs twice. */
import assert from "node:assert/strict";
import { type AsyncResult, EngineError, TaskCancelled } from "../../../src/client/client.ts";
import { treesOf } from "../../bench/memory.ts";
import { eventually, queueIsEmpty } from "../run.ts";
import { Marks, ranAtMost, recordedBy, scaled } from "./counted.ts";

const marking = (i: number, path: string) => {
  Deno.writeTextFileSync(path, `${i}\n`, { append: true });
  return i * 3;
};

/** As above; one of sixteen takes a while, so that waves meet tasks of every state. */
const dawdling = async (i: number, path: string) => {
  Deno.writeTextFileSync(path, `${i}\n`, { append: true });
  if (i % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  return i * 3;
};

Deno.test("cancels and signals by the thousand stop what they can, and leave the rest alone", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 2 });
  const { client } = run, tasks = scaled(30_000), { path } = marks;
  const waves = Array.from({ length: 20 }, () => new AbortController());
  const plain = client.loadBalanced(), signalled = waves.map(({ signal }) => client.loadBalanced({ signal }));
  // Of ten tasks two hang on the signals, one is cancelled by itself.
  const results: AsyncResult<number>[] = [];
  for (let i = 0; i < tasks; i++) {
    const view = i % 10 < 2 ? signalled[i % waves.length]! : plain;
    results.push(view.apply(dawdling, i, path));
  }
  const settled = Promise.allSettled(results);
  for (const [wave, controller] of waves.entries()) {
    await eventually(
      () => results.filter((one) => one.done).length,
      (done) => done >= wave * tasks / 50,
      "some are done",
    );
    controller.abort(new Error(`wave ${wave}`));
    for (let i = 0; i < tasks; i++) {
      if (i % 10 === 5 && i % waves.length === wave) results[i]!.cancel("alone");
    }
    for (let i = tasks - 1 - wave; i > 0; i -= 400) if (i % 10 === 7) results[i]!.cancel("late");
  }
  let cancelled = 0;
  const outcomes = await settled, counts = marks.counts();
  for (const [i, one] of outcomes.entries()) {
    if (one.status === "fulfilled") assert.deepEqual([one.value, counts.get(i)], [i * 3, 1], `task ${i}`);
    else {
      assert(one.reason instanceof TaskCancelled, String(one.reason));
      assert(i % 10 < 2 || i % 10 === 5 || i % 10 === 7, `task ${i} was stopped by nobody`);
      cancelled++;
    }
  }
  ranAtMost(counts, () => 1);
  assert(cancelled > 0);
  console.log(`${tasks} tasks, ${cancelled} cancelled`);
  await queueIsEmpty(client);
  await eventually(
    async () => ({
      ok: (await recordedBy(client, ["ok"])).ok,
      open: (await client.query({ completed: null }, ["msg_id"])).length,
    }),
    (found) => found.ok === tasks - cancelled && found.open === 0,
    "records agree with what the client saw",
  );
});

Deno.test("children that are killed under load cost the task that they ran, and it only", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 2 });
  const { client } = run, tasks = scaled(20_000), kills = 5, { path } = marks;
  const results = Array.from({ length: tasks }, (_, i) => client.loadBalanced().apply(marking, i, path));
  const settled = Promise.allSettled(results);
  for (let kill = 1; kill <= kills; kill++) {
    await eventually(
      () => results.filter((one) => one.done).length,
      (done) => done > kill * tasks / (kills + 3),
      "some are done",
    );
    for (const pid of treesOf([run.hostPid]).filter((pid) => pid !== run.hostPid)) kill9(pid);
  }
  let lost = 0;
  const outcomes = await settled, counts = marks.counts();
  for (const [i, one] of outcomes.entries()) {
    if (one.status === "fulfilled") assert.deepEqual([one.value, counts.get(i)], [i * 3, 1], `task ${i}`);
    else {
      assert(one.reason instanceof EngineError, String(one.reason));
      lost++;
    }
  }
  ranAtMost(counts, () => 1);
  console.log(`${tasks} tasks, ${lost} lost with their children`);
  await queueIsEmpty(client);
  await eventually(
    () => recordedBy(client, ["ok"]),
    ({ ok }) => ok === tasks - lost,
    "records agree with what the client saw",
  );
});

function kill9(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // It has ended meanwhile.
  }
}
