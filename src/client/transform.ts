/**
 * A view as a stage between Web Streams: `readable.pipeThrough(view.transform(function))`.
 *
 * What was written and has not been read again is bounded in tasks and bytes: a slow reader makes the writer wait. Errors pass both ways, and both ends stop
 * the tasks: an aborted writer, a cancelled reader, a task that fails.
 */
import { ByteBudget } from "./byte_budget.ts";
import type { MapResult } from "./map.ts";
import type { ItemSource } from "./map_source.ts";
import { checkCount, mapOver, type MapView } from "./map_start.ts";
import type { Runnable } from "./task.ts";
import { throwIfAborted } from "./async_result.ts";

/** Options of `transform`. */
export interface TransformOptions {
  /** Most chunks under way, counting those whose results nobody has read. Default 256. */
  readonly concurrency?: number | undefined;
  /** Bytes of chunks under way at which no more are taken; one may pass it. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** Results in the order of the chunks (default) or as they come. */
  readonly ordered?: boolean | undefined;
  /** Stops it: both ends fail with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const CONCURRENCY = 256;
const BYTES = 64 * 2 ** 20;

/** @throws TypeError if the function cannot be sent; RangeError for a bound below 1 */
export function startTransform<A, R>(
  view: MapView,
  run: Runnable<[A], R>,
  { concurrency = CONCURRENCY, maxBytes = BYTES, ordered = true, signal }: TransformOptions = {},
): ReadableWritablePair<Awaited<R>, A> {
  checkCount("concurrency", concurrency);
  checkCount("maxBytes", maxBytes);
  const stopping = signal ?? view.options.signal;
  throwIfAborted(stopping);
  // One chunk waits at the door: the writer hears at once when there is room.
  const { readable: taken, writable } = new TransformStream<A, A>({}, { highWaterMark: 1 }, {
    highWaterMark: 0,
  });
  const source = new StreamSource(taken.getReader());
  let fail = (_error: unknown) => {};
  const bounded = { ...view, budget: new ByteBudget(maxBytes), onLeave: "cancel" } as const;
  const results = mapOver<Awaited<R>>(bounded, run, () => source, {
    ordered,
    window: concurrency,
    signal: stopping,
    onFail: (error) => fail(error),
  });
  const readable = readableOf(results, (controller) => fail = (error) => controller.error(error));
  return { readable, writable };
}

/** Results as a stream that takes one when it is asked for one. */
function readableOf<R>(
  results: MapResult<R>,
  opened: (controller: ReadableStreamDefaultController<R>) => void,
): ReadableStream<R> {
  const iterator = results[Symbol.asyncIterator]();
  return new ReadableStream<R>({
    start: opened,
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => results.cancel(reason ?? new DOMException("The stream was cancelled", "AbortError")),
  }, { highWaterMark: 0 });
}

/** Chunks of a stream as items. */
class StreamSource implements ItemSource {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  constructor(reader: ReadableStreamDefaultReader<unknown>) {
    this.#reader = reader;
  }

  async take(): Promise<readonly unknown[][]> {
    const { done, value } = await this.#reader.read();
    return done ? [] : [[value]];
  }

  /** Its writer hears why. */
  stop(reason?: unknown): void {
    this.#reader.cancel(reason).catch(() => {});
  }
}
