/**
 * What waits or runs, and where: the numbers of `queue_request`. Holds open tasks only; a finished one leaves a count.
 * Tasks of groups are kept by (client, n), tasks of peers by msg_id.
 */

import { DenseIndex } from "../base/dense_index.ts";
import { GroupReader } from "../protocol/group_reader.ts";
import { ANY, emptyResult, emptyTask, OP, RESULT_FLAG, STATUS, TASK_FLAG } from "../protocol/groups.ts";

/** By which way a task goes: through the scheduler, or straight to one engine. */
export type Route = "task" | "mux";

/** Where an open task is. */
export interface Place {
  readonly route: Route;
  /** The engine's id, or null where the task is not assigned. */
  readonly engine: number | null;
}

/** Counts of one engine. */
export interface EngineNumbers {
  /** Direct requests that wait or run. */
  queue: number;
  /** Load-balanced tasks that are assigned. */
  tasks: number;
  completed: number;
}

/** A place as one number: (engine + 1) * 2, plus 1 for the mux. */
const codeOf = (route: Route, engine: number | null) =>
  (engine === null ? 0 : engine + 1) * 2 + (route === "mux" ? 1 : 0);
const engineOf = (code: number) => code < 2 ? null : Math.floor(code / 2) - 1;
const placeOf = (code: number): Place => ({ route: code % 2 === 1 ? "mux" : "task", engine: engineOf(code) });

/** Clients without open tasks whose (empty) index is kept for their next. */
const MAX_IDLE_CLIENTS = 64;

/** Open tasks and the engines' counts. */
export class Ledger {
  readonly #groups = new Map<number, DenseIndex>();
  readonly #peers = new Map<string, number>();
  readonly #numbers = new Map<number, EngineNumbers>();
  readonly #reader = new GroupReader();
  readonly #task = emptyTask();
  readonly #result = emptyResult();
  readonly #name = new Uint32Array(4);
  #unassigned = 0;
  #open = 0;
  #finished = 0;

  /** Load-balanced tasks that no engine has. */
  get unassigned(): number {
    return this.#unassigned;
  }

  /** Tasks that wait or run. */
  get open(): number {
    return this.#open;
  }

  /** Tasks that ended since the hub started. */
  get finished(): number {
    return this.#finished;
  }

  /** An engine's counts; an engine that was never named has zeros. */
  numbers(engine: number): EngineNumbers {
    let numbers = this.#numbers.get(engine);
    if (!numbers) this.#numbers.set(engine, numbers = { queue: 0, tasks: 0, completed: 0 });
    return numbers;
  }

  /** Ids of all engines that ever were here. */
  get engineIds(): number[] {
    return [...this.#numbers.keys()];
  }

  /**
   * Tasks of a group were accepted, or pass the mux relay.
   * @returns how many records there are; the whole group's shape is checked before anything changes
   * @throws RangeError if the group is malformed
   */
  tasks(frame: Uint8Array, route: Route): number {
    checkTasks(this.#reader, this.#task, frame);
    const header = this.#reader.open(frame);
    const engine = route === "mux" && header.target !== ANY ? header.target : null;
    const code = codeOf(route, engine);
    const task = this.#task;
    while (this.#reader.task(task)) {
      if (task.op === OP.define) continue;
      const open = this.#client(task.client);
      if (open.has(task.n)) continue;
      open.set(task.n, code);
      this.#count(code, 1);
    }
    return header.count;
  }

  /** Tasks went to engine `target`. @throws RangeError if the group is malformed */
  assigned(frame: Uint8Array): number {
    const name = this.#name;
    let header = this.#reader.open(frame);
    while (this.#reader.name(name));
    header = this.#reader.open(frame);
    const engine = header.target === ANY ? null : header.target;
    while (this.#reader.name(name)) {
      const open = this.#groups.get(name[0]!);
      const code = open?.get(name[1]!);
      if (!open || code === undefined || code % 2 === 1) continue;
      const now = codeOf("task", engine);
      open.set(name[1]!, now);
      this.#count(code, -1);
      this.#count(now, 1);
    }
    return header.count;
  }

  /** Tasks ended. @throws RangeError if the group is malformed */
  results(frame: Uint8Array): number {
    checkResults(this.#reader, this.#result, frame);
    const header = this.#reader.open(frame);
    const result = this.#result;
    while (this.#reader.result(result)) {
      const open = this.#groups.get(result.client);
      const code = open?.get(result.n);
      if (!open || code === undefined) continue;
      open.delete(result.n);
      if (open.size === 0 && this.#groups.size > MAX_IDLE_CLIENTS) this.#groups.delete(result.client);
      const engine = result.engine === ANY ? engineOf(code) : result.engine;
      this.#end(code, engine, result.status !== STATUS.aborted);
    }
    return header.count;
  }

  /** A peer's task begins to wait; false if it is known already. */
  openPeer(msgId: string, route: Route, engine: number | null): boolean {
    if (this.#peers.has(msgId)) return false;
    const code = codeOf(route, engine);
    this.#peers.set(msgId, code);
    this.#count(code, 1);
    return true;
  }

  /** A peer's task went to an engine, or (null) waits again. */
  assignPeer(msgId: string, engine: number | null): void {
    const code = this.#peers.get(msgId);
    if (code === undefined || code % 2 === 1) return;
    this.#peers.set(msgId, codeOf("task", engine));
    this.#count(code, -1);
    this.#count(codeOf("task", engine), 1);
  }

  /** A peer's task ended, at `engine` or where it was known to be; false if it was not open. */
  closePeer(msgId: string, engine: number | null, isCompleted: boolean): boolean {
    const code = this.#peers.get(msgId);
    if (code === undefined) return false;
    this.#peers.delete(msgId);
    this.#end(code, engine ?? engineOf(code), isCompleted);
    return true;
  }

  /** Forgets the direct tasks of groups at an engine that left: their results will not come. */
  dropDirect(engine: number): void {
    for (const [client, open] of this.#groups) {
      for (const [n, code] of open) {
        if (code % 2 === 0 || engineOf(code) !== engine) continue;
        open.delete(n);
        this.#end(code, engine, false);
      }
      if (open.size === 0) this.#groups.delete(client);
    }
  }

  /** Where a peer's open task is. */
  peer(msgId: string): Place | undefined {
    const code = this.#peers.get(msgId);
    return code === undefined ? undefined : placeOf(code);
  }

  /** Where an open task of a group is. */
  group(client: number, n: number): Place | undefined {
    const code = this.#groups.get(client)?.get(n);
    return code === undefined ? undefined : placeOf(code);
  }

  /** All open tasks of peers. */
  *peers(): Generator<[msgId: string, place: Place]> {
    for (const [msgId, code] of this.#peers) yield [msgId, placeOf(code)];
  }

  /** All open tasks of groups. */
  *groups(): Generator<[client: number, n: number, place: Place]> {
    for (const [client, open] of this.#groups) {
      for (const [n, code] of open) yield [client, n, placeOf(code)];
    }
  }

  #client(client: number): DenseIndex {
    let open = this.#groups.get(client);
    if (!open) this.#groups.set(client, open = new DenseIndex());
    return open;
  }

  #count(code: number, change: number): void {
    this.#open += change;
    const engine = engineOf(code);
    if (engine === null) this.#unassigned += code === 0 ? change : 0;
    else if (code % 2 === 1) this.numbers(engine).queue += change;
    else this.numbers(engine).tasks += change;
  }

  #end(code: number, engine: number | null, isCompleted: boolean): void {
    this.#count(code, -1);
    this.#finished++;
    if (isCompleted && engine !== null && this.#numbers.has(engine)) this.numbers(engine).completed++;
  }
}

/** Reads a group of tasks to its end, so that nothing changes because of a malformed one. @throws RangeError */
function checkTasks(reader: GroupReader, task: ReturnType<typeof emptyTask>, frame: Uint8Array): void {
  reader.open(frame);
  while (reader.task(task)) {
    if (task.op < OP.define || task.op > OP.clear) {
      throw new RangeError(`Cannot read a task of op ${task.op}`);
    }
    if (task.tailLength > 0 && !(task.flags & TASK_FLAG.tail)) {
      throw new RangeError(`Cannot read task ${task.n}: a tail without its flag`);
    }
  }
}

/** The same for results. @throws RangeError */
function checkResults(reader: GroupReader, result: ReturnType<typeof emptyResult>, frame: Uint8Array): void {
  reader.open(frame);
  while (reader.result(result)) {
    if (result.status > STATUS.lost) {
      throw new RangeError(`Cannot read a result of status ${result.status}`);
    }
    if (result.tailLength > 0 && !(result.flags & RESULT_FLAG.tail)) {
      throw new RangeError(`Cannot read result ${result.n}: a tail without its flag`);
    }
  }
}
