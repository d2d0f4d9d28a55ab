/**
 * The view whose calls are one request for all its engines. Ours get it as a direct view's call, whose large values travel once for each host; Python's get it from
 * the broadcast scheduler, which makes a copy for each, so that it leaves this client once for all of them.
 */
import type { AsyncResult, Shaped } from "./async_result.ts";
import type { BroadcastMapOptions } from "./broadcast_map.ts";
import type { Connection } from "./connection.ts";
import { DirectView } from "./direct_view.ts";
import type { QueueStatus } from "./hub_queries.ts";
import type { Modules } from "./import_modules.ts";
import type { ExecuteResult } from "./load_balanced_view.ts";
import type { MapResult } from "./map.ts";
import type { RemoteNames } from "./remote_names.ts";
import type { RequestOptions } from "./requests.ts";
import type { Scope } from "./scope.ts";
import type { Distribution, Scatterable } from "./scatter.ts";
import type { StopReference } from "./stop.ts";
import type { Targets } from "./targets.ts";
import type { Runnable } from "./task.ts";
import type { ViewOptions } from "./view_options.ts";

/** Engines of a broadcast view: several, all that are registered when a call is made, or a range. */
export type BroadcastTargets = Exclude<Targets, number | "any">;

/** Options of a broadcast view. */
export interface BroadcastOptions extends ViewOptions {
  /**
   * Python engines answer calls (not cells) with one combined message for all, which comes when the last of them is through. Results stay one for each engine.
   * Default: a message from each. For our engines it changes nothing: their answers are gathered in any case.
   */
  readonly coalescing?: boolean | undefined;
}

/** Immutable. `with` and `await using` are as those of `LoadBalancedView`. Calls give arrays in the order of the targets. */
export class BroadcastView implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #targets: BroadcastTargets;
  readonly #options: BroadcastOptions;
  readonly #scope: Scope;
  readonly #view: DirectView<"all">;

  /** Use `client.broadcast`. */
  constructor(
    connection: Connection,
    targets: BroadcastTargets,
    options: BroadcastOptions = {},
    scope: Scope = connection.scope.child(),
  ) {
    this.#connection = connection;
    this.#targets = targets;
    this.#options = options;
    this.#scope = scope;
    const { coalescing = false, ...rest } = options;
    const asked = { ...rest, broadcast: { isCoalescing: coalescing } };
    this.#view = new DirectView(connection, targets, "all", asked, scope);
  }

  /** Whether replies of Python engines are combined. */
  get isCoalescing(): boolean {
    return this.#options.coalescing ?? false;
  }

  /** Ids of the engines that a call would go to now. */
  get targets(): number[] {
    return this.#view.targets;
  }

  /** The options that hold for its tasks. */
  get options(): BroadcastOptions {
    return this.#options;
  }

  /** The same view with other options or targets; those not named stay. */
  with(options: BroadcastOptions & { readonly targets?: BroadcastTargets | undefined }): BroadcastView {
    const { targets = this.#targets, ...rest } = options;
    const scope = this.#scope.child();
    return new BroadcastView(this.#connection, targets, { ...this.#options, ...rest }, scope);
  }

  /** Calls a function with these arguments on each engine; see `DirectView.apply`. */
  apply<Args extends unknown[], R>(run: Runnable<Args, R>, ...args: Args): AsyncResult<Awaited<R>, "all"> {
    return this.#view.apply(run, ...args);
  }

  /** Runs a piece of code in each engine's namespace. */
  execute(
    code: string,
    options: { readonly silent?: boolean | undefined } = {},
  ): AsyncResult<ExecuteResult, "all"> {
    return this.#view.execute(code, options);
  }

  /** Sets variables in each engine's namespace. */
  push(values: Readonly<Record<string, unknown>>): AsyncResult<null, "all"> {
    return this.#view.push(values);
  }

  /** Gets a variable, or several, from each engine's namespace. */
  pull(name: string): AsyncResult<unknown, "all">;
  /** Several variables, as one list in the order of their names. */
  pull(names: readonly string[]): AsyncResult<unknown[], "all">;
  pull(names: string | readonly string[]): AsyncResult<unknown, "all"> {
    return this.#view.get(names as string);
  }

  /** `pull` by the name that dictionaries have. */
  get(name: string): AsyncResult<unknown, "all">;
  /** Several variables, as one list in the order of their names. */
  get(names: readonly string[]): AsyncResult<unknown[], "all">;
  get(names: string | readonly string[]): AsyncResult<unknown, "all"> {
    return this.#view.get(names as string);
  }

  /** Sets one variable in each engine's namespace. */
  set(name: string, value: unknown): AsyncResult<null, "all"> {
    return this.#view.set(name, value);
  }

  /** `push` by the name that dictionaries have. */
  update(values: Readonly<Record<string, unknown>>): AsyncResult<null, "all"> {
    return this.#view.update(values);
  }

  /** The engines' names as properties; see `DirectView.names`. */
  get names(): RemoteNames<"all"> {
    return this.#view.names;
  }

  /** The same with the types that the names have. */
  namesAs<T extends object>(): RemoteNames<"all", T> {
    return this.#view.namesAs<T>();
  }

  /** Imports modules into each engine's namespace; see `DirectView.importModules`. */
  importModules(modules: string | Modules): AsyncResult<null, "all"> {
    return this.#view.importModules(modules);
  }

  /** Reads a file here and executes it on each engine. */
  run(file: string | URL): Promise<Shaped<"all", ExecuteResult>> {
    return this.#view.run(file);
  }

  /** Forgets everything in each engine's namespace. */
  clear(): AsyncResult<null, "all"> {
    return this.#view.clear();
  }

  /** Cuts an array into one part for each engine. What differs by engine is sent to each by itself. */
  scatter(
    name: string,
    array: Scatterable,
    options: { readonly flatten?: boolean | undefined; readonly dist?: Distribution | undefined } = {},
  ): AsyncResult<null, "all"> {
    return this.#view.scatter(name, array, options);
  }

  /** Gets the parts of a scattered array and joins them. */
  gather(name: string, options: { readonly dist?: Distribution | undefined } = {}): Promise<Scatterable> {
    return this.#view.gather(name, options);
  }

  /**
   * Calls a function for each item: one task for each engine, which has a run of neighbouring items.
   * @throws TypeError for an input whose end is not known
   */
  map<A, R>(
    run: Runnable<[A], R>,
    items: Iterable<A>,
    options?: BroadcastMapOptions,
  ): MapResult<Awaited<R>>;
  /** The same over two inputs in step; the shorter ends it. */
  map<A, B, R>(
    run: Runnable<[A, B], R>,
    a: Iterable<A>,
    b: Iterable<B>,
    options?: BroadcastMapOptions,
  ): MapResult<Awaited<R>>;
  /** The same over three inputs in step; the shortest ends it. */
  map<A, B, C, R>(
    run: Runnable<[A, B, C], R>,
    a: Iterable<A>,
    b: Iterable<B>,
    c: Iterable<C>,
    options?: BroadcastMapOptions,
  ): MapResult<Awaited<R>>;
  map<R>(run: Runnable<never[], R>, ...rest: unknown[]): MapResult<Awaited<R>> {
    return this.#view.mapBlocks(run, rest);
  }

  /** Refuses tasks that have not started: those of these results or msg_ids; with none named, all of ours on these engines. */
  abort(...tasks: StopReference[]): void {
    this.#view.abort(...tasks);
  }

  /** How many tasks wait or run, at these engines. */
  queueStatus(options: Parameters<DirectView<"all">["queueStatus"]>[0] = {}): Promise<QueueStatus> {
    return this.#view.queueStatus(options);
  }

  /** Ends these engines. */
  shutdown(options: RequestOptions = {}): Promise<void> {
    return this.#view.shutdown(options);
  }

  /** Sends these engines a signal by its name. */
  signal(name: string, options: RequestOptions = {}): Promise<void> {
    return this.#view.signal(name, options);
  }

  /** Interrupts what these engines run. */
  interrupt(options: RequestOptions = {}): Promise<void> {
    return this.#view.interrupt(options);
  }

  /** Leaves its scope, as `LoadBalancedView`'s. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.leave(this.#connection);
  }
}
