/**
 * Items of a map: lists of arguments, taken a few at a time from one iterable or from several in step.
 */

/** Anything that can be iterated, also with waiting. */
export type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

/** Where items come from. */
export interface ItemSource {
  /** Up to `count` lists of arguments; fewer only at the end. Waits only where the iterables do. */
  take(count: number): readonly unknown[][] | Promise<readonly unknown[][]>;
  /** Tells the iterables that no more is wanted. @param reason why the map ended early */
  stop(reason?: unknown): void;
}

/** In an item's place where it could not be got; the input goes on behind it. */
export class FailedItem {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** Whether a value can be mapped over. Text is not: its characters are rarely meant. */
export function isIterable(value: unknown): value is AnyIterable<unknown> {
  return typeof value === "object" && value !== null &&
    (Symbol.iterator in value || Symbol.asyncIterator in value);
}

/** The items of iterables in step; the shortest ends them. */
export function itemSource(iterables: readonly AnyIterable<unknown>[]): ItemSource {
  const sync = iterables.filter((one): one is Iterable<unknown> => Symbol.iterator in one);
  return sync.length === iterables.length ? new SyncSource(sync) : new AsyncSource(iterables);
}

class SyncSource implements ItemSource {
  readonly #iterators: readonly Iterator<unknown>[];
  #isEnded = false;

  constructor(iterables: readonly Iterable<unknown>[]) {
    this.#iterators = iterables.map((iterable) => iterable[Symbol.iterator]());
  }

  take(count: number): unknown[][] {
    const items: unknown[][] = [];
    while (items.length < count && !this.#isEnded) {
      const item = this.#next();
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  #next(): unknown[] | undefined {
    const item: unknown[] = [];
    for (const iterator of this.#iterators) {
      const { done, value } = iterator.next();
      if (done === true) {
        this.#end(iterator);
        return undefined;
      }
      item.push(value);
    }
    return item;
  }

  stop(): void {
    this.#end();
  }

  #end(ended?: Iterator<unknown>): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const iterator of this.#iterators) if (iterator !== ended) leave(iterator);
  }
}

/** An iterator that is just running cannot be told to end; it is not asked again either. */
function leave(iterator: Iterator<unknown>): void {
  try {
    iterator.return?.();
  } catch {
    // Nobody is there to hear of it.
  }
}

class AsyncSource implements ItemSource {
  readonly #iterators: readonly (Iterator<unknown> | AsyncIterator<unknown>)[];
  #isEnded = false;

  constructor(iterables: readonly AnyIterable<unknown>[]) {
    this.#iterators = iterables.map((iterable) =>
      Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
    );
  }

  async take(count: number): Promise<unknown[][]> {
    const items: unknown[][] = [];
    while (items.length < count && !this.#isEnded) {
      const taken = await Promise.all(this.#iterators.map((iterator) => iterator.next()));
      if (taken.some(({ done }) => done === true)) this.stop();
      else items.push(taken.map(({ value }) => value));
    }
    return items;
  }

  stop(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const iterator of this.#iterators) leaveLater(iterator);
  }
}

export async function leaveLater(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // Nobody is there to hear of it.
  }
}
