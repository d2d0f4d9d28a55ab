/**
 * What counts for a cluster: what the caller says, else the environment, the profile, the default.
 */
import { chooseOptions } from "../base/options.ts";
import { loadProfile } from "../base/profile.ts";
import type { ClusterPlace, Json } from "./launcher.ts";
import { CLUSTER_OPTIONS, type ClusterOptions } from "./options.ts";
import type { ClusterName } from "./place.ts";

/** The cluster's options (`options.ts`). Whatever is not given is taken from environment and profile; launchers are named in any case: `local`, `ssh`, `mpi`, `slurm` … */
export interface ClusterSettings {
  /** Engines. Default: one per processor. */
  readonly n?: number | null | undefined;
  /** Who starts controller and engines. Default `local`. */
  readonly launcher?: string | null | undefined;
  /** Who starts the controller, where it is another. */
  readonly controller?: string | null | undefined;
  /** Who starts the engines, where it is another. */
  readonly engines?: string | null | undefined;
  /** How long jobs may wait in their batch system's queue. Default: as long as it takes. */
  readonly queueTimeoutMs?: number | null | undefined;
  /** How long until all engines are there, once no job waits in a queue. Default 60,000 ms. */
  readonly startTimeoutMs?: number | undefined;
  /** How long processes may take to end before they are killed. Default 5000 ms. */
  readonly stopTimeoutMs?: number | undefined;
  /** Flags of `tsparallel controller`, like `--ping=250`. */
  readonly controllerArgs?: readonly string[] | undefined;
  /** Flags of `tsparallel engine`. */
  readonly engineArgs?: readonly string[] | undefined;
  /** Program in place of our controller, like `ipcontroller`. */
  readonly controllerCommand?: string | null | undefined;
  /** Program in place of our engine, like `ipengine`. */
  readonly engineCommand?: string | null | undefined;
  /** How engines learn where the controller is. Default `file`. */
  readonly connectionInfo?: "file" | "environment" | undefined;
  /** Engines in each job of a batch system. Default: all in one. */
  readonly enginesPerJob?: number | null | undefined;
  /** Hosts for the ssh launcher: `node1`, `me@node2=4`. */
  readonly hosts?: readonly string[] | undefined;
  /** Host of the controller for the ssh launcher. Default: the first of `hosts`. */
  readonly controllerHost?: string | undefined;
  /** ssh with its flags. Default `ssh`. */
  readonly sshCommand?: string | undefined;
  /** scp with its flags. Default `scp`. */
  readonly scpCommand?: string | undefined;
  /** Whether hosts have this program, or it is brought to them. Default `same`. */
  readonly remoteProgram?: "same" | "copy" | undefined;
  /** MPI's command with its flags. Default `mpiexec`. */
  readonly mpiCommand?: string | undefined;
  /** Queue or partition of the batch system. */
  readonly queue?: string | undefined;
  /** Account that jobs are charged to. */
  readonly account?: string | undefined;
  /** Longest time that a job may take, `[days-]h:m:s`. */
  readonly walltime?: string | undefined;
  /** Memory for each engine of a batch job, like `4G`. */
  readonly memory?: string | undefined;
  /** Processors for each engine of a batch job. Default 1. */
  readonly cpusPerEngine?: number | undefined;
  /** Priority of jobs of Windows HPC. Default `Normal`. */
  readonly priority?: "Lowest" | "BelowNormal" | "Normal" | "AboveNormal" | "Highest" | undefined;
  /** Head node of Windows HPC. Default: what `CCP_SCHEDULER` names. */
  readonly schedulerHost?: string | undefined;
  /** Lines for the head of batch scripts. */
  readonly directives?: readonly string[] | undefined;
  /** File of the engines' batch script. */
  readonly engineTemplate?: string | null | undefined;
  /** File of the controller's batch script. */
  readonly controllerTemplate?: string | null | undefined;
  /** How often within a minute a set of engines that dies is started again, by the watchman of `tsparallel cluster start`. Default 5. */
  readonly maxRestarts?: number | undefined;
  /** The wait before the second restart; it doubles with each further one. Default 500 ms. */
  readonly restartBackoffMs?: number | undefined;
  /** How often a batch system is asked about its jobs. Default 2000 ms. */
  readonly pollMs?: number | undefined;
}

/** How to start a cluster. Whatever is not given is taken from environment and profile. */
export interface ClusterStart extends ClusterName, ClusterSettings {
  /** Gives up starting, and ends what was started. */
  readonly signal?: AbortSignal | undefined;
  /** Told what people must do for the start: which commands to run, with the launcher `proxy`. */
  readonly onRemark?: ((text: string) => void) | undefined;
  /** True: this process is nothing but the cluster's watchman, and `tsparallel cluster stop` may end it. Default false. */
  readonly isSupervisor?: boolean | undefined;
}

/** The settings of a cluster that is about to start. */
export interface Settings {
  readonly options: ClusterOptions;
  readonly n: number;
  readonly controllerLauncher: string;
  readonly engineLauncher: string;
  /** The controller keeps ports, key and files of the run before. */
  readonly keepsFiles: boolean;
}

/** @throws OptionError for what cannot be used, with its place */
export async function settingsOf(place: ClusterPlace, given: ClusterStart): Promise<Settings> {
  const tables = { cluster: CLUSTER_OPTIONS };
  const profile = await loadProfile({ name: place.profile, dir: place.profileDir, tables, others: "leave" });
  const flags = Object.fromEntries(
    Object.keys(CLUSTER_OPTIONS).map((name) => [name, given[name as keyof ClusterOptions]]),
  );
  const options = chooseOptions(CLUSTER_OPTIONS, {
    flags,
    environment: (name) => Deno.env.get(name),
    profile: profile.sections["cluster"],
    section: "cluster",
  });
  const { launcher } = options;
  // Hosts that share no folder cannot read the controller's file.
  const connectionInfo = options.remoteProgram === "copy" ? "environment" : options.connectionInfo;
  return {
    options: { ...options, connectionInfo },
    n: options.n ?? navigator.hardwareConcurrency,
    controllerLauncher: options.controller ?? launcher ?? "local",
    engineLauncher: options.engines ?? launcher ?? "local",
    keepsFiles: options.controllerArgs.includes("--reuse") ||
      profile.sections["controller"]?.["reuse"] === true,
  };
}

/** The options as the cluster file keeps them. */
export function savedOptions(options: ClusterOptions): { readonly [key: string]: Json } {
  return JSON.parse(JSON.stringify(options));
}

/** The options that a cluster file keeps. @throws OptionError if another version wrote them */
export function optionsFrom(saved: { readonly [key: string]: Json }): ClusterOptions {
  return chooseOptions(CLUSTER_OPTIONS, { profile: saved, section: "settings" });
}
