/**
 * Which child each task needs, remembered for those that ask for nothing: they are the most.
 */
import { readAsk } from "../protocol/task_asks.ts";
import type { ChildKey, Grants } from "./grants.ts";

/** Most clients that are remembered. */
const MAX_CLIENTS = 4096;

export class TaskKeys {
  readonly #grants: Grants;
  readonly #plain = new Map<number, ChildKey>();

  constructor(grants: Grants) {
    this.#grants = grants;
  }

  /** The key of a task that asks for nothing. */
  plain(client: number): ChildKey {
    let key = this.#plain.get(client);
    if (key === undefined) {
      if (this.#plain.size >= MAX_CLIENTS) this.#plain.clear();
      this.#plain.set(client, key = this.#grants.keyFor(null, client));
    }
    return key;
  }

  /**
   * The key of a task with this tail.
   * @throws PermissionDenied
   * @throws TypeError naming what cannot be read
   */
  of(tail: unknown, client: number): ChildKey {
    const ask = readAsk(tail);
    return ask === null ? this.plain(client) : this.#grants.keyFor(ask, client);
  }
}
