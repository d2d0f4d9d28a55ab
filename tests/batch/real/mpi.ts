/** Real MPI: Open MPI and MPICH, whichever are here. */
import assert from "node:assert/strict";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { RunFolder } from "../../cli/run_folder.ts";
import { launcherContract } from "../../contracts/launcher.ts";

function isThere(command: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${command}`).isFile;
    } catch {
      return false;
    }
  });
}

// As root, and with more ranks than processors, Open MPI wants to be told.
for (
  const name of [
    "OMPI_ALLOW_RUN_AS_ROOT",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
    "OMPI_MCA_rmaps_base_oversubscribe",
  ]
) {
  Deno.env.set(name, "1");
}

for (const command of ["mpiexec.openmpi", "mpiexec.mpich"]) {
  launcherContract({
    launcher: "mpi",
    remark: `by ${command}${isThere(command) ? "" : ` (needs ${command})`}`,
    isMissing: !isThere(command),
    settings: { mpiCommand: command, controller: "local" },
    missing: /no\/such\/program/,
  });

  Deno.test({
    name: `mpi: ranks are engine ids by ${command}${isThere(command) ? "" : ` (needs ${command})`}`,
    ignore: !isThere(command),
    fn: async () => {
      await using folder = new RunFolder();
      await using cluster = await Cluster.start({
        n: 4,
        engines: "MPI",
        mpiCommand: command,
        profileDir: folder.dir,
      });
      await using client = await cluster.client();
      assert.deepEqual(client.ids, [0, 1, 2, 3]);
      await cluster.startEngines(2);
      await client.waitForEngines(6, { timeoutMs: 30_000 });
    },
  });
}

Deno.test("mpi: a command that is not there is said, and nothing is left", async () => {
  await using folder = new RunFolder();
  await assert.rejects(
    Cluster.start({ n: 1, engines: "mpi", mpiCommand: "mpiexec.nowhere", profileDir: folder.dir }),
    /Cannot run "mpiexec.nowhere": command not found/,
  );
  await folder.isDeserted();
});
