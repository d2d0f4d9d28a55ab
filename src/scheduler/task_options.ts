/**
 * The options in a task's tail or a Jupyter request's metadata, checked once where they come in.
 */
import { jsonText } from "../base/json.ts";
import { isPriority, MAX_PRIORITY } from "../protocol/priority.ts";
import { readAsk, type TaskAsk } from "../protocol/task_asks.ts";
import type { DependencySpec, TaskKey } from "./dependencies.ts";

export interface TaskOptions {
  readonly after: DependencySpec | null;
  readonly follow: DependencySpec | null;
  /** Engine ids, or null for any. `UNKNOWN_ENGINE` stands for each of `unknownTargets`. */
  readonly targets: readonly number[] | null;
  /** Engines that nobody knows, as the task names them. */
  readonly unknownTargets?: readonly string[];
  /** Milliseconds that it may wait, Infinity for ever. */
  readonly queueTimeoutMs: number;
  readonly retries: number;
  /** Its rank among its client's waiting tasks, the highest first. */
  readonly priority: number;
  /** What an engine must be able to grant; equal requests are the same object. Null for nothing in particular. */
  readonly ask: TaskAsk | null;
}

/** Whether they ask for nothing that concerns the scheduler. */
export function isPlain(
  { after, follow, targets, retries, queueTimeoutMs, priority, ask }: TaskOptions,
): boolean {
  return after === null && follow === null && targets === null && retries === 0 &&
    queueTimeoutMs === Infinity && priority === 0 && ask === null;
}

/** The id of an engine that is named and not known: no engine ever has it. */
export const UNKNOWN_ENGINE = 0x7fff_ffff;

/** How the options of one task name other tasks: by msg_id, or a client of ours by the count of its own. */
export interface TaskNames {
  /** The key of a task, undefined if nobody knows it. */
  key(id: string | number): TaskKey | undefined;
  /** What the client calls it. */
  text(id: string | number): string;
}

/** An option that cannot be understood: the task fails with this sentence. */
export class BadOption extends Error {
  override readonly name: string;

  constructor(message: string, name = "TypeError") {
    super(message);
    this.name = name;
  }
}

const MAX_IDS = 100_000;

/** Reads options as they stand in JSON. Throws BadOption naming the field. */
export function readTaskOptions(value: unknown, names: TaskNames): TaskOptions {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadOption("Cannot read the task's options: not an object");
  }
  const fields: Record<string, unknown> = { ...value };
  return {
    after: readDependency("after", fields.after, names),
    follow: readDependency("follow", fields.follow, names),
    targets: readTargets(fields.targets),
    queueTimeoutMs: readTimeout(fields.timeout),
    retries: readRetries(fields.retries),
    priority: readPriority(fields.priority),
    ask: askOf(fields),
  };
}

/** Requests that were read, by their text: most tasks of a client ask for the same. */
const ASKS = new Map<string, TaskAsk>();
const MAX_ASKS = 1024;
const MAX_TEXT = 4096;

function askOf({ permissions = null, isolation = null }: Record<string, unknown>): TaskAsk | null {
  if (permissions === null && isolation === null) return null;
  const text = JSON.stringify([permissions, isolation]);
  const known = ASKS.get(text);
  if (known !== undefined) return known;
  const ask = readRequest({ permissions, isolation });
  if (ask === null || text.length > MAX_TEXT) return ask;
  if (ASKS.size >= MAX_ASKS) ASKS.clear();
  ASKS.set(text, ask);
  return ask;
}

function readRequest(fields: Record<string, unknown>): TaskAsk | null {
  try {
    return readAsk(fields);
  } catch (error) {
    if (error instanceof TypeError) throw new BadOption(error.message);
    throw error;
  }
}

function readDependency(
  name: string,
  value: unknown,
  names: TaskNames,
): DependencySpec | null {
  if (value === undefined || value === null || value === "") return null;
  const object: Record<string, unknown> = Array.isArray(value)
    ? { ids: value }
    : typeof value === "string"
    ? { ids: [value] }
    : typeof value === "object"
    ? { ...value }
    : {};
  const ids = object.ids ?? object.dependencies;
  if (!Array.isArray(ids)) throw new BadOption(`Cannot read option "${name}": it names no ids`);
  if (ids.length > MAX_IDS) throw new BadOption(`Cannot read option "${name}": more than ${MAX_IDS} ids`);
  if (ids.length === 0) return null;
  const named = ids.map((id: unknown) => {
    if (typeof id === "string" || typeof id === "number") return id;
    throw new BadOption(`Cannot read option "${name}": ${jsonText(id)} is no task id`);
  });
  const keys = named.map((id) => names.key(id) ?? -1);
  const success = object.success !== false, failure = object.failure === true;
  if (!success && !failure) {
    throw new BadOption(`Cannot read option "${name}": neither success nor failure counts`);
  }
  return {
    keys,
    ids: named,
    name: (index) => names.text(named[index]!),
    all: object.all !== false,
    success,
    failure,
  };
}

function readTargets(value: unknown): readonly number[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || !value.every((id) => Number.isInteger(id) && id >= 0)) {
    throw new BadOption(`Cannot read option "targets": not a list of engine ids`);
  }
  return value.length === 0 ? null : value;
}

function readTimeout(given: unknown): number {
  const value = plainNumber(given);
  if (value === undefined || value === null || value === 0) return Infinity;
  if (typeof value !== "number" || !(value > 0)) {
    throw new BadOption(
      `Cannot read option "timeout": ${jsonText(value)} is no positive number of seconds`,
    );
  }
  return value * 1000;
}

/** Beyond 2^53 a count or a time need not be exact. */
function plainNumber(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

function readRetries(given: unknown): number {
  const value = plainNumber(given);
  if (value === undefined || value === null || value === false) return 0;
  if (value === true) return 1;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw new BadOption(`Cannot read option "retries": ${jsonText(value)} is no count`);
  }
  return value;
}

function readPriority(given: unknown): number {
  const value = plainNumber(given);
  if (value === undefined || value === null) return 0;
  if (!isPriority(value)) {
    throw new BadOption(
      `Cannot read option "priority": ${
        jsonText(value)
      } is no whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`,
      "RangeError",
    );
  }
  return value;
}
