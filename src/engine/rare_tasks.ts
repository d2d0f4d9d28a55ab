/**
 * What only few tasks have: limits of their own, a deadline, a peer's request behind them; and the clock of all limits in time. Pure.
 */
import { DeadlineHeap } from "../base/heap.ts";
import type { Rare } from "./core_types.ts";
import { release } from "./piece_store.ts";
import type { TaskTable } from "./task_table.ts";
import { type LimitHit, NO_LIMITS, type TaskLimits } from "./task_limits.ts";

export class RareTasks {
  readonly #limits: TaskLimits;
  readonly #byTicket = new Map<number, Rare>();
  readonly #deadlines = new DeadlineHeap();

  /** @param limits those of the engine, for every task */
  constructor(limits: TaskLimits) {
    this.#limits = limits;
  }

  /** When the next task's time may be over, Infinity if none is counted. */
  get nextAt(): number {
    return this.#deadlines.next;
  }

  /** Whether every task has to be added, since its time counts from its submission. */
  get wantsAll(): boolean {
    return this.#limits.deadlineMs !== Infinity;
  }

  get isEmpty(): boolean {
    return this.#byTicket.size === 0;
  }

  add(ticket: number, rare: Rare): void {
    this.#byTicket.set(ticket, rare);
    const deadlineMs = Math.min(rare.limits?.deadlineMs ?? Infinity, this.#limits.deadlineMs);
    if (deadlineMs !== Infinity) this.#deadlines.push(rare.submitted + deadlineMs, ticket);
  }

  get(ticket: number): Rare | undefined {
    return this.#byTicket.size === 0 ? undefined : this.#byTicket.get(ticket);
  }

  delete(ticket: number): void {
    if (this.#byTicket.size === 0) return;
    const pieces = this.#byTicket.get(ticket)?.pieces ?? null;
    this.#byTicket.delete(ticket);
    if (pieces !== null) release(pieces);
  }

  /** The stricter of the engine's limit and the task's own. */
  limit(ticket: number, name: keyof TaskLimits): number {
    return Math.min(this.#limits[name], this.ownLimits(ticket)[name]);
  }

  ownLimits(ticket: number): TaskLimits {
    return this.get(ticket)?.limits ?? NO_LIMITS;
  }

  started(ticket: number, at: number): void {
    const limit = this.limit(ticket, "runTimeoutMs");
    if (limit !== Infinity) this.#deadlines.push(at + limit, ticket);
  }

  /** Tasks whose time is over, each with the limit that it has passed. */
  *hits(table: TaskTable, at: number): Generator<{ readonly ticket: number; readonly hit: LimitHit }> {
    while (this.#deadlines.next <= at) {
      const ticket = this.#deadlines.pop()!, place = table.at(ticket);
      const hit = place < 0 ? null : this.#timeHit(ticket, table.startedAt[place]!, at);
      if (hit !== null) yield { ticket, hit };
    }
  }

  /** The limit in time that the task has passed. `startedAt` 0: it has not started. */
  #timeHit(ticket: number, startedAt: number, at: number): LimitHit | null {
    const runMax = this.limit(ticket, "runTimeoutMs");
    if (startedAt > 0 && at >= startedAt + runMax) {
      return { limit: "run time", value: at - startedAt, max: runMax };
    }
    const rare = this.get(ticket), max = this.limit(ticket, "deadlineMs");
    if (rare === undefined || at < rare.submitted + max) return null;
    return { limit: "deadline", value: at - rare.submitted, max };
  }
}
