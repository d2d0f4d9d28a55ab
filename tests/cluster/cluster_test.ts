/** The Cluster class, as programs use it. */
import assert from "node:assert/strict";
import { Cluster, ClusterError } from "../../src/cluster/cluster.ts";
import { RunFolder } from "../cli/run_folder.ts";

Deno.test("a cluster starts, computes, grows, is found by its file, and is gone with its scope", async () => {
  await using folder = new RunFolder();
  {
    await using cluster = await Cluster.start({ n: 1, profileDir: folder.dir });
    await using client = await cluster.client();
    const results = await client.direct("all").execute("1 + 1");
    assert.deepEqual(results.map(({ value }) => value), [2]);
    await cluster.startEngines(1);
    assert.deepEqual(await cluster.waitForEngines({ timeoutMs: 20_000 }), [0, 1]);
    await assert.rejects(
      cluster.waitForEngines({ n: 3, timeoutMs: 50 }),
      /^ClusterError: Waited 50 ms in vain: 2 of 3 engines are registered; all parts run: .*; see .*ipengine-1\.log$/,
    );
    const found = await Cluster.fromFile({ profileDir: folder.dir });
    const states = await Promise.all(found.parts.map((part) => part.state()));
    assert.deepEqual([found.engineCount, states.map(({ is }) => is)], [2, ["running", "running", "running"]]);
    await assert.rejects(Cluster.start({ n: 1, profileDir: folder.dir }), /one runs already/);
  }
  await folder.isDeserted();
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
  await assert.rejects(Cluster.fromFile({ profileDir: folder.dir }), ClusterError);
});

Deno.test("start() that is given up, or has too little time, leaves nothing", async () => {
  await using folder = new RunFolder();
  const signal = AbortSignal.timeout(30);
  await assert.rejects(Cluster.start({ n: 1, profileDir: folder.dir, signal }), { name: "TimeoutError" });
  await assert.rejects(
    Cluster.start({ n: 1, profileDir: folder.dir, startTimeoutMs: 20 }),
    /Cannot start the cluster: 1 engines were not there in time; see .*ipcontroller\.log/,
  );
  await folder.isDeserted();
  assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
});

Deno.test("start() that fails names the part, how it ended and its last words", async () => {
  await using folder = new RunFolder();
  await assert.rejects(
    Cluster.start({ n: 1, profileDir: folder.dir, engineArgs: ["--isolation", "none"] }),
    (error) =>
      error instanceof ClusterError &&
      /^The set of 1 engines is gone: it ended with code 2; its log ends with:\n.*Cannot use "none"/.test(
        error.message,
      ),
  );
});
