/**
 * The view on engines that are named: one, several, or all that are registered when a call is made.
 */
import { OP } from "../protocol/groups.ts";
import { AsyncResult, type Shape, type Shaped, throwIfAborted } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import { type DirectPlan, DirectSending } from "./direct_send.ts";
import type { Engine } from "./engines.ts";
import type { Runnable } from "./functions.ts";
import type { Call } from "./languages.ts";
import { shutdownEngines, signalEngines } from "./engine_control.ts";
import { type QueueStatus, queueStatus } from "./hub_queries.ts";
import { importCode, type Modules } from "./import_modules.ts";
import type { ExecuteResult } from "./load_balanced_view.ts";
import type { MapOptions, MapResult } from "./map.ts";
import type { AnyIterable } from "./map_source.ts";
import { startMap } from "./map_start.ts";
import type { TaskPath } from "./path.ts";
import type { PeerPath } from "./peer_path.ts";
import { type RemoteNames, remoteNames } from "./remote_names.ts";
import type { RequestOptions } from "./requests.ts";
import { textOfFile } from "./run_file.ts";
import type { Scope } from "./scope.ts";
import {
  cyclicParts,
  distOf,
  type Distribution,
  joinCyclic,
  joinParts,
  partsFor,
  type Scatterable,
} from "./scatter.ts";
import { type StopReference, stopTasks } from "./stop.ts";
import { checkTargets, resolveTargets, type Targets } from "./targets.ts";
import { argsFor } from "./task_checks.ts";
import type { TaskRoute } from "./task_state.ts";
import { TaskViews } from "./task_views.ts";
import { tailOf, type ViewOptions } from "./view_options.ts";

/** Options of `DirectView.with`. */
export interface DirectOptions extends ViewOptions {
  readonly targets?: Targets | undefined;
}

/**
 * Immutable. `with` and `await using` are as those of `LoadBalancedView`. `S` says what calls give: the value of the one engine, or an array in the order of the targets.
 */
export class DirectView<S extends Shape = "all"> implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #targets: Targets;
  readonly #shape: S;
  readonly #options: ViewOptions;
  readonly #tail: Uint8Array | null;
  readonly #scope: Scope;
  readonly #taskViews: TaskViews<DirectView<S>>;

  /** Use `client.direct` or `client[id]`. */
  constructor(
    connection: Connection,
    targets: Targets,
    shape: S,
    options: ViewOptions = {},
    scope: Scope = connection.scope.child(),
  ) {
    checkTargets(targets);
    this.#connection = connection;
    this.#targets = targets;
    this.#shape = shape;
    this.#options = options;
    const { label, limits, permissions, isolation, cancelGraceMs } = options;
    this.#tail = tailOf({ label, limits, permissions, isolation, cancelGraceMs });
    this.#scope = scope;
    const withOptions = (asked: ViewOptions) => new DirectView(connection, targets, shape, asked, scope);
    this.#taskViews = new TaskViews(options, withOptions);
  }

  /** Ids of the engines that a call would go to now. */
  get targets(): number[] {
    return this.#engines().map(({ id }) => id);
  }

  /** The options that hold for its tasks. */
  get options(): ViewOptions {
    return this.#options;
  }

  /** The same view with other options or, of the same shape, other targets; those not named stay. */
  with(options: DirectOptions): DirectView<S> {
    const { targets = this.#targets, ...rest } = options;
    const scope = this.#scope.child();
    return new DirectView(this.#connection, targets, this.#shape, { ...this.#options, ...rest }, scope);
  }

  /**
   * Calls a function with these arguments on each engine. Large binary arguments are read until they have left: change
   * them only after the result has come.
   * @throws TypeError if the function or an argument cannot be sent, or a Python engine is among the targets: it takes a
   * `Reference`; RangeError for an unknown engine; NoEnginesRegistered; UnresolvedName; SchemaError
   */
  apply<Args extends unknown[], R>(run: Runnable<Args, R>, ...args: Args): AsyncResult<Awaited<R>, S> {
    const view = this.#taskViews.of(run) ?? this;
    return view.#toAll({ op: OP.apply, root: "args", what: "apply", run }, argsFor(run, args));
  }

  /** Runs a piece of code of the engine's language in each engine's namespace. */
  execute(
    code: string,
    options: { readonly silent?: boolean | undefined } = {},
  ): AsyncResult<ExecuteResult, S> {
    const value = { code, silent: options.silent ?? false };
    this.#connection.known.addCode(code);
    return this.#toAll({ op: OP.execute, root: "code", what: "execute", run: null }, value);
  }

  /** Sets variables in each engine's namespace. */
  push(values: Readonly<Record<string, unknown>>): AsyncResult<null, S> {
    this.#connection.known.add(Object.keys(values));
    return this.#toAll({ op: OP.push, root: "push", what: "push", run: null }, { ...values }, () => null);
  }

  /** Gets a variable, or several, from each engine's namespace. */
  pull(name: string): AsyncResult<unknown, S>;
  pull(names: readonly string[]): AsyncResult<unknown[], S>;
  pull(names: string | readonly string[]): AsyncResult<unknown, S> {
    const isOne = typeof names === "string";
    const request = { op: OP.pull, root: "names", what: "pull", run: null };
    return this.#toAll(request, isOne ? [names] : [...names], (values) => isOne ? firstOf(values) : values);
  }

  /** Gets a variable, or several: `pull` by the name that dictionaries have. */
  get(name: string): AsyncResult<unknown, S>;
  get(names: readonly string[]): AsyncResult<unknown[], S>;
  get(names: string | readonly string[]): AsyncResult<unknown, S> {
    return typeof names === "string" ? this.pull(names) : this.pull(names);
  }

  /** Sets one variable in each engine's namespace. */
  set(name: string, value: unknown): AsyncResult<null, S> {
    return this.push({ [name]: value });
  }

  /** Sets variables: `push` by the name that dictionaries have. */
  update(values: Readonly<Record<string, unknown>>): AsyncResult<null, S> {
    return this.push(values);
  }

  /** The engines' names as properties: `await view.names.a`; set them with `set`. */
  get names(): RemoteNames<S> {
    return remoteNames((name) => this.pull(name));
  }

  /** The same with the types that the names have: `await view.namesAs<{ a: number }>().a`. */
  namesAs<T extends object>(): RemoteNames<S, T> {
    return remoteNames((name) => this.pull(name));
  }

  /**
   * Imports modules into each engine's namespace, where its permissions let it: `importModules("node:path")`, `importModules({ np: "numpy" })`.
   * @throws TypeError for what is no module's name there
   */
  importModules(modules: string | Modules): AsyncResult<null, S> {
    const engines = this.#engines();
    const list = typeof modules === "string" ? [modules] : modules;
    const codes = engines.map(({ isOurs }) => importCode(list, isOurs));
    return this.#send({ op: OP.execute, root: "code", what: "importModules", run: null }, {
      engines,
      valueFor: (i) => ({ code: codes[i], silent: true }),
      read: () => null,
    });
  }

  /**
   * Reads a file here, by path or URL, and executes it in each engine's namespace; its language is the engine's (TypeScript on ours).
   * @throws Error if the file cannot be read
   */
  async run(file: string | URL): Promise<Shaped<S, ExecuteResult>> {
    return await this.execute(await textOfFile(file));
  }

  /** How many tasks wait or run, at these engines. */
  queueStatus(
    options: Omit<NonNullable<Parameters<typeof queueStatus>[1]>, "targets"> = {},
  ): Promise<QueueStatus> {
    return queueStatus(this.#connection, { ...options, targets: this.targets });
  }

  /** Ends these engines. */
  async shutdown(options: RequestOptions = {}): Promise<void> {
    await shutdownEngines(this.#connection, this.#engines(), options);
  }

  /** Sends these engines a signal by its name: "SIGINT" interrupts what they run. */
  async signal(name: string, options: RequestOptions = {}): Promise<void> {
    await signalEngines(this.#connection, this.#engines(), name, options);
  }

  /** Interrupts what these engines run. */
  interrupt(options: RequestOptions = {}): Promise<void> {
    return this.signal("SIGINT", options);
  }

  /** Forgets everything in each engine's namespace. */
  clear(): AsyncResult<null, S> {
    return this.#toAll({ op: OP.clear, root: "clear", what: "clear", run: null }, null, () => null);
  }

  /**
   * Cuts an array or typed array into one part for each engine, in order and of like size, and sets it there as `name`.
   * @param options.dist neighbours stay together ("block", default), or elements are dealt out in turn ("cyclic")
   * @param options.flatten an engine that gets one element gets the element and not an array of it
   */
  scatter(
    name: string,
    array: Scatterable,
    options: { readonly flatten?: boolean | undefined; readonly dist?: Distribution | undefined } = {},
  ): AsyncResult<null, S> {
    const engines = this.#engines();
    const cut = distOf(options.dist) === "cyclic" ? cyclicParts : partsFor;
    const parts = cut(array, engines.length, options.flatten ?? false);
    this.#connection.known.add([name]);
    return this.#send({ op: OP.push, root: "scatter", what: "scatter", run: null }, {
      engines,
      valueFor: (i) => ({ [name]: parts[i] }),
      read: () => null,
    });
  }

  /** Gets the parts of a scattered array and joins them in the order of the targets, as `dist` says that they were dealt out. */
  async gather(
    name: string,
    options: { readonly dist?: Distribution | undefined } = {},
  ): Promise<Scatterable> {
    const join = distOf(options.dist) === "cyclic" ? joinCyclic : joinParts;
    const request = { op: OP.pull, root: "names", what: "gather", run: null };
    const all = new DirectView(this.#connection, this.#targets, "all", this.#options, this.#scope);
    return join(await all.#toAll(request, [name], firstOf));
  }

  /** Calls a function for each item, lazily; each task goes to the engine that has the fewest of ours. */
  map<A, R>(run: Runnable<[A], R>, items: AnyIterable<A>, options?: MapOptions): MapResult<Awaited<R>>;
  map<A, B, R>(
    run: Runnable<[A, B], R>,
    a: AnyIterable<A>,
    b: AnyIterable<B>,
    options?: MapOptions,
  ): MapResult<Awaited<R>>;
  map<A, B, C, R>(
    run: Runnable<[A, B, C], R>,
    a: AnyIterable<A>,
    b: AnyIterable<B>,
    c: AnyIterable<C>,
    options?: MapOptions,
  ): MapResult<Awaited<R>>;
  map<R>(run: Runnable<never[], R>, ...rest: unknown[]): MapResult<Awaited<R>> {
    const view = this.#taskViews.of(run) ?? this;
    return view.#map(run, rest);
  }

  #map<R>(run: Runnable<never[], R>, rest: readonly unknown[]): MapResult<Awaited<R>> {
    const connection = this.#connection;
    const engines = this.#engines();
    const paths = engines.map((engine) => this.#pathTo(engine));
    const { label } = this.#options;
    const view = {
      connection,
      tail: this.#tail,
      metadata: { label: label ?? null },
      options: this.#options,
      scope: this.#scope,
      peers: engines.filter(({ isOurs }) => !isOurs),
      hasOurs: engines.some(({ isOurs }) => isOurs),
      nextPath: () => leastLoaded(paths),
    };
    return startMap(view, run, rest);
  }

  /** Refuses tasks that have not started: those of these results or msg_ids; with none named, all of ours on these engines. */
  abort(...tasks: StopReference[]): void {
    if (tasks.length > 0) return stopTasks(this.#connection, tasks, "abort");
    const routes = new Set<TaskRoute>(this.#engines().map((engine) => this.#pathTo(engine)));
    const open = [...this.#connection.pending.tasks()].filter(({ route }) => routes.has(route));
    for (const [route, own] of Map.groupBy(open, (task) => task.route)) route.stop(own, "abort");
  }

  #engines(): Engine[] {
    return resolveTargets(this.#connection.engines, this.#targets);
  }

  /** The same for each engine. */
  #toAll<R>(call: Call, value: unknown, read?: (value: unknown) => R): AsyncResult<R, S> {
    return this.#send(call, { engines: this.#engines(), valueFor: () => value, isSame: true, read });
  }

  #pathTo(engine: Engine): TaskPath | PeerPath {
    const connection = this.#connection;
    return engine.isOurs ? connection.enginePath(engine) : connection.peers.pathTo(engine);
  }

  #send<R>(call: Call, plan: DirectPlan<R>): AsyncResult<R, S> {
    const { signal, detached } = this.#options;
    throwIfAborted(signal);
    this.#scope.check();
    this.#connection.check();
    const sending = new DirectSending(this.#connection, this.#options, this.#tail, { call, plan });
    const { engines, read } = plan;
    const result = new AsyncResult<R, S>({
      shape: this.#shape,
      count: engines.length,
      what: `${call.what} on ${engines.length} ${engines.length === 1 ? "engine" : "engines"}`,
      names: this.#connection,
      read,
      signal,
      scope: detached === true ? undefined : this.#scope,
    });
    sending.send(result);
    return result;
  }

  /** Leaves its scope, as `LoadBalancedView`'s. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.leave(this.#connection);
  }
}

function firstOf(values: unknown): unknown {
  return Array.isArray(values) ? values[0] : undefined;
}

function leastLoaded(paths: readonly (TaskPath | PeerPath)[]): TaskPath | PeerPath {
  let [best] = paths;
  let least = Infinity;
  for (const path of paths) {
    const { sent, waiting } = path.load;
    if (sent + waiting < least) [best, least] = [path, sent + waiting];
  }
  if (best === undefined) throw new RangeError("Cannot choose an engine: there is none");
  return best;
}
