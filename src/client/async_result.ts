/**
 * The promise of one or many results.
 *
 * A promise object exists only once somebody asks for it: a result that nobody awaits costs nothing more and cannot end the
 * process with an unhandled rejection.
 */
import { listenForAbort } from "./abort_listeners.ts";
import { CompositeError, TaskCancelled } from "../protocol/errors.ts";
import { type GroupOptions, ResultGroup, type ValuesOf } from "./result_group.ts";
import type { ResultLook } from "./result_look.ts";
import type { Scope } from "./scope.ts";
import { ResultReading, type Shape, type Shaped, shaped } from "./result_reading.ts";
import { abortError, type WaitOptions, withinTime } from "./waiting.ts";
import { msgIdOf, type TaskMetadata, type TaskNames, type TaskState } from "./task_state.ts";
import type { Asked } from "./asked.ts";

/** How an AsyncResult is made. */
export interface ResultPlan<T, S extends Shape> {
  /** Whether awaiting gives one value or an array. */
  readonly shape: S;
  /** How many tasks. */
  readonly count: number;
  /** What a CompositeError calls it: `apply on 4 engines`. */
  readonly what: string;
  /** What turns numbers into names. */
  readonly names: TaskNames;
  /** Turns a task's value into what the caller gets; default: as it is. */
  readonly read?: ((value: unknown) => T) | undefined;
  /** Stops its tasks. */
  readonly signal?: AbortSignal | undefined;
  /** Stops its tasks when it is left. */
  readonly scope?: Scope | undefined;
  /** What its tasks were asked with, as their metadata tells it. */
  readonly asked?: Asked | undefined;
}

/** Nothing yet; never written to. */
const NONE: never[] = [];

/** One result (`S` = "one"), or several in the order of their targets (`S` = "all"). Awaitable and iterable. */
export class AsyncResult<T, S extends Shape = "one"> extends ResultReading<T, S>
  implements PromiseLike<Shaped<S, T>>, AsyncIterable<T> {
  readonly #plan: ResultPlan<T, S>;
  /** Most results have one task: an array that grew from nothing would have room for seventeen. */
  #tasks: TaskState[] = NONE;
  #values: unknown[] = NONE;
  /** By place; empty while none failed. */
  #errors: Map<number, Error> | undefined;
  #left: number;
  /** Places in the order in which they finished; kept once somebody iterates. */
  #order: number[] | undefined;
  #listeners: (() => void)[] | undefined;
  #promise: Promise<Shaped<S, T>> | undefined;
  #unlisten: (() => void) | undefined;
  /** Why it was stopped here. */
  #reason: unknown;

  /**
   * Made by views; there is no use in making one.
   * @ignore
   */
  constructor(plan: ResultPlan<T, S>) {
    super();
    this.#plan = plan;
    this.#left = plan.count;
    const { signal } = plan;
    if (signal === undefined) return;
    this.#unlisten = listenForAbort(signal, (stop) => stop(this.#tasks));
  }

  /**
   * For views: a task of this result, in the order of the places.
   * @ignore
   */
  started(task: TaskState): void {
    if (this.#tasks === NONE) this.#tasks = [task];
    else this.#tasks.push(task);
  }

  /**
   * For the connection.
   * @ignore
   */
  fulfilled(task: TaskState, value: unknown): void {
    const { read } = this.#plan;
    try {
      this.#keep(task.index, read === undefined ? value : read(value));
    } catch (error) {
      return this.rejected(task, error instanceof Error ? error : new Error(String(error)));
    }
    this.#finished(task.index);
  }

  #keep(index: number, value: unknown): void {
    if (this.#values !== NONE) this.#values[index] = value;
    else if (index === 0) this.#values = [value];
    else {
      this.#values = new Array(this.#plan.count);
      this.#values[index] = value;
    }
  }

  /**
   * For the connection.
   * @ignore
   */
  rejected(task: TaskState, error: Error): void {
    if (this.#reason !== undefined && error instanceof TaskCancelled) error.cause ??= this.#reason;
    this.#errors ??= new Map();
    this.#errors.set(task.index, error);
    this.#finished(task.index);
  }

  #finished(index: number): void {
    this.#left--;
    this.#order?.push(index);
    if (this.#left === 0) this.#unlisten?.();
    const listeners = this.#listeners;
    if (listeners === undefined) return;
    this.#listeners = undefined;
    for (const listener of listeners) listener();
  }

  #next(listener: () => void): void {
    (this.#listeners ??= []).push(listener);
  }

  // ── state ──────────────────────────────────────────────────────────────────────────────────

  /** Whether all tasks have ended. */
  get done(): boolean {
    return this.#left === 0;
  }

  /** How many tasks have ended. */
  get progress(): number {
    return this.#plan.count - this.#left;
  }

  /** How many tasks there are. */
  get count(): number {
    return this.#plan.count;
  }

  /** The msg_id of each task. */
  get msgIds(): string[] {
    return this.#tasks.map((task) => msgIdOf(task, this.#plan.names));
  }

  /** For `after` and `follow`: numbers of the tasks, as groups name them. */
  get numbers(): number[] {
    return this.#tasks.map((task) => task.n);
  }

  /**
   * For `after` and `follow`: the tasks as a group's tail names them, those that were messages or are another client's by their msg_ids.
   * @ignore
   */
  references(client: TaskNames): (number | string)[] {
    const { names } = this.#plan;
    return this.#tasks.map((task) => task.route.isPeer || names !== client ? msgIdOf(task, names) : task.n);
  }

  #metadata(task: TaskState): TaskMetadata {
    return task.metadata(this.#plan.names, this.#plan.asked, this.#errors?.get(task.index));
  }

  /** What is known of the task, or of each. */
  get metadata(): Shaped<S, TaskMetadata> {
    return shaped(this.#plan.shape, this.#tasks.map((task) => this.#metadata(task)));
  }

  // ── waiting ────────────────────────────────────────────────────────────────────────────────

  /** The value, or the values in order. Rejects with the task's error, or a CompositeError where there are several tasks. */
  then<A = Shaped<S, T>, B = never>(
    onFulfilled?: ((value: Shaped<S, T>) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#settled().then(onFulfilled, onRejected);
  }

  /** As a promise's. */
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Shaped<S, T> | B> {
    return this.#settled().catch(onRejected);
  }

  /** As a promise's. */
  finally(onFinally?: (() => void) | null): Promise<Shaped<S, T>> {
    return this.#settled().finally(onFinally);
  }

  #settled(): Promise<Shaped<S, T>> {
    return this.#promise ??= new Promise((resolve, reject) => {
      const look = () => {
        if (this.#left > 0) return this.#next(look);
        try {
          resolve(this.#outcome());
        } catch (error) {
          reject(error);
        }
      };
      look();
    });
  }

  /**
   * For its scope.
   * @ignore
   */
  get scope(): Scope | undefined {
    return this.#plan.scope;
  }

  /**
   * For its scope: its tasks are being stopped.
   * @ignore
   */
  stopping(reason: unknown): void {
    this.#reason ??= reason;
  }

  /**
   * For its scope: resolves when all tasks have ended.
   * @ignore
   */
  ended(): Promise<void> {
    if (this.#left === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const look = () => this.#left === 0 ? resolve() : this.#next(look);
      this.#next(look);
    });
  }

  #outcome(): Shaped<S, T> {
    if (this.#errors === undefined) {
      return shaped(this.#plan.shape, (this.#values === NONE ? [] : this.#values) as T[]);
    }
    const failures = [...this.#errors].sort(([a], [b]) => a - b);
    const [first] = failures;
    if (this.#plan.shape === "one" && first !== undefined) throw first[1];
    throw new CompositeError(
      this.#plan.what,
      failures.map(([index, error]) => ({ error, engine: this.#engineOf(index) })),
    );
  }

  #engineOf(index: number): number | undefined {
    const engine = this.#tasks[index]?.engine ?? -1;
    return engine < 0 ? undefined : engine;
  }

  /** Several results as one: their counts, all their values, one way to stop them. */
  static all<const R extends readonly AsyncResult<unknown, Shape>[]>(
    results: R,
    options: GroupOptions = {},
  ): ResultGroup<ValuesOf<R>> {
    const group = new ResultGroup<ValuesOf<R>>(options);
    for (const result of results) group.add(result);
    return group;
  }

  /**
   * For this room: what other files do with a result.
   * @ignore
   */
  look(): ResultLook {
    return {
      count: this.#plan.count,
      what: this.#plan.what,
      names: this.#plan.names,
      tasks: () => this.#tasks,
      metadata: (i) => this.#metadata(this.#tasks[i] as TaskState),
      valueOf: (i) => this.#values[i],
      errorOf: (i) => this.#errors?.get(i),
      failed: () => this.#errors?.size ?? 0,
      left: () => this.#left,
      next: (listener) => this.#next(listener),
      stop: (i, how, reason) => {
        const task = this.#tasks[i];
        if (how === "cancel") this.stopping(reason);
        if (task?.isOpen === true) task.route.stop([task], how, reason);
      },
    };
  }

  /** Whether awaiting gives one value or an array. */
  get shape(): S {
    return this.#plan.shape;
  }

  /**
   * Waits until all tasks have ended and everything that they wrote is in `metadata`.
   * @param options.timeoutMs default 10,000
   * @throws DOMException TimeoutError
   */
  outputReady(options: WaitOptions = {}): Promise<void> {
    return withinTime(this.#outputEnded(), { timeoutMs: 10_000, ...options }, () => "output is missing");
  }

  async #outputEnded(): Promise<void> {
    await this.ended();
    for (const { output } of this.#tasks) {
      if (output !== undefined) await new Promise<void>((resolve) => output.whenComplete(resolve));
    }
  }

  /** The values as their tasks finish; throws the error of a task where it comes up. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const order = this.#order ??= this.#finishedPlaces();
    for (let i = 0; i < this.#plan.count; i++) {
      while (order.length <= i) await new Promise<void>((resolve) => this.#next(resolve));
      const index = order[i] ?? 0;
      const error = this.#errors?.get(index);
      if (error !== undefined) throw error;
      yield this.#values[index] as T;
    }
  }

  #finishedPlaces(): number[] {
    return this.#tasks.filter((task) => !task.isOpen)
      .sort((a, b) => a.received - b.received)
      .map((task) => task.index);
  }

  // ── stopping ───────────────────────────────────────────────────────────────────────────────

  /** Refuses the tasks that have not started; they end with TaskAborted. */
  abort(): void {
    this.#stop("abort", undefined);
  }

  /** Stops the tasks in any state; they end with TaskCancelled. A running one is stopped by force. */
  cancel(reason?: unknown): void {
    this.#stop("cancel", reason);
  }

  #stop(how: "abort" | "cancel", reason: unknown): void {
    if (how === "cancel") this.stopping(reason);
    const byRoute = Map.groupBy(this.#tasks.filter((task) => task.isOpen), (task) => task.route);
    for (const [route, tasks] of byRoute) route.stop(tasks, how, reason);
  }

  /** Its name in messages. */
  get [Symbol.toStringTag](): string {
    return "AsyncResult";
  }
}

export type { Shape, Shaped };

/** Refuses a call whose signal has fired already. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal);
}
