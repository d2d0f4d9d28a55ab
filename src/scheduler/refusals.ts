/**
 * Engines on which a task said that it cannot run, and why: it goes to none of them again. Pure.
 */
import { parseJson } from "../base/json.ts";
import type { ResultRecord } from "../protocol/groups.ts";

/** Reasons that an error names one by one, and engines of each. */
const SHOWN = 5;
const SHOWN_IDS = 10;
const NONE: ReadonlySet<number> = new Set();
const decoder = new TextDecoder();

export class Refusals {
  /** By engine id. */
  readonly #reasons = new Map<number, string>();

  add(engine: number, reason: string): void {
    this.#reasons.set(engine, reason);
  }

  /** The engines. */
  get ids(): Set<number> {
    return new Set(this.#reasons.keys());
  }

  /** Engines that have the same to say, together: `engines 0, 1: no GPU; engine 2`. */
  get text(): string {
    const byReason = new Map<string, number[]>();
    for (const [id, reason] of this.#reasons) byReason.set(reason, [...byReason.get(reason) ?? [], id]);
    const groups = [...byReason].map(([reason, ids]) =>
      `${ids.length === 1 ? "engine" : "engines"} ${idList(ids)}${reason === "" ? "" : `: ${reason}`}`
    );
    const more = groups.length > SHOWN ? `; and ${groups.length - SHOWN} more` : "";
    return groups.slice(0, SHOWN).join("; ") + more;
  }
}

/** The engines on which a task cannot run, as far as it has said so. */
export function refusedBy(task: { readonly refusals: Refusals | null }): ReadonlySet<number> {
  return task.refusals === null ? NONE : task.refusals.ids;
}

/** What a task said of why it cannot run where it was, as its result's tail has it. */
export function reasonOf(
  bytes: Uint8Array,
  { bodyOffset, bodyLength, tailLength }: Pick<ResultRecord, "bodyOffset" | "bodyLength" | "tailLength">,
): string {
  if (tailLength === 0) return "";
  const end = bodyOffset + bodyLength;
  try {
    const tail = parseJson(decoder.decode(bytes.subarray(end - tailLength, end)));
    const reason = typeof tail === "object" && tail !== null && "unmet" in tail ? tail.unmet : "";
    return typeof reason === "string" ? reason : "";
  } catch {
    return "";
  }
}

function idList(ids: readonly number[]): string {
  const sorted = [...ids].sort((a, b) => a - b);
  return sorted.slice(0, SHOWN_IDS).join(", ") + (sorted.length > SHOWN_IDS ? `, … (${sorted.length})` : "");
}
