/**
 * The cluster's options: how many engines, started by whom and how, and how long to wait, by flag, environment or profile section `cluster`.
 */
import { choice, number, numberOrNone, type OptionValues, text, textOrNone, texts } from "../base/options.ts";
import { launcherOption } from "./launchers.ts";

/** Name, default, unit or words, help. */
export const CLUSTER_OPTIONS = {
  n: numberOrNone(
    null,
    { unit: "engines", min: 1, max: 100_000 },
    "How many engines to start; unset: one per processor",
  ),
  launcher: launcherOption("local", "Who starts controller and engines"),
  controller: launcherOption(null, "Who starts the controller, where it is another"),
  engines: launcherOption(null, "Who starts the engines, where it is another"),
  startTimeoutMs: number(
    60_000,
    { unit: "ms", min: 1 },
    "How long controller and engines may take to come up, once no job of theirs waits in a queue",
  ),
  queueTimeoutMs: numberOrNone(
    null,
    { unit: "ms", min: 1 },
    "How long jobs may wait in their batch system's queue; unset: as long as it takes",
  ),
  stopTimeoutMs: number(5000, { unit: "ms" }, "How long processes may take to end before they are killed"),
  controllerArgs: texts(
    "argument",
    "Flag for the controller, like --controller-args=--ping=250; may be repeated",
  ),
  engineArgs: texts("argument", "Flag for the engines; may be repeated"),
  controllerCommand: textOrNone("command", "Program in place of our controller, like ipcontroller"),
  engineCommand: textOrNone("command", "Program in place of our engine, like ipengine: Python's engines"),
  connectionInfo: choice(
    "file",
    ["file", "environment"],
    "How engines learn where the controller is: by its file on a shared disk, or in their environment",
  ),
  enginesPerJob: numberOrNone(
    null,
    { unit: "engines", min: 1, max: 10_000 },
    "Engines in each job of a batch system; unset: all in one",
  ),
  hosts: texts(
    "host[=engines]",
    "Host for the ssh launcher, perhaps with its number of engines; may be repeated",
  ),
  controllerHost: text(
    "",
    "host",
    "Host of the controller for the ssh launcher; unset: the first of --hosts",
  ),
  sshCommand: text("ssh", "command", "ssh with its flags, like 'ssh -F ./config -p 2222'"),
  scpCommand: text("scp", "command", "scp with its flags"),
  remoteProgram: choice(
    "same",
    ["same", "copy"],
    "same: hosts have this program and these folders at the same places; copy: the compiled executable is brought to them",
  ),
  mpiCommand: text(
    "mpiexec",
    "command",
    "MPI's command with its flags, like 'mpirun --hostfile hosts' or srun",
  ),
  queue: text("", "name", "Queue or partition of the batch system"),
  account: text("", "name", "Account that jobs are charged to"),
  walltime: text(
    "",
    "[days-]h:m:s",
    "Longest time that a job may take; engines take no more tasks before its end",
  ),
  memory: text("", "size", "Memory for each engine, like 4G"),
  cpusPerEngine: number(
    1,
    { unit: "processors", min: 1, max: 10_000 },
    "Processors for each engine of a batch job",
  ),
  priority: choice(
    "Normal",
    ["Lowest", "BelowNormal", "Normal", "AboveNormal", "Highest"],
    "Priority of jobs of Windows HPC; other systems have lines for it",
  ),
  schedulerHost: text("", "host", "Head node of Windows HPC; unset: what CCP_SCHEDULER names"),
  directives: texts(
    "line",
    "Line for the head of the batch script, like '#SBATCH --qos=low', or attribute of a Windows HPC job, like IsExclusive=true; may be repeated",
  ),
  engineTemplate: textOrNone("path", "File of the engines' batch script; unset: one of ours"),
  controllerTemplate: textOrNone("path", "File of the controller's batch script; unset: one of ours"),
  maxRestarts: number(
    5,
    { unit: "times" },
    "How often within a minute a set of engines that dies is started again, later and later; 0: never",
  ),
  restartBackoffMs: number(
    500,
    { unit: "ms" },
    "The wait before the second restart; it doubles with each further one",
  ),
  pollMs: number(2000, { unit: "ms", min: 10 }, "How often a batch system is asked about its jobs"),
} as const;

/** The cluster's settings. */
export type ClusterOptions = OptionValues<typeof CLUSTER_OPTIONS>;
