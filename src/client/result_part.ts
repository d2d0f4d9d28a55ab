/** One task of a result of several: it can be awaited, read and stopped by itself. */
import { change, openText, type ResultLook } from "./result_look.ts";
import type { TaskMetadata, TaskState } from "./task_state.ts";
import { type WaitOptions, withinTime } from "./waiting.ts";

/** Awaitable. Its `msgId` may stand in `after` and `follow`. */
export class ResultPart<T> implements PromiseLike<T> {
  /** Its place among the tasks. */
  readonly index: number;
  readonly #look: ResultLook;

  /** Made by `AsyncResult.parts` and `wait`. */
  constructor(look: ResultLook, index: number) {
    this.#look = look;
    this.index = index;
  }

  get #task(): TaskState | undefined {
    return this.#look.tasks()[this.index];
  }

  /** Whether it has ended. */
  get done(): boolean {
    return this.#task?.isOpen === false;
  }

  /** Whether it has ended well. @throws Error while it is open */
  get successful(): boolean {
    if (this.done) return this.error === undefined;
    throw new Error(`Cannot tell whether task "${this.msgId}" was successful: it is open`);
  }

  /** Its error; undefined while it is open, or if it ended well. */
  get error(): Error | undefined {
    return this.#look.errorOf(this.index);
  }

  /** Its id in the cluster. */
  get msgId(): string {
    return this.metadata.msgId;
  }

  /** What is known of it. */
  get metadata(): TaskMetadata {
    return this.#look.metadata(this.index);
  }

  /** Its value, or its error. */
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#ended().then(onFulfilled, onRejected);
  }

  /** Its value if it comes in time; the task goes on in any case. @throws DOMException TimeoutError, the signal's reason, its error */
  get(options: WaitOptions = {}): Promise<T> {
    return withinTime(this.#ended(), options, () => `task "${this.msgId}" is open (${openText(this.#look)})`);
  }

  async #ended(): Promise<T> {
    while (!this.done) await change(this.#look);
    const { error } = this;
    if (error !== undefined) throw error;
    return this.#look.valueOf(this.index) as T;
  }

  /** Refuses it if it has not started. */
  abort(): void {
    this.#look.stop(this.index, "abort", undefined);
  }

  /** Stops it in any state. */
  cancel(reason?: unknown): void {
    this.#look.stop(this.index, "cancel", reason);
  }

  /** Its name in messages. */
  get [Symbol.toStringTag](): string {
    return "ResultPart";
  }
}

/** All tasks of a result, one by one. */
export function partsOf<T>(look: ResultLook): ResultPart<T>[] {
  return Array.from({ length: look.count }, (_, i) => new ResultPart<T>(look, i));
}
