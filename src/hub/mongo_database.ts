/**
 * The only door to the npm driver `mongodb`: a connection, our collections with their indexes, and writing that can be tried again
 * and again. The driver is loaded where the records are in MongoDB, and nowhere else.
 */

import type { Collection, Db, Filter, MongoClient, Sort } from "mongodb";
import type { Logger } from "../base/log.ts";
import { RequestError } from "./request_error.ts";

/** A document of ours: what is in it is written by one file and read by another. */
export interface Doc {
  readonly _id: string | number;
  readonly [field: string]: unknown;
}

export interface MongoPlace {
  readonly url: string;
  readonly database: string;
  /** Whether a write is acknowledged only when it is in the server's journal; default what the URL says, or true. */
  readonly journal?: boolean | undefined;
  /** How long a server is looked for, default 5 s. */
  readonly patienceMs?: number | undefined;
}

/** Our collections and the fields that are looked for. Their names leave room for ipyparallel's `task_records` in the same database. */
const INDEXES = {
  tsparallel: [],
  tsparallel_clients: [],
  tsparallel_engines: [],
  tsparallel_definitions: [],
  tsparallel_client_definitions: [],
  tsparallel_submissions: ["submitted", "client_uuid"],
  tsparallel_results: ["engine_uuid", "completed"],
  tsparallel_messages: ["submitted", "client_uuid", "engine_uuid", "completed"],
  tsparallel_outputs: ["task"],
  tsparallel_pieces: ["task"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type CollectionName = keyof typeof INDEXES;

/** Written into the database; a newer hub may read older ones, never the reverse. */
const SCHEMA_VERSION = 2;
const DUPLICATE = 11_000;

export class MongoDatabase {
  readonly #place: MongoPlace;
  readonly #log: Logger;
  #client: MongoClient | undefined;
  #db: Db | undefined;

  constructor(place: MongoPlace, log: Logger) {
    this.#place = place;
    this.#log = log;
  }

  /** The URL without what is secret in it. */
  get url(): string {
    return this.#place.url.replace(/\/\/[^/@]*@/, "//…@");
  }

  /** Connects, and makes what is missing. @throws Error that names URL and database */
  async open(): Promise<void> {
    try {
      await this.#connect();
      await this.#prepare();
    } catch (error) {
      await this.close();
      const where = `"${this.url}", database "${this.#place.database}"`;
      throw new Error(`Cannot open the records in MongoDB at ${where}: ${reasonOf(error)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  /** Adds documents; what is there already stays. @returns the indexes of those that were there */
  async insert(name: CollectionName, docs: readonly Doc[]): Promise<number[]> {
    if (docs.length === 0) return [];
    try {
      await this.#collection(name).insertMany([...docs], { ordered: false });
      return [];
    } catch (error) {
      const failures = failedDocuments(error);
      if (failures) return this.#sorted(name, docs, failures);
      if (!isOurs(error)) throw error;
      if (docs.length === 1) {
        return this.#sorted(name, docs, [{ index: 0, code: 0, reason: reasonOf(error) }]);
      }
      // One of them cannot be written at all: the others must not wait for it for ever.
      const there: number[] = [];
      for (const [i, doc] of docs.entries()) if ((await this.insert(name, [doc])).length > 0) there.push(i);
      return there;
    }
  }

  /** Sets fields of documents. @param orAdd whether one that is missing is made */
  async set(name: CollectionName, changes: readonly Doc[], orAdd: boolean): Promise<void> {
    if (changes.length === 0) return;
    const updates = changes.map(({ _id, ...fields }) => ({
      updateOne: { filter: { _id }, update: { $set: fields }, upsert: orAdd },
    }));
    try {
      await this.#collection(name).bulkWrite(updates, { ordered: false });
    } catch (error) {
      const failures = failedDocuments(error);
      if (failures) return void this.#sorted(name, changes, failures);
      if (!isOurs(error)) throw error;
      if (changes.length > 1) { for (const change of changes) await this.set(name, [change], orAdd); }
      else this.#sorted(name, changes, [{ index: 0, code: 0, reason: reasonOf(error) }]);
    }
  }

  /** Documents that pass the filter, so many at a time. @param fields those that are wanted, or (with false) not wanted */
  async *find(
    name: CollectionName,
    filter: Readonly<Record<string, unknown>>,
    options: {
      readonly fields?: Readonly<Record<string, boolean>>;
      readonly sort?: Sort;
      readonly limit?: number;
    } = {},
  ): AsyncGenerator<Doc[]> {
    const { fields = {}, sort, limit = 0 } = options;
    const cursor = this.#collection(name).find(filter as Filter<Doc>, {
      projection: fields,
      batchSize: BATCH,
      limit,
      ...(sort ? { sort } : {}),
    });
    try {
      while (await cursor.hasNext()) {
        yield [await cursor.next(), ...cursor.readBufferedDocuments()].filter(isDoc);
      }
    } finally {
      await cursor.close();
    }
  }

  /** All that pass the filter. */
  async all(...args: Parameters<MongoDatabase["find"]>): Promise<Doc[]> {
    const docs: Doc[] = [];
    for await (const some of this.find(...args)) docs.push(...some);
    return docs;
  }

  /** Documents whose `field` is one of these values. */
  async among(
    name: CollectionName,
    field: string,
    values: readonly unknown[],
    fields: Readonly<Record<string, boolean>> = {},
  ): Promise<Doc[]> {
    const docs: Doc[] = [];
    for (let i = 0; i < values.length; i += BATCH) {
      docs.push(...await this.all(name, { [field]: { $in: values.slice(i, i + BATCH) } }, { fields }));
    }
    return docs;
  }

  /** Removes the documents whose `field` is one of these values. */
  async remove(name: CollectionName, field: string, values: readonly unknown[]): Promise<void> {
    for (let i = 0; i < values.length; i += BATCH) {
      await this.#collection(name).deleteMany(
        { [field]: { $in: values.slice(i, i + BATCH) } } as Filter<Doc>,
      );
    }
  }

  #collection(name: CollectionName): Collection<Doc> {
    if (!this.#db) throw new Error("it is not open");
    return this.#db.collection<Doc>(name);
  }

  async #connect(): Promise<void> {
    const { MongoClient } = await import("mongodb");
    const { url, database, patienceMs = 5000 } = this.#place;
    const journal = this.#place.journal ?? (/[?&](journal|j)=/i.test(url) ? undefined : true);
    this.#client = new MongoClient(url, {
      appName: "tsparallel",
      serverSelectionTimeoutMS: patienceMs,
      connectTimeoutMS: patienceMs,
      ignoreUndefined: true,
      promoteBuffers: true,
      ...(journal === undefined ? {} : { journal }),
    });
    await this.#client.connect();
    this.#db = this.#client.db(database);
  }

  async #prepare(): Promise<void> {
    await this.insert("tsparallel", [{ _id: "schema", version: SCHEMA_VERSION }]);
    const [schema] = await this.all("tsparallel", { _id: "schema" });
    const version = Number(schema?.["version"]);
    if (!(version >= 1 && version <= SCHEMA_VERSION)) {
      throw new Error(`its schema version is ${schema?.["version"]}, known is ${SCHEMA_VERSION}`);
    }
    // What came since is a collection more, which is made when it is first written.
    if (version < SCHEMA_VERSION) {
      await this.set("tsparallel", [{ _id: "schema", version: SCHEMA_VERSION }], false);
    }
    await this.#collection("tsparallel_clients").createIndex({ session: 1, pid: 1 }, { unique: true });
    for (const [name, fields] of Object.entries(INDEXES)) {
      for (const field of fields) await this.#collection(name as CollectionName).createIndex({ [field]: 1 });
    }
  }

  /** The indexes of those that were there already; of the others it is logged that they are lost. */
  #sorted(name: CollectionName, docs: readonly Doc[], failures: readonly Failure[]): number[] {
    for (const { index, code, reason } of failures) {
      if (code === DUPLICATE) continue;
      this.#log.error("A record cannot be written to MongoDB and is left out", {
        collection: name,
        id: String(docs[index]?._id),
        reason,
      });
    }
    return failures.filter(({ code }) => code === DUPLICATE).map(({ index }) => index);
  }
}

/** Documents that are read or named at a time. */
const BATCH = 1000;

interface Failure {
  readonly index: number;
  readonly code: number;
  readonly reason: string;
}

function isDoc(doc: Doc | null): doc is Doc {
  return doc !== null;
}

/** What the server said of single documents, or undefined if it is not there or refused them all. */
function failedDocuments(error: unknown): Failure[] | undefined {
  if (!(error instanceof Error) || !("writeErrors" in error)) return undefined;
  const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  if (errors.length === 0 || !errors.every((each) => typeof each?.index === "number")) return undefined;
  return errors.map(({ index, code, errmsg }) => ({ index, code: Number(code), reason: String(errmsg) }));
}

/** Whether the driver refused a document before it was sent: trying again would not help. */
function isOurs(error: unknown): boolean {
  return error instanceof Error &&
    (/^(BSON\w*Error|MongoInvalidArgumentError)$/.test(error.name) || error instanceof RangeError);
}

/** One line that says what is wrong. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!.slice(0, 300);
}

/** What a client hears when MongoDB does not answer. */
export function mongoAway(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  return new RequestError(
    "ConnectionError",
    `MongoDB does not answer; what happened is held and written when it is back: ${reasonOf(error)}`,
  );
}
