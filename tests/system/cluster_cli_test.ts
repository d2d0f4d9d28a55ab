/** A running cluster changed from other terminals: engines come and go, logs are read, files of the dead are cleared away. */
import assert from "node:assert/strict";
import { Client } from "../../src/client/client.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { eventually } from "./run.ts";

const READY = /All engines are there/;

Deno.test("engines are added, listed, restarted and removed while the cluster runs; its end takes them all", async () => {
  await using folder = new RunFolder();
  const cluster = await folder.start("cluster", ["cluster", "start", "-n", "1"]);
  await folder.says("cluster", READY);
  const client = await Client.connect({ profileDir: folder.dir });
  try {
    const added = await folder.run("cluster", "engines", "add", "2", "--set", "night");
    assert.match(added.out, /^Started 2 engines as set "night": local launcher, pid \d+\n$/, added.err);
    await client.waitForEngines(3, { timeoutMs: 20_000 });
    const list = JSON.parse((await folder.run("cluster", "engines", "list", "--json")).out);
    assert.deepEqual(
      list.map(({ set, n, state }: Record<string, unknown>) => [set, n, state]),
      [["0", 1, "running"], ["night", 2, "running"]],
    );
    assert.equal(
      (await folder.run("cluster", "engines", "restart", "night")).out,
      'Restarted set "night" of 2 engines\n',
    );
    await eventually(() => client.ids, (ids) => ids.length === 3 && ids.includes(4), "new engines are there");
    const removed = await folder.run("cluster", "engines", "remove", "0");
    assert.equal(removed.out, 'Ended set "0" of 1 engine\n', removed.err);
    await eventually(() => client.ids, (ids) => ids.length === 2, "the first set is gone");
    const unknown = await folder.run("cluster", "engines", "remove", "nihgt");
    assert.deepEqual([unknown.code, unknown.err], [
      1,
      'tsparallel: Cannot find engine set "nihgt"; there are "night"\n',
    ]);
    assert.doesNotMatch(folder.said("cluster"), /is gone/);
    const logs = await folder.run("cluster", "logs", "controller", "night", "--lines", "3");
    assert.match(logs.out, /==> ipcontroller \(pid \d+\)[^]*==> ipengine-night \(pid \d+\)/);
  } finally {
    await client.close();
  }
  Deno.kill(cluster.id.pid, "SIGINT");
  assert.deepEqual(await cluster.ended, { code: 0, signal: null });
  await folder.isDeserted();
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
});

Deno.test("clean removes what a dead cluster left, and leaves a living one alone", async () => {
  await using folder = new RunFolder();
  const cluster = await folder.start("cluster", ["cluster", "start", "-n", "1"]);
  await folder.says("cluster", READY);
  assert.equal((await folder.run("cluster", "clean")).out, "Nothing to clean\n");
  Deno.kill(cluster.id.pid, "SIGKILL");
  await folder.isDeserted();
  const none = await folder.run("cluster", "engines", "add");
  assert.deepEqual([none.code, /No cluster .* runs .*cluster clean/.test(none.err)], [3, true], none.err);
  assert.match(
    (await folder.run("cluster", "clean", "--logs")).out,
    /^Removed the files of profile "default"\n$/,
  );
  assert.deepEqual(
    ["security", "pid", "log"].flatMap((name) => folder.files(name)).filter((name) =>
      !name.endsWith(".json")
    ),
    [],
  );
});

Deno.test("engines that keep dying are given up, with their last words", async () => {
  await using folder = new RunFolder();
  const cluster = await folder.start("cluster", [
    "cluster",
    "start",
    "-n",
    "1",
    "--max-restarts",
    "2",
    "--restart-backoff-ms",
    "10",
  ]);
  await folder.says("cluster", READY);
  const pidOf = () =>
    JSON.parse(Deno.readTextFileSync(`${folder.dir}/security/tsparallel-cluster-.json`)).engines[0]?.handle[0]
      .pid;
  for (let kill = 0; kill < 3; kill++) {
    const pid = await eventually(pidOf, (it) => it !== undefined, "engines are there");
    Deno.kill(pid, "SIGKILL");
    if (kill < 2) await eventually(pidOf, (it) => it !== undefined && it !== pid, "engines are there again");
  }
  assert.equal((await cluster.ended).code, 1);
  assert.match(
    folder.said("cluster"),
    /Engine set "0" died 3 times within a minute: it is not started again\nNo engines are left: the cluster ends/,
  );
  await folder.isDeserted();
});
