/**
 * Runs on engines: keeps generators between the calls that ask for their values. It travels as its text, so it uses nothing from outside itself but the language, timers and
 * the clock.
 */

/** How the engine's end is called, beside the arguments of the user's function. */
export interface StreamWord {
  /** Whose values. */
  readonly id: string;
  /** `pull` of a stream that is not there yet opens it, if it says so. */
  readonly op: "open" | "pull" | "touch" | "return" | "throw";
  /** Export of a module. */
  readonly name?: string | undefined;
  /** How many values the client has: it wants those from there on. */
  readonly from: number;
  /** A batch ends with this many values, this many bytes of them, or after this time. */
  readonly maxCount: number;
  readonly maxBytes: number;
  readonly maxMs: number;
  /** A stream that hears nothing for so long is ended. */
  readonly idleMs: number;
}

/** What a pull gives. */
export interface StreamBatch {
  readonly values: readonly unknown[];
  readonly isDone: boolean;
  /** What the generator returned, when it is done. */
  readonly returned: unknown;
}

interface Entry {
  readonly iterator: {
    next(): unknown;
    return?(value?: unknown): unknown;
    throw?(error: unknown): unknown;
  };
  readonly isSync: boolean;
  /** A step that has not come to its end. */
  step: unknown;
  /** Values that the client may ask for once more, and the number of the first. */
  kept: unknown[];
  from: number;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Its end by the client's wish, and the error that was thrown into it. */
  ending: Promise<void> | undefined;
  thrown: unknown;
  /** How it ended, if that was not told yet. */
  end: { readonly returned: unknown } | { readonly error: unknown } | undefined;
}

/** @param find the user's function, by the name of an export */
export function remoteStreams(
  find: (name: string | undefined) => (...args: unknown[]) => unknown,
): (word: StreamWord, args: unknown[]) => Promise<unknown> {
  const streams = new Map<string, Entry>();
  const { setTimeout, clearTimeout, performance, Promise, Error, TypeError } = globalThis;
  const LATE = {};

  const later = (ms: number) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const promise = new Promise<unknown>((resolve) => timer = setTimeout(() => resolve(LATE), ms));
    return { promise, end: () => clearTimeout(timer) };
  };

  const isThenable = (value: unknown): value is PromiseLike<unknown> =>
    typeof (value as { then?: unknown } | null | undefined)?.then === "function";

  const innerOf = (value: object): unknown[] => {
    if (Array.isArray(value)) return value;
    if (value instanceof Set) return [...value];
    if (value instanceof Map) return [...value].flat();
    try {
      return Object.values(value);
    } catch {
      // A getter that throws; the codec says so.
      return [];
    }
  };

  /** About so many bytes take the value's place in a batch. */
  const bytesOf = (value: unknown, depth: number): number => {
    if (typeof value === "string") return value.length * 2 + 8;
    if (typeof value !== "object" || value === null) return 8;
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength + 16;
    if (depth > 4) return 64;
    const inner = innerOf(value);
    let bytes = 16;
    for (let i = 0; i < inner.length && i < 256; i++) bytes += bytesOf(inner[i], depth + 1);
    return inner.length > 256 ? bytes * inner.length / 256 : bytes;
  };

  const stop = async (entry: Entry, how: "return" | "throw", error?: unknown): Promise<void> => {
    const { iterator } = entry;
    const ended = how === "throw" && iterator.throw !== undefined
      ? iterator.throw(error)
      : iterator.return?.();
    const result = await ended;
    // It caught the error and goes on: nobody wants what comes.
    if (how === "throw" && (result as { done?: boolean } | undefined)?.done !== true) {
      await iterator.return?.();
    }
  };

  const wind = (id: string, entry: Entry, { idleMs }: StreamWord) => {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => {
      streams.delete(id);
      stop(entry, "return").catch(() => {});
    }, idleMs);
  };

  const open = async (word: StreamWord, args: unknown[]): Promise<Entry> => {
    const iterable = await find(word.name)(...args) as
      | Partial<AsyncIterable<unknown> & Iterable<unknown>>
      | undefined;
    const make: (() => unknown) | undefined = iterable?.[Symbol.asyncIterator] ?? iterable?.[Symbol.iterator];
    if (typeof make !== "function") {
      throw new TypeError("Cannot stream what the function gave: it is nothing to iterate over; use apply");
    }
    const isSync = iterable?.[Symbol.asyncIterator] === undefined;
    const iterator = make.call(iterable) as Entry["iterator"];
    const entry: Entry = {
      iterator,
      isSync,
      step: undefined,
      kept: [],
      from: 0,
      timer: undefined,
      ending: undefined,
      thrown: undefined,
      end: undefined,
    };
    streams.set(word.id, entry);
    return entry;
  };

  const collect = async (entry: Entry, { maxCount, maxBytes, maxMs }: StreamWord): Promise<unknown[]> => {
    const values: unknown[] = [], until = performance.now() + maxMs;
    let bytes = 0, late: ReturnType<typeof later> | undefined;
    try {
      while (values.length < maxCount && bytes < maxBytes) {
        let result: unknown = entry.step ??= entry.iterator.next();
        if (isThenable(result)) {
          late ??= later(until - performance.now());
          result = await Promise.race([result, late.promise]);
          if (result === LATE) break;
        }
        entry.step = undefined;
        const { done, value } = result as IteratorResult<unknown>;
        const plain = entry.isSync && isThenable(value) ? await value : value;
        if (done === true) {
          entry.end = { returned: plain };
          break;
        }
        values.push(plain);
        bytes += bytesOf(plain, 0);
        if (performance.now() >= until) break;
      }
    } catch (error) {
      entry.step = undefined;
      entry.end = { error };
    } finally {
      late?.end();
    }
    return values;
  };

  const pull = async (word: StreamWord, entry: Entry): Promise<StreamBatch> => {
    // What the client has needs not be kept; what it asks for once more comes in smaller batches.
    entry.kept = entry.kept.slice(word.from - entry.from);
    entry.from = word.from;
    if (entry.kept.length === 0 && entry.end === undefined) entry.kept = await collect(entry, word);
    const values = entry.kept.slice(0, word.maxCount);
    const { end } = entry;
    if (values.length === entry.kept.length && end !== undefined) {
      if ("returned" in end) return { values, isDone: true, returned: end.returned };
      if (values.length === 0) {
        clearTimeout(entry.timer);
        streams.delete(word.id);
        throw end.error;
      }
    }
    return { values, isDone: false, returned: undefined };
  };

  /** Whether it has ended by now; one that still waits ends when that comes, and holds up nobody meanwhile. */
  const ended = async (word: StreamWord, entry: Entry, error: unknown): Promise<boolean> => {
    clearTimeout(entry.timer);
    if (entry.ending === undefined) {
      entry.thrown = error;
      const by = word.op === "throw" ? "throw" : "return";
      entry.ending = entry.end === undefined ? stop(entry, by, error) : Promise.resolve();
      entry.ending.catch(() => {});
    }
    const late = later(word.maxMs);
    try {
      if (await Promise.race([entry.ending, late.promise]) === LATE) {
        wind(word.id, entry, word);
        return false;
      }
    } catch (reason) {
      streams.delete(word.id);
      if (word.op === "return" || reason !== entry.thrown) throw reason;
    } finally {
      late.end();
    }
    streams.delete(word.id);
    return true;
  };

  return async (word, args) => {
    const entry = streams.get(word.id) ?? (word.op === "open" ? await open(word, args) : undefined);
    if (entry === undefined) {
      if (word.op === "return" || word.op === "throw") return true;
      throw Object.assign(new Error("the stream is not there"), { name: "StreamGone" });
    }
    switch (word.op) {
      case "open":
      case "pull":
        clearTimeout(entry.timer);
        try {
          return await pull(word, entry);
        } finally {
          if (streams.has(word.id)) wind(word.id, entry, word);
        }
      case "touch":
        wind(word.id, entry, word);
        return null;
      case "return":
      case "throw":
        return await ended(word, entry, args[0]);
    }
  };
}
