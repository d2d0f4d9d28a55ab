/**
 * Functions travel as their source text and are rebuilt where they run, so they see only their arguments and their captures.
 *
 * The coded text of a function is made once and kept with the function object; equal texts share one definition on a path.
 */
import { ValueWriter } from "../protocol/values.ts";
import { Reference, referenceSource } from "./reference.ts";

/** A function with what it takes along; make it with `task`. */
export interface Task<Args extends unknown[], R> {
  readonly run: (...args: Args) => R;
  /** Values that the function's text refers to, by name. */
  readonly captures: Readonly<Record<string, unknown>>;
  /** How errors and records call it. */
  readonly name: string;
}

/** A function as the views take it, or the name of one that is on the engine. */
export type Runnable<Args extends unknown[], R> = ((...args: Args) => R) | Task<Args, R> | Reference;

/** Options of `task`. */
export interface TaskOptions {
  /** Values and functions that the function's text refers to, by name; they are copied when it is first sent. */
  readonly captures?: Readonly<Record<string, unknown>> | undefined;
  /** Default: the function's own name. */
  readonly name?: string | undefined;
}

/** What goes to the engines of a function. */
export interface Definition {
  /** Equal for equal bodies. */
  readonly key: string;
  /** Codec bytes of a `FunctionText`. */
  readonly body: Uint8Array;
}

/** A function on its way (PROTOCOL.md, "Definitions"). */
interface FunctionText {
  readonly kind: "function";
  readonly source: string;
  readonly captures: Readonly<Record<string, unknown>>;
  /** Captures that are functions themselves. */
  readonly functions: Readonly<Record<string, FunctionText>>;
  /** Under this name it can call itself. */
  readonly name: string;
}

/** Most bytes of a function with its captures. */
const MAX_DEFINITION_BYTES = 4 << 20;

/** How deep functions may capture functions. */
const MAX_NESTING = 20;

/** What `task` has made: only these count as functions among captures. */
const tasks = new WeakSet<object>();
const definitions = new WeakMap<object, Definition>();
const mappers = new WeakMap<object, Definition>();

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

/** `task(function, options)`; and inside a function that runs on an engine, where `task` is global, the running task. */
export interface TaskMaker {
  <Args extends unknown[], R>(run: (...args: Args) => R, options?: TaskOptions): Task<Args, R>;
  /**
   * On an engine: aborted when the running task is cancelled. A task that looks at it may end by itself within the engine's `cancelGraceMs`, and keeps
   * the namespace; `signal.aborted` is up to date in a loop without a pause too.
   * @throws TypeError anywhere else
   */
  readonly signal: AbortSignal;
}

function makeTask<Args extends unknown[], R>(
  run: (...args: Args) => R,
  options: TaskOptions = {},
): Task<Args, R> {
  const made = Object.freeze({ run, captures: { ...options.captures }, name: options.name ?? run.name });
  tasks.add(made);
  return made;
}

/**
 * The coded form of a function.
 * @throws TypeError if it has no text that can be rebuilt elsewhere, or its captures cannot be sent
 */
export function definitionOf<Args extends unknown[], R>(runnable: Runnable<Args, R>): Definition {
  return cached(definitions, runnable, (text) => text);
}

/**
 * The coded form of a call some of whose arguments are references: the engine puts in what they name there. The arguments travel with nothing in their places.
 * @throws TypeError as `definitionOf`
 */
export function callOf<Args extends unknown[], R>(
  runnable: Runnable<Args, R>,
  args: Args,
): { readonly definition: Definition; readonly args: unknown[] } {
  const places = args.map((arg, i) => {
    if (arg instanceof Reference) checkExpression(arg);
    return arg instanceof Reference ? `(${arg.name}\n)` : `$args[${i}]`;
  });
  const source = `(...$args) => $run(${places.join(", ")})`;
  const body = encode({
    kind: "function",
    source,
    captures: {},
    functions: { $run: functionText(runnable, []) },
    name: "",
  });
  const left = args.map((arg) => arg instanceof Reference ? null : arg);
  return { definition: { key: textOfBytes(body), body }, args: left };
}

/** The coded form of a function that takes many lists of arguments and returns the results of each, in order. */
export function mapperOf<Args extends unknown[], R>(runnable: Runnable<Args, R>): Definition {
  return cached(mappers, runnable, (run) => ({
    kind: "function",
    source: MAPPER,
    captures: {},
    functions: { run },
    name: run.name,
  }));
}

/** Calls the function item by item and waits only for what is a promise. */
const MAPPER = `async (...items) => {
const results = [];
for (const item of items) {
  const result = run(...item);
  results.push(typeof result?.then === "function" ? await result : result);
}
return results;
}`;

function cached(
  cache: WeakMap<object, Definition>,
  runnable: unknown,
  shape: (text: FunctionText) => FunctionText,
): Definition {
  const known = isWeakKey(runnable) ? cache.get(runnable) : undefined;
  if (known !== undefined) return known;
  const body = encode(shape(functionText(runnable, [])));
  const definition = { key: textOfBytes(body), body };
  if (isWeakKey(runnable)) cache.set(runnable, definition);
  return definition;
}

function isWeakKey(value: unknown): value is object {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}

/** A function, or what `task` made of one. */
function isRunnable(value: unknown): boolean {
  return typeof value === "function" || (isWeakKey(value) && tasks.has(value));
}

function partsOf(runnable: unknown): Task<never[], unknown> {
  if (typeof runnable === "function") {
    return { run: runnable as (...args: never[]) => unknown, captures: {}, name: runnable.name };
  }
  if (
    typeof runnable === "object" && runnable !== null && "run" in runnable &&
    typeof runnable.run === "function"
  ) {
    const { captures, name } = runnable as Partial<Task<never[], unknown>>;
    return {
      run: runnable.run as (...args: never[]) => unknown,
      captures: captures ?? {},
      name: name ?? runnable.run.name,
    };
  }
  throw new TypeError(
    `Cannot send ${describe(runnable)} as a function: pass a function or task(function, { captures })`,
  );
}

function describe(value: unknown): string {
  return value === null
    ? "null"
    : typeof value === "string"
    ? `"${value.slice(0, 40)}"`
    : `a value of type ${typeof value}`;
}

/** A function as text, with the functions that it captures. `within` are those that capture it. */
function functionText(runnable: unknown, within: readonly unknown[]): FunctionText {
  if (runnable instanceof Reference) return referenceText(runnable);
  const { run, captures, name } = partsOf(runnable);
  if (within.length > MAX_NESTING || within.includes(runnable)) {
    throw new TypeError(
      `Cannot send function "${name}": what it captures leads back to itself or nests too deep`,
    );
  }
  checkNames(captures);
  const values: Record<string, unknown> = {};
  const functions: Record<string, FunctionText> = {};
  for (const [key, value] of Object.entries(captures)) {
    if (isRunnable(value)) functions[key] = functionText(value, [...within, runnable]);
    else values[key] = value;
  }
  return { kind: "function", source: sourceOf(run), captures: values, functions, name };
}

function referenceText(reference: Reference): FunctionText {
  checkExpression(reference);
  return { kind: "function", source: referenceSource(reference), captures: {}, functions: {}, name: "" };
}

function checkExpression({ name }: Reference): void {
  if (isExpression(name)) return;
  throw new TypeError(`Cannot refer to "${name}" on an engine of ours: it is no expression of TypeScript`);
}

function encode(text: FunctionText): Uint8Array {
  const writer = new ValueWriter(1024, { inline: true, maxBytes: MAX_DEFINITION_BYTES });
  writer.write(text, "function");
  return writer.bytes().slice();
}

function checkNames(captures: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(captures)) {
    if (!/^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name)) {
      throw new TypeError(`Cannot capture "${name}": it is no name of a variable`);
    }
  }
}

/** The text of a function as an expression. */
function sourceOf(run: (...args: never[]) => unknown): string {
  const source = Function.prototype.toString.call(run);
  const name = run.name === "" ? "the function" : `function "${run.name}"`;
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw new TypeError(
      `Cannot send ${name}: it is built in or bound, and has no text; wrap it in an arrow function`,
    );
  }
  if (/^class\b/.test(source)) {
    throw new TypeError(`Cannot send ${name}: it is a class; wrap its use in an arrow function`);
  }
  if (!isExpression(source)) {
    throw new TypeError(
      `Cannot send ${name}: its text is no expression of its own (a method, getter or setter, or it uses super); ` +
        "write it as an arrow function or with the word function",
    );
  }
  return source;
}

/** Whether the text compiles as an expression; true where the runtime forbids to try. */
function isExpression(source: string): boolean {
  try {
    new Function(`return (${source}\n);`);
    return true;
  } catch (error) {
    return !(error instanceof SyntaxError);
  }
}

function textOfBytes(bytes: Uint8Array): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += 8192) {
    text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  }
  return text;
}
