/** Slurm, real: started by hand on this machine before (`deno task test:batch`), or whatever SLURM_CONF names. */
import assert from "node:assert/strict";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { RunFolder } from "../../cli/run_folder.ts";
import { eventually } from "../../system/run.ts";
import { launcherContract } from "../../contracts/launcher.ts";

launcherContract({
  launcher: "slurm",
  remark: "(needs a Slurm cluster: SLURM_CONF)",
  isMissing: !Deno.env.has("SLURM_CONF"),
  code3: /FAILED \(NonZeroExitCode\), exit code 3:0/,
});

/** Takes all processors of the test cluster, until its job is cancelled. */
async function occupy(): Promise<string> {
  const id = await said([
    "sbatch",
    "--parsable",
    "--nodes=2",
    "--exclusive",
    "--output=/dev/null",
    "--wrap",
    "sleep 300",
  ]);
  await eventually(
    () => said(["squeue", "--noheader", "--format=%T", "--jobs", id]),
    (state) => state === "RUNNING",
    "all is taken",
  );
  return id;
}

async function said([command = "", ...args]: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args: [...args] }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test({
  name:
    "slurm: a queue may take its time, and what engines wait for is said (needs a Slurm cluster: SLURM_CONF)",
  ignore: !Deno.env.has("SLURM_CONF"),
  fn: async () => {
    await using folder = new RunFolder();
    const id = await occupy();
    try {
      const start = { n: 1, engines: "Slurm", profileDir: folder.dir, startTimeoutMs: 2000, pollMs: 100 };
      await assert.rejects(
        Cluster.start({ ...start, queueTimeoutMs: 3000 }),
        /1 engines were not there in time; the set of 1 engines \(job \d+\) waits: PENDING \(\w+\); see /,
      );
      assert.equal(await said(["squeue", "--noheader", "--format=%A"]), id);
      const starting = Cluster.start({ ...start, startTimeoutMs: 5000 });
      await eventually(
        () => said(["squeue", "--noheader", "--format=%T"]),
        (states) => states.includes("PENDING"),
        "it waits",
      );
      await new Promise((resolve) => setTimeout(resolve, 6000));
      await said(["scancel", id]);
      await using cluster = await starting;
      assert.equal(cluster.engineCount, 1);
    } finally {
      await said(["scancel", id]);
    }
  },
});
