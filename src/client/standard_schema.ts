/**
 * Schemas by the Standard Schema interface, version 1 (zod, valibot, arktype and others), without any of those libraries: arguments are checked and
 * replaced by what the schema makes of them before a task is queued, results when they have arrived.
 */
import { SchemaError, type SchemaIssue } from "../protocol/errors.ts";
import type { TaskOwner, TaskState } from "./task_state.ts";

/** What every schema library offers as `~standard`. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The interface itself. */
  readonly "~standard": {
    /** Of the interface. */
    readonly version: 1;
    /** The library's name. */
    readonly vendor: string;
    /** Checks a value, at once or later. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value: another value in its place, or what is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** What is wrong at one place of a value, as schema libraries tell it. */
export interface StandardIssue {
  /** In words. */
  readonly message: string;
  /** The keys that lead there. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a task's arguments (as one list) and its result have to be. */
export interface TaskSchema<In = unknown, Args = unknown, Result = unknown, Out = unknown> {
  /** Of the arguments, as one list. It has to answer at once. */
  readonly args?: StandardSchema<In, Args> | undefined;
  /** Of the result. It may wait. */
  readonly result?: StandardSchema<Result, Out> | undefined;
}

/** Issues that a message shows. */
const SHOWN = 8;

/**
 * The arguments as the schema gives them.
 * @throws SchemaError; TypeError if it wants to wait: a call is queued or refused at once
 */
export function checkedArgs(schema: TaskSchema, name: string, args: readonly unknown[]): unknown[] {
  if (schema.args === undefined) return [...args];
  const checked = schema.args["~standard"].validate([...args]);
  if (isPromise(checked)) {
    // What becomes of it does not matter any more.
    checked.then(undefined, () => {});
    throw new TypeError(
      `Cannot check the arguments of function "${name}": the schema is asynchronous; await its check yourself before the call`,
    );
  }
  const value = valueOf(
    checked,
    `Cannot call function "${name}": its arguments do not meet the schema`,
    "args",
  );
  if (Array.isArray(value)) return value;
  throw new TypeError(
    `Cannot call function "${name}": the schema of its arguments gave no list; describe all arguments as one tuple or array`,
  );
}

/** Stands before whoever asked for a task, and lets through what meets the schema of the result. */
export class CheckedOwner implements TaskOwner {
  readonly behind: TaskOwner;
  readonly #schema: StandardSchema;
  readonly #name: string;
  /** A task has a list of results. */
  readonly #isList: boolean;

  constructor(owner: TaskOwner, schema: StandardSchema, name: string, isList: boolean) {
    this.behind = owner;
    this.#schema = schema;
    this.#name = name;
    this.#isList = isList;
  }

  fulfilled(task: TaskState, value: unknown): void {
    let checked: unknown;
    try {
      checked = this.#isList && Array.isArray(value) ? this.#all(value) : this.#one(value, "result");
    } catch (error) {
      return this.rejected(task, errorOf(error));
    }
    if (!isPromise(checked)) return this.behind.fulfilled(task, checked);
    checked.then(
      (value) => this.behind.fulfilled(task, value),
      (error) => this.rejected(task, errorOf(error)),
    );
  }

  rejected(task: TaskState, error: Error): void {
    this.behind.rejected(task, error);
  }

  #all(values: readonly unknown[]): unknown {
    const checked = values.map((value, i) => this.#one(value, `results[${i}]`));
    return checked.some(isPromise) ? Promise.all(checked) : checked;
  }

  #one(value: unknown, root: string): unknown {
    return checkedValue(this.#schema, this.#name, value, root);
  }
}

/** A result as its schema gives it, or a promise of that. @throws SchemaError */
export function checkedValue(schema: StandardSchema, name: string, value: unknown, root = "result"): unknown {
  const what = `The result of function "${name}" does not meet the schema`;
  const checked = schema["~standard"].validate(value);
  return isPromise(checked)
    ? checked.then((result) => valueOf(result, what, root))
    : valueOf(checked, what, root);
}

/** @throws SchemaError */
function valueOf(result: StandardResult<unknown>, what: string, root: string): unknown {
  if (result.issues === undefined) return result.value;
  const issues: SchemaIssue[] = result.issues.map(({ message, path = [] }) => ({
    message,
    path: path.map((step) => typeof step === "object" ? step.key : step),
  }));
  const lines = issues.slice(0, SHOWN).map(({ message, path }) => `  ${root}${pathText(path)}: ${message}`);
  if (issues.length > SHOWN) lines.push(`  and ${issues.length - SHOWN} more`);
  throw new SchemaError([what, ...lines].join("\n"), issues);
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map((key) => {
    if (typeof key === "string" && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)) return `.${key}`;
    return typeof key === "string" && !/^\d+$/.test(key) ? `[${JSON.stringify(key)}]` : `[${String(key)}]`;
  }).join("");
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
