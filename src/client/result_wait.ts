/** Waiting for some of a result's tasks. */
import { change, openText, type ResultLook } from "./result_look.ts";
import { partsOf, type ResultPart } from "./result_part.ts";
import { type WaitOptions, withinTime } from "./waiting.ts";

/** What a wait is for: the first task to end, the first to fail (or all, if none does), or all (default). */
export type WaitFor = "first" | "first-error" | "all";

/** How long, and for what. */
export interface WaitForOptions extends WaitOptions {
  /** Default "all". */
  readonly for?: WaitFor | undefined;
}

/** Which tasks have ended, and which are open. */
export interface Waited<T> {
  /** In the order of the tasks, as the others. */
  readonly done: readonly ResultPart<T>[];
  /** Those that are open. */
  readonly pending: readonly ResultPart<T>[];
}

const WORDS: readonly string[] = ["first", "first-error", "all"];

/**
 * Waits; the tasks go on whatever happens to the wait.
 * @throws TypeError for another word; DOMException TimeoutError; the signal's reason
 */
export async function waitFor<T>(look: ResultLook, options: WaitForOptions): Promise<Waited<T>> {
  const { for: what = "all" } = options;
  if (!WORDS.includes(what)) {
    throw new TypeError(`Cannot wait for "${String(what)}": it takes "first", "first-error" or "all"`);
  }
  if (!isReached(look, what)) await withinTime(reached(look, what), options, () => openText(look));
  const parts = partsOf<T>(look);
  return { done: parts.filter((part) => part.done), pending: parts.filter((part) => !part.done) };
}

async function reached(look: ResultLook, what: WaitFor): Promise<void> {
  while (!isReached(look, what)) await change(look);
}

function isReached(look: ResultLook, what: WaitFor): boolean {
  if (look.left() === 0) return true;
  return what === "first" ? look.left() < look.count : what === "first-error" && look.failed() > 0;
}
