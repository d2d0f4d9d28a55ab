/**
 * When engines that died are started again: at once the first time, then after longer and longer, and no more when it keeps happening. A pure core: times come in, decisions go out.
 */

/** How engine sets are kept alive. */
export interface SupervisionOptions {
  /** Restarts of one set within `periodMs` before it is given up; 0: none is restarted. */
  readonly maxRestarts: number;
  /** The time in which they are counted, ms. */
  readonly periodMs: number;
  /** The wait before the second restart, ms; it doubles with each further one. */
  readonly backoffMs: number;
  /** The longest wait, ms. */
  readonly maxBackoffMs: number;
}

/** What is to be done about a set that died. */
export type Verdict =
  | { readonly kind: "restart"; readonly delayMs: number }
  | { readonly kind: "give up"; readonly restarts: number };

export class Supervision {
  readonly #options: SupervisionOptions;
  /** When each set was started anew, ms. */
  readonly #restarts = new Map<string, number[]>();

  constructor(options: SupervisionOptions) {
    this.#options = options;
  }

  /**
   * A set has died.
   * @param set its id
   * @param now ms, of any clock that only goes on
   */
  died(set: string, now: number): Verdict {
    const { maxRestarts, periodMs, backoffMs, maxBackoffMs } = this.#options;
    const recent = (this.#restarts.get(set) ?? []).filter((at) => at > now - periodMs);
    this.#restarts.set(set, recent);
    if (recent.length >= maxRestarts) return { kind: "give up", restarts: recent.length };
    const delayMs = recent.length === 0 ? 0 : Math.min(maxBackoffMs, backoffMs * 2 ** (recent.length - 1));
    recent.push(now + delayMs);
    return { kind: "restart", delayMs };
  }
}
