/**
 * Tasks that run only where a condition holds: `depend` asks a function, `require` looks for modules and names. Both are tasks whose text is one of those below,
 * with the user's functions as captures; where the condition does not hold they say `task.notHere`, and the scheduler tries another engine.
 */
import { moduleNames, type Modules, pythonModules } from "./import_modules.ts";
import { type PeerForm, peerFormOf, setPeerForm } from "./peer_forms.ts";
import { Reference } from "./reference.ts";
import { registerOwn } from "./remote_texts.ts";
import { askedOf, type AskedOptions, isTask, type Runnable, type Task, task as makeTask } from "./task.ts";

/** What a task needs of its engine. */
export interface Requirements {
  /** Modules that can be imported there; they are in the namespace then, as with `importModules`: `["node:path"]`, `{ np: "numpy" }`. */
  readonly modules?: Modules | undefined;
  /** Names that are in the engine's namespace. */
  readonly names?: readonly string[] | undefined;
}

/** What a condition may give: only `false` means that the task cannot run there. */
export type Condition = boolean | void;

/**
 * A task that runs only on engines where a predicate does not give `false`. It is called there, with these arguments, before each run. On a direct view the task
 * ends with UnmetDependency instead; where no engine is left, with ImpossibleDependency.
 *
 * ```ts
 * const render = depend(() => Deno.systemMemoryInfo().free > 2e9, renderFrame);
 * await view.apply(render, 7);
 * ```
 * @throws TypeError if one of them is no function
 */
export function depend<Given extends unknown[], Args extends unknown[], R>(
  predicate: Runnable<Given, Condition | PromiseLike<Condition>>,
  run: Runnable<Args, R>,
  ...given: Given
): Task<Args, Awaited<R>> {
  const name = nameOf(predicate, "the condition");
  nameOf(run, "");
  const $reason = name === "" ? "its condition gave false" : `its condition "${name}" gave false`;
  const captures = { $met: predicate, $run: run, $given: given, $reason };
  return around(dependent as never, run, captures, pythonDependent(predicate, run, given, $reason));
}

/**
 * A task that runs only on engines where these modules can be imported and these names are in the namespace.
 *
 * ```ts
 * const base = require("node:path", (file: string) => path.basename(file));
 * ```
 * @throws TypeError for what is no name of a module or variable
 */
export function require<Args extends unknown[], R>(
  needs: string | readonly string[] | Requirements,
  run: Runnable<Args, R>,
): Task<Args, Awaited<R>> {
  nameOf(run, "");
  const { modules = [], names = [] } = requirementsOf(needs);
  const form = pythonRequiring(modules, names, run);
  const $modules = moduleNames(modules, form !== undefined);
  const namespace = [...$modules.map(([name]) => name), ...names];
  if (namespace.length === 0) throw new TypeError("Cannot require nothing: name modules or names");
  const captures = { $modules, $names: [...names], $run: run };
  return around(requiring as never, run, captures, form, namespace);
}

function requirementsOf(needs: string | readonly string[] | Requirements): Requirements {
  if (typeof needs === "string") return { modules: [needs] };
  return isList(needs) ? { modules: needs } : needs;
}

function isList(needs: readonly string[] | Requirements): needs is readonly string[] {
  return Array.isArray(needs);
}

type PlainOptions = Omit<AskedOptions, "schema"> & { readonly schema?: undefined };

/** The task around a function: it asks for what the function asks for. */
function around<Args extends unknown[], R>(
  text: (...args: Args) => Awaited<R>,
  run: Runnable<Args, R>,
  captures: Readonly<Record<string, unknown>>,
  form: PeerForm | undefined,
  names: readonly string[] = [],
): Task<Args, Awaited<R>> {
  registerOwn(text);
  // A schema, if there is one, fits the text as it fits the function: both take and give the same.
  const { namespace = [], ...asked } = (askedOf(run as Runnable<never[], unknown>) ?? {}) as PlainOptions;
  const inner = names.length > 0 && !(run instanceof Reference) ? withNames(run, names) : run;
  const made = makeTask(text, {
    ...asked,
    namespace: [...namespace, ...names],
    captures: { ...captures, $run: inner },
    name: nameOf(run, ""),
  });
  if (form !== undefined) setPeerForm(made, form);
  return made;
}

/** The same function, which finds these names where it runs. */
function withNames<Args extends unknown[], R>(
  run: ((...args: Args) => R) | Task<Args, R>,
  names: readonly string[],
): Task<Args, R> {
  if (typeof run === "function") return makeTask(run, { namespace: names });
  const { run: inner, captures, name, options } = run;
  return makeTask(inner, { namespace: [...options.namespace ?? [], ...names], captures, name });
}

/** @throws TypeError if it is nothing that can be called on an engine */
function nameOf(run: unknown, what: string): string {
  if (run instanceof Reference) return run.name;
  if (typeof run === "function") return run.name;
  if (isTask(run)) return (run as Task<never[], unknown>).name;
  throw new TypeError(
    `Cannot make a dependent task: ${
      what === "" ? "what is to run" : what
    } is no function, task or Reference`,
  );
}

// ── what runs on engines of ours: these see only their captures and the engine's globals ─────────

declare const $met: (...given: unknown[]) => unknown;
declare const $run: (...args: unknown[]) => unknown;
declare const $given: readonly unknown[];
declare const $reason: string;
declare const $modules: readonly (readonly [name: string, module: string])[];
declare const $names: readonly string[];
declare const task: { notHere(reason?: string): never };

function dependent(...args: unknown[]): unknown {
  const run = (met: unknown) => met === false ? task.notHere($reason) : $run(...args);
  const failed = (error: unknown): never => {
    const { name, message } = (error ?? {}) as Partial<Error>;
    if (name === "UnmetDependency") task.notHere(String(message));
    throw error;
  };
  let met: unknown;
  try {
    met = $met(...$given);
  } catch (error) {
    return failed(error);
  }
  const { then } = Object(met) as Partial<PromiseLike<unknown>>;
  return typeof then === "function" ? Promise.resolve(met).then(run, failed) : run(met);
}

async function requiring(...args: unknown[]): Promise<unknown> {
  for (const [name, module] of $modules) {
    try {
      Reflect.set(globalThis, name, await import(module));
    } catch (error) {
      task.notHere(`it cannot import "${module}": ${(error as Error)?.message}`);
    }
  }
  for (const name of $names) if (!(name in globalThis)) task.notHere(`it has no "${name}"`);
  return await $run(...args);
}

// ── the same on Python engines, where all that is called has a name there ───────────────────────

const NOT_HERE = "(_ for _ in ()).throw(__import__('ipyparallel').error.UnmetDependency(reason))";

function pythonDependent(
  predicate: Runnable<never[], unknown>,
  run: Runnable<never[], unknown>,
  given: readonly unknown[],
  reason: string,
): PeerForm | undefined {
  const met = peerFormOf(predicate), inner = peerFormOf(run);
  if (met === undefined || inner === undefined) return undefined;
  const call = `(${inner.reference.name})(*own, *args) if (${met.reference.name})(*given) is not False`;
  const reference = new Reference(`(lambda given, own, reason, *args: ${call} else ${NOT_HERE})`);
  return { reference, given: [[...met.given, ...given], inner.given, reason] };
}

function pythonRequiring(
  modules: Modules,
  names: readonly string[],
  run: Runnable<never[], unknown>,
): PeerForm | undefined {
  const inner = peerFormOf(run), imports = pythonModules(modules);
  if (inner === undefined || imports === undefined) return undefined;
  const find = "__import__('importlib.util', fromlist=['util']).find_spec";
  const here = `all(${find}(m) is not None for m in parts) and all(n in globals() for n in names)`;
  const call = `([exec(line, globals()) for line in lines] and (${inner.reference.name})(*own, *args)) ` +
    `if lines else (${inner.reference.name})(*own, *args)`;
  const reference = new Reference(
    `(lambda parts, lines, names, own, reason, *args: (${call}) if ${here} else ${NOT_HERE})`,
  );
  const { parts, lines } = imports;
  const reason = `it lacks a module or name of ${[...parts, ...names].join(", ")}`;
  return { reference, given: [parts, lines, [...names], inner.given, reason] };
}
