/**
 * The map of a broadcast view: the items are cut into as many runs of neighbours as there are engines, and each engine gets one of them in one task.
 */
import type { MapOptions } from "./map_plan.ts";
import { type AnyIterable, isIterable } from "./map_source.ts";

/** Options of such a map: how many items a task has is settled by the number of engines. */
export type BroadcastMapOptions = Omit<MapOptions, "chunkSize" | "window">;

/**
 * What a map is given, with the size of the runs.
 * @throws TypeError for an input whose end is not known, or a size of one's own
 */
export function inBlocks(rest: readonly unknown[], engines: number): unknown[] {
  const lists = rest.filter(isIterable).map(listOf);
  const last = rest.at(-1);
  const options = isIterable(last) ? {} : (last ?? {}) as MapOptions;
  if (options.chunkSize !== undefined) {
    throw new TypeError(
      'Cannot use "chunkSize" in a broadcast view\'s map: each engine gets one part of the items; use a direct or load-balanced view',
    );
  }
  const count = Math.min(...lists.map(({ length }) => length));
  const chunkSize = Number.isFinite(count) ? Math.max(1, Math.ceil(count / engines)) : 1;
  return [...lists, { ...options, chunkSize }];
}

function listOf(items: AnyIterable<unknown>): readonly unknown[] {
  if (Array.isArray(items)) return items;
  if (Symbol.iterator in items) return [...items];
  throw new TypeError(
    "Cannot map over an asynchronous iterable with a broadcast view: it cuts the whole input into one part for each engine; use a direct or load-balanced view",
  );
}
