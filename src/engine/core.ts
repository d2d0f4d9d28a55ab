/**
 * The engine's decisions, pure: what is handed to which child and when, what a cancel, a limit or a child's end does to each task.
 *
 * Tasks lie in a table of typed arrays; `next` and `handed` move them to the child whose turn it is, `started` and `finish` take its words. Rare
 * things come in as events, and what the shell has to do comes out in `actions`.
 */
import type { TaskRecord } from "../protocol/groups.ts";
import { ChildSupply } from "./child_supply.ts";
import type { Action, CoreOptions, Ending, Event, Rare, TaskName, Why } from "./core_types.ts";
import { InSlot } from "./in_slot.ts";
import { InterruptPatience } from "./interrupt_patience.ts";
import { type Lane, type LaneKey, Lanes } from "./lanes.ts";
import { lookDelay, Pace } from "./pace.ts";
import { RareTasks } from "./rare_tasks.ts";
import { Stops } from "./stops.ts";
import type { LimitHit } from "./task_limits.ts";
import { FrameStore, STATE, TaskTable } from "./task_table.ts";
import { childEnded, denied, exceeded, FORGOTTEN, interrupted, lost, RECALLED, unstartable } from "./whys.ts";

/** A child that dies with a task in hand that never starts: so many tries. */
const MAX_REHANDS = 3;

export class EngineCore<Key extends LaneKey = LaneKey> {
  readonly #options: CoreOptions<Key>;
  /** How the engine is called in sentences. */
  name = "The engine";
  readonly table = new TaskTable();
  readonly frames = new FrameStore();
  readonly actions: Action[] = [];
  /** How much may be handed. The shell says what the scheduler told. */
  readonly pace = new Pace();
  readonly lanes: Lanes<Key>;
  /** What few tasks have. */
  readonly rare: RareTasks;
  readonly #inSlot = new InSlot(this.table, this.pace);
  readonly #stops: Stops;
  readonly #supply: ChildSupply;
  readonly #patience = new InterruptPatience();
  /** The child that works shall be replaced once it has nothing in hand. */
  #isWorn = false;

  constructor(options: CoreOptions<Key>) {
    this.#options = options;
    this.rare = new RareTasks(options.limits);
    this.lanes = new Lanes(options.key);
    const { table, frames, rare, lanes, pace, actions } = this;
    const inSlot = this.#inSlot, { cancelGraceMs } = options;
    this.#stops = new Stops({ table, frames, rare, lanes, inSlot, pace, actions, cancelGraceMs });
    this.#supply = new ChildSupply({ lanes, table, inSlot, actions, maxChildren: options.maxChildren });
  }

  /** The task that runs now, 0 if none is known to. */
  get running(): number {
    return this.#inSlot.running;
  }

  /** Tasks in the slot without an answer. */
  get inSlot(): number {
    return this.#inSlot.count;
  }

  /** Names the namespace of those who ask for no key: another number means that what was pushed is gone. */
  get epoch(): number {
    return this.lanes.default.epoch;
  }

  /** The namespace of a task. */
  epochOf(place: number): number {
    return this.lanes.at(this.table.lane[place]!).epoch;
  }

  /** The next time at which a tick is wanted, Infinity for none. */
  get nextTick(): number {
    return Math.min(this.#supply.nextAt, this.rare.nextAt, this.#patience.endsAt, this.#stops.graceEndsAt);
  }

  /** In how many ms the slot's state words have to be looked at without a doorbell, Infinity if a doorbell will do. */
  lookDelay(at: number): number {
    const { running, count } = this.#inSlot;
    const ran = running === 0 ? null : at - this.table.startedAt[this.table.at(running)]!;
    return lookDelay(count, ran);
  }

  /**
   * Takes a task. The frame must be in `frames`; `definition` is the host-wide number. Returns its ticket, 0 if there is no room.
   */
  add(
    record: TaskRecord,
    frame: number,
    route: number,
    isScheduled: boolean,
    definition: number,
    rare: Rare | null,
    key: Key = this.#options.key,
  ): number {
    const { table, lanes } = this;
    const lane = key === lanes.default.key ? lanes.default : lanes.of(key);
    const ticket = table.add();
    if (ticket === 0) return 0;
    const place = table.at(ticket);
    table.fill(place, record);
    table.bind(place, frame, route, isScheduled, definition, lane.number);
    this.frames.hold(frame);
    lane.waiting.push(ticket);
    if (lane !== lanes.current) lanes.enqueue(lane);
    if (lane.child.state === "absent") this.#supply.want(lane);
    if (rare !== null) this.rare.add(ticket, rare);
    return ticket;
  }

  /** The task to hand to the slot now, 0 for none. Call `handed` when the slot has taken it. */
  next(): number {
    const inSlot = this.#inSlot, { lanes, pace, table } = this;
    if (inSlot.stopping !== 0 || this.#isWorn) return 0;
    if (lanes.hasOthers && !this.#supply.takeTurn()) return 0;
    const lane = lanes.current;
    if (lane.child.state !== "ready" || inSlot.count >= this.#ahead(lane)) return 0;
    for (;;) {
      if (lane.waiting.length === 0) return 0;
      const ticket = lane.waiting.get(0);
      const place = table.at(ticket);
      if (place >= 0 && table.state[place] === STATE.queued) {
        if (table.scheduled[place] === 1 && !pace.isWindowOpen) return 0;
        return inSlot.count > 0 && this.#mustWait(ticket) ? 0 : ticket;
      }
      lane.waiting.shift();
    }
  }

  /** Most tasks that the child may have now. */
  #ahead(lane: Lane<Key>): number {
    const { tasksPerChild } = this.#options, { isolation } = lane.key, { child } = lane;
    if (isolation === "process") return child.isUsed ? 0 : 1;
    const ahead = isolation === "worker" ? 1 : lane.mean.ahead();
    return tasksPerChild === Infinity
      ? ahead
      : Math.min(ahead, tasksPerChild - child.tasks + this.#inSlot.count);
  }

  /** Whether a task may not stand behind the one that was handed last. */
  #mustWait(ticket: number): boolean {
    if (this.rare.isEmpty) return false;
    const { tickets } = this.#inSlot, last = tickets.get(tickets.length - 1);
    return this.rare.get(ticket)?.isAlone === true || this.rare.get(last)?.isAlone === true;
  }

  /** The slot has the task that `next` named. */
  handed(): void {
    const lane = this.lanes.current, ticket = lane.waiting.shift();
    const place = this.table.at(ticket);
    this.table.state[place] = STATE.handed;
    this.#inSlot.add(ticket, place);
    lane.child.tasks++;
  }

  started(ticket: number, at: number): void {
    const place = this.table.at(ticket);
    if (place < 0 || this.table.state[place] !== STATE.handed) return;
    this.table.state[place] = STATE.started;
    this.table.startedAt[place] = at;
    this.#inSlot.running = ticket;
    this.lanes.current.child.worked();
    this.rare.started(ticket, at);
    this.#stops.begun(ticket);
  }

  /**
   * The task's answer came. True: send it. Either way call `release` once the table was read.
   * @param hit a limit that it has passed all the same
   */
  finish(ticket: number, startedAt: number, finishedAt: number, hit: LimitHit | null = null): boolean {
    const { table, lanes } = this, place = table.at(ticket);
    if (!table.isInSlot(ticket)) return false;
    table.startedAt[place] = startedAt;
    this.#inSlot.leave(place);
    if (this.#inSlot.running === ticket) this.#inSlot.running = 0;
    const lane = lanes.current, ms = finishedAt - startedAt;
    lane.child.worked();
    lane.mean.finished(ms);
    lanes.worked(ms);
    const instead = this.#stops.finished(ticket) ?? (hit === null ? undefined : exceeded(hit));
    if (instead !== undefined) {
      if (instead.then === "answer") this.#answerInstead(ticket, place, instead);
      return false;
    }
    if (table.scheduled[place] === 1) this.pace.sent();
    return true;
  }

  /** It gave an answer, and its client gets another one. */
  #answerInstead(ticket: number, place: number, why: Why): void {
    this.#stops.conclude(ticket, place, why);
    // What it took would be held against the next one.
    if (why.limit?.limit === "memory") this.#isWorn = true;
    this.#afterTask();
  }

  /** The child of this lane gets a successor as soon as it has nothing in hand. */
  renew(lane: number): void {
    if (lane === this.lanes.current.number) this.#isWorn = true;
  }

  /** Forgets a task that was finished. */
  release(ticket: number): void {
    const place = this.table.at(ticket);
    if (place < 0 || this.table.state[place] === STATE.dying) return;
    this.#stops.remove(ticket, place);
    this.#afterTask();
  }

  #afterTask(): void {
    this.#inSlot.trim();
    const { child, key } = this.lanes.current;
    if (this.#inSlot.count > 0 || child.state !== "ready") return;
    const isOld = key.isolation === "process" ? child.isUsed : child.tasks >= this.#options.tasksPerChild;
    if (isOld || this.#isWorn) this.#supply.retire(this.lanes.current);
    this.#isWorn = false;
  }

  /** Most that the running task may use of something, Infinity if nothing runs or nothing bounds it. */
  runningLimit(name: "memoryLimitMB" | "cpuLimitMs"): number {
    const { running } = this.#inSlot;
    return running === 0 ? Infinity : this.rare.limit(running, name);
  }

  step(event: Event): void {
    switch (event.kind) {
      case "child_ready":
        this.lanes.at(event.lane).child.ready(event.at);
        break;
      case "child_ended":
        this.#childEnded(this.lanes.at(event.lane), event.end, event.at);
        break;
      case "child_killed":
        this.#stops.dead(event.ticket, event.end, this.name);
        break;
      case "cancel":
        this.#cancel(event.names);
        break;
      case "recall":
        this.#recall(event.count);
        break;
      case "interrupt":
        this.#interrupt(event.how, event.at);
        break;
      case "restart":
        this.#restart();
        break;
      case "usage":
        this.#used(event.bytes / 2 ** 20, event.cpuMs);
        break;
      case "limit":
        this.#stops.stop(event.ticket, exceeded(event.hit));
        break;
      case "forget":
        this.table.forEach((place) => this.#stops.stop(this.table.ticketOf(place), FORGOTTEN));
        this.pace.reset();
        break;
      case "leave":
        this.#leave(event.reason);
        break;
      case "tick":
        this.#tick(event.at);
        break;
    }
  }

  #used(memoryMB: number, cpuMs: number): void {
    const { running } = this.#inSlot,
      max = this.runningLimit("memoryLimitMB"),
      most = this.runningLimit("cpuLimitMs");
    if (memoryMB > max) this.#stops.stop(running, exceeded({ limit: "memory", value: memoryMB, max }));
    else if (cpuMs > most) this.#stops.stop(running, exceeded({ limit: "cpu", value: cpuMs, max: most }));
  }

  #tick(at: number): void {
    const { running } = this.#inSlot;
    const stubborn = this.#patience.due(running, at);
    if (stubborn !== null) this.#stops.stop(running, interrupted(stubborn));
    for (const { ticket, hit } of this.rare.hits(this.table, at)) this.#stops.stop(ticket, exceeded(hit));
    this.#stops.tick(at);
    this.#supply.tick(at);
  }

  /**
   * After a last look: whether the task still runs, and its child shall die. Then its lane has room for the next one at once; `child_killed` is to be
   * told when it is dead. Ticket 0: without a question, and `child_ended` is to be told.
   */
  confirmKill(ticket: number, laneNumber: number): boolean {
    const lane = this.lanes.at(laneNumber);
    if (!this.#stops.confirmKill(ticket, laneNumber)) return false;
    if (ticket === 0) {
      lane.child.state = "dying";
      return true;
    }
    this.lanes.worked(Infinity);
    this.#isWorn = false;
    lane.child.retired();
    this.#supply.want(lane);
    return true;
  }

  /** See `Stops`. */
  signalled(ticket: number, hasLooked: boolean, at: number): void {
    this.#stops.signalled(ticket, hasLooked, at);
  }

  /** See `Stops`. */
  withdrawn(ticket: number, isBack: boolean): void {
    this.#stops.withdrawn(ticket, isBack, this.name);
  }

  #cancel(names: readonly TaskName[]): void {
    for (const [ticket, { waitingOnly, by }] of this.table.find(names)) {
      this.#stops.cancel(ticket, waitingOnly, by);
    }
  }

  #recall(count: number): void {
    const { tickets } = this.#inSlot;
    for (const queue of [...this.lanes.all.map(({ waiting }) => waiting).reverse(), tickets]) {
      for (let i = queue.length - 1; i >= 0 && count > 0; i--) {
        const ticket = queue.get(i), place = this.table.at(ticket);
        if (place < 0 || this.table.scheduled[place] !== 1 || this.#stops.has(ticket)) continue;
        if (this.table.state[place] === STATE.started) continue;
        count--;
        this.#stops.stop(ticket, RECALLED);
      }
    }
  }

  /** Those who interrupt are peers: they mean tasks of theirs, or of those who share their child. */
  #interrupt(how: string, at: number): void {
    const { running, first } = this.#inSlot;
    const isPeers = this.rare.get(running === 0 ? first : running)?.peer !== undefined;
    if (!isPeers && this.lanes.current !== this.lanes.default) return;
    if (running === 0) return this.#stops.stop(first, interrupted(how));
    this.#patience.begin(running, how, at);
    this.actions.push({ kind: "interrupt", ticket: running });
  }

  #restart(): void {
    const { default: lane, current } = this.lanes, { running } = this.#inSlot;
    if (current === lane && running !== 0) this.#stops.mark(running, interrupted("a restart"));
    if (lane.child.state === "ready") this.actions.push({ kind: "kill", ticket: 0, lane: lane.number });
  }

  /** The engine goes for good: what has not started goes back to the scheduler, the rest is lost. */
  #leave(reason: string): void {
    this.#supply.close();
    this.table.forEach((place) => {
      const ticket = this.table.ticketOf(place);
      const hasStarted = this.table.state[place]! >= STATE.started;
      const isDying = this.table.state[place] === STATE.dying;
      const why = (isDying ? this.#stops.why(ticket) : null) ?? lost(this.name, reason, hasStarted);
      if (hasStarted) this.#stops.conclude(ticket, place, why);
      else this.#stops.stop(ticket, this.table.scheduled[place] === 1 ? RECALLED : why);
    });
    this.#inSlot.running = 0;
  }

  #childEnded(lane: Lane<Key>, end: Ending, at: number): void {
    if (lane === this.lanes.current) {
      this.#endTasks(lane, end);
      this.lanes.worked(Infinity);
    }
    lane.child.ended(at);
    this.#supply.want(lane);
    if (!lane.child.hasFailed && end.isDenied !== true) return;
    const why = end.isDenied === true ? denied(end.detail) : unstartable(this.name, end.detail);
    this.table.forEach((place) => {
      if (this.table.lane[place] === lane.number) this.#stops.stop(this.table.ticketOf(place), why);
    });
  }

  /** What the child of this lane had in hand ends with it, or waits for the next. */
  #endTasks(lane: Lane<Key>, end: Ending): void {
    const { table } = this, inSlot = this.#inSlot, started = new Set(end.started);
    for (let i = inSlot.tickets.length - 1; i >= 0; i--) {
      const ticket = inSlot.tickets.get(i), place = table.at(ticket);
      if (!table.isInSlot(ticket)) continue;
      inSlot.leave(place);
      const hasStarted = table.state[place] === STATE.started || started.has(ticket);
      if (hasStarted) lane.child.worked();
      table.state[place] = STATE.queued;
      const max = this.rare.limit(ticket, "memoryLimitMB");
      const isTried = hasStarted || ++table.rehanded[place]! > MAX_REHANDS;
      const why = this.#stops.why(ticket) ??
        (isTried ? childEnded(this.name, end, hasStarted, max, MAX_REHANDS + 1) : null);
      if (why === null) lane.waiting.pushFront(ticket);
      else this.#stops.conclude(ticket, place, why, end);
    }
    inSlot.clear();
    this.#isWorn = false;
  }
}
