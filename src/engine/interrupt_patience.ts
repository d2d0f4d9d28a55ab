/**
 * How long a running task that was interrupted may take to heed it, before its process is stopped. Pure.
 */

/** A task that awaits something hears it within 20 ms; one that computes never does. */
const PATIENCE_MS = 250;

export class InterruptPatience {
  #ticket = 0;
  #how = "";
  /** Infinity while nobody was interrupted. */
  endsAt = Infinity;

  /** @param how by what it was interrupted */
  begin(ticket: number, how: string, at: number): void {
    if (this.#ticket === ticket && this.endsAt !== Infinity) return;
    this.#ticket = ticket;
    this.#how = how;
    this.endsAt = at + PATIENCE_MS;
  }

  /** By what the task that runs was interrupted, if it took too long to heed it; else null. */
  due(running: number, at: number): string | null {
    if (this.endsAt > at) return null;
    this.endsAt = Infinity;
    return running !== 0 && running === this.#ticket ? this.#how : null;
  }
}
