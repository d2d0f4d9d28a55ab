/**
 * Notices that the controller is gone without a word (killed, cut off): while something is awaited the hub is asked now and then, and when it stays silent for long every
 * wait ends with an error. A controller that is only busy or stopped for a while has time enough.
 */

/** How often the hub is asked, how long it may take, and how many silences in a row are one too many. */
export interface Patience {
  readonly periodMs: number;
  readonly answerMs: number;
  readonly misses: number;
}

const PERIOD_MS = 5_000;
/** A client that was itself too busy to read has so many tries. */
const MISSES = 3;

/** Patience that ends after so many ms of silence. */
export function patienceOf(timeoutMs: number): Patience {
  const answerMs = Math.max(1, timeoutMs / MISSES);
  return { periodMs: Math.min(PERIOD_MS, answerMs), answerMs, misses: MISSES };
}

export interface Watched {
  /** Whether anything is awaited. */
  isNeeded(): boolean;
  /** Asks the hub something small. Rejects with a TimeoutError if no answer comes in time. */
  ask(timeoutMs: number): Promise<unknown>;
  /** An answer is missing for the first time. */
  missed?(): void;
  /** The controller is given up, after so many ms of silence. */
  gone(silentMs: number): void;
}

export class ControllerWatch {
  readonly #watched: Watched;
  readonly #patience: Patience;
  readonly #timer: ReturnType<typeof setInterval>;
  #isAsking = false;
  #isClosed = false;

  constructor(watched: Watched, patience: Patience) {
    this.#watched = watched;
    this.#patience = patience;
    this.#timer = setInterval(() => void this.look(), patience.periodMs);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  /** Asks, and as long as there is no answer asks again. */
  async look(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { answerMs, misses } = this.#patience;
    for (let missed = 0; !this.#isClosed && this.#watched.isNeeded();) {
      if (await this.#isHeard()) break;
      if (++missed === 1) this.#watched.missed?.();
      if (missed >= misses) this.#watched.gone(misses * answerMs);
      if (missed >= misses) break;
    }
    this.#isAsking = false;
  }

  /** False if no answer came in time; an error of another kind is as good as one. */
  async #isHeard(): Promise<boolean> {
    try {
      await this.#watched.ask(this.#patience.answerMs);
      return true;
    } catch (error) {
      return !(error instanceof DOMException && error.name === "TimeoutError");
    }
  }
}
