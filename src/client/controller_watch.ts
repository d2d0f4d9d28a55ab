/**
 * Notices that the controller is gone without a word (killed, cut off): while results are awaited the hub is asked now and then, and when it stays silent for long every
 * wait ends with an error. A controller that is only busy or stopped for a while has time enough.
 */

/** How often the hub is asked, how long it may take, and how many silences in a row are one too many. */
export interface Patience {
  readonly periodMs: number;
  readonly answerMs: number;
  readonly misses: number;
}

export const PATIENCE: Patience = { periodMs: 5_000, answerMs: 10_000, misses: 3 };

export interface Watched {
  /** Whether anything is awaited. */
  isNeeded(): boolean;
  /** Asks the hub something small. Rejects with a TimeoutError if no answer comes in time. */
  ask(timeoutMs: number): Promise<unknown>;
  /** The controller is given up, after so many ms of silence. */
  gone(silentMs: number): void;
}

export class ControllerWatch {
  readonly #watched: Watched;
  readonly #patience: Patience;
  readonly #timer: ReturnType<typeof setInterval>;
  #misses = 0;
  #isAsking = false;

  constructor(watched: Watched, patience: Patience = PATIENCE) {
    this.#watched = watched;
    this.#patience = patience;
    this.#timer = setInterval(() => void this.#look(), patience.periodMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isAsking || !this.#watched.isNeeded()) return;
    const { answerMs, misses } = this.#patience;
    this.#isAsking = true;
    try {
      await this.#watched.ask(answerMs);
      this.#misses = 0;
    } catch (error) {
      const isSilence = error instanceof DOMException && error.name === "TimeoutError";
      this.#misses = isSilence ? this.#misses + 1 : 0;
      if (this.#misses >= misses) this.#watched.gone(misses * answerMs);
    } finally {
      this.#isAsking = false;
    }
  }
}
