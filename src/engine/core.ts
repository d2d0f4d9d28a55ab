/**
 * The engine's decisions, pure: what is handed to the slot and when, what a cancel, a limit or a child's end does to each task.
 *
 * Tasks lie in a table of typed arrays; `next` and `handed` move them to the slot, `started` and `finish` take the slot's words. Rare things come
 * in as events, and what the shell has to do comes out in `actions`. A child is killed for one task only, and only after everything else that it
 * had was taken back, so that a kill never hits a task that it was not meant for.
 */
import type { TaskRecord } from "../protocol/groups.ts";
import type { Action, CoreOptions, Event, Rare, TaskName, Why } from "./core_types.ts";
import { ChildLife } from "./child_life.ts";
import { InterruptPatience } from "./interrupt_patience.ts";
import { lookDelay, Pace } from "./pace.ts";
import { RareTasks } from "./rare_tasks.ts";
import { FrameStore, STATE, TaskTable, TicketQueue } from "./task_table.ts";
import {
  answerOf,
  cancelled,
  childEnded,
  exceeded,
  FORGOTTEN,
  interrupted,
  lost,
  RECALLED,
  unstartable,
} from "./whys.ts";

/** A child that dies with a task in hand that never starts: so many tries. */
const MAX_REHANDS = 3;

export class EngineCore {
  readonly #options: CoreOptions;
  /** How the engine is called in sentences. */
  name = "The engine";
  readonly table = new TaskTable();
  readonly frames = new FrameStore();
  readonly actions: Action[] = [];
  /** How much may be handed. The shell says what the scheduler told. */
  readonly pace = new Pace();
  readonly #waiting = new TicketQueue();
  readonly #handed = new TicketQueue();
  /** What few tasks have. */
  readonly rare: RareTasks;
  readonly #whys = new Map<number, Why>();
  readonly #child = new ChildLife();
  readonly #patience = new InterruptPatience();
  /** The task for which the child is about to be killed, 0 for none. */
  #stopping = 0;
  #running = 0;
  #inSlot = 0;

  constructor(options: CoreOptions) {
    this.#options = options;
    this.rare = new RareTasks(options.limits);
  }

  /** The task that runs now, 0 if none is known to. */
  get running(): number {
    return this.#running;
  }

  /** Tasks in the slot without an answer. */
  get inSlot(): number {
    return this.#inSlot;
  }

  /** Counts namespaces: another number means that what was pushed is gone. */
  get epoch(): number {
    return this.#child.epoch;
  }

  /** The next time at which a tick is wanted, Infinity for none. */
  get nextTick(): number {
    return Math.min(this.#child.startAt, this.rare.nextAt, this.#patience.endsAt);
  }

  /** In how many ms the slot's state words have to be looked at without a doorbell, Infinity if a doorbell will do. */
  lookDelay(at: number): number {
    const ran = this.#running === 0 ? null : at - this.table.startedAt[this.table.at(this.#running)]!;
    return lookDelay(this.#inSlot, ran);
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
  ): number {
    const { table } = this;
    const ticket = table.add();
    if (ticket === 0) return 0;
    const place = table.at(ticket);
    table.fill(place, record);
    table.bind(place, frame, route, isScheduled, definition);
    this.frames.hold(frame);
    this.#waiting.push(ticket);
    if (rare !== null) this.rare.add(ticket, rare);
    return ticket;
  }

  /** The task to hand to the slot now, 0 for none. Call `handed` when the slot has taken it. */
  next(): number {
    if (this.#child.state !== "ready" || this.#stopping !== 0 || this.#inSlot >= this.#ahead) return 0;
    for (;;) {
      if (this.#waiting.length === 0) return 0;
      const ticket = this.#waiting.get(0);
      const place = this.table.at(ticket);
      if (place >= 0 && this.table.state[place] === STATE.queued) {
        if (this.table.scheduled[place] === 1 && !this.pace.isWindowOpen) return 0;
        return this.#inSlot > 0 && this.#mustWait(ticket) ? 0 : ticket;
      }
      this.#waiting.shift();
    }
  }

  get #ahead(): number {
    return this.#options.isolation === "shared" ? this.pace.ahead() : this.#child.isUsed ? 0 : 1;
  }

  /** Whether a task may not stand behind the one that was handed last. */
  #mustWait(ticket: number): boolean {
    if (this.rare.isEmpty) return false;
    const last = this.#handed.get(this.#handed.length - 1);
    return this.rare.get(ticket)?.isAlone === true || this.rare.get(last)?.isAlone === true;
  }

  /** The slot has the task that `next` named. */
  handed(): void {
    const ticket = this.#waiting.shift();
    const place = this.table.at(ticket);
    this.table.state[place] = STATE.handed;
    this.#handed.push(ticket);
    this.#inSlot++;
    this.#child.isUsed = true;
    if (this.table.scheduled[place] === 1) this.pace.scheduledInSlot++;
  }

  started(ticket: number, at: number): void {
    const place = this.table.at(ticket);
    if (place < 0 || this.table.state[place] !== STATE.handed) return;
    this.table.state[place] = STATE.started;
    this.table.startedAt[place] = at;
    this.#running = ticket;
    this.#child.worked();
    this.rare.started(ticket, at);
    if (this.#whys.get(ticket)?.kill) this.#kill(ticket);
  }

  /** The task's answer came. True: send it. Either way call `release` once the table was read. */
  finish(ticket: number, startedAt: number, finishedAt: number): boolean {
    const place = this.table.at(ticket);
    if (place < 0 || this.table.state[place]! < STATE.handed) return false;
    this.table.startedAt[place] = startedAt;
    this.#leaveSlot(place);
    if (this.#running === ticket) this.#running = 0;
    this.#child.worked();
    this.pace.finished(finishedAt - startedAt);
    if (this.#whys.size > 0) {
      const why = this.#whys.get(ticket);
      this.#whys.delete(ticket);
      if (why?.then === "drop") return false;
    }
    if (this.table.scheduled[place] === 1) this.pace.sent();
    return true;
  }

  /** Forgets a task that was finished. */
  release(ticket: number): void {
    if (this.table.at(ticket) < 0) return;
    this.#remove(ticket, this.table.at(ticket));
    while (this.#handed.length > 0 && !this.table.isInSlot(this.#handed.get(0))) this.#handed.shift();
    if (this.#options.isolation === "process" && this.#child.state === "ready" && this.#inSlot === 0) {
      this.#child.state = "dying";
      this.actions.push({ kind: "kill", ticket: 0 });
    }
  }

  /** Most MiB that the running task may use, Infinity if nothing runs or nothing bounds it. */
  get memoryLimitMB(): number {
    return this.#running === 0 ? Infinity : this.rare.limit(this.#running, "memoryLimitMB");
  }

  #leaveSlot(place: number): void {
    this.#inSlot--;
    if (this.table.scheduled[place] === 1) this.pace.scheduledInSlot--;
  }

  #remove(ticket: number, place: number): void {
    this.frames.release(this.table.frame[place]!);
    this.table.remove(place);
    this.rare.delete(ticket);
    if (this.#whys.size > 0) this.#whys.delete(ticket);
  }

  step(event: Event): void {
    switch (event.kind) {
      case "child_ready":
        this.#child.ready(event.at);
        break;
      case "child_ended":
        this.#childEnded(event.started, event.outOfMemory, event.detail, event.at);
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
      case "memory": {
        const max = this.memoryLimitMB, value = event.bytes / 2 ** 20;
        if (value > max) this.#stop(this.#running, exceeded({ limit: "memory", value, max }));
        break;
      }
      case "limit":
        this.#stop(event.ticket, exceeded(event.hit));
        break;
      case "forget":
        this.table.forEach((place) => this.#stop(this.table.ticketOf(place), FORGOTTEN));
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

  #tick(at: number): void {
    const stubborn = this.#patience.due(this.#running, at);
    if (stubborn !== null) this.#stop(this.#running, interrupted(stubborn));
    for (const { ticket, hit } of this.rare.hits(this.table, at)) this.#stop(ticket, exceeded(hit));
    if (this.#child.startAt > at) return;
    this.#child.state = "starting";
    this.actions.push({ kind: "start_child" });
  }

  /** Ends a task wherever it is: a waiting one at once, one in the slot by asking for it back, a started one with its child. */
  #stop(ticket: number, why: Why): void {
    const place = this.table.at(ticket);
    if (place < 0) return;
    switch (this.table.state[place]) {
      case STATE.queued:
        return this.#conclude(ticket, place, why);
      case STATE.handed:
        if (this.#whys.has(ticket)) return;
        this.#whys.set(ticket, why);
        this.actions.push({ kind: "withdraw", ticket });
        return;
      default:
        if (!why.kill && why.then !== "drop") return;
        if (this.#whys.has(ticket) && this.#stopping === ticket) return;
        this.#whys.set(ticket, why);
        if (why.kill) this.#kill(ticket);
    }
  }

  #kill(ticket: number): void {
    if (this.#stopping !== 0 || this.#child.state !== "ready") return;
    this.#stopping = ticket;
    for (let i = this.#handed.length - 1; i >= 0; i--) {
      const other = this.#handed.get(i), place = this.table.at(other);
      if (other !== ticket && place >= 0 && this.table.state[place] === STATE.handed) {
        this.actions.push({ kind: "withdraw", ticket: other });
      }
    }
    this.actions.push({ kind: "kill", ticket });
  }

  /** After a last look: whether the task still runs, and its child shall die. */
  confirmKill(ticket: number): boolean {
    if (ticket !== 0) {
      this.#stopping = 0;
      const place = this.table.at(ticket);
      if (place < 0 || this.table.state[place] !== STATE.started || this.#child.state !== "ready") {
        return false;
      }
    }
    this.#child.state = "dying";
    return true;
  }

  /** The slot's word on a `withdraw`: true if the task never will start. */
  withdrawn(ticket: number, isBack: boolean): void {
    const place = this.table.at(ticket);
    if (place < 0 || this.table.state[place] !== STATE.handed) return;
    const why = this.#whys.get(ticket);
    if (!isBack) {
      if (this.#child.isClosed) {
        return this.#conclude(ticket, place, lost(this.name, "The engine left", true));
      }
      if (why !== undefined && !why.kill && why.then !== "drop") this.#whys.delete(ticket);
      return;
    }
    this.#leaveSlot(place);
    if (this.#inSlot === 0 && this.#options.isolation === "process") this.#child.isUsed = false;
    this.table.state[place] = STATE.queued;
    if (why === undefined) this.#waiting.pushFront(ticket);
    else this.#conclude(ticket, place, why);
  }

  /** Ends a task that is in no slot as `why` says. */
  #conclude(ticket: number, place: number, why: Why): void {
    const { client, n, seq } = this.table;
    if (why.then === "return") {
      this.actions.push({ kind: "returned", client: client[place]!, n: n[place]!, seq: seq[place]! });
    }
    if (why.then === "answer") {
      if (this.table.scheduled[place] === 1) this.pace.sent();
      this.actions.push(answerOf(this.table, place, ticket, why, this.rare.get(ticket)?.peer));
    }
    this.#remove(ticket, place);
  }

  #cancel(names: readonly TaskName[]): void {
    for (const [ticket, { waitingOnly }] of this.table.find(names)) {
      const isRunning = this.table.state[this.table.at(ticket)] === STATE.started;
      this.#stop(ticket, cancelled(waitingOnly, isRunning));
    }
  }

  #recall(count: number): void {
    for (const queue of [this.#waiting, this.#handed]) {
      for (let i = queue.length - 1; i >= 0 && count > 0; i--) {
        const ticket = queue.get(i), place = this.table.at(ticket);
        if (place < 0 || this.table.scheduled[place] !== 1 || this.#whys.has(ticket)) continue;
        if (this.table.state[place] === STATE.started) continue;
        count--;
        this.#stop(ticket, RECALLED);
      }
    }
  }

  #interrupt(how: string, at: number): void {
    const ticket = this.#running;
    if (ticket === 0) {
      return this.#stop(this.#handed.first((one) => this.table.isInSlot(one)), interrupted(how));
    }
    this.#patience.begin(ticket, how, at);
    this.actions.push({ kind: "interrupt", ticket });
  }

  #restart(): void {
    if (this.#running !== 0) this.#whys.set(this.#running, interrupted("a restart"));
    if (this.#child.state === "ready") this.actions.push({ kind: "kill", ticket: 0 });
  }

  /** The engine goes for good: what has not started goes back to the scheduler, the rest is lost. */
  #leave(reason: string): void {
    this.#child.isClosed = true;
    this.table.forEach((place) => {
      const ticket = this.table.ticketOf(place);
      const hasStarted = this.table.state[place] === STATE.started;
      const why = lost(this.name, reason, hasStarted);
      if (hasStarted) this.#conclude(ticket, place, why);
      else this.#stop(ticket, this.table.scheduled[place] === 1 ? RECALLED : why);
    });
    this.#running = 0;
  }

  #childEnded(startedOnes: readonly number[], outOfMemory: boolean, detail: string, at: number): void {
    const started = new Set(startedOnes);
    for (let i = this.#handed.length - 1; i >= 0; i--) {
      const ticket = this.#handed.get(i), place = this.table.at(ticket);
      if (place < 0 || this.table.state[place]! < STATE.handed) continue;
      this.#leaveSlot(place);
      const hasStarted = this.table.state[place] === STATE.started || started.has(ticket);
      if (hasStarted) this.#child.worked();
      this.table.state[place] = STATE.queued;
      const max = this.rare.limit(ticket, "memoryLimitMB");
      const isTried = hasStarted || ++this.table.rehanded[place]! > MAX_REHANDS;
      const why = this.#whys.get(ticket) ??
        (isTried
          ? childEnded(this.name, detail, hasStarted, outOfMemory ? max : null, MAX_REHANDS + 1)
          : null);
      if (why === null) this.#waiting.pushFront(ticket);
      else this.#conclude(ticket, place, why);
    }
    this.#handed.clear();
    this.#stopping = this.#running = 0;
    this.#child.ended(at);
    if (!this.#child.hasFailed) return;
    const why = unstartable(this.name, detail);
    this.table.forEach((place) => this.#stop(this.table.ticketOf(place), why));
  }
}
