/**
 * What the child whose turn it is has in hand: tasks that were handed to it and not answered, in order, and which of them runs. Pure.
 */
import { type TaskTable, TicketQueue } from "./task_table.ts";
import type { Pace } from "./pace.ts";

export class InSlot {
  readonly tickets = new TicketQueue();
  /** Tasks without an answer. */
  count = 0;
  /** The task that runs now, 0 if none is known to. */
  running = 0;
  /** The task for which the child is about to be killed, 0 for none. */
  stopping = 0;
  readonly #table: TaskTable;
  readonly #pace: Pace;

  constructor(table: TaskTable, pace: Pace) {
    this.#table = table;
    this.#pace = pace;
  }

  add(ticket: number, place: number): void {
    this.tickets.push(ticket);
    this.count++;
    if (this.#table.scheduled[place] === 1) this.#pace.scheduledInSlot++;
  }

  /** A task has left it. */
  leave(place: number): void {
    this.count--;
    if (this.#table.scheduled[place] === 1) this.#pace.scheduledInSlot--;
  }

  /** Forgets what is over at the front. */
  trim(): void {
    while (this.tickets.length > 0 && !this.#table.isInSlot(this.tickets.get(0))) this.tickets.shift();
  }

  /** The first task that is in it, 0 for none. */
  get first(): number {
    return this.tickets.first((ticket) => this.#table.isInSlot(ticket));
  }

  /** The child is gone, and with it everything that it had. */
  clear(): void {
    this.tickets.clear();
    this.running = this.stopping = 0;
  }
}
