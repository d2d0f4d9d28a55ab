/**
 * `task`: a function with what it takes along and what is asked for its runs.
 */
import type { StandardSchema, TaskSchema } from "./standard_schema.ts";
import { sourceText } from "./function_source.ts";
import type { Reference } from "./reference.ts";
import type { BalancedOptions } from "./view_options.ts";

/** What a task may ask for its runs; it goes over what the view asks. Direct calls wait in no queue: of these options the last three mean nothing to them. */
export type RunOptions = Pick<
  BalancedOptions,
  | "permissions"
  | "limits"
  | "isolation"
  | "cancelGraceMs"
  | "detached"
  | "label"
  | "retries"
  | "queueTimeoutMs"
  | "priority"
>;

/** What a task asks for beside its captures. */
export interface AskedOptions extends RunOptions {
  /** Names that the function takes from the engine's namespace. */
  readonly namespace?: readonly string[] | undefined;
  /** Checks arguments (as one list) and result. */
  readonly schema?: TaskSchema | undefined;
}

/** A function with what it takes along; make it with `task`. */
export interface Task<Args extends unknown[], R> {
  readonly run: (...args: Args) => R;
  /** Values that the function's text refers to, by name. */
  readonly captures: Readonly<Record<string, unknown>>;
  /** How errors and records call it. */
  readonly name: string;
  /** What is asked for its runs. */
  readonly options: AskedOptions;
}

/** A function as the views take it, or the name of one that is on the engine. */
export type Runnable<Args extends unknown[], R> = ((...args: Args) => R) | Task<Args, R> | Reference;

/** Options of `task`. */
export interface TaskOptions extends AskedOptions {
  /** Values and functions that the function's text refers to, by name; they are copied when it is first sent. */
  readonly captures?: Readonly<Record<string, unknown>> | undefined;
  /** Default: the function's own name. */
  readonly name?: string | undefined;
}

/** Options of `task` with schemas, which say what a call takes and gives. */
export interface CheckedTaskOptions<In extends unknown[], Args extends unknown[], R, Out>
  extends TaskOptions {
  readonly schema: {
    readonly args?: StandardSchema<In, Args> | undefined;
    readonly result?: StandardSchema<Awaited<R>, Out> | undefined;
  };
}

/** `task(function, options)`; and inside a function that runs on an engine, where `task` is global, the running task. */
export interface TaskMaker {
  /** With schemas: a call takes what the schema of the arguments takes, and gives what the schema of the result gives. */
  <Args extends unknown[], R, In extends unknown[] = Args, Out = Awaited<R>>(
    run: (...args: Args) => R,
    options: CheckedTaskOptions<In, Args, R, Out>,
  ): Task<In, Out>;
  <Args extends unknown[], R>(run: (...args: Args) => R, options?: TaskOptions): Task<Args, R>;
  /**
   * On an engine: aborted when the running task is cancelled. A task that looks at it may end by itself within the engine's `cancelGraceMs`, and keeps
   * the namespace; `signal.aborted` is up to date in a loop without a pause too.
   * @throws TypeError anywhere else
   */
  readonly signal: AbortSignal;
}

/** What `task` has made: only these count as functions among captures. */
const tasks = new WeakSet<object>();

/**
 * Gives a function the values that its text refers to.
 *
 * ```ts
 * const scale = 3;
 * await view.apply(task((x: number) => x * scale, { captures: { scale } }), 14);
 * ```
 */
export const task: TaskMaker = Object.defineProperty(makeTask, "signal", {
  get(): never {
    throw new TypeError(
      "Cannot use task.signal here: it is the signal of the task that runs, inside a function that runs on an engine",
    );
  },
}) as TaskMaker;

const NO_OPTIONS: AskedOptions = Object.freeze({});

function makeTask<Args extends unknown[], R>(
  run: (...args: Args) => R,
  { captures, name = run.name, ...options }: TaskOptions = {},
): Task<Args, R> {
  const isAsked = Object.values(options).some((value) => value !== undefined);
  const made = Object.freeze({
    run,
    captures: { ...captures },
    name,
    options: isAsked ? Object.freeze(options) : NO_OPTIONS,
  });
  tasks.add(made);
  remember(run);
  return made;
}

/** Stacks from engines name the place where a function was first seen, which is here. What is wrong with it is said when it is sent. */
function remember(run: (...args: never[]) => unknown): void {
  try {
    sourceText(run);
  } catch {
    // Said at the call.
  }
}

/** Whether `task` made it. */
export function isTask(value: unknown): boolean {
  return typeof value === "object" && value !== null && tasks.has(value);
}

/** What a function asks for its own runs; undefined for one that asks nothing. */
export function askedOf(run: Runnable<never[], unknown> | null): AskedOptions | undefined {
  if (typeof run !== "object" || run === null || !("options" in run)) return undefined;
  return run.options === NO_OPTIONS ? undefined : run.options;
}
