/**
 * Functions travel as their source text and are rebuilt where they run, so they see only their arguments and their captures.
 *
 * The coded text of a function is made once and kept with the function object; equal texts share one definition on a path.
 */
import { ENGINE_GLOBALS } from "./engine_globals.ts";
import { isExpression, type SourceText, sourceText } from "./function_source.ts";
import { type Definition, definitionFrom, type Found, type FunctionText, ownText } from "./function_text.ts";
import { exportText, moduleDefinition, type ModuleExport } from "./module_definition.ts";
import { Reference, referenceSource } from "./reference.ts";
import { isOwnText, MAPPER, STREAMER, STREAMS } from "./remote_texts.ts";
import { isTask, type Runnable, type Task } from "./task.ts";

export { task } from "./task.ts";
export type { Definition } from "./function_text.ts";
export type { Runnable, Task, TaskMaker, TaskOptions } from "./task.ts";

/** How deep functions may capture functions. */
const MAX_NESTING = 20;

/** By function object, and of functions without captures by text: a loop that makes its closure anew in each turn has one definition. */
interface Cache {
  readonly byObject: WeakMap<object, Definition>;
  readonly byText: WeakMap<SourceText, { readonly name: string; readonly definition: Definition }>;
}

const definitions: Cache = { byObject: new WeakMap(), byText: new WeakMap() };
const mappers: Cache = { byObject: new WeakMap(), byText: new WeakMap() };
const streamers: Cache = { byObject: new WeakMap(), byText: new WeakMap() };

/**
 * The coded form of a function.
 * @throws TypeError if it has no text that can be rebuilt elsewhere, or its captures cannot be sent
 */
export function definitionOf<Args extends unknown[], R>(runnable: Runnable<Args, R>): Definition {
  return cached(definitions, runnable, { shape: (text) => text, word: (name) => [name] });
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
  const found: Found = { uses: [], codes: [], refs: [] };
  const $run = functionText(runnable, [], found);
  const text = ownText(source, { $run });
  const left = args.map((arg) => arg instanceof Reference ? null : arg);
  return { definition: definitionFrom(text, found), args: left };
}

/** The coded form of a function that takes many lists of arguments and returns the results of each, in order. */
export function mapperOf<Args extends unknown[], R>(runnable: Runnable<Args, R>): Definition {
  return cached(mappers, runnable, {
    shape: (run) => ({ ...ownText(MAPPER, { run }), name: run.name }),
    word: (name) => [name, "map"],
  });
}

/** The coded form of the engine's end of streams of a function; a `StreamWord` goes behind the arguments of each call. */
export function streamerOf<Args extends unknown[], R>(runnable: Runnable<Args, R>): Definition {
  return cached(streamers, runnable, {
    shape: (run) => ownText(STREAMER, { run, $streams: ownText(STREAMS) }),
  });
}

/** The export that a task is of; undefined for functions. */
export function exportOf(runnable: unknown): ModuleExport | undefined {
  return isTask(runnable) ? (runnable as Task<never[], unknown>).module : undefined;
}

/** How a function is called. */
interface Way {
  readonly shape: (text: FunctionText) => FunctionText;
  /** The same for an export of a module. */
  readonly word?: (name: string) => readonly string[];
}

function cached(
  { byObject, byText }: Cache,
  runnable: unknown,
  { shape, word }: Way,
): Definition {
  const known = isWeakKey(runnable) ? byObject.get(runnable) : undefined;
  if (known !== undefined) return known;
  const module = exportOf(runnable);
  if (module !== undefined) {
    const definition = moduleDefinition(module.code);
    return keep(
      byObject,
      runnable,
      word === undefined ? definition : { ...definition, word: word(module.name) },
    );
  }
  const text = typeof runnable === "function" ? sourceText(runnable as () => unknown) : undefined;
  const name = typeof runnable === "function" ? runnable.name : "";
  const same = text === undefined ? undefined : byText.get(text);
  if (same !== undefined && same.name === name) return keep(byObject, runnable, same.definition);
  const found: Found = { uses: [], codes: [], refs: [] };
  const definition = definitionFrom(shape(functionText(runnable, [], found)), found);
  if (text !== undefined) byText.set(text, { name, definition });
  return keep(byObject, runnable, definition);
}

function keep(cache: Cache["byObject"], runnable: unknown, definition: Definition): Definition {
  if (isWeakKey(runnable)) cache.set(runnable, definition);
  return definition;
}

function isWeakKey(value: unknown): value is object {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}

/** A function, what `task` made of one, or the name of one that is there. */
function isRunnable(value: unknown): boolean {
  return typeof value === "function" || isTask(value) || value instanceof Reference;
}

function partsOf(runnable: unknown): Task<never[], unknown> {
  if (typeof runnable === "function") {
    return { run: runnable as (...args: never[]) => unknown, captures: {}, name: runnable.name, options: {} };
  }
  if (
    typeof runnable === "object" && runnable !== null && "run" in runnable &&
    typeof runnable.run === "function"
  ) {
    const { captures, name, options } = runnable as Partial<Task<never[], unknown>>;
    return {
      run: runnable.run as (...args: never[]) => unknown,
      captures: captures ?? {},
      name: name ?? runnable.run.name,
      options: options ?? {},
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
function functionText(runnable: unknown, within: readonly unknown[], found: Found): FunctionText {
  if (runnable instanceof Reference) return referenceText(runnable);
  const module = exportOf(runnable);
  if (module !== undefined) return exportText(module);
  const { run, captures, name, options } = partsOf(runnable);
  if (within.length > MAX_NESTING || within.includes(runnable)) {
    throw new TypeError(
      `Cannot send function "${name}": what it captures leads back to itself or nests too deep`,
    );
  }
  checkNames(captures);
  const values: Record<string, unknown> = {};
  const functions: Record<string, FunctionText> = {};
  for (const [key, value] of Object.entries(captures)) {
    if (isRunnable(value)) functions[key] = functionText(value, [...within, runnable], found);
    else values[key] = value;
  }
  const text = sourceText(run);
  if (!isOwnText(text.script)) {
    look(text, name, [...Object.keys(captures), ...(options.namespace ?? [])], found);
  }
  return { kind: "function", source: text.source, captures: values, functions, name };
}

/** Notes which names the text takes from where it runs. */
function look({ source, free }: SourceText, owner: string, given: readonly string[], found: Found): void {
  for (const use of free.names) {
    if (given.includes(use.name) || use.name === owner || ENGINE_GLOBALS.has(use.name)) continue;
    found.uses.push({ ...use, owner, source });
  }
  if (free.mayDefine) found.codes.push(source);
}

function referenceText(reference: Reference): FunctionText {
  checkExpression(reference);
  return ownText(referenceSource(reference));
}

function checkExpression({ name }: Reference): void {
  if (isExpression(name)) return;
  throw new TypeError(`Cannot refer to "${name}" on an engine of ours: it is no expression of TypeScript`);
}

function checkNames(captures: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(captures)) {
    if (!/^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name)) {
      throw new TypeError(`Cannot capture "${name}": it is no name of a variable`);
    }
  }
}
