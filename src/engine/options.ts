/**
 * The engine's options: how its slots are walled off and which limits hold for every task, by flag, environment or profile section
 * `engine`. A task may ask for less, never for more.
 */
import {
  alsoFrom,
  choice,
  number,
  numberOrNone,
  type OptionValues,
  text,
  textOrNone,
} from "../base/options.ts";
import { PERMISSION_SETS, PERMISSIONS } from "./permission_options.ts";

const MB = 1 << 20;

/** Name, default, unit or words, help. */
export const ENGINE_OPTIONS = {
  engines: number(1, { unit: "n", min: 1, max: 1024 }, "Engines in this process"),
  isolation: choice(
    "shared",
    ["shared", "worker", "process"],
    "What is new for each task: nothing, a Worker, a process",
  ),
  sharing: choice(
    "all",
    ["all", "client"],
    "client: no two clients' tasks ever share a process, nor run at the same moment",
  ),
  permissions: PERMISSIONS,
  permissionSets: PERMISSION_SETS,
  sandbox: choice(
    "auto",
    ["auto", "strict"],
    "strict: refuse to start where the kernel lacks the second wall",
  ),
  runTimeoutMs: numberOrNone(null, { unit: "ms", min: 1 }, "Longest run of a task, from its start"),
  deadlineMs: numberOrNone(null, { unit: "ms", min: 1 }, "Longest time of a task, from its submission"),
  cpuLimitMs: numberOrNone(
    null,
    { unit: "ms", min: 1 },
    "Most processor time of a task, all threads together",
  ),
  memoryLimitMB: numberOrNone(
    null,
    { unit: "MB", min: 64 },
    "Most memory of a slot's process; unset: an equal share of 80 % of the machine's",
  ),
  outputLimitBytes: numberOrNone(64 * MB, { unit: "bytes" }, "Most text that a task may write"),
  resultLimitBytes: numberOrNone(1024 * MB, { unit: "bytes", min: 1024 }, "Largest result of a task"),
  cancelGraceMs: number(
    250,
    { unit: "ms" },
    "How long a cancelled task that looks at its signal may take to end by itself",
  ),
  tasksPerChild: numberOrNone(null, { unit: "n", min: 1 }, "Tasks after which a slot's process is renewed"),
  maxChildren: number(
    8,
    { unit: "n", min: 1, max: 256 },
    "Most processes that an engine keeps, one for each set of needs",
  ),
  spares: number(1, { unit: "n", max: 100 }, "Processes kept ready that may still become anything"),
  decidedSpares: numberOrNone(
    null,
    { unit: "n", max: 100 },
    "Processes kept ready with what most tasks need; unset: 1, with isolation process 2",
  ),
  sharedMemory: choice(
    "auto",
    ["auto", "off"],
    "auto: large values of clients on the same host come by shared memory; off: by socket",
  ),
  waitMs: number(30_000, { unit: "ms" }, "How long the controller's file may take to appear"),
  timeoutMs: number(5000, { unit: "ms", min: 1 }, "How long the hub may take to answer a registration"),
  heartbeatMisses: number(
    50,
    { unit: "beats", max: 1_000_000 },
    "Heartbeats of the controller that may stay away before the engine ends; 0: any number",
  ),
  ssh: text(
    "",
    "[user@]host[:port]",
    "SSH server to tunnel through to the controller; unset: the connection file's, from another machine",
  ),
  sshCommand: text("ssh", "command", "ssh with its flags, like 'ssh -F ./config'"),
  sshkey: textOrNone("path", "Private key for the SSH server; unset: as your ssh config says"),
  curveKeyFile: textOrNone(
    "path",
    "This engine's own CURVE keys, by which a controller with a policy knows it",
  ),
  curveServerKey: alsoFrom(
    textOrNone("Z85", "The controller's CURVE key, where its file names none"),
    "IPP_CURVE_SERVERKEY",
  ),
  curvePublicKey: alsoFrom(
    textOrNone("Z85", "This engine's own CURVE key; unset: a new one"),
    "IPP_CURVE_PUBLICKEY",
  ),
  curveSecretKey: alsoFrom(textOrNone("Z85", "The secret key that belongs to it"), "IPP_CURVE_SECRETKEY"),
} as const;

/** The engine host's settings. */
export type EngineOptions = OptionValues<typeof ENGINE_OPTIONS>;
