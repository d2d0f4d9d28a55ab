/** Results of Python engines, and through Python's controller: live output, parts, records from elsewhere. */
import assert from "node:assert/strict";
import { CompositeError, Reference, RemoteError, UnknownTask } from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { clientAt, pythonController, pythonEngines, pythonTest } from "./python_peers.ts";
import { errorOf, Run } from "./run.ts";

pythonTest("results of Python engines, live and by msg_ids", async (stack) => {
  const run = stack.use(await Run.start({ n: 1 }));
  const { client } = run;
  const [ours] = client.ids;
  await pythonEngines(stack, run.folder.dir, 2);
  const ids = (await client.waitForEngines(3, { timeoutMs: 40_000 })).filter((id) => id !== ours);
  const both = client.direct(ids);

  await both.execute("import threading; go = threading.Event()");
  const running = both.execute("print('begun', flush=True); import time; time.sleep(0.3); print('ended'); 1");
  const pieces: [number | null, number, string][] = [];
  for await (const { value, engineId } of running.stdout) pieces.push([engineId, running.progress, value]);
  const begun = pieces.filter(([, , text]) => text.includes("begun"));
  assert.deepEqual(begun.map(([engine, done]) => [engine, done]).sort(), ids.map((id) => [id, 0]));
  assert.deepEqual(running.stdout.soFar, ["begun\nended\n", "begun\nended\n"]);
  assert.equal(running.successful, true);
  assert(running.serialTime >= 500 && running.wallTime >= 250, `${running.serialTime} ${running.wallTime}`);

  const shown = both.execute(
    "from IPython.display import display; display({'text/plain': 'seen'}, raw=True)",
  );
  await shown;
  const displays: unknown[] = [];
  for await (const { value } of shown.displays) displays.push((value as { data: unknown }).data);
  assert.deepEqual(displays, [{ "text/plain": "seen" }, { "text/plain": "seen" }]);

  const failed = both.execute("1 / 0");
  const { done } = await failed.wait({ for: "first-error" });
  assert(done[0]?.error instanceof RemoteError);
  const error = await errorOf(failed);
  assert(error instanceof CompositeError);
  assert.throws(() => error.raise(ids[1]), /ZeroDivisionError/);
  assert.match(error.message, new RegExp(`\\[engine ${ids[0]}\\] ZeroDivisionError: division by zero`));

  const other = await run.connect();
  const sum = client.direct(ids[0]!).apply(new Reference("sum"), [1, 2]);
  const slow = client.direct(ids[1]!).execute("time.sleep(0.3); print('said'); 'late'");
  const result = other.result([...sum.msgIds, ...slow.msgIds, ...failed.msgIds], { timeoutMs: 20_000 });
  const settled = await result.settled();
  const values = settled.map((one) => one.status === "fulfilled" ? one.value : one.reason);
  assert.deepEqual(values[0], 3);
  assert.equal((values[1] as { value: unknown }).value, "late");
  assert(values[2] instanceof RemoteError && values[3] instanceof RemoteError);
  const { engineId, status, started, completed } = result.metadata[1]!;
  assert.deepEqual([engineId, status], [ids[1], "ok"]);
  assert(started !== null && completed !== null && completed - started >= 250);
  assert.deepEqual([...await other.result(sum.msgIds).byEngine()], [[ids[0], 3]]);
});

pythonTest("results and records through Python's hub", async (stack) => {
  const folder = stack.use(new RunFolder());
  await pythonController(stack, folder.dir);
  await pythonEngines(stack, folder.dir, 1);
  const client = await clientAt(stack, folder.dir);
  const other = await clientAt(stack, folder.dir);
  const [id] = await client.waitForEngines(1, { timeoutMs: 40_000 });
  await other.waitForEngines(1, { timeoutMs: 40_000 });
  const view = client.direct(id!, { label: "mine" });
  const sum = view.apply(new Reference("sum"), [1, 2, 3]);
  const slow = view.execute("import time; time.sleep(0.3); print('said'); 'late'");
  const failed = view.execute("nowhere");
  const ids = [sum, slow, failed].map(({ msgIds }) => msgIds[0]!);
  const result = other.result([...ids, "nobody_1"], { timeoutMs: 20_000 });
  const settled = await result.settled();
  const [first, second, third, fourth] = settled.map((one) =>
    one.status === "fulfilled" ? one.value : one.reason
  );
  assert.equal(first, 6);
  assert.equal((second as { value: unknown }).value, "late");
  assert(third instanceof RemoteError && third.ename === "NameError");
  assert(fourth instanceof UnknownTask, String(fourth));
  const { label, engineId, submitted, started, completed } = result.metadata[0]!;
  assert.deepEqual([label, engineId], ["mine", id]);
  assert(submitted > 0 && started !== null && completed !== null && started <= completed);
  const followed = other.result(view.execute("time.sleep(0.2); 3").msgIds[0]!);
  assert.throws(() => followed.cancel(), /no request for it/);
  assert.equal((await followed as { value: unknown }).value, 3);
  const records: string[] = [];
  for await (const { msg_id } of other.tasks({}, ["msg_id"], { pageSize: 2 })) records.push(String(msg_id));
  assert.deepEqual(records.sort(), [...ids, ...followed.msgIds].sort());
});
