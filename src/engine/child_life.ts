/**
 * The life of a slot's child as the core counts it: absent, starting, ready, dying, and when to try again after it would not start. Pure.
 */

const MAX_FAILURES = 5;
/** A child that ends sooner than this after it was ready, without a result, has failed to start. */
const YOUNG_MS = 1000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;

export class ChildLife {
  state: "absent" | "starting" | "ready" | "dying" = "absent";
  /** Whether it has been given a task. */
  isUsed = false;
  /** No further child is wanted. */
  isClosed = false;
  /** Counts namespaces: another number means that what was pushed is gone. */
  epoch = 1;
  #startAt = 0;
  #readyAt = 0;
  #failures = 0;

  /** When the next child is to be started, Infinity if none is. */
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
    this.isUsed = false;
  }

  /** It gave a result, so it works. */
  proved(): void {
    this.#failures = 0;
  }

  ended(at: number): void {
    const isYoung = this.state === "starting" || (this.state === "ready" && at - this.#readyAt < YOUNG_MS);
    if (this.isUsed) this.epoch++;
    this.isUsed = false;
    this.state = "absent";
    this.#failures = isYoung ? this.#failures + 1 : 0;
    const delay = this.#failures === 0 ? 0 : FIRST_DELAY_MS * 2 ** (this.#failures - 1);
    this.#startAt = at + Math.min(MAX_DELAY_MS, delay);
  }
}
