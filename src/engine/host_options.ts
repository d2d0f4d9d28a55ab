/**
 * What an engine host is started with: the engine's options as the command line chose them, where its controller is, and a few
 * things that only tests set.
 */
import type { EngineConnection } from "../protocol/connection_file.ts";
import { connectionPaths, parseConnection, readConnectionFile } from "../protocol/connection_file.ts";
import { NO_PERMISSIONS, type PermissionSet } from "../protocol/permissions.ts";
import type { CoreOptions } from "./core_types.ts";
import { THIS_HOST } from "./grant_host.ts";
import { type ChildKey, Grants } from "./grants.ts";
import type { EngineOptions } from "./options.ts";
import type { SlotSettings } from "./slot_contract.ts";
import type { TaskLimits } from "./task_limits.ts";

/** Where the controller is, the first of these that is given; then the engine's options; then the rest. */
export interface EngineHostOptions extends Partial<Omit<EngineOptions, "permissions" | "permissionSets">> {
  /** What tasks may do at most. Default: nothing. */
  readonly ceiling?: PermissionSet | undefined;
  /** Sets of permissions that tasks can ask for by name. */
  readonly sets?: Readonly<Record<string, PermissionSet>> | undefined;
  readonly connection?: EngineConnection | undefined;
  /** Text of a connection file, as it comes in the environment. */
  readonly connectionInfo?: string | undefined;
  /** Path of a connection file. */
  readonly file?: string | undefined;
  readonly profileDir?: string | undefined;
  readonly clusterId?: string | undefined;
  /** Ids to ask the hub for: of the first engine, the others get the next ones; or one for each. */
  readonly id?: number | readonly number[] | undefined;
  /** A Jupyter connection file: the engine is a kernel there too. With several engines its name has `{id}` in it. */
  readonly kernelFile?: string | undefined;
  /** Jupyter has started this program. */
  readonly isJupyters?: boolean | undefined;
  readonly walls?: SlotSettings["walls"] | undefined;
  /** Pings that may stay away in a row before the host gives its controller up. Default 50. */
  readonly patience?: number | undefined;
  /** How long a registration waits for its reply, in ms. Default 5000. */
  readonly registrationTimeoutMs?: number | undefined;
  /** Program and arguments of a slot's child. Default: this very program. */
  readonly childCommand?: readonly string[] | undefined;
}

const OUTPUT_BYTES = 64 << 20;
const MAX_CHILDREN = 8;
const CANCEL_GRACE_MS = 250;

/** What the children of an engine are given. @param name how the engine is called in sentences */
export function grantsOf(options: EngineHostOptions, name: () => string): Grants {
  return new Grants({
    ceiling: options.ceiling ?? NO_PERMISSIONS,
    sets: options.sets ?? {},
    isolation: options.isolation ?? "shared",
    sharing: options.sharing ?? "all",
    host: THIS_HOST,
    name,
  });
}

const RESULT_BYTES = 1 << 30;

/** The limits of every task. */
export function limitsOf(options: EngineHostOptions): TaskLimits {
  return {
    runTimeoutMs: options.runTimeoutMs ?? Infinity,
    deadlineMs: options.deadlineMs ?? Infinity,
    cpuLimitMs: options.cpuLimitMs ?? Infinity,
    memoryLimitMB: options.memoryLimitMB ?? memoryShareMB(options.engines ?? 1),
    outputLimitBytes: options.outputLimitBytes ?? OUTPUT_BYTES,
    resultLimitBytes: options.resultLimitBytes ?? RESULT_BYTES,
  };
}

/** What each engine's core is told. */
export function coreOptionsOf(options: EngineHostOptions, key: ChildKey): CoreOptions<ChildKey> {
  return {
    key,
    limits: limitsOf(options),
    maxChildren: options.maxChildren ?? MAX_CHILDREN,
    tasksPerChild: options.tasksPerChild ?? Infinity,
    cancelGraceMs: options.cancelGraceMs ?? CANCEL_GRACE_MS,
  };
}

/** How many children are kept ready: where each task needs one, so many that a stream of tasks is not held up while there is time. */
export function sparesOf({ spares, decidedSpares, isolation }: EngineHostOptions) {
  return { undecided: spares ?? 1, decided: decidedSpares ?? (isolation === "process" ? 2 : 1) };
}

/** Of the machine's memory, what the slots of a host may use together if nobody says otherwise. */
const MEMORY_SHARE = 0.8;

/** An engine's share of the memory that this machine (or its control group) has, in MB: a task that eats without end must not take the machine along. */
function memoryShareMB(engines: number): number {
  const total = Math.min(Deno.systemMemoryInfo().total, groupMemory());
  return Math.max(64, Math.floor(total * MEMORY_SHARE / engines / 2 ** 20));
}

/** The control group's bound in bytes, Infinity where there is none. */
function groupMemory(): number {
  try {
    const text = Deno.readTextFileSync("/sys/fs/cgroup/memory.max").trim();
    return text === "max" ? Infinity : Number(text) || Infinity;
  } catch {
    return Infinity;
  }
}

/** What each child is started with. */
export function slotSettingsOf(options: EngineHostOptions): SlotSettings {
  return {
    entries: 4096,
    ringBytes: 4 << 20,
    arenaBytes: 64 << 20,
    walls: options.walls ?? { deno: true, landlock: true, seccomp: true },
    resultLimitBytes: options.resultLimitBytes ?? RESULT_BYTES,
  };
}

/**
 * Finds the controller's sockets.
 * @throws ConnectionFileError
 */
export function connectionOf(options: EngineHostOptions): EngineConnection {
  if (options.connection !== undefined) return options.connection;
  if (options.file !== undefined) return readConnectionFile(options.file, "engine");
  if (options.connectionInfo !== undefined && options.connectionInfo !== "") {
    return parseConnection(options.connectionInfo, "engine", "IPP_CONNECTION_INFO");
  }
  return readConnectionFile(connectionPaths(options.profileDir ?? ".", options.clusterId).engine, "engine");
}

/** The id that engine `index` of the host asks for. */
export function requestedId(options: EngineHostOptions, index: number): number | undefined {
  const { id } = options;
  if (id === undefined) return undefined;
  return typeof id === "number" ? id + index : id[index];
}
