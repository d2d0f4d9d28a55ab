/**
 * What can be asked for beside the task itself, and how it stands in a task's tail (PROTOCOL.md, "Tails").
 */
import type { Dictionary } from "../protocol/frames.ts";
import { AsyncResult } from "./async_result.ts";
import type { TaskNames } from "./task_state.ts";

/** Tasks that others wait for: results, their msg_ids, or a condition. */
export type Dependency = TaskReference | readonly TaskReference[] | DependencyCondition;

/** A task, or the tasks of a call. */
type TaskReference = AsyncResult<unknown, "one"> | AsyncResult<unknown, "all"> | string;

/** A dependency with its conditions. */
export interface DependencyCondition {
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
  readonly runTimeoutMs?: number | undefined;
  /** From the submission. */
  readonly deadlineMs?: number | undefined;
  readonly memoryLimitMB?: number | undefined;
  readonly outputLimitBytes?: number | undefined;
}

/** Options of every view. */
export interface ViewOptions {
  /** Kept in the task's record and metadata; any JSON value. */
  readonly label?: unknown;
  /** Stops the tasks of the calls made with it. */
  readonly signal?: AbortSignal | undefined;
  readonly limits?: TaskLimits | undefined;
}

/** Options of a load-balanced view. */
export interface BalancedOptions extends ViewOptions {
  /** How often a task may be started again on another engine if it fails. Default 0. */
  readonly retries?: number | undefined;
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

/**
 * The options as a task's tail; null if nothing is asked for.
 * @throws RangeError or TypeError naming an option that cannot be used
 */
export function tailOf(options: BalancedOptions): Uint8Array | null {
  const { label, limits, retries, queueTimeoutMs, after, follow, targets } = options;
  checkNumber("retries", retries, { min: 0, isWhole: true });
  checkNumber("queueTimeoutMs", queueTimeoutMs, { min: 0 });
  for (const [name, value] of Object.entries(limits ?? {})) checkNumber(`limits.${name}`, value, { min: 0 });
  const fields = {
    ...(after === undefined ? {} : { after: condition(after) }),
    ...(follow === undefined ? {} : { follow: condition(follow) }),
    ...(targets === undefined ? {} : { targets }),
    ...(queueTimeoutMs === undefined ? {} : { timeout: queueTimeoutMs / 1000 }),
    ...(retries === undefined || retries === 0 ? {} : { retries }),
    ...(label === undefined ? {} : { label }),
    ...(limits === undefined || Object.keys(limits).length === 0 ? {} : { limits }),
  };
  return Object.keys(fields).length === 0 ? null : encoder.encode(JSON.stringify(fields));
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
  const { ids, all, success, failure } = condition(dependency);
  const dependencies = ids.map((id) => typeof id === "number" ? names.msgId(id) : id);
  return { dependencies, all, success, failure };
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

function condition(dependency: Dependency) {
  const isCondition = typeof dependency === "object" && "ids" in dependency;
  const { all = true, success = true, failure = false } = isCondition ? dependency : {};
  const given = isCondition ? dependency.ids : isList(dependency) ? dependency : [dependency];
  return { ids: given.flatMap(idsOf), all, success, failure };
}

function isList(value: unknown): value is readonly TaskReference[] {
  return Array.isArray(value);
}

function idsOf(task: TaskReference): (number | string)[] {
  if (typeof task === "string") return [task];
  if (task instanceof AsyncResult) return task.references;
  throw new TypeError(`Cannot depend on ${String(task)}: pass an AsyncResult or a msg_id`);
}
