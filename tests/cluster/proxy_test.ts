/** The proxy launcher: others start engines, and the cluster waits for them. */
import assert from "node:assert/strict";
import { Cluster } from "../../src/cluster/cluster.ts";
import { clusterFilePath, readClusterFile } from "../../src/cluster/cluster_file.ts";
import { findCluster, hasLiveParts, refuseSecond } from "../../src/cluster/running.ts";
import { launcherName } from "../../src/cluster/launchers.ts";
import { type Process, startProcess, stopProcess } from "../../src/cluster/process.ts";
import { wordsOf } from "../../src/base/ssh.ts";
import { RunFolder } from "../cli/run_folder.ts";

/** The command that a remark names. */
function commandIn(remark: string): string[] {
  return wordsOf(/^ {2}(.+)$/m.exec(remark)?.[1] ?? "");
}

Deno.test("proxy: the start says what to run, waits for it, and the end leaves it to others", async () => {
  await using folder = new RunFolder();
  const { promise: remark, resolve: onRemark } = Promise.withResolvers<string>();
  const starting = Cluster.start({ profileDir: folder.dir, engines: "proxy", n: 2, onRemark });
  const text = await remark;
  assert.match(text, /^2 engines are started by others\. Run where they are to be:\n/);
  assert(text.includes(`${folder.dir}/security/ipcontroller-engine.json`));
  const [command = "", ...args] = commandIn(text);
  const logPath = `${folder.dir}/log/others.log`;
  const others: Process = await startProcess({ command, args, environment: {}, logPath });
  try {
    const cluster = await starting;
    await using client = await cluster.client();
    assert.deepEqual(await client.direct("all").apply((a: number) => a + 1, 1), [2, 2]);
    const part = cluster.engineSet("0");
    await assert.rejects(part.signal("SIGINT"), /Cannot send SIGINT: others started these processes/);
    assert.match(part.remarks?.stopped ?? "", /set "0" were started by others.*nothing was ended/);
    const found = await Cluster.fromFile({ profileDir: folder.dir });
    assert.equal(found.engineSet("0").remarks?.started, text);
    await assert.rejects(refuseSecond(cluster.place), /one runs already/);
    const record = readClusterFile(clusterFilePath(folder.dir, ""));
    assert(record !== undefined && await hasLiveParts(record));
    await cluster.stop();
    assert.equal(await hasLiveParts(record), false);
  } finally {
    await stopProcess(others.id, 5000);
  }
});

Deno.test("proxy: what others started does not keep a dead cluster alive, and the wait's end names the command", async () => {
  await using folder = new RunFolder();
  const start = Cluster.start({
    profileDir: folder.dir,
    engines: "PROXY",
    n: 1,
    startTimeoutMs: 1000,
    queueTimeoutMs: 1000,
  });
  await assert.rejects(
    start,
    /1 engines were not there in time; .*waits: for others to run what .*ipengine-0\.log says/,
  );
  assert.equal(await findCluster(folder.dir, ""), undefined);
});

Deno.test("ipyparallel's SSHProxy means ssh", () => {
  assert.equal(launcherName("SSHProxyEngineSetLauncher", "--engines"), "ssh");
  assert.equal(launcherName("sshproxy", "--engines"), "ssh");
  assert.equal(launcherName("Proxy", "--engines"), "proxy");
});
