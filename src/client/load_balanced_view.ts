/**
 * The view whose tasks go wherever there is room: the scheduler chooses the engine.
 */
import { OP } from "../protocol/groups.ts";
import { AsyncResult, throwIfAborted } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import { type Definition, definitionOf, type Runnable } from "./functions.ts";
import type { MapOptions, MapResult } from "./map.ts";
import type { AnyIterable } from "./map_source.ts";
import { startMap } from "./map_start.ts";
import { type StopReference, stopTasks } from "./stop.ts";
import { checkIds } from "./targets.ts";
import { TaskState } from "./task_state.ts";
import { type BalancedOptions, tailOf } from "./view_options.ts";

/** What `execute` gives. */
export interface ExecuteResult {
  /** The value of the last expression, if it can travel. */
  readonly value: unknown;
  readonly executionCount: number;
  /** The value as the engine shows it; absent if there is none. */
  readonly text?: string | undefined;
}

/** Immutable: `with` gives another view. */
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
   * @throws TypeError if the function or an argument cannot be sent
   */
  apply<Args extends unknown[], R>(run: Runnable<Args, R>, ...args: Args): AsyncResult<Awaited<R>> {
    return this.#send({
      op: OP.apply,
      value: args,
      root: "args",
      definition: definitionOf(run),
      what: "apply",
    });
  }

  /** Runs a piece of code as in a cell. */
  execute(code: string, options: { readonly silent?: boolean | undefined } = {}): AsyncResult<ExecuteResult> {
    const value = { code, silent: options.silent ?? false };
    return this.#send({ op: OP.execute, value, root: "code", definition: null, what: "execute" });
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
    const { label, signal } = this.#options;
    const connection = this.#connection;
    return startMap(
      { connection, tail: this.#tail, label, signal, nextPath: () => connection.taskPath },
      run,
      rest,
    );
  }

  /** Refuses tasks of this client that have not started: those of these results, or of these msg_ids. */
  abort(...tasks: StopReference[]): void {
    stopTasks(this.#connection, tasks, "abort");
  }

  #send<R>(
    { op, value, root, definition, what }: {
      readonly op: number;
      readonly value: unknown;
      readonly root: string;
      readonly definition: Definition | null;
      readonly what: string;
    },
  ): AsyncResult<R> {
    const { label, signal } = this.#options;
    throwIfAborted(signal);
    const connection = this.#connection;
    const path = connection.taskPath;
    const encoded = connection.encode(op, value, { definition, tail: this.#tail, root });
    const result = new AsyncResult<R>({ shape: "one", count: 1, what, names: connection, signal });
    const task = new TaskState(result, 0, path, label);
    result.started(task);
    path.submit(task, encoded);
    return result;
  }
}
