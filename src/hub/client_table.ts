/** Clients of ours by index and by (session, pid), as a store has them in memory. */

import { type ClientCard, splitMsgId } from "./records.ts";

export class ClientTable {
  readonly #cards = new Map<number, ClientCard>();
  readonly #byName = new Map<string, ClientCard>();

  /** The index of (session, pid), a new one the first time. Indexes count from 1. */
  index(session: string, pid: number, username: string): number {
    const known = this.find(session, pid);
    if (known) return known.index;
    const index = this.#cards.size + 1;
    this.add({ index, session, pid, username });
    return index;
  }

  /** Takes in a client whose index somebody else has chosen. */
  add(card: ClientCard): void {
    this.#cards.set(card.index, card);
    this.#byName.set(`${card.session}_${card.pid}`, card);
  }

  card(index: number): ClientCard | undefined {
    return this.#cards.get(index);
  }

  find(session: string, pid: number): ClientCard | undefined {
    return this.#byName.get(`${session}_${pid}`);
  }

  /** The client and number that a msg_id stands for, if the client is one of ours. */
  nameOf(msgId: string): { client: number; n: number } | undefined {
    const parts = splitMsgId(msgId);
    const card = parts && this.find(parts.session, parts.pid);
    return card && parts ? { client: card.index, n: parts.n } : undefined;
  }
}
