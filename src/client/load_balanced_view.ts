/**
 * The view whose tasks go wherever there is room: the scheduler chooses the engine.
 */
import { OP } from "../protocol/groups.ts";
import { AsyncResult, throwIfAborted } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import type { Runnable } from "./functions.ts";
import type { Given } from "./ref.ts";
import { balancedPeers, type Call, checkScheme, encodedFor, messageFor } from "./languages.ts";
import type { MapResult } from "./map.ts";
import type { MapOptions } from "./map_plan.ts";
import type { AnyIterable } from "./map_source.ts";
import type { Scope } from "./scope.ts";
import { boundsOf, type ImapOptions } from "./imap.ts";
import { type EachOptions, startEither } from "./map_each.ts";
import { type MapView, startMap } from "./map_start.ts";
import { startTransform, type TransformOptions } from "./transform.ts";
import { type StopReference, stopTasks } from "./stop.ts";
import { refuseStream, type ReturnOf, startStream, type Streamable, type YieldOf } from "./stream_start.ts";
import { checkSome } from "./targets.ts";
import { argsFor, ownerFor } from "./task_checks.ts";
import { TaskState } from "./task_state.ts";
import { checkTransfer, takenOver } from "./transfer.ts";
import { TaskViews } from "./task_views.ts";
import type { ValueStream } from "./value_stream.ts";
import { type BalancedOptions, metadataOf, tailOf } from "./view_options.ts";

/** What `execute` gives. */
export interface ExecuteResult {
  /** The value of the last expression, if it can travel. */
  readonly value: unknown;
  /** Which of the cells of its engine it was, counted from 1. */
  readonly executionCount: number;
  /** The value as the engine shows it; absent if there is none. */
  readonly text?: string | undefined;
}

/**
 * Immutable: `with` gives another view, whose scope lies within this one's. With `await using view = …` the tasks that were submitted through it, or through
 * views made of it by `with`, are cancelled when the block is left, unless they are `detached`.
 *
 * Tasks go to our engines, unless `targets` names Python ones or there are no others: those take `Reference` calls and code of their language.
 */
export class LoadBalancedView implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #options: BalancedOptions;
  readonly #tail: Uint8Array | null;
  readonly #scope: Scope;
  readonly #taskViews: TaskViews<LoadBalancedView>;
  /** Engines that its tasks may meet as messages, at a version of the list of engines. */
  #peers: { readonly version: number; readonly engines: Engine[] | null } = { version: -1, engines: null };

  /** Use `client.loadBalanced`. */
  constructor(
    connection: Connection,
    options: BalancedOptions = {},
    scope: Scope = connection.scope.child(),
  ) {
    if (options.targets !== undefined) checkSome(connection.engines, options.targets);
    this.#connection = connection;
    this.#options = options;
    this.#tail = tailOf(options, connection);
    this.#scope = scope;
    this.#taskViews = new TaskViews(options, (asked) => new LoadBalancedView(connection, asked, scope));
  }

  /** The options that hold for its tasks. */
  get options(): BalancedOptions {
    return this.#options;
  }

  /**
   * The same view with other options; those not named stay.
   * @throws RangeError for an unknown engine or a value out of range
   */
  with(options: BalancedOptions): LoadBalancedView {
    return new LoadBalancedView(this.#connection, { ...this.#options, ...options }, this.#scope.child());
  }

  /**
   * Calls a function with these arguments on one engine. Large binary arguments are read until they have left: change them
   * only after the result has come, or hand them over (`transfer`).
   * @throws TypeError if the function or an argument cannot be sent to where the task may run; UnresolvedName if it uses a name that is not there; SchemaError
   */
  apply<Args extends unknown[], R>(run: Runnable<Args, R>, ...args: Given<Args>): AsyncResult<Awaited<R>> {
    const view = this.#taskViews.of(run) ?? this;
    return view.#send({ op: OP.apply, root: "args", what: "apply", run }, argsFor(run, args));
  }

  /**
   * Runs a piece of code as in a cell, in the language of the engines, wherever there is room.
   * @param options.silent leaves no trace in counters and displays. Default false
   */
  execute(code: string, options: { readonly silent?: boolean | undefined } = {}): AsyncResult<ExecuteResult> {
    const value = { code, silent: options.silent ?? false };
    this.#connection.known.addCode(code);
    return this.#send({ op: OP.execute, root: "code", what: "execute", run: null }, value);
  }

  /**
   * Calls a function for each item of an input, lazily: await the result for all, or iterate it for one after the other.
   * @throws TypeError if the function cannot be sent; RangeError for an option below 1
   */
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
   * A stage between streams: `readable.pipeThrough(view.transform(f))` calls the function for each chunk. It takes no more than it may have under way;
   * a chunk that fails, an aborted writer and a cancelled reader end both sides and stop the tasks.
   * @throws RangeError for a bound below 1
   */
  transform<A, R>(
    run: Runnable<[A], R>,
    options: TransformOptions = {},
  ): ReadableWritablePair<Awaited<R>, A> {
    const view = this.#taskViews.of(run) ?? this;
    return startTransform(view.#mapView(), run, options);
  }

  /**
   * Calls a function for each item of an input that may be endless, with bounds on how many tasks and how many bytes of arguments are under way.
   * Iterate over it: whoever takes the results sets the pace. Leaving the loop takes no more items and cancels what is open.
   * @throws RangeError for a bound below 1
   */
  imap<A, R>(run: Runnable<[A], R>, items: AnyIterable<A>, options: ImapOptions = {}): MapResult<Awaited<R>> {
    const { budget, map } = boundsOf(options);
    const view = this.#taskViews.of(run) ?? this;
    return startMap({ ...view.#mapView(), budget, onLeave: "cancel" }, run, [items, map]);
  }

  /**
   * Calls a generator function on one engine and gives its values as they are wanted, in batches. What the view asks of the scheduler holds for its first task.
   * @throws TypeError if the function cannot be sent; UnresolvedName, SchemaError
   */
  stream<Args extends unknown[], R extends Streamable | Promise<Streamable>>(
    run: Runnable<Args, R>,
    ...args: Args
  ): ValueStream<YieldOf<R>, ReturnOf<R>>;
  /** The same of a function whose types are not known. */
  stream(run: Runnable<unknown[], unknown>, ...args: unknown[]): ValueStream<unknown>;
  stream(run: Runnable<never[], unknown>, ...args: unknown[]): ValueStream<unknown> {
    const view = this.#taskViews.of(run) ?? this, connection = view.#connection;
    const peers = view.#peersNow();
    if (peers !== null) refuseStream(connection, peers);
    const scope = view.#scope;
    const plan = { connection, options: view.#options, scope, engine: null, openTail: view.#tail };
    return startStream(plan, run, args);
  }

  #mapView(): MapView {
    const connection = this.#connection;
    const peers = this.#peersNow();
    if (peers !== null) checkScheme(connection.info.task_scheme, this.#options);
    return {
      connection,
      tail: this.#tail,
      metadata: peers === null ? {} : metadataOf(this.#options, connection),
      options: this.#options,
      scope: this.#scope,
      peers: peers ?? [],
      hasOurs: peers === null,
      nextPath: peers === null ? () => connection.taskPath : () => connection.peers.balanced,
    };
  }

  /** Refuses tasks of this client that have not started: those of these results, or of these msg_ids. */
  abort(...tasks: StopReference[]): void {
    stopTasks(this.#connection, tasks, "abort");
  }

  #peersNow(): Engine[] | null {
    const { engines } = this.#connection;
    if (this.#peers.version !== engines.version) {
      const peers = balancedPeers(this.#connection, this.#options.targets);
      this.#peers = { version: engines.version, engines: peers };
    }
    return this.#peers.engines;
  }

  #transfer(): readonly ArrayBuffer[] | undefined {
    const { transfer } = this.#options;
    if (transfer !== undefined) checkTransfer(transfer);
    return transfer;
  }

  #send<R>(call: Call, value: unknown): AsyncResult<R> {
    const { label, signal } = this.#options;
    throwIfAborted(signal);
    this.#scope.check();
    const connection = this.#connection;
    const peers = this.#peersNow();
    if (peers !== null) return this.#sendMessage(call, value, peers);
    const path = connection.taskPath;
    const transfer = this.#transfer();
    const encoded = takenOver(encodedFor(connection, call, value, this.#tail), transfer);
    const result = this.#result<R>(call);
    const task = new TaskState(ownerFor(call.run, result), 0, path, label);
    result.started(task);
    path.submit(task, encoded);
    return result;
  }

  #sendMessage<R>(call: Call, value: unknown, peers: readonly Engine[]): AsyncResult<R> {
    const { label } = this.#options;
    const connection = this.#connection;
    connection.check();
    checkScheme(connection.info.task_scheme, this.#options);
    const path = connection.peers.balanced;
    const transfer = this.#transfer();
    const message = takenOver(messageFor(connection, peers, call, value, this.#options), transfer);
    const metadata = metadataOf(this.#options, connection);
    const result = this.#result<R>(call);
    const task = new TaskState(ownerFor(call.run, result), 0, path, label);
    result.started(task);
    path.submit(task, message, metadata);
    return result;
  }

  #result<R>({ what }: Call): AsyncResult<R> {
    const { signal, detached } = this.#options;
    return new AsyncResult<R>({
      shape: "one",
      count: 1,
      what,
      names: this.#connection,
      signal,
      scope: detached === true ? undefined : this.#scope,
      asked: this.#options,
    });
  }

  /** Leaves its scope: cancels what was submitted through it and is open, and waits until that has ended. Nothing can be submitted through it afterwards. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.leave(this.#connection);
  }
}
