/**
 * What waits for what: links a task's `after` and `follow` to the tasks they name, and tells waiting tasks when one of those has ended.
 *
 * The index is by the task waited for, so an end touches its dependents only, never the queue.
 */
import { STATUS } from "../protocol/groups.ts";
import { type Board, type Rare, type Settled, splitKey } from "./board.ts";
import { Dependency, type TaskKey, taskKey } from "./dependencies.ts";
import type { TaskOptions } from "./task_options.ts";
import { DEPENDENT, NONE } from "./task_table.ts";

export class Dependents {
  readonly #board: Board;

  constructor(board: Board) {
    this.#board = board;
  }

  /** Sets up `after` and `follow` of a new task; false if it has failed by that. */
  link(seq: number, place: number, rare: Rare, options: TaskOptions): boolean {
    const { table } = this.#board;
    const own = taskKey(table.client[place]!, table.n[place]!);
    for (const name of ["after", "follow"] as const) {
      const spec = options[name];
      if (spec === null) continue;
      const unknown = spec.keys.find((key) => key === own || !this.#board.isKnown(key));
      if (unknown !== undefined) {
        const why = `Cannot wait for ${describe(unknown)} (${name}): no such task`;
        this.#board.fail(place, STATUS.error, "InvalidDependency", why);
        return false;
      }
      rare[name] = new Dependency(spec);
    }
    for (const dependency of [rare.after, rare.follow]) {
      if (dependency !== null) this.#subscribe(seq, dependency);
    }
    return !this.#failUnreachable(place, rare);
  }

  /** Whether a task still waits for others. */
  isOpen(rare: Rare): boolean {
    return rare.after?.state === "open" || rare.follow?.state === "open";
  }

  /** Settles what has ended already and subscribes to the rest. */
  #subscribe(seq: number, dependency: Dependency): void {
    for (const key of dependency.keys) {
      const { client, n } = splitKey(key);
      const { history } = this.#board.client(client);
      const ok = history.succeeded(n);
      if (ok || history.failed(n)) {
        dependency.settle(key, { ok, engine: history.engineOf(n) });
        continue;
      }
      const list = this.#board.dependents.get(key);
      if (list === undefined) this.#board.dependents.set(key, [seq]);
      else if (list[list.length - 1] !== seq) list.push(seq);
    }
  }

  /** Tells the dependents of all tasks that ended since; `ready` gets those that wait for nothing more. */
  tell(ready: (seq: number, place: number, rare: Rare) => void): void {
    const { settled, dependents } = this.#board;
    for (let one = settled.pop(); one !== undefined; one = settled.pop()) {
      const list = dependents.get(one.key) ?? [];
      dependents.delete(one.key);
      for (const seq of list) this.#tellOne(seq, one, ready);
    }
  }

  #tellOne(seq: number, settled: Settled, ready: (seq: number, place: number, rare: Rare) => void): void {
    const { table } = this.#board;
    const place = table.at(seq);
    const rare = this.#board.rare.get(seq);
    if (place === NONE || rare === undefined) return;
    rare.after?.settle(settled.key, settled);
    rare.follow?.settle(settled.key, settled);
    if (table.state[place] !== DEPENDENT || this.#failUnreachable(place, rare) || this.isOpen(rare)) return;
    ready(seq, place, rare);
  }

  #failUnreachable(place: number, rare: Rare): boolean {
    const { follow } = rare;
    const named = rare.after?.state === "unreachable"
      ? "after"
      : follow?.state === "unreachable"
      ? "follow"
      : null;
    if (named !== null) {
      this.#board.failImpossible(place, `a task that its "${named}" names did not end as wanted`);
    } else if (follow !== null && follow.spec.all && follow.engines.size > 1) {
      this.#board.failImpossible(place, "the tasks that it follows ran on different engines");
    } else return false;
    return true;
  }
}

function describe(key: TaskKey): string {
  return key < 0 ? "an unknown id" : `task ${splitKey(key).n} of client ${splitKey(key).client}`;
}
