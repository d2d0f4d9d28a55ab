/**
 * How a slot's child ended, in words.
 */
import type { ExitStatus } from "../native/libc.ts";
import type { ChildEnd } from "./slot_contract.ts";

/** Why the host killed it. */
export interface Verdict {
  readonly reason: ChildEnd["reason"];
  readonly detail: string;
}

/** What the runtime says when its own limit of memory is reached. */
const OUT_OF_MEMORY =
  /Fatal JavaScript out of memory|JavaScript heap out of memory|Fatal process out of memory/;
/** Signals by which the runtime then ends: illegal instruction, trap, abort. */
const FATAL_SIGNALS = [4, 5, 6];

/**
 * @param verdict why the host killed it, if it did
 * @param said last words of the child's that belong to no task, and last words at all
 */
export function endOf(
  status: ExitStatus,
  verdict: Verdict | undefined,
  said: { readonly lastWords: string; readonly lastText: string },
): ChildEnd {
  const { lastWords, lastText } = said;
  if (verdict !== undefined) return { ...status, ...verdict, lastWords };
  const { signal } = status;
  const how = signal === null ? `exit code ${status.code}` : `signal ${signal}`;
  if (signal !== null && FATAL_SIGNALS.includes(signal) && OUT_OF_MEMORY.test(lastText)) {
    const detail = `The runtime ran out of memory (${how})`;
    return { ...status, reason: "out of memory", detail, lastWords };
  }
  return { ...status, reason: "exited", detail: `The slot's process ended by itself (${how})`, lastWords };
}
