/**
 * Limits of one task: those of the engine, made stricter by what the task itself asks for in its tail. Pure.
 */

/** Bounds that count from the task's start, `deadlineMs` from its submission. `Infinity` where there is none. */
export interface TaskLimits {
  readonly runTimeoutMs: number;
  readonly deadlineMs: number;
  readonly cpuLimitMs: number;
  readonly memoryLimitMB: number;
  readonly outputLimitBytes: number;
  readonly resultLimitBytes: number;
}

/** A limit that was passed, as `LimitExceeded` and the result's tail tell it. */
export interface LimitHit {
  readonly limit: "run time" | "deadline" | "cpu" | "memory" | "output" | "result";
  readonly value: number;
  readonly max: number;
}

export const NO_LIMITS: TaskLimits = {
  runTimeoutMs: Infinity,
  deadlineMs: Infinity,
  cpuLimitMs: Infinity,
  memoryLimitMB: Infinity,
  outputLimitBytes: Infinity,
  resultLimitBytes: Infinity,
};

/**
 * Reads `limits` of a task's tail; null if it sets none.
 * @throws TypeError naming the field that is no positive number
 */
export function readLimits(tail: unknown): TaskLimits | null {
  if (typeof tail !== "object" || tail === null || !("limits" in tail)) return null;
  const { limits } = tail;
  if (limits === null || limits === undefined) return null;
  if (typeof limits !== "object") throw new TypeError(`Cannot read limits: "limits" is ${typeof limits}`);
  const fields: Readonly<Record<string, unknown>> = { ...limits };
  const read = (name: keyof TaskLimits) => {
    const value = fields[name];
    if (value === undefined || value === null) return Infinity;
    if (typeof value !== "number" || !(value > 0)) {
      throw new TypeError(`Cannot read limits: "${name}" is ${JSON.stringify(value)}, not a positive number`);
    }
    return value;
  };
  return {
    runTimeoutMs: read("runTimeoutMs"),
    deadlineMs: read("deadlineMs"),
    cpuLimitMs: read("cpuLimitMs"),
    memoryLimitMB: read("memoryLimitMB"),
    outputLimitBytes: read("outputLimitBytes"),
    resultLimitBytes: read("resultLimitBytes"),
  };
}

/**
 * Reads `graceMs` of a task's tail; undefined if it sets none.
 * @throws TypeError
 */
export function readGrace(tail: unknown): number | undefined {
  if (typeof tail !== "object" || tail === null || !("graceMs" in tail)) return undefined;
  const { graceMs } = tail;
  if (graceMs === null || graceMs === undefined) return undefined;
  if (typeof graceMs === "number" && graceMs >= 0) return graceMs;
  throw new TypeError(`Cannot read "graceMs": it is ${JSON.stringify(graceMs)}, not a number of ms`);
}

const UNIT: Readonly<Record<LimitHit["limit"], string>> = {
  "run time": "ms",
  deadline: "ms",
  cpu: "ms",
  memory: "MiB",
  output: "bytes",
  result: "bytes",
};

const NAME: Readonly<Record<LimitHit["limit"], string>> = {
  "run time": "run time",
  deadline: "deadline",
  cpu: "CPU time",
  memory: "memory",
  output: "output",
  result: "result",
};

/** The sentence of a `LimitExceeded`. */
export function limitText(hit: LimitHit): string {
  const unit = UNIT[hit.limit];
  const value = Number.isFinite(hit.value) ? `${Math.round(hit.value)} ${unit}` : "more than there is";
  const max = Number.isFinite(hit.max) ? `${hit.max} ${unit}` : "what the runtime allows";
  return `The task's ${NAME[hit.limit]} passed its limit: ${value}, at most ${max}`;
}
