/**
 * Who is alive: one ping to all at each beat, and whoever answers neither this nor the previous beat's ping has missed it.
 * A heart that subscribes between two beats is pinged at once, so a beat may have several pings.
 */

/** What a pong means. */
export type Pong = "counted" | "unknown heart" | "ignored";

/** Decisions about hearts; sends nothing and knows no clock. */
export class Heartbeats {
  readonly #maxMisses: number;
  readonly #misses = new Map<string, number>();
  #answered = new Set<string>();
  #pings = new Set<string>();
  #earlierPings = new Set<string>();

  /** @param maxMisses a heart is given up when it misses more beats than this in a row */
  constructor(maxMisses: number) {
    this.#maxMisses = maxMisses;
  }

  /** Hearts that are watched. */
  get size(): number {
    return this.#misses.size;
  }

  /** A ping with this payload was sent. */
  pinged(payload: string): void {
    this.#pings.add(payload);
  }

  /** A heart sent back a payload. */
  ponged(uuid: string, payload: string): Pong {
    if (!this.#pings.has(payload) && !this.#earlierPings.has(payload)) return "ignored";
    if (!this.#misses.has(uuid)) return "unknown heart";
    this.#answered.add(uuid);
    return "counted";
  }

  /** Watches a heart from now on; it has just answered. */
  watch(uuid: string): void {
    this.#misses.set(uuid, 0);
    this.#answered.add(uuid);
  }

  forget(uuid: string): void {
    this.#misses.delete(uuid);
    this.#answered.delete(uuid);
  }

  /** Ends a beat. Returns the hearts that are given up; they are forgotten. */
  beat(): string[] {
    const stopped: string[] = [];
    for (const [uuid, misses] of this.#misses) {
      const now = this.#answered.has(uuid) ? 0 : misses + 1;
      if (now > this.#maxMisses) stopped.push(uuid);
      else if (now !== misses) this.#misses.set(uuid, now);
    }
    for (const uuid of stopped) this.#misses.delete(uuid);
    this.#answered = new Set();
    this.#earlierPings = this.#pings;
    this.#pings = new Set();
    return stopped;
  }
}
