/**
 * How tasks are stopped: a waiting one at once, one in the slot by asking for it back, a started one with its child, unless it looks at its signal and
 * ends by itself. A child is killed for one task only, and only after everything else that it had was taken back, so that a kill never hits a
 * task that it was not meant for. Pure.
 */
import type { By } from "../protocol/by.ts";
import type { Action, Ending, Why } from "./core_types.ts";
import type { InSlot } from "./in_slot.ts";
import type { Lanes } from "./lanes.ts";
import type { Pace } from "./pace.ts";
import type { RareTasks } from "./rare_tasks.ts";
import { type FrameStore, STATE, type TaskTable } from "./task_table.ts";
import { ABORTED, answerOf, cancelled, lost } from "./whys.ts";

export interface StopsParts {
  readonly table: TaskTable;
  readonly frames: FrameStore;
  readonly rare: RareTasks;
  readonly lanes: Lanes;
  readonly inSlot: InSlot;
  readonly pace: Pace;
  readonly actions: Action[];
  readonly cancelGraceMs: number;
}

export class Stops {
  readonly #parts: StopsParts;
  readonly #whys = new Map<number, Why>();
  /** The running task whose signal was aborted, 0 for none, and until when it may end by itself. */
  #graceFor = 0;
  graceEndsAt = Infinity;
  /** What the children that were killed had: for which task that was, and a task. */
  #dying: [killedFor: number, ticket: number][] = [];

  constructor(parts: StopsParts) {
    this.#parts = parts;
  }

  /** Whether a task in the slot is to be stopped or taken back. */
  has(ticket: number): boolean {
    return this.#whys.size > 0 && this.#whys.has(ticket);
  }

  why(ticket: number): Why | undefined {
    return this.#whys.size === 0 ? undefined : this.#whys.get(ticket);
  }

  /** Ends a task wherever it is. */
  stop(ticket: number, why: Why): void {
    const { table, actions } = this.#parts, place = table.at(ticket);
    if (place < 0) return;
    switch (table.state[place]) {
      case STATE.queued:
        return this.conclude(ticket, place, why);
      case STATE.handed:
        if (this.#whys.has(ticket)) return;
        this.#whys.set(ticket, why);
        actions.push({ kind: "withdraw", ticket });
        return;
      case STATE.started:
        return this.#stopStarted(ticket, why);
      case STATE.dying:
        if (why.then === "drop") this.#whys.set(ticket, why);
    }
  }

  #stopStarted(ticket: number, why: Why): void {
    if (!why.kill && why.then !== "drop") return;
    if (this.#parts.inSlot.stopping === ticket && this.#whys.has(ticket)) return;
    // Whoever cancelled it first is named, whatever it then runs into.
    const isGraced = this.#graceFor === ticket && why.then === "answer";
    if (!isGraced) this.#whys.set(ticket, why);
    if (why.kill) this.kill(ticket);
  }

  /** A task began although it is to be stopped. */
  begun(ticket: number): void {
    const why = this.why(ticket);
    if (why === undefined || !why.kill) return;
    if (!why.isGraceful) return this.kill(ticket);
    this.#whys.delete(ticket);
    this.cancel(ticket, false, why.by ?? undefined);
  }

  /** Cancels or, as the wire's abort, only what has not started. */
  cancel(ticket: number, waitingOnly: boolean, by: By | undefined): void {
    const { table, actions } = this.#parts, place = table.at(ticket);
    if (waitingOnly) return this.stop(ticket, ABORTED);
    if (table.state[place] === STATE.dying) return;
    const isRunning = table.state[place] === STATE.started;
    const why = cancelled(isRunning ? "running" : "waiting", by);
    if (!isRunning) return this.stop(ticket, why);
    if (this.#whys.has(ticket)) return;
    this.#whys.set(ticket, why);
    actions.push({ kind: "signal", ticket, text: why.evalue });
  }

  /** The running task's signal was aborted; if it ever looked at it, it has time to end by itself. */
  signalled(ticket: number, hasLooked: boolean, at: number): void {
    const { table, rare, cancelGraceMs } = this.#parts;
    if (table.state[table.at(ticket)] !== STATE.started) return;
    const graceMs = rare.get(ticket)?.graceMs ?? cancelGraceMs;
    if (!hasLooked || graceMs <= 0) return this.kill(ticket);
    this.#graceFor = ticket;
    this.graceEndsAt = at + graceMs;
  }

  /** Kills for a task whose time to end by itself is over. */
  tick(at: number): void {
    if (this.graceEndsAt > at) return;
    this.graceEndsAt = Infinity;
    if (this.#graceFor === this.#parts.inSlot.running) this.kill(this.#graceFor);
  }

  /** A started task gave its answer: what is said instead of it, if anything. */
  finished(ticket: number): Why | undefined {
    if (this.#whys.size === 0) return undefined;
    const why = this.#whys.get(ticket);
    this.#whys.delete(ticket);
    if (why === undefined) return undefined;
    if (why.then === "drop") return why;
    // What it has written, it has written, though it came to an end meanwhile.
    if (why.limit?.limit === "output") return why;
    if (this.#graceFor !== ticket) return undefined;
    this.#endGrace();
    return cancelled("heeded", why.by ?? undefined);
  }

  #endGrace(): void {
    this.#graceFor = 0;
    this.graceEndsAt = Infinity;
  }

  /** Prepares the end of the working child for the sake of one task. */
  kill(ticket: number): void {
    const { inSlot, lanes, table, actions } = this.#parts;
    if (inSlot.stopping !== 0 || lanes.current.child.state !== "ready") return;
    inSlot.stopping = ticket;
    for (let i = inSlot.tickets.length - 1; i >= 0; i--) {
      const other = inSlot.tickets.get(i), place = table.at(other);
      if (other !== ticket && place >= 0 && table.state[place] === STATE.handed) {
        actions.push({ kind: "withdraw", ticket: other });
      }
    }
    actions.push({ kind: "kill", ticket, lane: lanes.current.number });
  }

  /** After a last look: whether the task still runs, and its child shall die. */
  confirmKill(ticket: number, lane: number): boolean {
    const { inSlot, lanes, table } = this.#parts;
    if (ticket === 0) return true;
    inSlot.stopping = 0;
    const place = table.at(ticket);
    if (place < 0 || table.state[place] !== STATE.started) return false;
    if (lanes.at(lane).child.state !== "ready") return false;
    // Only a child that lies about itself has anything else by now.
    for (let i = 0; i < inSlot.tickets.length; i++) {
      const at = table.at(inSlot.tickets.get(i));
      if (!table.isInSlot(inSlot.tickets.get(i))) continue;
      inSlot.leave(at);
      table.state[at] = STATE.dying;
      this.#dying.push([ticket, inSlot.tickets.get(i)]);
    }
    inSlot.clear();
    return true;
  }

  /** The child that was killed for this task is dead. */
  dead(killedFor: number, end: Ending, engine: string): void {
    const { table } = this.#parts, gone = this.#dying.filter(([reason]) => reason === killedFor);
    this.#dying = this.#dying.filter(([reason]) => reason !== killedFor);
    for (const [, ticket] of gone) {
      const place = table.at(ticket);
      if (place < 0 || table.state[place] !== STATE.dying) continue;
      table.state[place] = STATE.queued;
      this.conclude(
        ticket,
        place,
        this.#whys.get(ticket) ?? lost(engine, end.detail, true, end.endedBy),
        end,
      );
    }
  }

  /** The slot's word on a `withdraw`: true if the task never will start. */
  withdrawn(ticket: number, isBack: boolean, engine: string): void {
    const { table, inSlot, lanes } = this.#parts, place = table.at(ticket);
    if (place < 0 || table.state[place] !== STATE.handed) return;
    const why = this.#whys.get(ticket), lane = lanes.at(table.lane[place]!);
    if (!isBack) {
      if (lane.child.isClosed) return this.conclude(ticket, place, lost(engine, "The engine left", true));
      if (why !== undefined && !why.kill && why.then !== "drop") this.#whys.delete(ticket);
      return;
    }
    inSlot.leave(place);
    lane.child.tasks--;
    table.state[place] = STATE.queued;
    if (why !== undefined) return this.conclude(ticket, place, why);
    lane.waiting.pushFront(ticket);
    lanes.enqueue(lane);
  }

  /** Ends a task that is in no slot as `why` says. @param end of the child, if that was it */
  conclude(ticket: number, place: number, why: Why, end: Ending | null = null): void {
    const { table, pace, actions, rare } = this.#parts;
    if (why.then === "return") {
      const { client, n, seq } = table;
      actions.push({ kind: "returned", client: client[place]!, n: n[place]!, seq: seq[place]! });
    }
    if (why.then === "answer") {
      if (table.scheduled[place] === 1) pace.sent();
      actions.push(answerOf(table, place, ticket, why, { end, peer: rare.get(ticket)?.peer }));
    }
    this.remove(ticket, place);
  }

  /** Forgets a task. */
  remove(ticket: number, place: number): void {
    const { frames, table, rare } = this.#parts;
    frames.release(table.frame[place]!);
    table.remove(place);
    rare.delete(ticket);
    if (this.#whys.size === 0) return;
    this.#whys.delete(ticket);
    if (this.#graceFor === ticket) this.#endGrace();
  }

  /** A task that runs is ended by other means; this is what its client will be told. */
  mark(ticket: number, why: Why): void {
    this.#whys.set(ticket, why);
  }
}
