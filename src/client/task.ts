/**
 * `task`: a function with what it takes along and what is asked for its runs.
 */
import type { StandardSchema, TaskSchema } from "./standard_schema.ts";
import { sourceText } from "./function_source.ts";
import type { ModuleExport } from "./module_definition.ts";
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
  /** The function; of a module's task one that throws. */
  readonly run: (...args: Args) => R;
  /** Values that the function's text refers to, by name. */
  readonly captures: Readonly<Record<string, unknown>>;
  /** How errors and records call it. */
  readonly name: string;
  /** What is asked for its runs. */
  readonly options: AskedOptions;
  /** Of which module it is; absent of a function that travels by itself. */
  readonly module?: ModuleExport;
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
  /** The schemas. */
  readonly schema: {
    /** Of the arguments, as one list; it gives what the function takes. */
    readonly args?: StandardSchema<In, Args> | undefined;
    /** Of the result; it takes what the function gives. */
    readonly result?: StandardSchema<Awaited<R>, Out> | undefined;
  };
}

/** Options of a module's task: a module takes nothing along but what it imports. */
export type ModuleTaskOptions = Omit<TaskOptions, "captures" | "namespace">;

/** Whatever can be called. */
// deno-lint-ignore no-explicit-any
export type AnyFunction = (...args: any[]) => unknown;

/** Names of the functions that a module exports. */
export type FunctionNames<M> = { [K in keyof M]: M[K] extends AnyFunction ? K : never }[keyof M] & string;

/** The task of a function of a module. */
export type ModuleTask<F> = F extends (...args: infer Args extends unknown[]) => infer R ? Task<Args, R>
  : never;

/** Each function of a module as a task. */
export type ModuleTasks<M> = { readonly [K in FunctionNames<M>]: ModuleTask<M[K]> };

/** What the task of some function of a module takes and gives, one of those that are named. */
export type TaskOfAny<M, K extends keyof M> = [M[K]] extends [AnyFunction]
  ? Task<Parameters<M[K]>, ReturnType<M[K]>>
  : never;

/** `task(function, options)`; and inside a function that runs on an engine, where `task` is global, the running task. */
export interface TaskMaker {
  /** With schemas: a call takes what the schema of the arguments takes, and gives what the schema of the result gives. */
  <Args extends unknown[], R, In extends unknown[] = Args, Out = Awaited<R>>(
    run: (...args: Args) => R,
    options: CheckedTaskOptions<In, Args, R, Out>,
  ): Task<In, Out>;
  <Args extends unknown[], R>(
    run: (...args: Args) => R,
    options?: TaskOptions & { readonly schema?: undefined },
  ): Task<Args, R>;
  /**
   * A function of a module, which travels with all that it imports: `await task<typeof import("./work.ts"), "render">(import.meta.resolve("./work.ts"), "render")`. Where the module
   * has one function, or one form of them, its name needs not be among the types; `task<typeof import("./work.ts").render>(…)` says the same.
   * @throws ModuleError if it cannot be bundled (file, line and text are told) or has no such export
   */
  <M extends object, K extends FunctionNames<M> = FunctionNames<M>>(
    url: string | URL,
    name: K,
    options?: ModuleTaskOptions,
  ): Promise<TaskOfAny<M, K>>;
  /** The same by the type of the function, or without types. */
  <F extends AnyFunction>(
    url: string | URL,
    name: string,
    options?: ModuleTaskOptions,
  ): Promise<ModuleTask<F>>;
  /** All functions of a module, by their names: `const { render } = await task<typeof import("./work.ts")>(import.meta.resolve("./work.ts"))`. */
  <M extends object>(url: string | URL): Promise<ModuleTasks<M>>;
  /**
   * On an engine: aborted when the running task is cancelled. A task that looks at it may end by itself within the engine's `cancelGraceMs`, and keeps
   * the namespace; `signal.aborted` is up to date in a loop without a pause too.
   * @throws TypeError anywhere else
   */
  readonly signal: AbortSignal;
  /**
   * On an engine: ends the running task as one that cannot run there. The task scheduler sends it to an engine on which it has not said so, and ends it with
   * ImpossibleDependency, which has all the reasons, when none is left. That uses up no retry. On a direct view the task ends with UnmetDependency. It is
   * thrown: whoever catches it goes on. Of a map with `chunkSize` the whole chunk begins anew elsewhere, with the items that were done.
   * @param reason at most 1,000 characters
   * @throws TypeError anywhere else
   */
  notHere(reason?: string): never;
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
export const task: TaskMaker = Object.defineProperties(makeTask, {
  signal: {
    get(): never {
      throw new TypeError(
        "Cannot use task.signal here: it is the signal of the task that runs, inside a function that runs on an engine",
      );
    },
  },
  notHere: {
    value(): never {
      throw new TypeError(
        "Cannot use task.notHere here: it ends the task that runs, inside a function that runs on an engine",
      );
    },
  },
}) as TaskMaker;

const NO_OPTIONS: AskedOptions = Object.freeze({});

function makeTask(
  what: ((...args: never[]) => unknown) | string | URL,
  ...rest: unknown[]
): Task<never[], unknown> | Promise<unknown> {
  if (typeof what !== "string" && !(what instanceof URL)) return functionTask(what, rest[0] as TaskOptions);
  const [name, options] = rest;
  return typeof name === "string" ? moduleTask(what, name, options as ModuleTaskOptions) : moduleTasks(what);
}

function functionTask(
  run: (...args: never[]) => unknown,
  { captures, name = run.name, ...options }: TaskOptions = {},
): Task<never[], unknown> {
  const made = keep({ run, captures: { ...captures }, name, options: asked(options) });
  remember(run);
  return made;
}

function asked(options: AskedOptions): AskedOptions {
  const isAsked = Object.values(options).some((value) => value !== undefined);
  return isAsked ? Object.freeze(options) : NO_OPTIONS;
}

function keep<T extends Task<never[], unknown>>(made: T): T {
  tasks.add(made);
  return Object.freeze(made);
}

async function moduleTask(
  url: string | URL,
  exported: string,
  options: TaskOptions = {},
): Promise<Task<never[], unknown>> {
  const { captures, namespace, name = exported, ...rest } = options;
  if (captures !== undefined || namespace !== undefined) {
    const which = captures === undefined ? "namespace" : "captures";
    throw new TypeError(
      `Cannot use "${which}" for "${exported}": a function of a module has what its module imports`,
    );
  }
  const { findExport } = await import("./module_task.ts");
  return ofModule(await findExport(url, exported), name, rest);
}

async function moduleTasks(url: string | URL): Promise<Readonly<Record<string, Task<never[], unknown>>>> {
  const { allExports } = await import("./module_task.ts");
  const found = await allExports(url);
  return Object.fromEntries(found.map((module) => [module.name, ofModule(module, module.name, {})]));
}

function ofModule(module: ModuleExport, name: string, options: AskedOptions): Task<never[], unknown> {
  const run = () => {
    throw new TypeError(
      `Cannot run "${name}" here: a task of a module runs on engines; import the module to call it`,
    );
  };
  return keep({ run, captures: {}, name, options: asked(options), module });
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
