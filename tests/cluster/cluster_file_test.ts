/** The cluster file: read back as written, refused when it is none, private. */
import assert from "node:assert/strict";
import {
  clusterFilePath,
  type ClusterRecord,
  pidFilePath,
  readClusterFile,
  writeClusterFile,
} from "../../src/cluster/cluster_file.ts";
import { hasLiveParts } from "../../src/cluster/running.ts";
import { identify } from "../../src/cluster/process.ts";
import { prepareRunFolder, RunFolderError } from "../../src/cluster/run_folder.ts";

function recordIn(profileDir: string, born: string | null): ClusterRecord {
  const part = { launcher: "local", log: "log", handle: [{ pid: Deno.pid, born }] };
  return {
    version: 2,
    clusterId: "x",
    profile: "p",
    profileDir,
    startedAt: new Date(0).toISOString(),
    supervisor: null,
    settings: {},
    keepsFiles: false,
    controller: { ...part, kind: "controller", n: 0, set: "" },
    engines: [{ ...part, kind: "engines", n: 2, set: "0" }],
  };
}

async function inFolder(run: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a cluster file is read back as it was written, private, and nothing else is left", () =>
  inFolder(async (dir) => {
    prepareRunFolder(dir);
    const record = recordIn(dir, identify(Deno.pid).born);
    const path = writeClusterFile(record);
    assert.equal(path, clusterFilePath(dir, "x"));
    assert.deepEqual(readClusterFile(path), record);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(`${dir}/security`)].map((entry) => entry.name), [
      "tsparallel-cluster-x.json",
    ]);
    assert.equal(await hasLiveParts(record), true);
    assert.equal(await hasLiveParts(recordIn(dir, "1")), false);
  }));

Deno.test("a file that is no cluster file is refused with its path", () =>
  inFolder((dir) => {
    const path = `${dir}/tsparallel-cluster-.json`;
    assert.equal(readClusterFile(path), undefined);
    for (
      const text of [
        "",
        "{",
        "{}",
        '{"version":1}',
        JSON.stringify({ ...recordIn(dir, null), controller: { pid: -1 } }),
      ]
    ) {
      Deno.writeTextFileSync(path, text);
      assert.throws(() => readClusterFile(path), new RegExp(`Cannot read cluster file "${path}"`), text);
    }
  }));

Deno.test("the pid file's name carries the cluster id", () => {
  assert.equal(pidFilePath("/p", ""), "/p/pid/ipcluster.pid");
  assert.equal(pidFilePath("/p", "a"), "/p/pid/ipcluster-a.pid");
});

Deno.test("prepareRunFolder() makes private folders, and says why it cannot", () =>
  inFolder((dir) => {
    prepareRunFolder(`${dir}/run`);
    for (const name of ["", "/security", "/log", "/pid"]) {
      assert.equal(Deno.statSync(`${dir}/run${name}`).mode! & 0o777, 0o700);
    }
    Deno.writeTextFileSync(`${dir}/file`, "");
    assert.throws(() => prepareRunFolder(`${dir}/file/run`), RunFolderError);
  }));
