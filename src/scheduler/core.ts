/**
 * The task scheduler's decisions, pure: which engine runs which task, what waits for what, who is told that a task will never run.
 *
 * Groups come in as received bytes and are worked through over typed arrays; rare things come in as events. What is to be done goes into `output`,
 * which the shell carries out and clears. To change a scheduling rule: `policies.ts` for the choice, `waiting_room.ts` for the order.
 */
import { DeadlineHeap } from "../base/heap.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import { RESULT_FLAG, type ResultRecord, STATUS, type TaskRecord } from "../protocol/groups.ts";
import type { Offer } from "../protocol/task_asks.ts";
import type { AttemptList, Tried } from "./attempts.ts";
import { Board, newRare, type Rare, type Stop } from "./board.ts";
import { type TaskKey, taskKey } from "./dependencies.ts";
import { Departures } from "./departures.ts";
import { Dependents } from "./dependents.ts";
import { EngineState, type EngineTable } from "./engine_table.ts";
import type { CancelWord, CoreOptions, Event, Output, Taken, Verdict } from "./events.ts";
import { MAX_N } from "./history.ts";
import { IdleRecall } from "./idle_recall.ts";
import { reasonOf } from "./refusals.ts";
import { SecondTries, timeoutText } from "./second_tries.ts";
import type { TaskOptions } from "./task_options.ts";
import { ASSIGNED, DEPENDENT, type FrameStore, NONE, type TaskTable } from "./task_table.ts";
import { Times } from "./times.ts";
import { WaitingRoom } from "./waiting_room.ts";

export class SchedulerCore {
  readonly #board = new Board();
  readonly #room: WaitingRoom;
  readonly #dependents: Dependents;
  readonly #deadlines = new DeadlineHeap();
  readonly #tries: SecondTries;
  readonly #departures: Departures;
  readonly #recall: IdleRecall;

  constructor(options: CoreOptions) {
    this.#room = new WaitingRoom(this.#board, options);
    this.#dependents = new Dependents(this.#board);
    this.#tries = new SecondTries(this.#board, this.#room, this.#deadlines);
    this.#recall = new IdleRecall(this.#board);
    this.#departures = new Departures(this.#board, this.#room, this.#tries, options.graceMs);
  }

  /** Of the results that `finish` said to relay: the tries of those that had more than one, by their place in the group. */
  readonly attempts = new Map<number, AttemptList>();

  get table(): TaskTable {
    return this.#board.table;
  }

  get frames(): FrameStore {
    return this.#board.frames;
  }

  get engines(): EngineTable {
    return this.#board.engines;
  }

  get output(): Output {
    return this.#board.output;
  }

  /** Tasks accepted and not assigned. */
  get waiting(): number {
    return this.#board.waiting;
  }

  /** The next time at which a tick is wanted, Infinity for none. */
  get nextTick(): number {
    return Math.min(this.#deadlines.next, this.#departures.next, this.#room.nextAt, this.#recall.nextAt);
  }

  /** Holds a client's waiting tasks, or lets them go at the next dispatch. */
  hold(client: number, isHeld: boolean): void {
    this.#board.accounts.hold(client, isHeld);
  }

  step(event: Event): void {
    switch (event.kind) {
      case "engine_registered":
        this.#register(event.id, event.uuid, event.offer, event.at);
        break;
      case "engine_unregistered":
        this.#departures.begin(event.id, event.reason, event.at);
        break;
      case "cancel":
        this.cancel(event.client, event.n, { waitingOnly: event.waitingOnly, by: event.by });
        break;
      case "returned":
        this.#takeBack(event.engine, event.seqs, event.at);
        break;
      case "tick":
        this.#expire(event.at);
        break;
    }
    this.dispatch(event.at);
  }

  /** Gives waiting tasks to engines with room, into the output; asks for tasks back where an engine idles. */
  dispatch(at: number): void {
    // Tasks that nobody can have any more are given up: those that wait for them are told.
    do {
      this.#dependents.tell(this.#room);
      this.#room.dispatch(at);
    } while (this.#board.settled.length > 0);
    this.#recall.look(at);
  }

  // ── submission ─────────────────────────────────────────────────────────────────────────────

  /**
   * Takes one task of a group whose frame is kept as `frame`; call `dispatch` after the last. Writes the task's number into `record.seq`.
   * @param from offset of the record in the frame, `length` with its padding
   * @param isHeld it goes nowhere before `release`
   */
  submit(
    record: TaskRecord,
    frame: number,
    from: number,
    length: number,
    options: TaskOptions | null,
    at: number,
    peer?: unknown,
    isHeld = false,
  ): Taken {
    const { client, n } = record;
    const { history } = this.#board.client(client), { table } = this;
    if (n === 0 || n > MAX_N) return "refused";
    if (history.seen(n)) return "duplicate";
    history.see(n);
    const seq = table.add(client, n, at);
    const place = table.at(seq);
    history.open.set(n, seq);
    table.definition[place] = record.definition;
    table.frame[place] = frame;
    table.offset[place] = from;
    table.length[place] = length;
    table.pool[place] = peer === undefined ? 0 : 1;
    this.frames.hold(frame);
    record.seq = seq;
    this.#board.waiting++;
    if (options === null && record.buffers === 0 && peer === undefined) this.#room.push(seq, place);
    else this.#submitRare(seq, place, newRare(options, record.buffers > 0, peer), isHeld, at);
    return "taken";
  }

  #submitRare(seq: number, place: number, rare: Rare, isHeld: boolean, at: number): void {
    this.table.rare[place] = 1;
    this.#board.rare.set(seq, rare);
    const { options } = rare;
    if (!isHeld && options !== null && !this.#dependents.link(seq, place, rare, options)) return;
    if (options !== null && options.queueTimeoutMs !== Infinity) this.#tries.setDeadline(seq, rare, at);
    if (isHeld || this.#dependents.isOpen(rare)) this.table.state[place] = DEPENDENT;
    else this.#room.makeReady(seq, place, rare);
  }

  /** A task that was submitted as held, since its dependencies were not known, goes its way; call `dispatch` afterwards. */
  release(seq: number, options: TaskOptions | null): void {
    const place = this.table.at(seq), rare = this.#board.rare.get(seq);
    if (place === NONE || rare === undefined) return;
    rare.options = options;
    if (options !== null && !this.#dependents.link(seq, place, rare, options)) return;
    if (!this.#dependents.isOpen(rare)) this.#room.makeReady(seq, place, rare);
  }

  /** A task that ended before this scheduler began. */
  remember(client: number, n: number, ok: boolean, engine: number): void {
    const { history } = this.#board.client(client);
    if (n === 0 || n > MAX_N || history.seen(n)) return;
    history.see(n);
    history.finish(n, ok, engine);
  }

  /** Whether this scheduler knows a task by its key. */
  knows(key: TaskKey): boolean {
    return this.#board.isKnown(key);
  }

  /** A task whose options cannot be understood ends with an error. */
  refuse(seq: number, ename: string, evalue: string): void {
    const place = this.table.at(seq);
    if (place === NONE) return;
    this.#room.leave(seq, place);
    this.#board.fail(place, STATUS.error, ename, evalue);
  }

  /** What the shell gave along with a peer's task. */
  peerOf(seq: number): unknown {
    return this.#board.rare.get(seq)?.peer;
  }

  /** The tries of an open task that had several, were this the last; null for others. */
  triesWith(seq: number, engine: EngineState, tried: Tried, at: number): AttemptList | null {
    return this.#board.rare.get(seq)?.attempts?.with(engine, tried, at) ?? null;
  }

  /** The number of an open task, 0 if it is not open. */
  seqOf(client: number, n: number): number {
    return this.#board.seqOf(client, n);
  }

  /** Whether this scheduler has ever seen the task. */
  isKnown(client: number, n: number): boolean {
    return this.#board.isKnown(taskKey(client, n));
  }

  /** Whether an open task is assigned to this engine right now. */
  isAssigned(client: number, n: number, engine: number): boolean {
    return this.#assignedAt(this.table.at(this.seqOf(client, n)), engine);
  }

  /** Whether an open task has no engine. */
  isWaiting(seq: number): boolean {
    const place = this.table.at(seq);
    return place !== NONE && this.table.state[place] !== ASSIGNED;
  }

  /** The peer's task that an engine has had longest, 0 if it has none. */
  oldestSingle(engine: EngineState): number {
    const { table } = this;
    let seq = engine.first;
    while (seq !== 0 && table.pool[table.at(seq)] !== 1) seq = table.next[table.at(seq)]!;
    return seq;
  }

  #assignedAt(place: number, engine: number): boolean {
    return place !== NONE && this.table.state[place] === ASSIGNED && this.table.engine[place] === engine;
  }

  // ── results ────────────────────────────────────────────────────────────────────────────────

  /**
   * Takes the results of an engine's group. `verdicts[i]` becomes the number of tries (at most 255) of those to relay, 0 of others.
   * Returns how many are to be relayed as they are: those of tasks that no other engine had. Call `dispatch` afterwards.
   * @param reader opened on the group; its shape was checked before
   */
  finish(
    engineId: number,
    reader: GroupReader,
    record: ResultRecord,
    verdicts: Uint8Array,
    at: number,
  ): number {
    const engine = this.engines.get(engineId);
    const times = new Times(this.#board.accounts);
    let unchanged = 0;
    this.attempts.clear();
    for (let i = 0; reader.result(record); i++) {
      const rare = this.#board.rare.size === 0 ? undefined : this.#board.rare.get(record.seq);
      const tries = Math.min(255, rare?.tries ?? 1), attempts = rare?.attempts ?? null;
      const load = engine?.load ?? 0;
      const isRelayed = engine !== undefined && !this.#refused(engine, reader.bytes, record, at) &&
        this.finishOne(engine, record.seq, record.client, record.n, record, at) === "relay";
      verdicts[i] = isRelayed ? tries : 0;
      if (isRelayed && attempts !== null) this.attempts.set(i, attempts.with(engine, record, at));
      if (isRelayed && attempts === null) unchanged++;
      if (engine !== undefined) engine.acked++;
      if (engine !== undefined && engine.load < load) times.add(record);
    }
    if (engine !== undefined) {
      engine.progressAt = at;
      // What it was asked to give back it may have started instead: it may be asked again.
      engine.recalling = false;
    }
    times.close();
    if (times.count > 0) engine?.observe(times.totalMs, times.count);
    return unchanged;
  }

  /** Takes one result: relay it, or drop it because it is late, unknown, or tried again. */
  finishOne(
    engine: EngineState,
    seq: number,
    client: number,
    n: number,
    tried: Tried,
    at: number,
  ): Verdict {
    const { table } = this, { status, started } = tried;
    const place = table.at(seq);
    if (!this.#assignedAt(place, engine.id) || table.client[place] !== client || table.n[place] !== n) {
      return "drop";
    }
    this.#board.unassign(engine, place);
    if (table.pool[place] === 1) this.#board.accounts.chargeSince(started, client, at);
    if (table.rare[place] === 1 && status !== STATUS.ok) {
      const rare = this.#board.rare.get(seq)!;
      if (rare.timedOut) {
        this.#tries.timeOut(place, rare);
        return "drop";
      }
      if (rare.retriesLeft > 0 && (status === STATUS.error || status === STATUS.lost)) {
        rare.retriesLeft--;
        this.#tries.elsewhere(seq, place, rare, engine, tried, at);
        return "drop";
      }
    }
    this.#board.end(place, status === STATUS.ok, engine.id);
    return "relay";
  }

  /** Whether the task of a result said that it cannot run where it was: it goes elsewhere, if there is an engine for it, and that was no try. */
  #refused(engine: EngineState, bytes: Uint8Array, record: ResultRecord, at: number): boolean {
    const { seq, client, n, status, started } = record;
    if ((record.flags & RESULT_FLAG.unmet) === 0 || status !== STATUS.error) return false;
    const place = this.table.at(seq);
    if (!this.#assignedAt(place, engine.id)) return true;
    if (this.table.client[place] !== client || this.table.n[place] !== n) return true;
    this.#board.unassign(engine, place);
    const unmet = reasonOf(bytes, record);
    this.#tries.refused(seq, place, engine, { status, started, unmet }, at);
    return true;
  }

  /** A peer's engine said that it cannot meet the task's dependencies: another one may. */
  unmet(engine: EngineState, seq: number, tried: Tried, at: number): void {
    const place = this.table.at(seq);
    if (!this.#assignedAt(place, engine.id)) return;
    this.#board.unassign(engine, place);
    this.#tries.refused(seq, place, engine, tried, at);
  }

  // ── engines come and go ────────────────────────────────────────────────────────────────────

  #register(id: number, uuid: string, offer: Offer | null, at: number): void {
    const before = this.engines.get(id);
    if (before !== undefined) {
      this.#departures.begin(id, "it registered again", at);
      this.#departures.end(before, at);
    }
    this.engines.add(new EngineState(id, uuid, offer));
  }

  #takeBack(engineId: number, seqs: readonly number[], at: number): void {
    const engine = this.engines.get(engineId);
    if (engine === undefined) return;
    engine.recalling = false;
    engine.progressAt = at;
    for (const seq of [...seqs].sort((a, b) => b - a)) {
      const place = this.table.at(seq);
      if (!this.#assignedAt(place, engineId)) continue;
      this.#board.unassign(engine, place);
      this.#room.requeue(seq, place);
    }
  }

  // ── cancel, time ───────────────────────────────────────────────────────────────────────────

  /** Stops a task, wherever it is; call `dispatch` afterwards. */
  cancel(client: number, n: number, { waitingOnly, by }: Stop): CancelWord {
    const { table } = this;
    const seq = this.seqOf(client, n), place = table.at(seq);
    if (place === NONE) return this.isKnown(client, n) ? "finished" : "unknown";
    if (table.state[place] !== ASSIGNED) {
      this.#room.leave(seq, place);
      this.#board.stop(place, { waitingOnly, by });
      return "cancelled";
    }
    // Who stopped it first is named; an abort may still become a cancel.
    const isTold = this.#board.stopping.get(seq)?.waitingOnly === waitingOnly;
    if (!isTold) this.#board.stopping.set(seq, { waitingOnly, by });
    // An engine hears of a peer's abort on its control socket.
    if (table.pool[place] === 0 || !waitingOnly) this.#tellToCancel(seq, place, { waitingOnly, by });
    return this.#board.engines.get(table.engine[place]!)?.pool === 1 ? "asked" : "cancelling";
  }

  #tellToCancel(seq: number, place: number, { waitingOnly, by }: Stop): void {
    const { table } = this;
    const client = table.client[place]!, n = table.n[place]!, engine = table.engine[place]!;
    const peer = this.peerOf(seq);
    this.output.actions.push({ kind: "cancel", engine, client, n, seq, waitingOnly, by, peer });
  }

  #expire(at: number): void {
    while (this.#deadlines.next <= at) {
      const seq = this.#deadlines.pop()!;
      const place = this.table.at(seq);
      const rare = this.#board.rare.get(seq);
      if (place !== NONE && rare !== undefined && rare.deadline <= at) this.#timeOut(seq, place, rare);
    }
    this.#departures.expire(at);
  }

  /** The queue time-out counts until the task starts: an engine that has not started it gives it up. A peer's task counts as started when an engine gets it. */
  #timeOut(seq: number, place: number, rare: Rare): void {
    if (this.table.state[place] !== ASSIGNED) {
      this.#room.leave(seq, place);
      this.#board.fail(place, STATUS.error, "TaskTimeout", timeoutText(rare));
    } else if (this.table.pool[place] === 0) {
      rare.timedOut = true;
      this.#tellToCancel(seq, place, { waitingOnly: true, by: undefined });
    }
  }
}
