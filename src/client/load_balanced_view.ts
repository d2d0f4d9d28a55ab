/**
 * The view whose tasks go wherever there is room: the scheduler chooses the engine.
 */
import { OP } from "../protocol/groups.ts";
import { AsyncResult, type ResultPlan, throwIfAborted } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import { callOf, type Definition, definitionOf, type Runnable } from "./functions.ts";
import { balancedPeers, checkScheme, messageFor, type PeerForm } from "./languages.ts";
import type { MapOptions, MapResult } from "./map.ts";
import type { AnyIterable } from "./map_source.ts";
import { startMap } from "./map_start.ts";
import { peerRequest, referenceRequest } from "./peer_messages.ts";
import { isReference, Reference } from "./reference.ts";
import { type StopReference, stopTasks } from "./stop.ts";
import { checkIds } from "./targets.ts";
import { type TaskRoute, TaskState } from "./task_state.ts";
import { type BalancedOptions, metadataOf, tailOf } from "./view_options.ts";

/** What `execute` gives. */
export interface ExecuteResult {
  /** The value of the last expression, if it can travel. */
  readonly value: unknown;
  readonly executionCount: number;
  /** The value as the engine shows it; absent if there is none. */
  readonly text?: string | undefined;
}

interface Request {
  readonly op: number;
  readonly value: unknown;
  readonly root: string;
  readonly definition: () => Definition | null;
  /** Takes the place of definition and value where arguments are references. */
  readonly call?: (() => { readonly definition: Definition; readonly args: unknown }) | undefined;
  readonly what: string;
  readonly message: PeerForm;
}

/**
 * Immutable: `with` gives another view.
 *
 * Tasks go to our engines, unless `targets` names Python ones or there are no others: those take `Reference` calls and code of their language.
 */
export class LoadBalancedView {
  readonly #connection: Connection;
  readonly #options: BalancedOptions;
  readonly #tail: Uint8Array | null;

  /** Use `client.loadBalanced`. */
  constructor(connection: Connection, options: BalancedOptions = {}) {
    if (options.targets !== undefined) checkIds(connection.engines, options.targets);
    this.#connection = connection;
    this.#options = options;
    this.#tail = tailOf(options);
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
    return new LoadBalancedView(this.#connection, { ...this.#options, ...options });
  }

  /**
   * Calls a function with these arguments on one engine. Large binary arguments are read until they have left: change them
   * only after the result has come.
   * @throws TypeError if the function or an argument cannot be sent to where the task may run
   */
  apply<Args extends unknown[], R>(run: Runnable<Args, R>, ...args: Args): AsyncResult<Awaited<R>> {
    return this.#send({
      op: OP.apply,
      value: args,
      root: "args",
      definition: () => definitionOf(run),
      call: args.some(isReference) ? () => callOf(run, args) : undefined,
      what: "apply",
      message: run instanceof Reference ? () => referenceRequest(run, args) : undefined,
    });
  }

  /** Runs a piece of code as in a cell, in the language of the engines. */
  execute(code: string, options: { readonly silent?: boolean | undefined } = {}): AsyncResult<ExecuteResult> {
    const value = { code, silent: options.silent ?? false };
    return this.#send({
      op: OP.execute,
      value,
      root: "code",
      definition: () => null,
      what: "execute",
      message: () => peerRequest(OP.execute, value),
    });
  }

  /** Calls a function for each item of one or several iterables in step, lazily. */
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
    const connection = this.#connection;
    const peers = balancedPeers(connection, this.#options.targets);
    if (peers !== null) checkScheme(connection.info.task_scheme, this.#options);
    const view = {
      connection,
      tail: this.#tail,
      metadata: peers === null ? {} : metadataOf(this.#options, connection),
      options: this.#options,
      peers: peers ?? [],
      hasOurs: peers === null,
      nextPath: peers === null ? () => connection.taskPath : () => connection.peers.balanced,
    };
    return startMap(view, run, rest);
  }

  /** Refuses tasks of this client that have not started: those of these results, or of these msg_ids. */
  abort(...tasks: StopReference[]): void {
    stopTasks(this.#connection, tasks, "abort");
  }

  #send<R>(request: Request): AsyncResult<R> {
    const { label, limits, signal, targets } = this.#options;
    throwIfAborted(signal);
    const connection = this.#connection;
    connection.check();
    const { op, value, root, definition, what, message } = request;
    const peers = balancedPeers(connection, targets);
    const plan = { shape: "one", count: 1, what, names: connection, signal } as const;
    if (peers !== null) {
      checkScheme(connection.info.task_scheme, this.#options);
      const { balanced } = connection.peers;
      const form = messageFor(connection, peers, message, limits);
      const metadata = metadataOf(this.#options, connection);
      const [result, task] = single<R>(plan, balanced, label);
      balanced.submit(task, form, metadata);
      return result;
    }
    const path = connection.taskPath;
    const call = request.call?.();
    const encoded = connection.encode(op, call === undefined ? value : call.args, {
      definition: call?.definition ?? definition(),
      tail: this.#tail,
      root,
    });
    const [result, task] = single<R>(plan, path, label);
    path.submit(task, encoded);
    return result;
  }
}

function single<R>(
  plan: ResultPlan<R, "one">,
  route: TaskRoute,
  label: unknown,
): readonly [AsyncResult<R>, TaskState] {
  const result = new AsyncResult<R>(plan);
  const task = new TaskState(result, 0, route, label);
  result.started(task);
  return [result, task];
}
