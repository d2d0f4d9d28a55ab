/**
 * What the host's end of a slot's ring knows of single things in it, apart from their order: shapes, bounds, times.
 */
import type { SlotSink, WallReport } from "./slot_contract.ts";

/** The child wrote what no honest Worker writes. */
export class Nonsense extends Error {
  override readonly name = "Nonsense";
}

/** A sink that is also told how much text the Worker had written when something happened. */
export interface RingSink extends Omit<SlotSink, "output" | "ended"> {
  text(ticket: number, stdout: number, stderr: number): void;
}

/** Words of a request. */
export interface RequestFields {
  readonly op: number;
  readonly ticket: number;
  readonly definition: number;
  readonly buffers: number;
  readonly at: number;
  readonly length: number;
}

/** A piece of a large buffer of a result. */
export interface Piece {
  readonly index: number;
  readonly total: number;
  readonly offset: number;
  readonly at: number;
  readonly length: number;
}

/** @throws RangeError if a number cannot be a ticket */
export function checkTicket(ticket: number): void {
  if (ticket >>> 0 !== ticket) {
    throw new RangeError(`Cannot use ${ticket} as a ticket: it is no 32-bit number`);
  }
}

/** The nearest number within the bounds; NaN is the lower one. */
export function clamp(value: number, low: number, high: number): number {
  if (!(value >= low)) return low;
  return value > high ? Math.max(low, high) : value;
}

/** What the child says of its walls. @throws Nonsense */
export function readWalls(body: Uint8Array): WallReport {
  try {
    const { deno, landlock, seccomp, missing } = JSON.parse(new TextDecoder().decode(body));
    const words = Array.isArray(missing) ? missing.map(String) : [];
    return {
      deno: deno === true,
      landlock: Number(landlock) || 0,
      seccomp: seccomp === true,
      missing: words,
    };
  } catch (error) {
    throw new Nonsense("It reported walls that cannot be read", { cause: error });
  }
}
