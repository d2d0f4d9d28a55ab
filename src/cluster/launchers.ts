/**
 * All launchers by name. Names are taken in any case, and as ipyparallel's users write them: `MPI`, `Slurm`, `SSHEngineSetLauncher`, `ipyparallel.cluster.launcher.SGE`.
 */
import { didYouMean, type Option, OptionError } from "../base/options.ts";
import type { BatchSystem } from "./batch_system.ts";
import { ClusterError, type Launcher } from "./launcher.ts";
import type { ClusterOptions } from "./options.ts";

/** Makes a launcher from the cluster's settings. */
type Make = (settings: ClusterOptions) => Promise<Launcher>;

const LAUNCHERS: Readonly<Record<string, Make>> = {
  local: async () => new (await import("./local.ts")).LocalLauncher(),
  ssh: async (settings) => new (await import("./ssh.ts")).SshLauncher(settings),
  mpi: async (settings) => new (await import("./mpi.ts")).MpiLauncher(settings),
  slurm: batch(async () => (await import("./slurm.ts")).SLURM),
  pbs: batch(async () => (await import("./pbs.ts")).PBS),
  torque: batch(async () => (await import("./pbs.ts")).TORQUE),
  sge: batch(async () => (await import("./sge.ts")).SGE),
  lsf: batch(async () => (await import("./lsf.ts")).LSF),
  htcondor: batch(async () => (await import("./htcondor.ts")).HTCONDOR),
  winhpc: batch(async (settings) => (await import("./winhpc.ts")).winHpc(settings)),
  proxy: async () => new (await import("./proxy.ts")).ProxyLauncher(),
};

function batch(load: (settings: ClusterOptions) => Promise<BatchSystem>): Make {
  return async (settings) => new (await import("./batch.ts")).BatchLauncher(await load(settings), settings);
}

/** The names, as they are shown. */
export const LAUNCHER_NAMES: readonly string[] = Object.keys(LAUNCHERS);

/** Other names of launchers. */
const ALIASES: Readonly<Record<string, string>> = {
  mpiexec: "mpi",
  mpirun: "mpi",
  condor: "htcondor",
  windowshpc: "winhpc",
  winhpcs: "winhpc",
  // ipyparallel's runs `ipcluster engines` on another host by ssh; ours starts engines there itself.
  sshproxy: "ssh",
};

/**
 * The launcher's own name for what a user wrote.
 * @throws OptionError naming the nearest
 */
export function launcherName(given: string, option: string): string {
  const word = given.replace(/^.*\./, "").replace(/(controller|engineset|engine)?launcher$/i, "")
    .toLowerCase();
  const name = ALIASES[word] ?? word;
  if (Object.hasOwn(LAUNCHERS, name)) return name;
  const hint = didYouMean(word, LAUNCHER_NAMES);
  throw new OptionError(
    `Cannot use "${given}" for "${option}": it takes ${LAUNCHER_NAMES.join(", ")}${hint}`,
  );
}

/** An option that takes a launcher's name. */
export function launcherOption(initial: string | null, help: string): Option<string | null> {
  return {
    default: initial,
    help,
    unit: "launcher",
    choices: LAUNCHER_NAMES,
    // Names in any case and of ipyparallel's are taken too; editors offer ours.
    schema: { anyOf: [{ enum: [...LAUNCHER_NAMES, null] }, { type: "string" }] },
    read: (value, name) => {
      if (value === null) return null;
      if (typeof value === "string") return launcherName(value, name);
      throw new OptionError(`Cannot use ${JSON.stringify(value)} for "${name}": it takes a launcher's name`);
    },
  };
}

/**
 * The launcher of this name.
 * @throws ClusterError if there is none, as a cluster file of another version may say
 */
export function makeLauncher(name: string, settings: ClusterOptions): Promise<Launcher> {
  const make = Object.hasOwn(LAUNCHERS, name) ? LAUNCHERS[name] : undefined;
  if (make === undefined) {
    throw new ClusterError(`Cannot find a launcher "${name}"; there are ${LAUNCHER_NAMES.join(", ")}`);
  }
  return make(settings);
}
