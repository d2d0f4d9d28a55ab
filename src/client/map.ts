/**
 * Maps: one function over many items, lazily and with a bounded number of tasks under way.
 *
 * There is no promise per item, only slots and counters. Items are taken from their source as results leave: whoever iterates
 * sets the pace, whoever awaits takes all. Before either, one window of tasks runs.
 */
import { listenForAbort } from "./abort_listeners.ts";
import { Queue } from "../base/queue.ts";
import { TaskAborted } from "../protocol/errors.ts";
import { MapFailures } from "./map_failures.ts";
import type { MapPlan } from "./map_plan.ts";
import { FailedItem } from "./map_source.ts";
import { ReadyResults } from "./ready_results.ts";
import { RecentTasks } from "./recent_tasks.ts";
import type { TaskMetadata, TaskState } from "./task_state.ts";
import { stopByRoute } from "./stop_together.ts";
import { type InteractiveOptions, waitInteractive } from "./result_progress.ts";
import { type ResultTimes, timesOf } from "./result_times.ts";
import { abortError, type WaitOptions, withinTime } from "./waiting.ts";

/** In the place of a result that there is not. */
const FAILED = Symbol("failed");

type Mode = "undecided" | "collect" | "iterate";

/** The results of a map: await them all, or iterate. */
export class MapResult<R> implements PromiseLike<R[]>, AsyncIterable<R> {
  readonly #plan: MapPlan;
  #mode: Mode = "undecided";
  /** While somebody iterates, so many tasks are sent together: one by one each would be a message of its own. */
  readonly #refill: number;
  /** Results by task, not taken yet. */
  readonly #ready = new ReadyResults();
  /** Tasks in the order of their ends, if results are wanted as they come. */
  readonly #ended = new Queue<number>();
  #collected: unknown[] = [];
  readonly #open = new Map<number, TaskState>();
  readonly #recent = new RecentTasks();
  #submitted = 0;
  #finished = 0;
  #items = 0;
  #isExhausted = false;
  #isPumping = false;
  #isScheduled = false;
  #error: { readonly error: unknown } | undefined;
  /** Errors of a map that goes on, by item. */
  readonly #failures = new MapFailures();
  #listeners: (() => void)[] = [];
  #promise: Promise<R[]> | undefined;
  readonly #unlisten: (() => void)[] = [];
  readonly #made = Date.now();
  #doneAt = 0;

  /**
   * Made by views.
   * @ignore
   */
  constructor(plan: MapPlan) {
    this.#plan = plan;
    this.#refill = Math.max(1, plan.window >> 4);
    const { signal, scope } = plan;
    if (signal !== undefined) {
      const stop = () => this.#fail(abortError(signal), "cancel");
      if (signal.aborted) stop();
      else this.#unlisten.push(listenForAbort(signal, stop));
    }
    if (scope !== undefined) this.#unlisten.push(scope.track(this));
    this.#pump();
  }

  // ── sending ────────────────────────────────────────────────────────────────────────────────

  #schedule(): void {
    if (this.#isScheduled || this.#isPumping || this.#isExhausted || this.#error !== undefined) return;
    if (this.#mode === "iterate" && this.#plan.window - this.#open.size - this.#ready.size < this.#refill) {
      return;
    }
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #hasRoom(): boolean {
    if (this.#isExhausted || this.#error !== undefined) return false;
    const kept = this.#mode === "collect" ? 0 : this.#ready.size;
    if (this.#open.size >= (this.#plan.concurrency ?? Infinity)) return false;
    if (this.#open.size + kept >= this.#plan.window) return false;
    if (this.#mode !== "collect" && this.#ready.isFull(this.#open.size)) return false;
    return this.#open.size === 0 || !this.#plan.isCrowded();
  }

  /** Takes items and sends them while there is room; goes on by itself where the source makes it wait. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#hasRoom()) {
        const taken = this.#plan.source.take(this.#plan.chunkSize);
        if (taken instanceof Promise) {
          this.#goOn(taken);
          return;
        }
        this.#take(taken);
      }
    } catch (error) {
      this.#fail(error, this.#plan.onLeave ?? "abort");
    }
    this.#isPumping = false;
    this.#wake();
  }

  async #goOn(taking: Promise<readonly unknown[][]>): Promise<void> {
    try {
      const taken = await taking;
      if (this.#error === undefined) this.#take(taken);
    } catch (error) {
      this.#fail(error, this.#plan.onLeave ?? "abort");
    }
    this.#isPumping = false;
    this.#pump();
  }

  #take(items: readonly unknown[][]): void {
    if (items.length < this.#plan.chunkSize) this.#isExhausted = true;
    const [first] = items;
    if (first === undefined) return;
    this.#items += items.length;
    const index = this.#submitted++;
    if (first instanceof FailedItem) return this.#failed(index, first.error);
    const task = this.#plan.submit(this, index, this.#plan.chunkSize === 1 ? first : [...items]);
    if (task.isOpen) this.#open.set(index, task);
    this.#recent.add(task);
  }

  // ── results ────────────────────────────────────────────────────────────────────────────────

  /**
   * For the connection.
   * @ignore
   */
  fulfilled(task: TaskState, value: unknown): void {
    this.#open.delete(task.index);
    this.#finished++;
    this.#keep(task.index, value, task.bytes);
  }

  #keep(index: number, value: unknown, bytes = 0): void {
    if (this.#error === undefined) {
      if (this.#mode === "collect") this.#collected[index] = value;
      else this.#ready.add(index, value, bytes);
      if (!this.#plan.ordered) this.#ended.push(index);
      this.#schedule();
    }
    if (this.#mode !== "collect" || this.#isEnd) this.#wake();
  }

  /**
   * For the connection.
   * @ignore
   */
  rejected(task: TaskState, error: Error): void {
    this.#open.delete(task.index);
    this.#finished++;
    this.#failed(task.index, error, task.engine);
  }

  #failed(index: number, error: unknown, engine = -1): void {
    if (this.#plan.keepsGoing !== true) return this.#fail(error, this.#plan.onLeave ?? "abort");
    this.#failures.add(index, error, engine);
    this.#keep(index, FAILED);
  }

  /** Ends the map: no more items, and what is under way is stopped. */
  #fail(error: unknown, how: "abort" | "cancel", reason = error): void {
    if (this.#error === undefined && !this.done) {
      this.#error = { error };
      this.#isExhausted = true;
      this.#plan.source.stop(error);
      stopByRoute(this.#open.values(), how, reason);
      this.#plan.onFail?.(error);
    }
    this.#wake();
  }

  get #isEnd(): boolean {
    return this.#isExhausted && this.#open.size === 0 && (!this.#isPumping || this.#error !== undefined);
  }

  #wake(): void {
    if (this.#isEnd && this.#doneAt === 0) {
      this.#doneAt = Date.now();
      for (const unlisten of this.#unlisten.splice(0)) unlisten();
    }
    if (this.#listeners.length === 0) return;
    for (const listener of this.#listeners.splice(0)) listener();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve));
  }

  // ── state ──────────────────────────────────────────────────────────────────────────────────

  /** Whether all items are through, or the map has failed and nothing is under way. */
  get done(): boolean {
    return this.#doneAt > 0;
  }

  /** Another name of `done`. */
  get ready(): boolean {
    return this.done;
  }

  /** Whether all went well. @throws Error while items or tasks are left */
  get successful(): boolean {
    if (this.done) return this.#error === undefined && this.#failures.count === 0;
    throw new Error(`Cannot tell whether the map was successful: ${this.#openText()}`);
  }

  #openText(): string {
    return `${this.#open.size} tasks of the map are open`;
  }

  /** Times of its tasks, of very many the last 65,536: see `AsyncResult`. @throws Error while items or tasks are left */
  get times(): ResultTimes {
    if (this.done) return timesOf(this.#recent.list);
    throw new Error(`Cannot tell the times of the map: ${this.#openText()}`);
  }

  /** How many tasks have ended. */
  get progress(): number {
    return this.#finished;
  }

  /** How many items were taken from the source so far. */
  get taken(): number {
    return this.#items;
  }

  /** Milliseconds from the call to the end, or until now. */
  get elapsed(): number {
    return (this.#doneAt === 0 ? Date.now() : this.#doneAt) - this.#made;
  }

  /** What is known of the tasks; of very many only the last 65,536. */
  get metadata(): TaskMetadata[] {
    return this.#recent.list.map((task) => task.metadata(this.#plan.names, this.#plan.asked));
  }

  /** The msg_ids of the tasks, within the same bound. */
  get msgIds(): string[] {
    return this.#recent.list.map((task) => this.#plan.names.msgId(task.n));
  }

  // ── waiting ────────────────────────────────────────────────────────────────────────────────

  /** All results in the order of the items, whatever `ordered` says. Rejects with the first error; the rest is then aborted. */
  then<A = R[], B = never>(
    onFulfilled?: ((value: R[]) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#all().then(onFulfilled, onRejected);
  }

  /** As a promise's. */
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R[] | B> {
    return this.#all().catch(onRejected);
  }

  /** As a promise's. */
  finally(onFinally?: (() => void) | null): Promise<R[]> {
    return this.#all().finally(onFinally);
  }

  #all(): Promise<R[]> {
    return this.#promise ??= this.#collect();
  }

  async #collect(): Promise<R[]> {
    this.#begin("collect");
    while (!this.#isEnd && this.#error === undefined) await this.#change();
    if (this.#error !== undefined) throw this.#error.error;
    this.#failures.raise(this.#submitted);
    return (this.#plan.chunkSize === 1 ? this.#collected : this.#collected.flat(1)) as R[];
  }

  #begin(mode: "collect" | "iterate"): void {
    if (this.#mode === mode && mode === "collect") return;
    if (this.#mode !== "undecided") {
      throw new TypeError("Cannot take the results of a map twice: await it, or iterate once");
    }
    this.#mode = mode;
    if (mode === "collect") {
      for (const [index, value] of this.#ready.takeAll()) this.#collected[index] = value;
    }
    this.#pump();
  }

  /** All results, if they come in time; the map goes on in any case. @throws DOMException TimeoutError, the signal's reason; as awaiting it */
  get(options: WaitOptions = {}): Promise<R[]> {
    return withinTime(this.#all(), options, () => this.#openText());
  }

  /** Waits and shows how far it is, as `AsyncResult.waitInteractive`. Of an endless source there is no total: so many tasks were sent so far. */
  waitInteractive({ for: _all, ...options }: InteractiveOptions = {}): Promise<void> {
    const counts = () => ({
      total: this.#submitted,
      done: this.#finished,
      failed: this.#failures.count + (this.#error === undefined ? 0 : 1),
    });
    return waitInteractive({ what: "map", counts, wait: (rest) => this.wait(rest) }, options);
  }

  /**
   * Waits until all items are through, or the map has failed and nothing of it runs. Unless somebody iterates, it takes all results.
   * @throws DOMException TimeoutError after `timeoutMs`; the map goes on
   */
  wait(options: WaitOptions = {}): Promise<void> {
    if (this.#mode === "undecided") this.#begin("collect");
    return withinTime(this.ended(), options, () => this.#openText());
  }

  /**
   * For its scope: resolves when nothing of it is under way.
   * @ignore
   */
  async ended(): Promise<void> {
    while (!this.#isEnd) await this.#change();
  }

  /** The results one by one. Leaving the loop aborts what has not started. */
  async *[Symbol.asyncIterator](): AsyncGenerator<R, void, undefined> {
    this.#begin("iterate");
    try {
      for (let next = 0;; next++) {
        while (this.#indexOf(next) < 0) {
          if (this.#isEnd && this.#ready.size === 0) return this.#failures.raise(this.#submitted);
          await this.#change();
        }
        const value = this.#takeReady(this.#indexOf(next));
        if (value === FAILED) continue;
        if (this.#plan.chunkSize === 1) yield value as R;
        else yield* value as R[];
      }
    } finally {
      this.#leave();
    }
  }

  /** The task whose result is next, -1 if it has not come. */
  #indexOf(next: number): number {
    if (this.#error !== undefined) throw this.#error.error;
    if (!this.#plan.ordered) return this.#ended.peek() ?? -1;
    return this.#ready.has(next) ? next : -1;
  }

  #takeReady(index: number): unknown {
    const value = this.#ready.take(index);
    this.#ended.shift();
    this.#schedule();
    return value;
  }

  #leave(): void {
    if (this.done && this.#ready.size === 0) return;
    this.#fail(
      new DOMException("The loop over the map was left", "AbortError"),
      this.#plan.onLeave ?? "abort",
    );
  }

  // ── stopping ───────────────────────────────────────────────────────────────────────────────

  /** Takes no more items and aborts the tasks that have not started; the map then fails with TaskAborted. */
  abort(): void {
    this.#fail(new TaskAborted(), "abort");
  }

  /** Takes no more items and stops all tasks; the map fails with the reason. */
  cancel(reason: unknown = new DOMException("The map was cancelled", "AbortError")): void {
    this.#fail(reason, "cancel");
  }

  /**
   * For its scope, which was left.
   * @ignore
   */
  left(error: Error, reason: unknown): void {
    this.#fail(error, "cancel", reason);
  }

  /** Its name in messages. */
  get [Symbol.toStringTag](): string {
    return "MapResult";
  }
}
