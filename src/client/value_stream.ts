/**
 * Values of a generator on an engine, as they are wanted: what iterates sets the pace.
 */
import { listenForAbort } from "./abort_listeners.ts";
import { LEFT, StreamEnd, type StreamPlan } from "./stream_end.ts";

/** What a value is replaced by before it is given. */
export type ValueCheck = (value: unknown) => unknown;

/** Ends on engines of streams that nobody holds any more. */
const forgotten = new FinalizationRegistry<StreamEnd>((end) =>
  end.abort(new Error("Nobody reads the stream"))
);

/**
 * An iterator over the values of a remote generator, begun at the first `next`. Leaving a `for await` loop, `return`, `throw`, an aborted signal of the view, and the end of an
 * `await using` scope end the generator on its engine: its `finally` blocks run there.
 *
 * One batch is fetched ahead while another one is read. Values that are passed to `next` do not reach the generator.
 */
export class ValueStream<T, R = unknown> implements AsyncIterableIterator<T, R | undefined>, AsyncDisposable {
  readonly #end: StreamEnd;
  readonly #values: AsyncGenerator<T, R | undefined>;

  /** Use `view.stream`. */
  constructor(plan: StreamPlan, signal: AbortSignal | undefined, check: ValueCheck | undefined) {
    const end = this.#end = new StreamEnd(plan);
    this.#values = valuesOf(end, signal, check);
    forgotten.register(this, end, this);
  }

  /** The next value; behind the last one, what the generator returned. */
  next(): Promise<IteratorResult<T, R | undefined>> {
    return this.#values.next();
  }

  /** Ends the generator; resolves when its `finally` blocks are through. */
  return(value?: R): Promise<IteratorResult<T, R | undefined>> {
    this.#end.leave();
    return this.#values.return(value);
  }

  /** Throws an error into the generator, where it stands by now, and ends it. Rejects with the error. */
  throw(error: unknown): Promise<IteratorResult<T, R | undefined>> {
    this.#end.leave({ op: "throw", error });
    return this.#values.throw(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the generator, if it is not at its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
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
        if (end.isAborted) end.check();
        yield (check === undefined ? value : await check(value)) as T;
      }
      if (isDone) return returned as R;
    }
  } catch (error) {
    if (error === LEFT) return undefined;
    throw error;
  } finally {
    unlisten?.();
    const closed = end.close();
    if (end.isAborted) closed.catch(() => {});
    else await closed;
  }
}
