/** The times that the results of a group tell: together for the engine, and charged to each client. */
import type { Accounts } from "./accounts.ts";

interface Timed {
  readonly client: number;
  readonly started: number;
  readonly completed: number;
}

export class Times {
  readonly #accounts: Accounts;
  /** Whose results are being added. */
  #client = -1;
  #ms = 0;
  #count = 0;
  totalMs = 0;
  /** Results that told their time. */
  count = 0;

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }

  add({ client, started, completed }: Timed): void {
    if (!(completed >= started && started > 0)) return;
    if (client !== this.#client) {
      this.close();
      this.#client = client;
    }
    this.#ms += completed - started;
    this.#count++;
  }

  /** After the last: charges it. */
  close(): void {
    if (this.#count === 0) return;
    this.#accounts.charge(this.#client, this.#ms, this.#count);
    this.totalMs += this.#ms;
    this.count += this.#count;
    this.#ms = this.#count = 0;
  }
}
