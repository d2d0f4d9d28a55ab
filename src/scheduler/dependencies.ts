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
  /** The same tasks as they were named. */
  readonly ids: readonly (string | number)[];
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

/** Few keys are looked through faster than hashed, and cost no set for each task. */
const MOST_LISTED = 16;

const NO_ENGINES: ReadonlySet<number> = new Set();

/** One dependency of one task while it is open. */
export class Dependency {
  readonly spec: DependencySpec;
  readonly #keys: readonly TaskKey[] | ReadonlySet<TaskKey>;
  #missing: number;
  #state: DependencyState;
  #engines: Set<number> | null = null;

  constructor(spec: DependencySpec) {
    this.spec = spec;
    const { keys } = spec;
    const isList = keys.length <= MOST_LISTED && keys.every((key, i) => keys.indexOf(key) === i);
    const unique = isList ? null : new Set(keys);
    this.#keys = unique ?? keys;
    this.#missing = unique === null ? keys.length : unique.size;
    this.#state = this.#missing === 0 ? "met" : "open";
  }

  /** Engines on which tasks that count have ended: where a `follow` may go. */
  get engines(): ReadonlySet<number> {
    return this.#engines ?? NO_ENGINES;
  }

  get state(): DependencyState {
    return this.#state;
  }

  /** The named tasks, each once. */
  get keys(): Iterable<TaskKey> {
    return this.#keys;
  }

  #names(key: TaskKey): boolean {
    return this.#keys instanceof Set ? this.#keys.has(key) : this.spec.keys.includes(key);
  }

  /** Takes in how a task ended, if it is one of the named. */
  settle(key: TaskKey, outcome: Outcome): void {
    const { success, failure } = this.spec, counts = outcome.ok ? success : failure;
    if (!this.#names(key)) return;
    if (counts) (this.#engines ??= new Set()).add(outcome.engine);
    if (this.#state !== "open") return;
    this.#missing--;
    if (this.spec.all) this.#state = counts ? (this.#missing === 0 ? "met" : "open") : "unreachable";
    else this.#state = counts ? "met" : this.#missing === 0 ? "unreachable" : "open";
  }
}
