/** What the shipped profile of each batch system makes of a job: the scripts beside this file. `UPDATE_SCRIPTS=1` writes them anew. */
import assert from "node:assert/strict";
import { chooseOptions } from "../../src/base/options.ts";
import { loadProfile } from "../../src/base/profile.ts";
import { batchesOf, scriptOf } from "../../src/cluster/batch_script.ts";
import type { BatchSystem } from "../../src/cluster/batch_system.ts";
import { HTCONDOR } from "../../src/cluster/htcondor.ts";
import type { Job } from "../../src/cluster/launcher.ts";
import { LSF } from "../../src/cluster/lsf.ts";
import { CLUSTER_OPTIONS, type ClusterOptions } from "../../src/cluster/options.ts";
import { PBS, TORQUE } from "../../src/cluster/pbs.ts";
import { SGE } from "../../src/cluster/sge.ts";
import { SLURM } from "../../src/cluster/slurm.ts";
import { winHpc } from "../../src/cluster/winhpc.ts";

const SCRIPTS = new URL("scripts/", import.meta.url);

const SYSTEMS: readonly [string, (settings: ClusterOptions) => BatchSystem][] = [
  ["slurm", () => SLURM],
  ["pbs", () => PBS],
  ["sge", () => SGE],
  ["lsf", () => LSF],
  ["htcondor", () => HTCONDOR],
  ["winhpc", winHpc],
];

/** Seven engines: two jobs or members of three, and one with the one that remains. */
function jobOf(n: number): Job {
  const words = (
    engines: number,
  ) => ["/opt/tsparallel", "engine", "--engines", String(engines), "--profile-dir", "/home/me/it's mine"];
  return {
    kind: "engines",
    n,
    set: "0",
    place: { profile: "default", profileDir: "/home/me/it's mine", clusterId: "night" },
    program: { perProcess: Infinity, words, own: null },
    environment: { GREETING: "hello $x" },
  };
}

async function settingsOf(profile: string, flags: Record<string, unknown>): Promise<ClusterOptions> {
  const tables = { cluster: CLUSTER_OPTIONS };
  const { sections } = await loadProfile({ name: profile, dir: "/nowhere", tables, others: "leave" });
  return chooseOptions(CLUSTER_OPTIONS, { flags, profile: sections["cluster"] });
}

for (const [name, make] of SYSTEMS) {
  Deno.test(`${name}: its profile makes the script that it should`, async () => {
    const settings = await settingsOf(name, { queue: "long", account: "project-1", enginesPerJob: 3 });
    const job = jobOf(7), system = make(settings);
    const texts = batchesOf(7, 3, system.hasArrays).map((batch) => scriptOf(system, job, batch, settings));
    assert.equal(texts.length, 2);
    for (const [at, text] of texts.entries()) {
      const file = new URL(`${name}${at === 0 ? "" : "-rest"}.${system.extension}`, SCRIPTS);
      if (Deno.env.get("UPDATE_SCRIPTS") === "1") await Deno.writeTextFile(file, text);
      assert.equal(text, await Deno.readTextFile(file), file.pathname);
    }
  });
}

Deno.test("Torque's jobs of 7 engines, 3 in each, are three: it has no arrays", () => {
  assert.deepEqual(batchesOf(7, 3, TORQUE.hasArrays), [
    { members: 1, engines: 3 },
    { members: 1, engines: 3 },
    { members: 1, engines: 1 },
  ]);
  assert.deepEqual(batchesOf(7, 3, true), [{ members: 2, engines: 3 }, { members: 1, engines: 1 }]);
  assert.deepEqual(batchesOf(2, 5, true), [{ members: 1, engines: 2 }]);
  assert.deepEqual(batchesOf(0, 5, true), [{ members: 1, engines: 0 }]);
});

Deno.test("templates as ipyparallel's users have them: snake_case names, own directives stay", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const engineTemplate = `${dir}/engines.sbatch`;
    await Deno.writeTextFile(
      engineTemplate,
      "#!/bin/sh\n#SBATCH --ntasks={n}\n#SBATCH --job-name=mine\n#SBATCH -p {queue}\n#SBATCH --output={output_file}\n" +
        "cd {profile_dir}\nexec srun {program_and_args} # {cluster_id} {program} {program_args}\n",
    );
    const settings = await settingsOf("slurm", {
      engineTemplate,
      queue: "long",
      walltime: "1:00:00",
      memory: "",
    });
    const text = scriptOf(SLURM, { ...jobOf(4), place: { profile: "p", profileDir: "/p", clusterId: "c" } }, {
      members: 1,
      engines: 4,
    }, settings);
    assert.match(text, /^#SBATCH --ntasks=4$/m);
    assert.equal(text.match(/--job-name/g)?.length, 1);
    assert.equal(text.match(/--output/g)?.length, 1);
    assert.match(text, /^#SBATCH --time=1:00:00$/m);
    assert.match(text, /^cd \/p\nexec srun \/opt\/tsparallel engine --engines 4/m);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
