/**
 * The tries of a task, as far as its result will name them: where each was, and how it ended. Pure.
 */
import { STATUS } from "../protocol/groups.ts";
import { MAX_ATTEMPTS, type WireAttempt } from "../protocol/post_mortem.ts";

/** How a try ended, and when it began: ms since 1970, 0 where nobody told. */
export interface Tried {
  readonly status: number;
  readonly started: number;
  /** Of a task that cannot run there: what it said. */
  readonly unmet?: string;
}

/** An engine that had a task. */
export interface TriedAt {
  readonly id: number;
  readonly uuid: string;
}

/** As it stands in a post-mortem. */
export interface AttemptList {
  readonly attempts: readonly WireAttempt[];
  readonly attempts_dropped?: number;
}

const OUTCOMES = Object.keys(STATUS);

export function attemptAt({ id, uuid }: TriedAt, { status, started, unmet }: Tried, at: number): WireAttempt {
  return {
    engine_id: id,
    engine_uuid: uuid,
    ...(started > 0 ? { started } : {}),
    ended: at,
    outcome: unmet === undefined ? OUTCOMES[status] ?? "error" : "unmet",
    ...(unmet === undefined || unmet === "" ? {} : { why: unmet }),
  };
}

/** The tries that failed: the last of them, and how many there were before. */
export class Attempts {
  readonly #list: WireAttempt[] = [];
  #dropped = 0;

  add(engine: TriedAt, tried: Tried, at: number): void {
    this.#list.push(attemptAt(engine, tried, at));
    if (this.#list.length < MAX_ATTEMPTS) return;
    this.#list.shift();
    this.#dropped++;
  }

  /** With one more, the last. */
  with(engine: TriedAt, tried: Tried, at: number): AttemptList {
    return this.#listed([...this.#list, attemptAt(engine, tried, at)]);
  }

  get all(): AttemptList {
    return this.#listed([...this.#list]);
  }

  #listed(attempts: readonly WireAttempt[]): AttemptList {
    return { attempts, ...(this.#dropped > 0 ? { attempts_dropped: this.#dropped } : {}) };
  }
}
