/**
 * What can be asked of a result beside its value: times, output, waits. No state of its own, so that a result that is only awaited pays nothing for it.
 */
import { byEngine, type GetOptions, getWithin, settledOf } from "./result_get.ts";
import { change, openText, type ResultLook } from "./result_look.ts";
import { type OutputKind, OutputStream } from "./result_output.ts";
import { partsOf, type ResultPart } from "./result_part.ts";
import { type InteractiveOptions, waitInteractive } from "./result_progress.ts";
import { elapsedOf, type ResultTimes, timesOf } from "./result_times.ts";
import { type Waited, waitFor, type WaitForOptions } from "./result_wait.ts";
import type { WaitOptions } from "./waiting.ts";

/** Whether a call is made for one engine or task, or for several in order. */
export type Shape = "one" | "all";

/** A value, or one for each. */
export type Shaped<S extends Shape, T> = S extends "one" ? T : T[];

/** The first of all, or all. */
export function shaped<S extends Shape, T>(shape: S, all: T[]): Shaped<S, T> {
  return (shape === "one" ? all[0] : all) as Shaped<S, T>;
}

/** The reading half of an AsyncResult. */
export abstract class ResultReading<T, S extends Shape> {
  /**
   * For this room: what stands behind the methods below.
   * @ignore
   */
  abstract look(): ResultLook;
  /** Whether awaiting gives one value or an array. */
  abstract get shape(): S;
  /** As a promise's. */
  abstract then<A = Shaped<S, T>, B = never>(
    onFulfilled?: ((value: Shaped<S, T>) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B>;

  // ── how it went ────────────────────────────────────────────────────────────────────────────

  /** Whether all tasks have ended: another name of `done`. */
  get ready(): boolean {
    return this.look().left() === 0;
  }

  /**
   * Whether all tasks have ended well.
   * @throws Error while tasks are open
   */
  get successful(): boolean {
    const look = this.look();
    if (look.left() === 0) return look.failed() === 0;
    throw new Error(`Cannot tell whether "${look.what}" was successful: ${openText(look)}`);
  }

  /** Milliseconds from the first submission to the arrival of the last result, or until now. */
  get elapsed(): number {
    const look = this.look();
    return elapsedOf(look.tasks(), look.left() === 0);
  }

  /**
   * Milliseconds that its tasks ran, one after the other as it were.
   * @throws Error while tasks are open, as the two below
   */
  get serialTime(): number {
    return this.#times.serialTime;
  }

  /** Milliseconds from the first submission to the arrival of the last result. */
  get wallTime(): number {
    return this.#times.wallTime;
  }

  /** `serialTime` over `wallTime`. */
  get speedup(): number {
    return this.#times.speedup;
  }

  get #times(): ResultTimes {
    const look = this.look();
    if (look.left() === 0) return timesOf(look.tasks());
    throw new Error(`Cannot tell the times of "${look.what}": ${openText(look)}`);
  }

  // ── output ─────────────────────────────────────────────────────────────────────────────────

  /** What its tasks write to stdout, live: each piece of text as it comes, with who wrote it. Ends when all of it has come. */
  get stdout(): OutputStream<string> {
    return this.#output("stdout");
  }

  /** What its tasks write to stderr, live. */
  get stderr(): OutputStream<string> {
    return this.#output("stderr");
  }

  /** What its tasks show (`display_data`, `execute_result`), live. */
  get displays(): OutputStream<unknown> {
    return this.#output("display");
  }

  /** What each task has shown so far. */
  get outputs(): Shaped<S, readonly unknown[]> {
    return shaped(this.shape, this.look().tasks().map(({ output }) => output?.display ?? []));
  }

  #output<V>(kind: OutputKind): OutputStream<V> {
    return new OutputStream<V>(this.look(), kind);
  }

  // ── waiting ────────────────────────────────────────────────────────────────────────────────

  /**
   * Waits here until all tasks have ended, well or not, or (`for`) the first has, or the first has failed. The tasks know nothing of it.
   * @returns which have ended and which are open
   * @throws DOMException TimeoutError after `timeoutMs`, or the signal's reason
   */
  wait(options: WaitForOptions = {}): Promise<Waited<T>> {
    return waitFor<T>(this.look(), options);
  }

  /**
   * The value, or the values in order, if they come in time; the tasks go on in any case.
   * @param options.for "first-error" rejects with the first error and does not wait for the others
   * @throws DOMException TimeoutError after `timeoutMs`, the signal's reason, the task's error, CompositeError
   */
  get(options: GetOptions = {}): Promise<Shaped<S, T>> {
    return getWithin(this.look(), () => this.then(), options);
  }

  /** How each task ended, in order, as `Promise.allSettled` tells it. */
  async settled(options: WaitOptions = {}): Promise<PromiseSettledResult<T>[]> {
    await this.wait(options);
    return settledOf<T>(this.look());
  }

  /**
   * The values by the ids of the engines.
   * @throws RangeError if several tasks ran on one engine; as `get`
   */
  async byEngine(options: GetOptions = {}): Promise<Map<number, T>> {
    await this.get(options);
    return byEngine<T>(this.look());
  }

  /** Its tasks one by one: each can be awaited, read and stopped by itself. */
  parts(): ResultPart<T>[] {
    return partsOf<T>(this.look());
  }

  /**
   * Waits and shows how far it is: a bar in a terminal, a display in a notebook, else lines to stderr or to `write`.
   * @throws as `wait`; how the tasks ended is for `get` or `await` to tell
   */
  waitInteractive(options: InteractiveOptions = {}): Promise<void> {
    const look = this.look();
    const counts = () => ({ total: look.count, done: look.count - look.left(), failed: look.failed() });
    return waitInteractive({ what: look.what, counts, wait: (rest) => this.wait(rest) }, options);
  }

  /** The values in the order of the targets, each as soon as it and those before it are there; throws the error of a task where it comes up. */
  async *inOrder(): AsyncGenerator<T, void, undefined> {
    const look = this.look();
    for (let i = 0; i < look.count; i++) {
      while (look.tasks()[i]?.isOpen !== false) await change(look);
      const error = look.errorOf(i);
      if (error !== undefined) throw error;
      yield look.valueOf(i) as T;
    }
  }
}
