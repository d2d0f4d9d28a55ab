/**
 * The life of a key's child as the core counts it: absent, starting, ready, dying, and when to try again after it would not start. Pure.
 */

const MAX_FAILURES = 5;
/** A child that ends sooner than this after it was ready, without any task started, has failed to start. */
const YOUNG_MS = 1000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;

export class ChildLife {
  state: "absent" | "starting" | "ready" | "dying" = "absent";
  /** How many tasks it has been given. */
  tasks = 0;
  /** No further child is wanted. */
  isClosed = false;
  /** Counts namespaces: another number means that what was pushed is gone. */
  epoch = 1;
  #startAt = 0;
  #readyAt = 0;
  #failures = 0;
  #hasWorked = false;

  /** Whether it has been given a task. */
  get isUsed(): boolean {
    return this.tasks > 0;
  }

  /** When the next child can be started, Infinity if none can now. */
  get startAt(): number {
    return this.state === "absent" && !this.isClosed ? this.#startAt : Infinity;
  }

  /** So many children in a row that would not start: tasks are not left waiting for the next one. */
  get hasFailed(): boolean {
    return this.#failures >= MAX_FAILURES;
  }

  ready(at: number): void {
    this.state = "ready";
    this.#readyAt = at;
    this.tasks = 0;
    this.#hasWorked = false;
  }

  /** A task has started in it: whatever ends it now, it could start. */
  worked(): void {
    this.#hasWorked = true;
    this.#failures = 0;
  }

  ended(at: number): void {
    const isYoung = this.state === "ready" && at - this.#readyAt < YOUNG_MS && !this.#hasWorked;
    const hasFailed = this.state === "starting" || isYoung;
    this.retired();
    this.#failures = hasFailed ? this.#failures + 1 : 0;
    const delay = this.#failures === 0 ? 0 : FIRST_DELAY_MS * 2 ** (this.#failures - 1);
    this.#startAt = at + Math.min(MAX_DELAY_MS, delay);
  }

  /** It is let go in order. */
  retired(): void {
    if (this.isUsed) this.epoch++;
    this.tasks = 0;
    this.#hasWorked = false;
    this.state = "absent";
    this.#startAt = 0;
  }
}
