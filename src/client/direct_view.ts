/**
 * The view on engines that are named: one, several, or all that are registered when a call is made.
 */
import { OP } from "../protocol/groups.ts";
import { AsyncResult, type Shape, type Shaped, throwIfAborted } from "./async_result.ts";
import { inBlocks } from "./broadcast_map.ts";
import { BroadcastPath } from "./broadcasts.ts";
import type { Connection } from "./connection.ts";
import { type DirectPlan, DirectSending, type SendOptions } from "./direct_send.ts";
import type { Engine } from "./engines.ts";
import type { Runnable } from "./functions.ts";
import type { Given } from "./ref.ts";
import type { Call } from "./languages.ts";
import { shutdownEngines, signalEngines } from "./engine_control.ts";
import { type QueueOptions, type QueueStatus, queueStatus } from "./hub_queries.ts";
import { importCode, type Modules } from "./import_modules.ts";
import type { ExecuteResult } from "./load_balanced_view.ts";
import type { MapResult } from "./map.ts";
import type { MapOptions } from "./map_plan.ts";
import type { AnyIterable } from "./map_source.ts";
import { type EachOptions, startEither } from "./map_each.ts";
import { leastLoaded } from "./least_loaded.ts";
import { type MapView, startMap } from "./map_start.ts";
import { startTransform, type TransformOptions } from "./transform.ts";
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
import { oneEngine, type ReturnOf, startStream, type Streamable, type YieldOf } from "./stream_start.ts";
import { checkTargets, resolveTargets, type Targets } from "./targets.ts";
import { argsFor } from "./task_checks.ts";
import type { TaskRoute } from "./task_state.ts";
import { TaskViews } from "./task_views.ts";
import type { ValueStream } from "./value_stream.ts";
import { tailOf, type ViewOptions } from "./view_options.ts";

/** Options of `DirectView.with`. */
export interface DirectOptions extends ViewOptions {
  /** Other engines, of the same shape: one, or several. */
  readonly targets?: Targets | undefined;
}

/**
 * Immutable. `with` and `await using` are as those of `LoadBalancedView`. `S` says what calls give: the value of the one engine, or an array in the order of the targets.
 */
export class DirectView<S extends Shape = "all"> implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #targets: Targets;
  readonly #shape: S;
  readonly #options: SendOptions;
  readonly #tail: Uint8Array | null;
  readonly #scope: Scope;
  readonly #taskViews: TaskViews<DirectView<S>>;

  /** Use `client.direct` or `client[id]`. */
  constructor(
    connection: Connection,
    targets: Targets,
    shape: S,
    options: SendOptions = {},
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
   * them only after the result has come, or hand them over (`transfer`).
   * @throws TypeError if the function or an argument cannot be sent, or a Python engine is among the targets: it takes a
   * `Reference`; RangeError for an unknown engine; NoEnginesRegistered; UnresolvedName; SchemaError
   */
  apply<Args extends unknown[], R>(run: Runnable<Args, R>, ...args: Given<Args>): AsyncResult<Awaited<R>, S> {
    const view = this.#taskViews.of(run) ?? this;
    return view.#toAll({ op: OP.apply, root: "args", what: "apply", run }, argsFor(run, args));
  }

  /**
   * Runs a piece of code of the engine's language in each engine's namespace, as a cell: TypeScript with top-level await on ours.
   * @param options.silent leaves no trace in counters and displays. Default false
   * @throws RangeError for an unknown engine; NoEnginesRegistered. What the code throws is the result's error, as in all calls
   */
  execute(
    code: string,
    options: { readonly silent?: boolean | undefined } = {},
  ): AsyncResult<ExecuteResult, S> {
    const value = { code, silent: options.silent ?? false };
    this.#connection.known.addCode(code);
    return this.#toAll({ op: OP.execute, root: "code", what: "execute", run: null }, value);
  }

  /**
   * Sets variables in each engine's namespace.
   * @throws TypeError for a value that cannot travel, with the path to it
   */
  push(values: Readonly<Record<string, unknown>>): AsyncResult<null, S> {
    this.#connection.known.add(Object.keys(values));
    return this.#toAll({ op: OP.push, root: "push", what: "push", run: null }, { ...values }, () => null);
  }

  /** Gets a variable from each engine's namespace; one that is not there is a RemoteError when awaited. */
  pull(name: string): AsyncResult<unknown, S>;
  /** Several variables, as one list in the order of their names. */
  pull(names: readonly string[]): AsyncResult<unknown[], S>;
  pull(names: string | readonly string[]): AsyncResult<unknown, S> {
    const isOne = typeof names === "string";
    const request = { op: OP.pull, root: "names", what: "pull", run: null };
    return this.#toAll(request, isOne ? [names] : [...names], (values) => isOne ? firstOf(values) : values);
  }

  /** Gets a variable, or several: `pull` by the name that dictionaries have. */
  get(name: string): AsyncResult<unknown, S>;
  /** Several variables, as one list in the order of their names. */
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
  queueStatus(options: Omit<QueueOptions, "targets"> = {}): Promise<QueueStatus> {
    return queueStatus(this.#connection, { ...options, targets: this.targets });
  }

  /** Ends these engines. @throws DOMException TimeoutError if one does not answer */
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

  /** Forgets everything in each engine's namespace: what was pushed, executed and imported there. */
  clear(): AsyncResult<null, S> {
    return this.#toAll({ op: OP.clear, root: "clear", what: "clear", run: null }, null, () => null);
  }

  /**
   * Cuts an array or typed array into one part for each engine, in order and of like size, and sets it there as `name`.
   * @param options.dist neighbours stay together ("block", default), or elements are dealt out in turn ("cyclic")
   * @param options.flatten an engine that gets one element gets the element and not an array of it
   * @throws TypeError for another `dist`, or a value that cannot travel
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
  /** The same over two inputs in step; the shorter ends it. */
  map<A, B, R>(
    run: Runnable<[A, B], R>,
    a: AnyIterable<A>,
    b: AnyIterable<B>,
    options?: MapOptions,
  ): MapResult<Awaited<R>>;
  /** The same over three inputs in step; the shortest ends it. */
  map<A, B, C, R>(
    run: Runnable<[A, B, C], R>,
    a: AnyIterable<A>,
    b: AnyIterable<B>,
    c: AnyIterable<C>,
    options?: MapOptions,
  ): MapResult<Awaited<R>>;
  /**
   * The same as p-map has it: input first, promises in it awaited, the index as second argument. Await it for an array, or iterate over it.
   * @throws RangeError for options out of range
   */
  map<A, R>(
    input: AnyIterable<A | PromiseLike<A>>,
    run: Runnable<[A, number], R>,
    options?: EachOptions,
  ): MapResult<Awaited<R>>;
  map<R>(run: Runnable<never[], R> | AnyIterable<unknown>, ...rest: unknown[]): MapResult<Awaited<R>> {
    return startEither((called) => (this.#taskViews.of(called) ?? this).#mapView(), run, rest);
  }

  /**
   * Calls a generator function on the engine and gives its values as they are wanted, in batches.
   * @throws TypeError if the function cannot be sent, or there are several engines; UnresolvedName, SchemaError
   */
  stream<Args extends unknown[], R extends Streamable | Promise<Streamable>>(
    run: Runnable<Args, R>,
    ...args: Args
  ): ValueStream<YieldOf<R>, ReturnOf<R>>;
  /** The same of a function whose types are not known. */
  stream(run: Runnable<unknown[], unknown>, ...args: unknown[]): ValueStream<unknown>;
  stream(run: Runnable<never[], unknown>, ...args: unknown[]): ValueStream<unknown> {
    const view = this.#taskViews.of(run) ?? this;
    const connection = view.#connection, options = view.#options, scope = view.#scope, openTail = view.#tail;
    const engine = oneEngine(connection, view.#engines());
    return startStream({ connection, options, scope, engine, openTail }, run, args);
  }

  /** A stage between streams, as `LoadBalancedView.transform`; each chunk goes to the engine that has the fewest of ours. */
  transform<A, R>(
    run: Runnable<[A], R>,
    options: TransformOptions = {},
  ): ReadableWritablePair<Awaited<R>, A> {
    return startTransform((this.#taskViews.of(run) ?? this).#mapView(), run, options);
  }

  /** For broadcast views: a map in which each engine gets one run of neighbouring items. */
  mapBlocks<R>(run: Runnable<never[], R>, rest: readonly unknown[]): MapResult<Awaited<R>> {
    const view = this.#taskViews.of(run) ?? this;
    const engines = view.#engines();
    const paths = engines.map((engine) => view.#pathTo(engine));
    // The map looks at one way before its first task.
    let turn = -1;
    const nextPath = () => paths.at(turn++ % paths.length) ?? leastLoaded(paths);
    return startMap(view.#mapView(engines, nextPath), run, inBlocks(rest, engines.length));
  }

  #mapView(engines: readonly Engine[] = this.#engines(), nextPath?: MapView["nextPath"]): MapView {
    const paths = engines.map((engine) => this.#pathTo(engine));
    return {
      connection: this.#connection,
      tail: this.#tail,
      metadata: { label: this.#options.label ?? null },
      options: this.#options,
      scope: this.#scope,
      peers: engines.filter(({ isOurs }) => !isOurs),
      hasOurs: engines.some(({ isOurs }) => isOurs),
      nextPath: nextPath ?? (() => leastLoaded(paths)),
    };
  }

  /** Refuses tasks that have not started: those of these results or msg_ids; with none named, all of ours on these engines. */
  abort(...tasks: StopReference[]): void {
    if (tasks.length > 0) return stopTasks(this.#connection, tasks, "abort");
    const engines = new Set(this.#engines());
    const routes = new Set<TaskRoute>([...engines].map((engine) => this.#pathTo(engine)));
    const open = [...this.#connection.pending.tasks()].filter((task) => {
      const copied = task.route instanceof BroadcastPath ? task.route.engineOf(task) : undefined;
      return routes.has(task.route) || (copied !== undefined && engines.has(copied));
    });
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
