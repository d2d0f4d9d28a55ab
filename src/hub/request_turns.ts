/**
 * Questions that take their time, in the order in which their party asked them: the next of one party begins when the one before has
 * been answered, those of others do not wait for it.
 */

import { RequestError } from "./request_error.ts";

interface Turn {
  /** Settles when all questions of the party so far have been answered. */
  last: Promise<void>;
  waiting: number;
}

export class RequestTurns {
  readonly #limit: number;
  readonly #turns = new Map<string, Turn>();

  /** @param limit questions of one party that may wait */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Answers a question when it is its turn: at once, where none of this party is under way.
   * @param answer must not reject
   * @throws RequestError if too many of the party wait
   */
  take(party: string, answer: () => Promise<void>): void {
    const turn = this.#turns.get(party);
    if (!turn) {
      const first: Turn = { last: Promise.resolve(), waiting: 1 };
      this.#turns.set(party, first);
      first.last = answer().then(() => this.#done(party, first));
      return;
    }
    if (turn.waiting >= this.#limit) {
      throw new RequestError(
        "RuntimeError",
        `${this.#limit} questions of this client wait for their answers`,
      );
    }
    turn.waiting++;
    turn.last = turn.last.then(answer).then(() => this.#done(party, turn));
  }

  #done(party: string, turn: Turn): void {
    if (--turn.waiting === 0) this.#turns.delete(party);
  }
}
