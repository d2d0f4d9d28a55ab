/**
 * Waiting for the schedulers to have sent what they gather: each time has a number, which they say back behind everything that they had. Who waits while there
 * are none, or longer than they should take, goes on with what has come.
 */

/** How long the schedulers may take, in ms: a turn of their loop. */
const PATIENCE_MS = 1000;

interface Waiting {
  readonly go: () => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class Flushes {
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #isOpen = false;

  /** The schedulers listen from now on. */
  begin(): void {
    this.#isOpen = true;
  }

  /** They are gone: nobody waits for them. */
  end(): void {
    this.#isOpen = false;
    for (const number of [...this.#waiting.keys()]) this.#go(number);
  }

  /** Waits, at most so long. @param tell asks the schedulers under a number */
  ask(tell: (number: number) => void, patienceMs = PATIENCE_MS): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    const number = ++this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#go(number), patienceMs);
    this.#waiting.set(number, { go: resolve, timer });
    tell(number);
    return promise;
  }

  /** They have sent everything up to this question. */
  done(number: number): void {
    this.#go(number);
  }

  #go(number: number): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    this.#waiting.delete(number);
    clearTimeout(waiting.timer);
    waiting.go();
  }
}
