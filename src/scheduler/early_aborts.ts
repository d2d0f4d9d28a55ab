/**
 * Ids that were aborted before their requests came: a client's abort takes another connection than its requests, and may overtake them. The oldest are forgotten.
 */

const MAX_IDS = 10_000;

export class EarlyAborts {
  readonly #ids = new Set<string>();

  add(msgId: string): void {
    this.#ids.add(msgId);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= MAX_IDS) return;
      this.#ids.delete(oldest);
    }
  }

  /** Whether a request that has just come was aborted; asking again says no. */
  take(msgId: string): boolean {
    return this.#ids.delete(msgId);
  }
}
