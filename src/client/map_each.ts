/**
 * `map(input, function, options)` as p-map has it: input first, promises among the items awaited, the index as second argument, a bound on
 * open tasks, and a choice whether the first error ends it.
 */
import type { MapResult } from "./map.ts";
import { type AnyIterable, FailedItem, isIterable, type ItemSource, leaveLater } from "./map_source.ts";
import { checkCount, mapOver, type MapView, startMap, WINDOW } from "./map_start.ts";
import { Reference } from "./reference.ts";
import { askedOf, type Runnable } from "./task.ts";

/** Options of `map(input, function, options)`. */
export interface EachOptions {
  /** Most open tasks. Default: without a bound, though at most 4096 at a time. */
  readonly concurrency?: number | undefined;
  /** While iterating: most tasks that are open or whose results nobody has taken. Default: `concurrency`. Not below it. */
  readonly backpressure?: number | undefined;
  /** Cancels the tasks; the map rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the first error ends the map (default), or all tasks run and it then rejects with a CompositeError, an AggregateError of all errors. */
  readonly stopOnError?: boolean | undefined;
  /** While iterating: results in the order of the items (default) or as they come. */
  readonly ordered?: boolean | undefined;
}

/**
 * Starts a map by either order of its arguments: what stands first says which.
 * @param viewOf the view of a function, as what a function asks for itself counts
 */
export function startEither<R>(
  viewOf: (run: Runnable<never[], R>) => MapView,
  first: Runnable<never[], R> | AnyIterable<unknown>,
  rest: readonly unknown[],
): MapResult<Awaited<R>> {
  if (isIterable(first)) {
    const [run, options] = rest as [Runnable<never[], R>, EachOptions?];
    return startEach(viewOf(run), first, run, options);
  }
  const run = first as Runnable<never[], R>;
  return startMap(viewOf(run), run, rest);
}

/** @throws TypeError if the function cannot be sent; RangeError for options out of range */
function startEach<R>(
  view: MapView,
  input: unknown,
  run: Runnable<never[], unknown>,
  options: EachOptions = {},
): MapResult<R> {
  const { concurrency = Infinity, stopOnError = true, ordered = true, signal = view.options.signal } =
    options;
  if (!isRunnable(run)) {
    throw new TypeError(
      "Cannot map: pass an iterable and then a function (or the function first, then iterables)",
    );
  }
  if (concurrency !== Infinity) checkCount("concurrency", concurrency);
  const { backpressure = concurrency } = options;
  if (backpressure !== Infinity) checkCount("backpressure", backpressure);
  if (backpressure < concurrency) {
    throw new RangeError(
      `Cannot use ${backpressure} for "backpressure": it is less than "concurrency" (${concurrency})`,
    );
  }
  const source = () => new EachSource(input as AnyIterable<unknown>, takesIndex(run));
  const window = backpressure === Infinity
    ? Math.max(WINDOW, concurrency === Infinity ? 0 : concurrency)
    : backpressure;
  return mapOver<R>(view, run, source, { ordered, signal, window, concurrency, keepsGoing: !stopOnError });
}

function isRunnable(value: unknown): boolean {
  return typeof value === "function" || (typeof value === "object" && value !== null && !isIterable(value));
}

/** A schema says what the arguments are, and who is called by name may take one only. */
function takesIndex(run: Runnable<never[], unknown>): boolean {
  return !(run instanceof Reference) && askedOf(run)?.schema?.args === undefined;
}

/** Items one by one, promises among them awaited. One that rejects is that item's error. */
class EachSource implements ItemSource {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #hasIndex: boolean;
  #index = 0;
  #isEnded = false;

  constructor(input: AnyIterable<unknown>, hasIndex: boolean) {
    this.#iterator = Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]();
    this.#hasIndex = hasIndex;
  }

  take(): readonly unknown[][] | Promise<readonly unknown[][]> {
    if (this.#isEnded) return [];
    const next = this.#iterator.next();
    return isPromise(next) ? next.then((result) => this.#taken(result)) : this.#taken(next);
  }

  #taken({ done, value }: IteratorResult<unknown>): readonly unknown[][] | Promise<readonly unknown[][]> {
    if (done === true) {
      this.#isEnded = true;
      return [];
    }
    if (!isPromise(value)) return this.#item(value);
    return value.then(
      (item) => this.#item(item),
      (error) => this.#item(new FailedItem(error)),
    );
  }

  #item(item: unknown): unknown[][] {
    const index = this.#index++;
    // The map looks at what stands first, before it sends anything.
    if (item instanceof FailedItem) return [item as unknown as unknown[]];
    return [this.#hasIndex ? [item, index] : [item]];
  }

  stop(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    leaveLater(this.#iterator);
  }
}

function isPromise<T>(value: T | PromiseLike<T>): value is Promise<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
