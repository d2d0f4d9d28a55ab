/**
 * Several results as one: counts of their tasks, all values, one way to stop them, and a bound for how many are open at a time.
 */
import { listenForAbort } from "./abort_listeners.ts";
import { CompositeError } from "../protocol/errors.ts";
import type { ResultLook } from "./result_look.ts";
import { abortError, type WaitOptions, withinTime } from "./waiting.ts";

/** Options of a group. */
export interface GroupOptions {
  /** Most tasks that may be open before `room` and `submit` wait. Default: no bound. */
  readonly limit?: number | undefined;
  /** Stops all that is in the group, and what is added later. */
  readonly signal?: AbortSignal | undefined;
}

/** What a group needs of a result. */
export interface GroupMember<V = unknown> extends PromiseLike<V> {
  /** How many tasks it has. */
  readonly count: number;
  /** Whether all of them have ended. */
  readonly done: boolean;
  /**
   * For this library: its tasks.
   * @ignore
   */
  look(): ResultLook;
  /** Refuses what has not started. */
  abort(): void;
  /** Stops all that is open. */
  cancel(reason?: unknown): void;
}

/** The values of several results, in order. */
export type ValuesOf<R extends readonly PromiseLike<unknown>[]> = { -readonly [K in keyof R]: Awaited<R[K]> };

/** How the tasks of a group stand. */
export interface GroupCounts {
  /** All of them. */
  readonly total: number;
  /** Ended, well or not. */
  readonly done: number;
  /** Ended, and not well. */
  readonly failed: number;
  /** Open. */
  readonly pending: number;
}

/** Awaitable: the values of the results that were added so far, in that order. `V` says what they are. */
export class ResultGroup<V extends readonly unknown[] = unknown[]> implements PromiseLike<V> {
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  readonly #members: GroupMember[] = [];
  readonly #done: GroupMember[] = [];
  #total = 0;
  #ended = 0;
  #failed = 0;
  #listeners: (() => void)[] = [];
  #unlisten: (() => void) | undefined;

  /** An empty group. @throws RangeError for a limit below 1 */
  constructor({ limit = Infinity, signal }: GroupOptions = {}) {
    if (!(limit >= 1)) {
      throw new RangeError(`Cannot use ${limit} for "limit": it takes a number of 1 or more`);
    }
    this.#limit = limit;
    this.#signal = signal;
  }

  /** Its results, in the order in which they were added. */
  get results(): readonly GroupMember[] {
    return this.#members;
  }

  /** How its tasks stand. */
  get counts(): GroupCounts {
    return {
      total: this.#total,
      done: this.#ended,
      failed: this.#failed,
      pending: this.#total - this.#ended,
    };
  }

  /** Whether all tasks have ended. */
  get done(): boolean {
    return this.#ended === this.#total;
  }

  /** Adds a result, and gives it back. */
  add<M extends GroupMember>(result: M): M {
    this.#members.push(result);
    this.#total += result.count;
    this.#watch(result);
    const signal = this.#signal;
    if (signal?.aborted === true) result.cancel(signal.reason);
    else if (signal !== undefined && !result.done) {
      this.#unlisten ??= listenForAbort(signal, () => this.#stop((member) => member.cancel(signal.reason)));
    }
    return result;
  }

  #watch(member: GroupMember): void {
    const look = member.look();
    let [ended, failed] = [0, 0];
    const update = () => {
      this.#ended += look.count - look.left() - ended;
      this.#failed += look.failed() - failed;
      [ended, failed] = [look.count - look.left(), look.failed()];
      if (look.left() > 0) look.next(update);
      else this.#done.push(member);
      this.#changed();
    };
    update();
  }

  #changed(): void {
    if (this.done) {
      this.#unlisten?.();
      this.#unlisten = undefined;
    }
    for (const listener of this.#listeners.splice(0)) listener();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve));
  }

  /**
   * Waits until fewer tasks are open than `limit`: `await group.room(); group.add(view.apply(f, x))`.
   * @throws DOMException TimeoutError, the signal's reason
   */
  async room(options: WaitOptions = {}): Promise<void> {
    const hasRoom = () => this.#total - this.#ended < this.#limit;
    const untilRoom = async () => {
      while (!hasRoom()) await this.#change();
    };
    if (!hasRoom()) await withinTime(untilRoom(), options, () => this.#text());
  }

  /**
   * Makes a result as soon as there is room, and adds it: `await group.submit(() => view.apply(f, x))`. Resolves when it is submitted, not when it has ended.
   * @throws the reason of the group's signal; as `room`; what `make` throws
   */
  async submit(make: () => GroupMember, options: WaitOptions = {}): Promise<void> {
    await this.room({ signal: this.#signal, ...options });
    if (this.#signal?.aborted === true) throw abortError(this.#signal);
    this.add(make());
  }

  /**
   * Waits until all tasks have ended, well or not.
   * @throws DOMException TimeoutError, the signal's reason
   */
  async wait(options: WaitOptions = {}): Promise<GroupCounts> {
    const untilDone = async () => {
      while (!this.done) await this.#change();
    };
    await withinTime(untilDone(), options, () => this.#text());
    return this.counts;
  }

  #text(): string {
    return `${this.#total - this.#ended} of ${this.#total} tasks of the group are open`;
  }

  /** All values, in the order of `add`, once all tasks have ended; CompositeError if some failed. */
  then<A = V, B = never>(
    onFulfilled?: ((values: V) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#values().then(onFulfilled, onRejected);
  }

  /** The values if they come in time; the tasks go on in any case. @throws DOMException TimeoutError; as awaiting it */
  get(options: WaitOptions = {}): Promise<V> {
    return withinTime(this.#values(), options, () => this.#text());
  }

  async #values(): Promise<V> {
    const members = [...this.#members];
    await this.wait();
    const failures = members.flatMap((member) => failuresOf(member.look()));
    if (failures.length > 0) throw new CompositeError(`group of ${members.length} results`, failures);
    return await Promise.all(members) as unknown as V;
  }

  /** The values of its results as these end, those added meanwhile included; throws an error where it comes up. */
  async *[Symbol.asyncIterator](): AsyncGenerator<V[number], void, undefined> {
    for (let i = 0; i < this.#members.length; i++) {
      while (this.#done[i] === undefined) await this.#change();
      yield await this.#done[i] as V[number];
    }
  }

  /** Refuses the tasks that have not started. @throws the first error, when all were told: what is known by records cannot be aborted */
  abort(): void {
    this.#throwFirst(this.#stop((member) => member.abort()));
  }

  /** Stops the tasks in any state. @throws the first error, when all were told */
  cancel(reason?: unknown): void {
    this.#throwFirst(this.#stop((member) => member.cancel(reason)));
  }

  #throwFirst(errors: readonly unknown[]): void {
    if (errors.length > 0) throw errors[0];
  }

  /** One that cannot be stopped holds up none of the others. */
  #stop(how: (member: GroupMember) => void): unknown[] {
    const errors: unknown[] = [];
    for (const member of this.#members) {
      try {
        if (!member.done) how(member);
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }

  /** Its name in messages. */
  get [Symbol.toStringTag](): string {
    return "ResultGroup";
  }
}

function failuresOf(look: ResultLook) {
  return look.tasks().flatMap(({ engine, index }) => {
    const error = look.errorOf(index);
    return error === undefined ? [] : [{ error, engine: engine < 0 ? undefined : engine }];
  });
}
