/**
 * Time and place dependencies as ipyparallel defines them, counted instead of compared: each open dependency knows how many of its tasks are missing.
 *
 * "Met": all (or any) of the named tasks ended in a wanted way. "Unreachable": that can no longer happen.
 */

/** A named task: client index and its n, packed into one number. */
export type TaskKey = number;

/** Packs (client, n) into a key: n below 2^32, client below 2^21. */
export function taskKey(client: number, n: number): TaskKey {
  return client * 0x1_0000_0000 + n;
}

export interface DependencySpec {
  readonly keys: readonly TaskKey[];
  /** The name by which the task's client knows the task of `keys[index]`. */
  readonly name: (index: number) => string;
  readonly all: boolean;
  readonly success: boolean;
  readonly failure: boolean;
}

/** How a task ended, as far as dependencies care. */
export interface Outcome {
  readonly ok: boolean;
  readonly engine: number;
}

export type DependencyState = "open" | "met" | "unreachable";

/** One dependency of one task while it is open. */
export class Dependency {
  readonly spec: DependencySpec;
  readonly #keys: ReadonlySet<TaskKey>;
  #missing: number;
  #state: DependencyState;
  /** Engines on which tasks that count have ended: where a `follow` may go. */
  readonly engines = new Set<number>();

  constructor(spec: DependencySpec) {
    this.spec = spec;
    this.#keys = new Set(spec.keys);
    this.#missing = this.#keys.size;
    this.#state = this.#missing === 0 ? "met" : "open";
  }

  get state(): DependencyState {
    return this.#state;
  }

  /** The named tasks, each once. */
  get keys(): ReadonlySet<TaskKey> {
    return this.#keys;
  }

  /** Takes in how a task ended, if it is one of the named. */
  settle(key: TaskKey, outcome: Outcome): void {
    if (!this.#keys.has(key)) return;
    const counts = outcome.ok ? this.spec.success : this.spec.failure;
    if (counts) this.engines.add(outcome.engine);
    if (this.#state !== "open") return;
    this.#missing--;
    if (this.spec.all) this.#state = counts ? (this.#missing === 0 ? "met" : "open") : "unreachable";
    else this.#state = counts ? "met" : this.#missing === 0 ? "unreachable" : "open";
  }
}
