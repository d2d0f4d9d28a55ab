/**
 * Bounds of a lazy map over an input that may be endless.
 */
import { ByteBudget } from "./byte_budget.ts";
import type { MapOptions } from "./map_plan.ts";
import { checkCount } from "./map_start.ts";

/** Options of `imap`. */
export interface ImapOptions extends Omit<MapOptions, "window"> {
  /** Most tasks under way, counting those whose results nobody has taken. Default 256. */
  readonly maxOutstanding?: number | undefined;
  /** Bytes of arguments under way at which no more are sent; one item may pass it. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
}

const OUTSTANDING = 256;
const BYTES = 64 * 2 ** 20;

/** @throws RangeError for a bound below 1 */
export function boundsOf(
  { maxOutstanding = OUTSTANDING, maxBytes = BYTES, ...map }: ImapOptions,
): { readonly budget: ByteBudget; readonly map: MapOptions } {
  checkCount("maxOutstanding", maxOutstanding);
  checkCount("maxBytes", maxBytes);
  return { budget: new ByteBudget(maxBytes), map: { ...map, window: maxOutstanding } };
}
