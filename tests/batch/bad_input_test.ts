/** What can be wrong with a cluster of batch jobs: each time a sentence with the system's own words, and nothing is left. Stand-ins of ours; Slurm where there is one. */
import assert from "node:assert/strict";
import { Cluster, type ClusterStart } from "../../src/cluster/cluster.ts";
import { clusterFilePath } from "../../src/cluster/cluster_file.ts";
import { RunFolder } from "../cli/run_folder.ts";
import { tsparallel } from "../cli/tsparallel.ts";
import { standIn } from "./standins/standins.ts";

standIn("qsub", "qstat", "qdel", "qsig", "bsub", "bjobs", "bkill", "job");

const SLURM = { isMissing: !Deno.env.has("SLURM_CONF"), remark: "(needs a Slurm cluster: SLURM_CONF)" };

interface Case {
  readonly what: string;
  readonly settings: ClusterStart;
  readonly message: RegExp;
  /** Files that the settings name, by `{dir}/name`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly world?: typeof SLURM;
}

const DYING = 'sh -c "echo last words; exit 3"';
const template = (launcher: string): ClusterStart => ({
  engines: launcher,
  engineTemplate: "{dir}/mine.txt",
});

const CASES: readonly Case[] = [
  ...([["pbs", /`qsub .*` said: qsub: Unknown queue/], [
    "lsf",
    /`bsub` said: nowhere: No such queue\. Job not submitted\./,
  ], [
    "winhpc",
    /`job submit \/jobfile:.*` said: The job template nowhere does not exist\./,
  ]] as const).map(([engines, message]) => ({
    what: `${engines}: a queue that is not there`,
    settings: { engines, queue: "nowhere" },
    message: new RegExp(`^Cannot start 2 engines with ${engines}: ${message.source}`),
  })),
  {
    what: "pbs: memory beside a selection of chunks",
    settings: { engines: "pbs", directives: ["#PBS -l mem=1gb"] },
    message: /said: qsub: "-lresource=" cannot be used with "select" or "place", resource is: mem/,
  },
  {
    what: "winhpc: a head node that is not there",
    settings: { engines: "winhpc", schedulerHost: "elsewhere" },
    message: /said: Could not connect to the head node elsewhere: No such host is known/,
  },
  {
    what: "a walltime that is none",
    settings: { engines: "pbs", walltime: "soon" },
    message: /^Cannot use "soon" for "walltime": it takes \[days-\]hours:minutes:seconds/,
  },
  {
    what: "memory that is none",
    settings: { engines: "lsf", memory: "much" },
    message: /^Cannot use "much" for "memory": it takes a number with a unit, like 4G/,
  },
  {
    what: "a template that is not there",
    settings: template("pbs"),
    message: /^Cannot read template ".*\/mine\.txt": .*No such file|ENOENT/,
  },
  ...([
    ["a name that no value has", "{quue}", /no value is called "quue", did you mean "queue"\?/],
    ["one of Python's format codes", "{n:03d}", /cannot be read from ":03d" on/],
    ["one of Python's expressions", "{os.environ['HOME']}", /cannot be read from/],
    ["a call of nothing", "{ciel(n/4)}", /no function is called "ciel", did you mean "ceil"\?/],
    ["a division by nothing", "{n / 0}", /its value is no finite number/],
  ] as const).map(([what, text, message]) => ({
    what: `a template with ${what}`,
    settings: template("pbs"),
    files: { "mine.txt": `#!/bin/sh\n\n#PBS -l nodes=${text}\nexec {program}\n` },
    message: new RegExp(`^Cannot use template ".*/mine\\.txt", line 3, .*${message.source}`),
  })),
  {
    what: "a directive with a name that no value has",
    settings: { engines: "pbs", directives: ["#PBS -l nodes={m}"] },
    message: /^Cannot use "#PBS -l nodes=\{m\}" of "directives", line 1, "\{m\}": no value is called "m"/,
  },
  {
    what: "pbs: a job that dies",
    settings: { engines: "pbs", engineCommand: DYING, n: 1 },
    message:
      /The set of 1 engines is gone: job \d+\.pbs1 ended: exit code 3.*its log ends with:\n.*last words/s,
  },
  {
    what: "lsf: a job that dies",
    settings: { engines: "lsf", engineCommand: DYING, n: 1 },
    message: /The set of 1 engines is gone: job \d+ ended: EXIT, exit code 3.*last words/s,
  },
  {
    what: "winhpc: a job that dies",
    settings: { engines: "winhpc", engineCommand: DYING, n: 1 },
    message: /job \d+ ended: Failed \(Task 1 failed with exit code 3\).*last words/s,
  },
  {
    what: "slurm: a partition that is not there",
    settings: { engines: "slurm", queue: "nowhere" },
    message: /^Cannot start 2 engines with slurm: `sbatch .*` said: .*invalid partition/i,
    world: SLURM,
  },
  {
    what: "slurm: an account that is refused, or a head that cannot be read",
    settings: { engines: "slurm", directives: ["#SBATCH --time=soon"] },
    message: /`sbatch .*` said: .*Invalid .*time/i,
    world: SLURM,
  },
  {
    what: "slurm: a job that never starts",
    settings: {
      engines: "slurm",
      directives: ["#SBATCH --begin=now+1hour"],
      startTimeoutMs: 5000,
      queueTimeoutMs: 5000,
    },
    message:
      /2 engines were not there in time; the set of 2 engines \(job \d+\) waits: PENDING \(BeginTime\); see /,
    world: SLURM,
  },
  {
    what: "slurm: a job that dies",
    settings: { engines: "slurm", engineCommand: DYING, n: 1 },
    message: /job \d+ ended: FAILED \(NonZeroExitCode\), exit code 3:0; its log ends with:\n.*last words/s,
    world: SLURM,
  },
  {
    what: "slurm: a controller that dies",
    settings: { launcher: "slurm", controllerCommand: DYING, n: 1 },
    message: /The controller is gone: job \d+ ended: FAILED \(NonZeroExitCode\), exit code 3:0.*last words/s,
    world: SLURM,
  },
];

// What needs real Slurm is run with it, by `deno task test:batch slurm`.
for (
  const { what, settings, message, files = {}, world } of CASES.filter(({ world }) =>
    world?.isMissing !== true
  )
) {
  Deno.test({
    name: `${what}${world === undefined ? " (stand-in)" : ` ${world.remark}`}`,
    fn: async () => {
      await using folder = new RunFolder();
      for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(`${folder.dir}/${name}`, text);
      const placed = JSON.parse(JSON.stringify(settings).replaceAll("{dir}", folder.dir));
      const start = Cluster.start({ n: 2, pollMs: 100, profileDir: folder.dir, ...placed });
      await assert.rejects(
        start,
        (error) => error instanceof Error && assert.match(error.message, message) === undefined,
      );
      await folder.isDeserted();
      assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
    },
  });
}

Deno.test("a system whose commands are not here is named by its command", async () => {
  const before = Deno.env.get("PATH") ?? "", nothing = await Deno.makeTempDir();
  const systems = [
    ["slurm", "sbatch"],
    ["pbs", "qsub"],
    ["torque", "qsub"],
    ["sge", "qsub"],
    ["lsf", "bsub"],
    ["htcondor", "condor_submit"],
    ["winhpc", "job"],
    ["mpi", "mpiexec"],
  ] as const;
  try {
    Deno.env.set("PATH", nothing);
    for (const [launcher, command] of systems) {
      await using folder = new RunFolder();
      const start = Cluster.start({ profileDir: folder.dir, launcher, n: 1 });
      await assert.rejects(start, new RegExp(`Cannot run "${command}": command not found`), launcher);
      assert.deepEqual([folder.files("security"), folder.files("pid")], [[], []]);
    }
  } finally {
    Deno.env.set("PATH", before);
    await Deno.remove(nothing, { recursive: true });
  }
});

Deno.test("7 engines in jobs of 3 are an array of two and a job of one (stand-in)", async () => {
  await using folder = new RunFolder();
  await using cluster = await Cluster.start({
    profileDir: folder.dir,
    engines: "pbs",
    enginesPerJob: 3,
    memory: "1gb",
    n: 7,
    pollMs: 100,
  });
  await using client = await cluster.client();
  assert.equal(client.ids.length, 7);
  assert.deepEqual(folder.files("batch"), ["ipengine-0.1.pbs", "ipengine-0.pbs"]);
  const script = (name: string) => Deno.readTextFileSync(`${folder.dir}/batch/${name}`);
  assert.match(script("ipengine-0.pbs"), /^#PBS -J 1-2$/m);
  assert.match(script("ipengine-0.pbs"), /--engines 3 /);
  assert.doesNotMatch(script("ipengine-0.1.pbs"), /#PBS -J/);
  assert.match(script("ipengine-0.1.pbs"), /--engines 1 /);
  assert.match(cluster.engineSet("0").label, /^jobs \d+\[\]\.pbs1, \d+\.pbs1$/);
});

Deno.test("launchers' names are taken in any case, and as ipyparallel's users write them", async () => {
  const show = (...args: string[]) =>
    tsparallel(["config", "show", "--json", "--section", "cluster", ...args]);
  const said = await show(
    "--launcher=PBS",
    "--controller=LocalControllerLauncher",
    "--engines=ipyparallel.cluster.launcher.SlurmEngineSetLauncher",
  );
  const { launcher, controller, engines } = JSON.parse(said.out).cluster;
  assert.deepEqual([launcher.value, controller.value, engines.value], ["pbs", "local", "slurm"]);
  const wrong = await tsparallel(["cluster", "start", "--engines=Slrum", "-n", "1"]);
  assert.deepEqual([
    wrong.code,
    /Cannot use "Slrum" for "--engines": .*did you mean "slurm"\?/.test(wrong.err),
  ], [2, true]);
});

Deno.test("files of a cluster whose jobs the system knows no more are no obstacle; a second cluster of one profile needs an id (stand-in)", async () => {
  await using folder = new RunFolder();
  const start: ClusterStart = { profileDir: folder.dir, engines: "pbs", n: 1, pollMs: 100 };
  let stale: string;
  {
    await using cluster = await Cluster.start(start);
    stale = Deno.readTextFileSync(clusterFilePath(folder.dir, ""));
    await assert.rejects(
      Cluster.start(start),
      /one runs already for profile "default" with pid \d+; stop it .* or choose another --cluster-id/,
    );
    await using other = await Cluster.start({ ...start, clusterId: "other" });
    assert.equal(
      await other.client().then(async (client) => {
        await using it = client;
        return it.ids.length;
      }),
      1,
    );
    assert.notEqual(other.connectionFile, cluster.connectionFile);
  }
  await folder.isDeserted();
  Deno.writeTextFileSync(clusterFilePath(folder.dir, ""), stale.replaceAll(/"\d+\.pbs1"/g, '"9999.pbs1"'));
  Deno.writeTextFileSync(`${folder.dir}/pid/ipcontroller.pid`, "1\n12345\n");
  Deno.writeTextFileSync(`${folder.dir}/pid/ipcluster.pid`, "999999\n1\n");
  await using again = await Cluster.start(start);
  assert.equal(again.engineCount, 1);
});
