/**
 * What was not taken from others: each message is counted, the first of each peer is said, and the number of peers that are remembered for it is bounded.
 */
import type { Logger } from "./log.ts";

const MAX_PEERS = 1000;

export class Complaints {
  readonly #log: Logger;
  readonly #peers = new Set<string>();
  #count = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Messages dropped since the start. */
  get count(): number {
    return this.#count;
  }

  drop(peer: string, why: string): void {
    this.#count++;
    if (this.#peers.has(peer) || this.#peers.size >= MAX_PEERS) return;
    this.#peers.add(peer);
    this.#log.warn("Dropped a message; later ones of this peer are only counted", { peer, why });
  }
}
