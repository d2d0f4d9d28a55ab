/** Clients of ours by index and by (session, pid), for stores that keep nothing on disk. */

import { type ClientCard, splitMsgId } from "./records.ts";

export class ClientTable {
  readonly #cards: ClientCard[] = [];
  readonly #byName = new Map<string, ClientCard>();

  /** The index of (session, pid), a new one the first time. Indexes count from 1. */
  index(session: string, pid: number, username: string): number {
    const known = this.#byName.get(`${session}_${pid}`);
    if (known) return known.index;
    const card = { index: this.#cards.length + 1, session, pid, username };
    this.#cards.push(card);
    this.#byName.set(`${session}_${pid}`, card);
    return card.index;
  }

  card(index: number): ClientCard | undefined {
    return this.#cards[index - 1];
  }

  /** The client and number that a msg_id stands for, if the client is one of ours. */
  nameOf(msgId: string): { client: number; n: number } | undefined {
    const parts = splitMsgId(msgId);
    const card = parts && this.#byName.get(`${parts.session}_${parts.pid}`);
    return card && parts ? { client: card.index, n: parts.n } : undefined;
  }
}
