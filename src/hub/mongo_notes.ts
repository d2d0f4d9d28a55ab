/**
 * Notes of engines in MongoDB, kept in memory as they are needed: of this hub's engines, and of others that records name.
 */
import { type EngineNote, MAX_NOTES, readNote } from "./engine_notes.ts";
import type { MongoDatabase } from "./mongo_database.ts";

export class MongoNotes {
  readonly #db: MongoDatabase;
  readonly #known = new Map<string, EngineNote | null>();

  constructor(db: MongoDatabase) {
    this.#db = db;
  }

  get(uuid: string): EngineNote | null {
    return this.#known.get(uuid) ?? null;
  }

  set(uuid: string, note: EngineNote | null): void {
    if (this.#known.size >= MAX_NOTES) this.#known.clear();
    this.#known.set(uuid, note);
  }

  /** Reads those of these engines that are not known here. */
  async load(uuids: Iterable<string>): Promise<void> {
    const missing = [...new Set(uuids)].filter((uuid) => !this.#known.has(uuid));
    if (missing.length === 0) return;
    const docs = await this.#db.among("tsparallel_engines", "_id", missing);
    for (const uuid of missing) this.set(uuid, null);
    for (const doc of docs) this.set(String(doc._id), readNote(doc["note"]));
  }
}
