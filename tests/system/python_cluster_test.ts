/** Python's Cluster API with our controller and our engines as its commands, and become_dask(). */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { programCommand } from "../../src/cluster/process.ts";
import { RunFolder, until } from "../cli/run_folder.ts";
import { PythonPeers, pythonTest } from "./python_peers.ts";

const CLUSTER = `
import json, os, sys
import ipyparallel as ipp
from traitlets.config import Config
program, profile_dir = json.loads(sys.argv[2]), sys.argv[3]
c = Config()
c.LocalControllerLauncher.controller_cmd = program + ["controller"]
c.LocalEngineLauncher.engine_cmd = program + ["engine"]
cluster = ipp.Cluster(n=2, config=c, profile_dir=profile_dir, cluster_id="abc", load_profile=False,
    controller_args=["--ping=200", "--ip=127.0.0.1"])
cluster.start_cluster_sync()
try:
    rc = cluster.connect_client_sync()
    rc.wait_for_engines(2, timeout=40)
    assert os.path.exists(profile_dir + "/security/ipcontroller-abc-client.json")
    said = rc[:].execute("console.log(1 + 1)", block=True)
    assert said.stdout == ["2\\n", "2\\n"], said.stdout
    rc.close()
finally:
    cluster.stop_cluster_sync()
assert not [f for f in os.listdir(profile_dir + "/security") if f.startswith("ipcontroller")], os.listdir(profile_dir + "/security")
print("all of it worked")
`;

pythonTest("Python's Cluster API starts and ends our controller and our engines", async () => {
  await using folder = new RunFolder();
  await using python = new PythonPeers(folder);
  const program = programCommand();
  const command = JSON.stringify([program.command, ...program.args]);
  assert.equal(await python.run(CLUSTER, command, folder.dir), "all of it worked");
  await folder.isDeserted();
});

const DASK = `
import sys, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
rc.wait_for_engines(1, timeout=40)
info = [rc._send_recv(rc._query_stream, "become_dask_request", {"scheduler_args": {}})["content"] for _ in range(2)]
assert info[0] == info[1], info
assert info[0]["address"] == "tcp://127.0.0.1:%d" % info[0]["port"], info
executor = rc.become_dask()
assert executor.submit(sum, executor.map(lambda x: x * x, range(10))).result(30) == 285
executor.close()
rc.stop_dask()
rc.become_dask().close()
print("all of it worked")
`;

const PYTHON = Deno.env.get("TSPARALLEL_PYTHON") ?? "";

pythonTest("become_dask() gets a scheduler that ends with the controller, however that ends", async () => {
  await using folder = new RunFolder();
  const controller = await folder.start("controller", ["controller", "--ping=200", `--python=${PYTHON}`]);
  await folder.says("controller", /Hub ready/);
  await using python = new PythonPeers(folder);
  python.startEngines(1);
  assert.equal(await python.run(DASK), "all of it worked");
  const [first, second] = [...folder.said("controller").matchAll(/dask scheduler running .*pid=(\d+)/g)]
    .map(([, pid]) => Number(pid));
  assert(first !== undefined && second !== undefined && first !== second);
  assert.equal(isThere(first), false);
  Deno.kill(controller.id.pid, "SIGKILL");
  await until(() => !isThere(second), () => `dask's scheduler ${second} still runs`);
});

const NO_DASK = `
import sys, ipyparallel as ipp
rc = ipp.Client(sys.argv[1], timeout=20)
reply = rc._send_recv(rc._query_stream, "become_dask_request", {"scheduler_args": {}})["content"]
print(reply["status"], reply["evalue"])
rc.stop_dask
`;

pythonTest("without dask, become_dask() gets an error that says what to do", async () => {
  await using folder = new RunFolder();
  await using python = new PythonPeers(folder);
  for (
    const [program, expected] of [
      ["/no/such/python", /tried \/no\/such\/python \(is no program\)/],
      [fileURLToPath(new URL("no_dask.sh", import.meta.url)), /tried .*no_dask\.sh \(has no distributed\)/],
    ] as const
  ) {
    const controller = await folder.start("controller", ["controller", "--ping=200", `--python=${program}`]);
    await until(() => folder.files("security").includes("ipcontroller-engine.json"), () => "no file");
    const said = await python.run(NO_DASK);
    assert.match(said, /^error Cannot start dask's scheduler: no Python with the package distributed/);
    assert.match(said, expected);
    assert.match(said, /--python=<path>/);
    Deno.kill(controller.id.pid, "SIGTERM");
    await controller.ended;
  }
});

function isThere(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
