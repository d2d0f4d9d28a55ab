/**
 * Notices direct requests that an engine is through with and will never answer: Python's kernel drops a request whose handler fails, and only its `idle` tells.
 *
 * No time decides: an engine's answers to one client come in order, so whoever has been idle for a while without an answer is asked something small, and if that
 * answer comes first, the other is lost. A large answer that is still on its way comes before it.
 */

/** What the watch needs of the tasks. */
export interface LostReplyHost {
  /** Sends a question to an engine on the same way as its tasks; gives its msg_id. */
  probe(uuid: string): string;
  /** These tasks will get no answer. */
  lost(numbers: readonly number[]): void;
}

/** How long an engine may be idle without an answer before it is asked. */
const QUIET_MS = 1_000;

export class LostReplies {
  readonly #host: LostReplyHost;
  /** Tasks whose engine is idle again, by number, with the engine's uuid. */
  readonly #quiet = new Map<number, string>();
  /** Tasks that an answer to a question will show to be lost, by the question's msg_id. */
  readonly #asked = new Map<string, readonly number[]>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: LostReplyHost) {
    this.#host = host;
  }

  /** The engine is through with a task that has not been answered yet. */
  idle(n: number, uuid: string): void {
    this.#quiet.set(n, uuid);
    this.#timer ??= setTimeout(() => this.#ask(), QUIET_MS);
  }

  /** The task has ended. */
  forget(n: number): void {
    if (!this.#quiet.delete(n) || this.#quiet.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Takes a reply's parent; true if it answers a question of ours. */
  answered(msgId: string): boolean {
    const numbers = this.#asked.get(msgId);
    if (numbers === undefined) return false;
    this.#asked.delete(msgId);
    this.#host.lost(numbers);
    return true;
  }

  #ask(): void {
    this.#timer = undefined;
    const byEngine = Map.groupBy(this.#quiet, ([, uuid]) => uuid);
    this.#quiet.clear();
    for (const [uuid, tasks] of byEngine) this.#asked.set(this.#host.probe(uuid), tasks.map(([n]) => n));
  }
}
