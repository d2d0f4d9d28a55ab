/**
 * What a hub has taken in since its last commit, as documents for MongoDB. Writing a batch can be tried again until it succeeds: every
 * document has an `_id` that is chosen here, and what is there already stays.
 *
 * Tasks of groups are two documents, one when they are submitted and one when they end, since adding is much faster than changing.
 */

import type { CollectionName, Doc, MongoDatabase } from "./mongo_database.ts";

/** Documents of more bytes than this in one field are cut into pieces: MongoDB takes 16 MB in a document. */
export const INLINE_BYTES = 1 << 20;
const PIECE_BYTES = 4 << 20;
/** What a document costs beside its bytes, for the count of what is held. */
const OVERHEAD = 200;

/** Fields of a submission that name a definition which is not known by its row yet. */
interface Unresolved {
  readonly doc: { definition: string | null };
  readonly name: string;
}

/** What becomes known of a peer's task in one batch. */
interface Message {
  readonly fields: Record<string, unknown>;
  /** Whether it has probably no document yet: adding one is tried first. */
  readonly isFresh: boolean;
}

/** The side of a piece: arguments, result, or the name of a field that is large. */
export type Side = 0 | 1 | string;

export class MongoBatch {
  readonly #docs: Record<CollectionName, Doc[]> = {
    tsparallel: [],
    tsparallel_clients: [],
    tsparallel_engines: [],
    tsparallel_definitions: [],
    tsparallel_client_definitions: [],
    tsparallel_submissions: [],
    tsparallel_results: [],
    tsparallel_messages: [],
    tsparallel_outputs: [],
    tsparallel_pieces: [],
  };
  readonly #unresolved: Unresolved[] = [];
  readonly #messages = new Map<string, Message>();
  readonly #clientDefinitions = new Map<string, string>();
  readonly #resubmitted: Doc[] = [];
  #rows = 0;
  #bytes = 0;

  /** Documents and changes in it. */
  get rows(): number {
    return this.#rows;
  }

  /** About how many bytes it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  add(name: CollectionName, doc: Doc, bytes: number): void {
    this.#docs[name].push(doc);
    this.#count(bytes);
  }

  /** Adds a submission whose definition's row is looked up when the batch is written. */
  addUnresolved(doc: Doc & { definition: string | null }, name: string, bytes: number): void {
    this.#unresolved.push({ doc, name });
    this.add("tsparallel_submissions", doc, bytes);
  }

  /** A client's definition has this row from now on. */
  define(name: string, row: string): void {
    this.#clientDefinitions.set(name, row);
    this.#count(0);
  }

  /** A buffer that is too large for a document of its own. @param attempt tells one sending of it from another */
  addPieces(task: string, side: Side, place: number, bytes: Uint8Array, attempt: string): void {
    for (let offset = 0; offset < bytes.length || offset === 0; offset += PIECE_BYTES) {
      const data = bytes.subarray(offset, offset + PIECE_BYTES);
      this.addPiece({ task, side, place, offset, total: bytes.length, attempt, data });
    }
  }

  addPiece(piece: {
    readonly task: string;
    readonly side: Side;
    readonly place: number;
    readonly offset: number;
    readonly total: number;
    readonly attempt: string;
    readonly data: Uint8Array;
  }): void {
    const { task, side, place, offset, attempt, data } = piece;
    this.add(
      "tsparallel_pieces",
      { _id: JSON.stringify([task, side, place, offset, attempt]), ...piece },
      data.length,
    );
  }

  /** Sets fields of a peer's record, which need not be there yet. */
  message(msgId: string, fields: Readonly<Record<string, unknown>>, isFresh: boolean, bytes: number): void {
    const known = this.#messages.get(msgId);
    if (known) Object.assign(known.fields, fields);
    else this.#messages.set(msgId, { fields: { ...fields }, isFresh });
    this.#count(bytes);
  }

  /** A task was submitted again: its record, whichever kind it is, says so. */
  resubmitted(msgId: string, renewed: string): void {
    this.#resubmitted.push({ _id: msgId, resubmitted: renewed });
    this.#count(0);
  }

  /** Writes everything. @throws the driver's errors if the server is away: the batch stays as it is */
  async write(db: MongoDatabase): Promise<void> {
    await this.#resolve(db);
    const names = Object.keys(this.#docs) as CollectionName[];
    const definitions = [...this.#clientDefinitions].map(([_id, body]) => ({ _id, body }));
    await Promise.all([
      ...names.map((name) => db.insert(name, this.#docs[name])),
      db.set("tsparallel_client_definitions", definitions, true),
      this.#writeMessages(db),
    ]);
    await db.set("tsparallel_submissions", this.#resubmitted, false);
    await db.set("tsparallel_messages", this.#resubmitted, false);
  }

  async #writeMessages(db: MongoDatabase): Promise<void> {
    const fresh: Doc[] = [], known: Doc[] = [];
    for (const [_id, { fields, isFresh }] of this.#messages) {
      (isFresh ? fresh : known).push({ _id, ...fields });
    }
    const there = await db.insert("tsparallel_messages", fresh);
    known.push(...there.map((index) => fresh[index]!));
    await db.set("tsparallel_messages", known.filter((doc) => Object.keys(doc).length > 1), true);
  }

  async #resolve(db: MongoDatabase): Promise<void> {
    if (this.#unresolved.length === 0) return;
    const names = [...new Set(this.#unresolved.map(({ name }) => name))];
    const found = await db.among("tsparallel_client_definitions", "_id", names);
    const rows = new Map(found.map(({ _id, body }) => [_id, String(body)]));
    for (const { doc, name } of this.#unresolved) doc.definition = rows.get(name) ?? null;
  }

  #count(bytes: number): void {
    this.#rows++;
    this.#bytes += OVERHEAD + bytes;
  }
}
