/**
 * What waits for what: links a task's `after` and `follow` to the tasks they name, and tells waiting tasks when one of those has ended.
 *
 * The index is by the task waited for, so an end touches its dependents only, never the queue.
 */
import { STATUS } from "../protocol/groups.ts";
import { type Board, type Rare, type Settled, splitKey } from "./board.ts";
import { Dependency, taskKey } from "./dependencies.ts";
import type { TaskOptions } from "./task_options.ts";
import { DEPENDENT, NONE, WAITING } from "./task_table.ts";

const UNKNOWN = "no such task; the scheduler knows those that came to it, and no direct requests";

/** Where tasks go that wait for an engine only. */
interface Room {
  makeReady(seq: number, place: number, rare: Rare): void;
  /** A task that waits already may run on this engine too. */
  widen(seq: number, place: number, engine: number): void;
}

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
      const unknown = spec.keys.findIndex((key) => key === own || !this.#board.isKnown(key));
      if (unknown >= 0) {
        const problem = spec.keys[unknown] === own ? "it is the task itself" : UNKNOWN;
        const why = `Cannot wait for task ${spec.name(unknown)} (${name}): ${problem}`;
        this.#board.fail(place, STATUS.error, "InvalidDependency", why);
        return false;
      }
      this.#subscribe(seq, rare[name] = new Dependency(spec));
      if (this.#failUnreachable(place, rare)) return false;
    }
    return true;
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
      this.#board.dependents.add(key, seq);
    }
  }

  /** Tells the dependents of all tasks that ended since; those that wait for nothing more go to the waiting room. */
  tell(room: Room): void {
    const { settled, dependents } = this.#board;
    for (let one = settled.pop(); one !== undefined; one = settled.pop()) {
      for (const seq of dependents.take(one.key)) this.#tellOne(seq, one, room);
    }
  }

  #tellOne(seq: number, settled: Settled, room: Room): void {
    const { table } = this.#board;
    const place = table.at(seq);
    const rare = this.#board.rare.get(seq);
    if (place === NONE || rare === undefined) return;
    rare.after?.settle(settled.key, settled);
    const isNewPlace = rare.follow?.engines.has(settled.engine) === false;
    rare.follow?.settle(settled.key, settled);
    if (isNewPlace && table.state[place] === WAITING && rare.follow?.engines.has(settled.engine)) {
      room.widen(seq, place, settled.engine);
    }
    if (table.state[place] !== DEPENDENT || this.#failUnreachable(place, rare) || this.isOpen(rare)) return;
    room.makeReady(seq, place, rare);
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
