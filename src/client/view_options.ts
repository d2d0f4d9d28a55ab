/**
 * What can be asked for beside the task itself, and how it stands in a task's tail (PROTOCOL.md, "Tails").
 */
import { didYouMean } from "../base/options.ts";
import type { Dictionary } from "../protocol/frames.ts";
import { type PermissionRequest, readRequest, toJson } from "../protocol/permissions.ts";
import { isPriority, MAX_PRIORITY } from "../protocol/priority.ts";
import { type Isolation, readIsolation } from "../protocol/task_asks.ts";
import { AsyncResult } from "./async_result.ts";
import type { TaskNames } from "./task_state.ts";

/** Tasks that others wait for: results, their msg_ids, or a condition. */
export type Dependency = TaskReference | readonly TaskReference[] | DependencyCondition;

/** A task, or the tasks of a call: its result, or a msg_id. */
export type TaskReference = AsyncResult<unknown, "one"> | AsyncResult<unknown, "all"> | string;

/** A dependency with its conditions. */
export interface DependencyCondition {
  /** The tasks. */
  readonly ids: readonly TaskReference[];
  /** Wait for all of them (default) or for any. */
  readonly all?: boolean | undefined;
  /** Whether a task that ended well counts. Default true. */
  readonly success?: boolean | undefined;
  /** Whether a task that failed counts. Default false. */
  readonly failure?: boolean | undefined;
}

/** Bounds of a task, measured from its start; exceeding one ends it with LimitExceeded. Python engines hold none: asking one for them is refused. */
export interface TaskLimits {
  /** Of the run itself. */
  readonly runTimeoutMs?: number | undefined;
  /** From the submission. */
  readonly deadlineMs?: number | undefined;
  /** Of all threads together. */
  readonly cpuLimitMs?: number | undefined;
  /** Of its process, as the host measures it. */
  readonly memoryLimitMB?: number | undefined;
  /** Of what it writes to stdout and stderr. */
  readonly outputLimitBytes?: number | undefined;
  /** Of its result as it travels. */
  readonly resultLimitBytes?: number | undefined;
}

const LIMITS: readonly string[] = [
  "runTimeoutMs",
  "deadlineMs",
  "cpuLimitMs",
  "memoryLimitMB",
  "outputLimitBytes",
  "resultLimitBytes",
];

/** Options of every view. */
export interface ViewOptions {
  /** Kept in the task's record and metadata; any JSON value. */
  readonly label?: unknown;
  /** Stops the tasks of the calls made with it, and refuses further ones. They end with TaskCancelled, whose `cause` is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whether tasks go on when the scope of their view or client is left (`await using`). Default false. */
  readonly detached?: boolean | undefined;
  /** Bounds of each task. */
  readonly limits?: TaskLimits | undefined;
  /**
   * What its tasks may do, in Deno's names and syntax: `{ net: ["api.example.org:443"], read: ["/data"] }`, `"none"`, or the name of a set of
   * the engines' profile. They run only where that is granted, with exactly that; else they fail with PermissionDenied. Default: all that an
   * engine grants. Paths are absolute, or in `$SCRATCH`, a fresh folder that goes with the task's process.
   */
  readonly permissions?: PermissionRequest | undefined;
  /** What is new for each task: nothing, a Worker (tidy, no boundary), a process. Never looser than an engine's own. */
  readonly isolation?: Isolation | undefined;
  /** How long a cancelled task that looks at its signal may take to end by itself. */
  readonly cancelGraceMs?: number | undefined;
  /**
   * Buffers that are handed over with the call, `view.with({ transfer: [array.buffer] }).apply(f, array)`: they are detached here when it is submitted, so that
   * nobody changes what has not left yet, and nothing is copied for it. For one call.
   */
  readonly transfer?: readonly ArrayBuffer[] | undefined;
}

/** What only engines of ours can hold. */
export type EngineAsks = Pick<ViewOptions, "limits" | "permissions" | "isolation" | "cancelGraceMs">;

/** Options of a load-balanced view. */
export interface BalancedOptions extends ViewOptions {
  /** How often a task may be started again on another engine if it fails. Default 0. */
  readonly retries?: number | undefined;
  /**
   * Rank among this client's own waiting tasks, a whole number from -1000 to 1000, the highest first. A minute of waiting counts as one level. It
   * takes nothing from other clients: each has its share of the engines. Default 0.
   */
  readonly priority?: number | undefined;
  /** How long a task may wait for an engine before it ends with TaskTimeout. Default: for ever. */
  readonly queueTimeoutMs?: number | undefined;
  /** Start only when these have ended. */
  readonly after?: Dependency | undefined;
  /** Run where these ran. */
  readonly follow?: Dependency | undefined;
  /** Ids of the engines that may run it. Default: all. */
  readonly targets?: readonly number[] | undefined;
}

const encoder = new TextEncoder();

/** Of a client without tasks. */
const NOBODY: TaskNames = { msgId: String, engineUuid: () => null, engineId: () => null };

/**
 * The options as a task's tail; null if nothing is asked for.
 * @param client whose tasks they are
 * @throws RangeError or TypeError naming an option that cannot be used
 */
export function tailOf(options: BalancedOptions, client: TaskNames = NOBODY): Uint8Array | null {
  const { label, retries, priority, queueTimeoutMs, after, follow, targets } = options;
  checkPriority(priority);
  checkNumber("retries", retries, { min: 0, isWhole: true });
  checkNumber("queueTimeoutMs", queueTimeoutMs, { min: 0 });
  const fields = {
    ...(after === undefined ? {} : { after: condition(after, client) }),
    ...(follow === undefined ? {} : { follow: condition(follow, client) }),
    ...(targets === undefined ? {} : { targets }),
    ...(queueTimeoutMs === undefined ? {} : { timeout: queueTimeoutMs / 1000 }),
    ...(retries === undefined || retries === 0 ? {} : { retries }),
    ...(priority === undefined || priority === 0 ? {} : { priority }),
    ...(label === undefined ? {} : { label }),
    ...asksOf(options),
  };
  return Object.keys(fields).length === 0 ? null : encoder.encode(JSON.stringify(fields));
}

/** The part for the engine. @throws RangeError or TypeError */
function asksOf({ limits, permissions, isolation, cancelGraceMs }: EngineAsks): Dictionary {
  for (const [name, value] of Object.entries(limits ?? {})) {
    if (!LIMITS.includes(name)) {
      throw new TypeError(
        `Unknown limit "limits.${name}"${didYouMean(name, LIMITS) || `: there are ${LIMITS.join(", ")}`}`,
      );
    }
    checkNumber(`limits.${name}`, value, { min: 0 });
  }
  checkNumber("cancelGraceMs", cancelGraceMs, { min: 0 });
  const request = permissions === undefined ? undefined : readRequest(permissions, "permissions");
  return {
    ...(limits === undefined || Object.keys(limits).length === 0 ? {} : { limits }),
    ...(request === undefined
      ? {}
      : { permissions: typeof request === "string" ? request : toJson(request) }),
    ...(isolation === undefined ? {} : { isolation: readIsolation(isolation, "isolation") }),
    ...(cancelGraceMs === undefined ? {} : { graceMs: cancelGraceMs }),
  };
}

/** The same options as a message's metadata, of which the label holds for every message. */
export function metadataOf(options: BalancedOptions, names: TaskNames): Dictionary {
  const { label, retries = 0, queueTimeoutMs = 0, after, follow, targets = [] } = options;
  return {
    label: label ?? null,
    targets: targets.map((id) => names.engineUuid(id)),
    after: after === undefined ? [] : messageCondition(after, names),
    follow: follow === undefined ? [] : messageCondition(follow, names),
    timeout: queueTimeoutMs === 0 ? null : queueTimeoutMs / 1000,
    retries,
  };
}

function messageCondition(dependency: Dependency, names: TaskNames): Dictionary {
  const { ids, all, success, failure } = condition(dependency, names);
  const dependencies = ids.map((id) => typeof id === "number" ? names.msgId(id) : id);
  return { dependencies, all, success, failure };
}

function checkPriority(priority: unknown): void {
  if (priority === undefined || isPriority(priority)) return;
  throw new RangeError(
    `Cannot use ${
      String(priority)
    } for "priority": it takes a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`,
  );
}

function checkNumber(
  name: string,
  value: unknown,
  { min, isWhole = false }: { readonly min: number; readonly isWhole?: boolean },
): void {
  if (value === undefined) return;
  if (
    typeof value !== "number" || !(value >= min) || value === Infinity ||
    (isWhole && !Number.isInteger(value))
  ) {
    throw new RangeError(
      `Cannot use ${String(value)} for "${name}": it takes ${
        isWhole ? "a whole number" : "a number"
      } of ${min} or more`,
    );
  }
}

const CONDITION = ["ids", "all", "success", "failure"];

/** @throws TypeError for what names no task, or a condition that nothing can meet */
function condition(dependency: Dependency, client: TaskNames) {
  const isCondition = typeof dependency === "object" && dependency !== null && "ids" in dependency;
  const { all = true, success = true, failure = false } = isCondition ? dependency : {};
  const given = isCondition ? dependency.ids : isList(dependency) ? dependency : [dependency];
  if (isCondition) checkCondition(dependency);
  return {
    ids: (isList(given) ? given : [given as TaskReference]).flatMap((task) => idsOf(task, client)),
    all,
    success,
    failure,
  };
}

function checkCondition(dependency: DependencyCondition): void {
  for (const name of Object.keys(dependency)) {
    if (CONDITION.includes(name)) continue;
    throw new TypeError(
      `Unknown field "${name}" of a dependency${
        didYouMean(name, CONDITION) || `: there are ${CONDITION.join(", ")}`
      }`,
    );
  }
  const { success = true, failure = false } = dependency;
  if (success || failure) return;
  throw new TypeError(
    'Cannot depend on tasks of which neither success nor failure counts: leave "success" out, or set "failure"',
  );
}

function isList(value: unknown): value is readonly TaskReference[] {
  return Array.isArray(value);
}

function idsOf(task: TaskReference, client: TaskNames): (number | string)[] {
  if (typeof task === "string") return [task];
  if (task instanceof AsyncResult) return task.references(client);
  throw new TypeError(
    `Cannot depend on ${
      Object.prototype.toString.call(task) === "[object MapResult]"
        ? "a map, whose tasks are sent one after the other"
        : String(task)
    }: pass an AsyncResult or a msg_id`,
  );
}
