/**
 * Clients of ours in MongoDB. All are kept in memory too; a new index is told only when the server has it, and is chosen so that
 * several hubs may use the same database.
 */

import { ClientTable } from "./client_table.ts";
import type { Doc, MongoDatabase } from "./mongo_database.ts";
import { mongoAway } from "./mongo_database.ts";
import type { ClientCard } from "./records.ts";
import { RequestError } from "./request_error.ts";

/** How often a number that another hub took meanwhile is chosen anew. */
const ATTEMPTS = 100;

export class MongoClients {
  readonly #db: MongoDatabase;
  readonly #table = new ClientTable();
  /** Indexes that are being chosen. */
  readonly #choosing = new Map<string, Promise<number>>();

  constructor(db: MongoDatabase) {
    this.#db = db;
  }

  /** Reads what other hubs, or this one before, have written. */
  async load(): Promise<void> {
    for await (const docs of this.#db.find("tsparallel_clients", {})) {
      for (const doc of docs) this.#table.add(cardOf(doc));
    }
  }

  /** @throws RequestError if the server cannot keep it */
  index(session: string, pid: number, username: string): number | Promise<number> {
    const known = this.#table.find(session, pid);
    if (known) return known.index;
    const name = `${session}_${pid}`;
    let choice = this.#choosing.get(name);
    if (!choice) {
      choice = this.#choose({ session, pid, username }).finally(() => this.#choosing.delete(name));
      this.#choosing.set(name, choice);
    }
    return choice;
  }

  card(index: number): ClientCard | undefined {
    return this.#table.card(index);
  }

  nameOf(msgId: string): { client: number; n: number } | undefined {
    return this.#table.nameOf(msgId);
  }

  async #choose(client: Omit<ClientCard, "index">): Promise<number> {
    const { session, pid } = client;
    try {
      for (let i = 0; i < ATTEMPTS; i++) {
        const [last] = await this.#db.all("tsparallel_clients", {}, { sort: { _id: -1 }, limit: 1 });
        const doc = { _id: Number(last?._id ?? 0) + 1, ...client };
        const isNew = (await this.#db.insert("tsparallel_clients", [doc])).length === 0;
        const [kept] = isNew ? [doc] : await this.#db.all("tsparallel_clients", { session, pid });
        if (!kept) continue;
        const card = cardOf(kept);
        this.#table.add(card);
        return card.index;
      }
    } catch (error) {
      throw mongoAway(error);
    }
    throw new RequestError(
      "RuntimeError",
      `no index was free for client "${session}" in ${ATTEMPTS} attempts`,
    );
  }
}

function cardOf(doc: Doc): ClientCard {
  return {
    index: Number(doc._id),
    session: String(doc["session"]),
    pid: Number(doc["pid"]),
    username: String(doc["username"]),
  };
}
