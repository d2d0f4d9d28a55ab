/** Engine hosts that are killed again and again under load of several kinds: nothing runs twice unasked, nothing hangs. */
import assert from "node:assert/strict";
import { type AsyncResult, EngineError } from "../../../src/client/client.ts";
import { eventually, queueIsEmpty } from "../run.ts";
import { Marks, ranAtMost, recordedBy, scaled } from "./counted.ts";

const marking = (i: number, path: string) => {
  Deno.writeTextFileSync(path, `${i}\n`, { append: true });
  return i;
};

Deno.test("hosts are killed while plain tasks and such with requests of their own run", async () => {
  using marks = new Marks();
  await using run = await marks.start({ n: 2, controllerArgs: ["--ping=200", "--heartbeat-misses=5"] });
  const { client } = run, tasks = scaled(20_000), kills = 3;
  const plain = client.loadBalanced();
  const views = [plain, plain.with({ permissions: { write: [marks.folder] } }), plain];
  const path = marks.path;
  const results: AsyncResult<number>[] = [];
  for (let kill = 0; kill <= kills; kill++) {
    const from = results.length;
    for (let i = from; i < (kill + 1) * tasks / (kills + 1); i++) {
      results.push(views[i % views.length]!.apply(marking, i, path));
    }
    if (kill === kills) break;
    const wanted = from + (results.length - from) / 4;
    await eventually(
      () => results.filter((one) => one.done).length,
      (done) => done >= wanted,
      "some are done",
    );
    const host = run.cluster.parts.filter(({ saved }) => saved.kind === "engines").at(-1)!.pid!;
    Deno.kill(host, "SIGKILL");
    await run.cluster.startEngines(2);
  }
  const settled = await Promise.allSettled(results);
  let lost = 0;
  const counts = marks.counts();
  for (const [i, one] of settled.entries()) {
    if (one.status === "fulfilled") assert.deepEqual([one.value, counts.get(i)], [i, 1], `task ${i}`);
    else {
      assert(one.reason instanceof EngineError, String(one.reason));
      assert.match(one.reason.message, /may have run/);
      lost++;
    }
  }
  ranAtMost(counts, () => 1);
  console.log(`${results.length} tasks, ${lost} lost`);
  await queueIsEmpty(client);
  await eventually(
    () => recordedBy(client, ["ok", "lost"]),
    (found) => found.ok === results.length - lost && found.lost === lost,
    "records agree with what the client saw",
  );
});
