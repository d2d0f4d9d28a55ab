/**
 * Values of a generator on an engine, as they are wanted: what iterates sets the pace.
 */
import { listenForAbort } from "./abort_listeners.ts";
import { LEFT, StreamEnd, type StreamPlan } from "./stream_end.ts";

/** What a value is replaced by before it is given. */
export type ValueCheck = (value: unknown) => unknown;

/** Where a stream comes from, as its reader sees it. */
export interface StreamSource {
  /** Nobody wants more; with an error, that is thrown into the generator. */
  leave(ending?: { readonly op: "throw"; readonly error: unknown }): void;
  /** Ends it on both sides, by force if need be. */
  abort(reason: unknown): void;
}

/** The sources of streams that nobody holds any more are ended. */
const forgotten = new FinalizationRegistry<StreamSource>((end) =>
  end.abort(new Error("Nobody reads the stream"))
);

/**
 * An iterator over the values of a remote generator, begun at the first `next`. Leaving a `for await` loop, `return`, `throw`, an aborted signal of the view, and the end of an
 * `await using` scope end the generator on its engine: its `finally` blocks run there.
 *
 * One batch is fetched ahead while another one is read. Values that are passed to `next` do not reach the generator.
 */
export class ValueStream<T, R = unknown> implements AsyncIterableIterator<T, R | undefined>, AsyncDisposable {
  readonly #source: StreamSource;
  readonly #values: AsyncGenerator<T, R | undefined>;

  /** Use `view.stream`. */
  constructor(source: StreamSource, values: AsyncGenerator<T, R | undefined>) {
    this.#source = source;
    this.#values = values;
    forgotten.register(this, source);
  }

  /** The next value; behind the last one, what the generator returned. */
  next(): Promise<IteratorResult<T, R | undefined>> {
    return this.#values.next();
  }

  /** Ends the generator; resolves when its `finally` blocks are through. */
  return(value?: R): Promise<IteratorResult<T, R | undefined>> {
    this.#source.leave();
    return this.#values.return(value);
  }

  /** Throws an error into the generator, where it stands by now, and ends it. Rejects with the error. */
  throw(error: unknown): Promise<IteratorResult<T, R | undefined>> {
    this.#source.leave({ op: "throw", error });
    return this.#values.throw(error);
  }

  /** Itself: what is taken in one loop is gone for the next. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the generator, if it is not at its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

/** The stream of a plan: nothing is sent before its first `next`. */
export function valueStream<T, R>(
  plan: StreamPlan,
  signal: AbortSignal | undefined,
  check: ValueCheck | undefined,
): ValueStream<T, R> {
  const end = new StreamEnd(plan);
  return new ValueStream(end, valuesOf<T, R>(end, signal, check));
}

/** Must not know the stream: what nobody reads any more is ended when that is collected. */
async function* valuesOf<T, R>(
  end: StreamEnd,
  signal: AbortSignal | undefined,
  check: ValueCheck | undefined,
): AsyncGenerator<T, R | undefined> {
  signal?.throwIfAborted();
  const unlisten = signal === undefined ? undefined : listenForAbort(signal, () => end.abort(signal.reason));
  try {
    let next = end.batch();
    for (;;) {
      const { values, isDone, returned } = await end.orStopped(next);
      if (!isDone) {
        next = end.batch();
        next.catch(() => {});
      } else end.finished();
      for (const value of values) {
        signal?.throwIfAborted();
        yield (check === undefined ? value : await check(value)) as T;
      }
      if (isDone) return returned as R;
    }
  } catch (error) {
    if (error === LEFT) return undefined;
    throw error;
  } finally {
    const closed = end.close().finally(unlisten);
    if (end.isAborted) closed.catch(() => {});
    else await closed;
  }
}
