/**
 * Who has submitted what: each view has a scope, within that of the view or client that it was made of. A scope that is left stops what was submitted through it
 * and is still open. Nothing is kept per task: whoever waits for a task names the scope, and is looked for among the open ones when it is left.
 */
import { cancelledHere, thisClient } from "./by.ts";
import type { Connection } from "./connection.ts";
import { behind, stopTogether } from "./stop_together.ts";
import type { TaskState } from "./task_state.ts";
import { withinTime } from "./waiting.ts";

/** What goes on submitting by itself, as a map: it may have no open task just now. */
export interface Ongoing {
  /** Its scope was left: it submits no more, stops what is open for the reason, and fails with the error. */
  left(error: Error, reason: unknown): void;
  /** Resolves when nothing of it is open. */
  ended(): Promise<void>;
  /** Whether a client that closes waits for that, since it would go on at its engine otherwise. */
  readonly isFarewell?: boolean;
}

/** How long leaving waits for what it has stopped; a task that looks at its signal may take its time to end. */
const LEAVE_MS = 10_000;
/** How long a client that closes waits for its streams. */
const FAREWELL_MS = 3000;
/** So many entries may gather before those are looked for that nobody has any more. */
const SWEEP = 256;

export class Scope {
  readonly #parent: Scope | undefined;
  readonly #what: string;
  /** Held weakly: a map that nobody has any more must not stay for the life of its view. */
  readonly #ongoing = new Set<WeakRef<Ongoing>>();
  #sweepAt = SWEEP;
  #isLeft = false;

  /** @param what as errors call it: `the client`, `the view` */
  constructor(what: string, parent?: Scope) {
    this.#what = what;
    this.#parent = parent;
  }

  /** A view's scope within this one. */
  child(): Scope {
    return new Scope("the view", this);
  }

  /** @throws TypeError if it was left, or one around it */
  check(): void {
    if (!this.#isLeft) return this.#parent?.check();
    throw new TypeError(
      `Cannot submit: the scope of ${this.#what} was left, and its tasks were cancelled; submit before that, or through a view made outside of it`,
    );
  }

  /** Itself, then those around it. */
  *#outwards(): Generator<Scope> {
    yield this;
    if (this.#parent !== undefined) yield* this.#parent.#outwards();
  }

  #has(scope: Scope | undefined): boolean {
    while (scope !== undefined && scope !== this) scope = scope.#parent;
    return scope !== undefined;
  }

  /** Has something stopped with this scope and those around it. Returns how to take it out when it has ended. */
  track(ongoing: Ongoing): () => void {
    const entry = new WeakRef(ongoing);
    for (const scope of this.#outwards()) scope.#add(entry);
    return () => {
      for (const scope of this.#outwards()) scope.#ongoing.delete(entry);
    };
  }

  #add(entry: WeakRef<Ongoing>): void {
    this.#ongoing.add(entry);
    if (this.#ongoing.size < this.#sweepAt) return;
    for (const one of this.#ongoing) if (one.deref() === undefined) this.#ongoing.delete(one);
    this.#sweepAt = Math.max(SWEEP, this.#ongoing.size * 2);
  }

  /**
   * Refuses what is submitted from now on and stops what is open. Harmless twice.
   * @returns the tasks that were stopped, and what else
   */
  stop(connection: Connection): {
    readonly tasks: readonly TaskState[];
    readonly ongoing: readonly Ongoing[];
    readonly error: Error;
  } {
    const reason = new Error(`the scope of ${this.#what} was left`);
    const error = cancelledHere(thisClient(connection.session, reason), "", reason);
    if (this.#isLeft || connection.isEnded) return { tasks: [], ongoing: [], error };
    this.#isLeft = true;
    const tasks = [...connection.pending.tasks()].filter(({ owner }) => this.#has(behind(owner).scope));
    stopTogether(tasks, reason);
    const ongoing = [...this.#ongoing].flatMap((entry) => entry.deref() ?? []);
    for (const one of ongoing) one.left(error, reason);
    return { tasks, ongoing, error };
  }

  /** Nothing can be sent any more: what goes on by itself ends too. */
  fail(error: Error): void {
    for (const entry of [...this.#ongoing]) entry.deref()?.left(error, error);
  }

  /** The same as `stop`, and waits until what was stopped has ended, for a time. */
  async leave(connection: Connection): Promise<void> {
    const { tasks, ongoing } = this.stop(connection);
    const owners = new Set(tasks.filter(({ isOpen }) => isOpen).map(({ owner }) => behind(owner)));
    const ends = [...ongoing, ...owners].map((one) => one.ended?.());
    await withinTime(Promise.all(ends), { timeoutMs: LEAVE_MS }, () => "tasks are open").catch(() => {});
  }
}

/** Waits for the ends that a client waits for when it closes, for a time. */
export async function farewell(ongoing: readonly Ongoing[]): Promise<void> {
  const ends = ongoing.filter(({ isFarewell }) => isFarewell).map((one) => one.ended());
  if (ends.length === 0) return;
  await withinTime(Promise.all(ends), { timeoutMs: FAREWELL_MS }, () => "streams are open").catch(() => {});
}
