/**
 * `deno task test:batch [system…]`: the launchers' tests on real batch systems, which are started on this machine for as long as the tests take: Slurm, Grid Engine, sshd
 * on network namespaces, Open MPI and MPICH, and HTCondor's submit library over a stand-in. Needs root, and in TSPARALLEL_TOOLS the folder with the scripts that start them.
 */
import { fileURLToPath } from "node:url";

interface System {
  /** The script's name, and the variable that names the folder of its state. */
  readonly script: string;
  readonly state: string;
  /** The files of its tests. */
  readonly files: readonly string[];
  /** What the tests are told, from the folder of the state. */
  environment(state: string): Record<string, string>;
}

const before = (folder: string) => `${folder}:${Deno.env.get("PATH")}`;

const SYSTEMS: Readonly<Record<string, System>> = {
  slurm: {
    script: "slurm",
    files: ["real/slurm.ts", "bad_input_test.ts"],
    state: "SLURM_STATE",
    environment: (state) => ({ SLURM_CONF: `${state}/slurm.conf` }),
  },
  sge: {
    script: "sge",
    files: ["real/sge.ts"],
    state: "SGE_STATE",
    environment: (state) => ({
      SGE_ROOT: `${state}/root`,
      SGE_CELL: "default",
      SGE_QMASTER_PORT: "6444",
      SGE_EXECD_PORT: "6445",
      SGE_CONTROLLER: "10.78.0.1",
      PATH: before(`${state}/bin`),
    }),
  },
  ssh: {
    files: [
      "real/ssh.ts",
      "real/ssh_copy.ts",
      "real/ssh_location.ts",
      "real/ssh_trouble.ts",
      "real/ssh_tunnel.ts",
    ],
    script: "ssh",
    state: "SSH_STATE",
    environment: (state) => ({ SSH_STATE: state }),
  },
  mpi: { files: ["real/mpi.ts"], script: "mpi", state: "MPI_STATE", environment: () => ({}) },
  htcondor: {
    script: "condor-standin",
    files: ["real/htcondor.ts"],
    state: "CONDOR_STATE",
    environment: (state) => ({ CONDOR_STATE: state, PATH: before(`${state}/bin`) }),
  },
};

const TOOLS = Deno.env.get("TSPARALLEL_TOOLS");

interface Sum {
  passed: number;
  failed: number;
}

/** Runs the tests of one system between its start and its end, and adds what came of them. */
async function test(name: string, { script, state, files, environment }: System, sum: Sum): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: `${name}-` });
  // Daemons under other accounts look into it.
  await Deno.chmod(folder, 0o755);
  const run = (what: string) =>
    new Deno.Command("bash", {
      args: [`${TOOLS}/batch/${script}.sh`, what],
      env: { [state]: folder },
      cwd: folder,
      stdin: "null",
      stdout: "null",
    }).spawn().status;
  try {
    if (!(await run("start")).success) {
      console.error(`Cannot test ${name}: ${script}.sh did not start it`);
      sum.failed++;
      return;
    }
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        fileURLToPath(new URL("../run.ts", import.meta.url)),
        ...files.map((file) => fileURLToPath(new URL(file, import.meta.url))),
      ],
      env: environment(folder),
      stdin: "null",
      stdout: "piped",
    }).spawn();
    let said = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      await Deno.stdout.write(new TextEncoder().encode(text));
    }
    const [_, passed, failed] = /^(\d+) passed, (\d+) failed/m.exec(said) ?? [];
    sum.passed += Number(passed ?? 0);
    // A run that says nothing has failed.
    sum.failed += Number(failed ?? 1);
    if (!(await child.status).success && failed === "0") sum.failed++;
  } finally {
    await run("stop");
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

async function main(names: readonly string[]): Promise<number> {
  // Daemons are where ordinary accounts do not look.
  Deno.env.set("PATH", `${Deno.env.get("PATH")}:/usr/sbin:/sbin`);
  if (TOOLS === undefined) {
    console.error("The scripts that start batch systems are needed: name their folder in TSPARALLEL_TOOLS");
    return 1;
  }
  const sum = { passed: 0, failed: 0 };
  for (const name of names.length === 0 ? Object.keys(SYSTEMS) : names) {
    const system = SYSTEMS[name];
    if (system === undefined) {
      console.error(`There is no system "${name}"; there are ${Object.keys(SYSTEMS).join(", ")}`);
      return 2;
    }
    console.log(`== ${name}`);
    await test(name, system, sum);
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  return sum.failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
