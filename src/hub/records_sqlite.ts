/**
 * Records in SQLite: one file per cluster, append-only tables for groups, one transaction per commit. What the disk refuses is held
 * and tried again at the next commit. This is the only door to `node:sqlite`; the tables are in `sqlite_schema.ts`.
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { createHash } from "node:crypto";
import { ANY, emptyResult, emptyTask, GroupReader, OP } from "../protocol/groups.ts";
import { ChunkAssembler, ROW_BYTES } from "./chunk_assembler.ts";
import type { Route } from "./ledger.ts";
import type { Condition } from "./query_match.ts";
import {
  type ClientCard,
  type CommitReport,
  OUTPUT_KINDS,
  type PeerFields,
  type RecordContext,
  type RecordStore,
  splitMsgId,
  type StoredRecord,
  type TaskOutput,
} from "./records.ts";
import { RequestError } from "./request_error.ts";
import { checkSchema, JSON_COLUMNS, PLAIN_COLUMNS, SCHEMA, SCHEMA_VERSION } from "./sqlite_schema.ts";
import { type Database, SqliteReader, type TaskKey } from "./sqlite_reader.ts";
import { toMicros } from "./times.ts";

export interface SqliteOptions {
  /** Path of the database; large buffers go into the folder `<path>.buffers`. */
  readonly file: string;
  /** `process` (default): survives the end of any process; `power`: a power cut too, at a cost per commit. */
  readonly durability?: "process" | "power" | undefined;
  /** Bytes that are held when the disk refuses, default 64 MiB. */
  readonly maxHeldBytes?: number | undefined;
  /** Bytes of text output per task, default 1 MiB. */
  readonly maxOutputBytes?: number | undefined;
}

type Value = string | number | null | Uint8Array;

/** A statement to run at the next commit. */
interface Operation {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** Client indexes above would make a task's number inexact. */
const MAX_CLIENT = 2 ** 21 - 1;
/** Rows that one INSERT writes; more gained nothing. */
const ROWS = 10;
const SUBMISSION_COLUMNS = 7;
const RESULT_COLUMNS = 9;
/** What a row costs beside its bytes, for the bound of what is held. */
const ROW_OVERHEAD = 100;
/** Entries of each cache. */
const MAX_CACHED = 10_000;

export class SqliteRecords implements RecordStore {
  readonly name = "SQLite";
  readonly #db: DatabaseSync;
  readonly #reader: SqliteReader;
  readonly #chunks: ChunkAssembler;
  readonly #options: SqliteOptions;
  readonly #statements = new Map<string, StatementSync>();
  readonly #cards = new Map<number, ClientCard>();
  readonly #cardsByName = new Map<string, ClientCard | null>();
  readonly #engineRows = new Map<number, number>();
  readonly #definitions = new Map<string, number>();
  readonly #newDefinitions = new Map<string, number>();
  readonly #outputBytes = new Map<TaskKey, number>();
  readonly #group = new GroupReader();
  #submissions: Value[] = [];
  #results: Value[] = [];
  #operations: Operation[] = [];
  #heldBytes = 0;
  #nextDefinition: number;
  #nextEngineRow: number;

  /**
   * Opens or makes the database.
   * @throws Error if the file is no database of ours or cannot be opened; the text names it
   */
  constructor(context: RecordContext, options: SqliteOptions) {
    this.#options = options;
    this.#db = open(options);
    const folder = options.file === ":memory:" ? null : `${options.file}.buffers`;
    this.#chunks = new ChunkAssembler(folder);
    const database: Database = {
      prepare: (sql) => this.#prepare(sql),
      card: (index) => this.client(index),
      keyOf: (msgId) => this.#keyOf(msgId),
      folder,
    };
    this.#reader = new SqliteReader(database, context);
    this.#nextDefinition = this.#count("SELECT coalesce(max(id), 0) + 1 AS value FROM definitions");
    this.#nextEngineRow = this.#count("SELECT coalesce(max(id), 0) + 1 AS value FROM engines");
  }

  get waiting(): number {
    return this.#submissions.length / SUBMISSION_COLUMNS + this.#results.length / RESULT_COLUMNS +
      this.#operations.length;
  }

  clientIndex(session: string, pid: number, username: string): number {
    const known = this.#findCard(session, pid);
    if (known) return known.index;
    const insert = this.#prepare("INSERT INTO clients (session, pid, username) VALUES (?, ?, ?)");
    const index = Number(insert.run(session, pid, username).lastInsertRowid);
    if (index > MAX_CLIENT) throw new RangeError(`Cannot number client ${index}: ${MAX_CLIENT} is the last`);
    const card = { index, session, pid, username };
    this.#cards.set(index, card);
    this.#cardsByName.set(`${session}_${pid}`, card);
    return index;
  }

  client(index: number): ClientCard | undefined {
    const known = this.#cards.get(index);
    if (known) return known;
    const row = this.#prepare("SELECT session, pid, username FROM clients WHERE id = ?").get(index);
    if (!row) return undefined;
    const card = {
      index,
      session: String(row["session"]),
      pid: Number(row["pid"]),
      username: String(row["username"]),
    };
    if (this.#cards.size >= MAX_CACHED) this.#cards.clear();
    this.#cards.set(index, card);
    return card;
  }

  engine(id: number, uuid: string): void {
    const known = this.#prepare("SELECT id FROM engines WHERE uuid = ?").get(uuid);
    const row = known ? Number(known["id"]) : this.#nextEngineRow++;
    this.#engineRows.set(id, row);
    if (!known) this.#later("INSERT OR IGNORE INTO engines (id, uuid) VALUES (?, ?)", [row, uuid]);
  }

  takeTasks(frame: Uint8Array, route: Route): void {
    const header = this.#group.open(frame);
    const engine = route === "mux" && header.target !== ANY
      ? this.#engineRows.get(header.target) ?? null
      : null;
    const word = route === "mux" ? 1 << 8 : 0;
    const task = emptyTask();
    while (this.#group.task(task)) {
      const end = task.bodyOffset + task.bodyLength;
      const bodyEnd = end - task.tailLength;
      if (task.op === OP.define) {
        this.#define(task.client, task.n, task.definition, frame.slice(task.bodyOffset, bodyEnd));
        continue;
      }
      this.#submissions.push(
        keyOf(task.client, task.n),
        task.op | word | (task.buffers << 16),
        task.op === OP.apply ? this.#definitionRow(task.client, task.definition) : null,
        engine,
        toMicros(task.submitted),
        frame.subarray(task.bodyOffset, bodyEnd),
        task.tailLength > 0 ? frame.subarray(bodyEnd, end) : null,
      );
      this.#heldBytes += ROW_OVERHEAD + task.bodyLength;
    }
  }

  takeResults(frame: Uint8Array, received: number): void {
    this.#group.open(frame);
    const result = emptyResult();
    while (this.#group.result(result)) {
      const end = result.bodyOffset + result.bodyLength;
      const bodyEnd = end - result.tailLength;
      this.#results.push(
        keyOf(result.client, result.n),
        result.status | (result.buffers << 16),
        this.#engineRows.get(result.engine) ?? null,
        result.epoch,
        toMicros(result.started),
        toMicros(result.completed),
        received,
        frame.subarray(result.bodyOffset, bodyEnd),
        result.tailLength > 0 ? frame.subarray(bodyEnd, end) : null,
      );
      this.#heldBytes += ROW_OVERHEAD + result.bodyLength;
    }
  }

  takeChunk(frame: Uint8Array, piece: Uint8Array): void {
    const whole = this.#chunks.take(frame, piece);
    if (!whole) return;
    const key = keyOf(whole.client, whole.n);
    this.#keepBuffer(key, whole.side, whole.index, whole.size, whole.bytes, whole.file);
  }

  put(msgId: string, fields: PeerFields): void {
    const key = this.#keyOf(msgId) ?? msgId;
    const columns: string[] = [];
    const values: Value[] = [];
    for (const column of JSON_COLUMNS) {
      const value = fields[column];
      if (value === undefined) continue;
      columns.push(column);
      values.push(JSON.stringify(value));
    }
    for (const column of PLAIN_COLUMNS) {
      const value = fields[column];
      if (value === undefined) continue;
      columns.push(column);
      values.push(value);
    }
    if (columns.length > 0) this.#later(upsert(columns), [msgId, ...values]);
    if (fields.resubmitted !== undefined) {
      this.#later("INSERT OR REPLACE INTO resubmissions (task, msg_id) VALUES (?, ?)", [
        key,
        fields.resubmitted,
      ]);
    }
    fields.buffers?.forEach((buffer, i) => this.#putBuffer(key, 0, i, buffer));
    fields.result_buffers?.forEach((buffer, i) => this.#putBuffer(key, 1, i, buffer));
  }

  output(msgId: string, output: TaskOutput): void {
    const key = this.#keyOf(msgId);
    const task = key ?? msgId;
    const before = this.#outputBytes.get(task) ?? this.#storedOutput(task);
    const after = before + output.text.length;
    if (after > (this.#options.maxOutputBytes ?? 1 << 20)) return;
    if (this.#outputBytes.size >= MAX_CACHED) {
      this.commit();
      this.#outputBytes.clear();
    }
    this.#outputBytes.set(task, after);
    if (key === undefined && before === 0) {
      this.#later("INSERT OR IGNORE INTO messages (msg_id) VALUES (?)", [msgId]);
    }
    const kind = OUTPUT_KINDS.indexOf(output.kind);
    this.#later("INSERT INTO outputs (task, kind, text) VALUES (?, ?, ?)", [task, kind, output.text]);
  }

  commit(): CommitReport {
    if (this.waiting === 0) return { kind: "committed" };
    try {
      this.#write();
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      const reason = error instanceof Error ? error.message : String(error);
      const isFull = this.#heldBytes >= (this.#options.maxHeldBytes ?? 64 << 20);
      return { kind: "refused", reason, heldBytes: this.#heldBytes, isFull };
    }
    this.#submissions = [];
    this.#results = [];
    this.#operations = [];
    this.#heldBytes = 0;
    this.#newDefinitions.clear();
    return { kind: "committed" };
  }

  get(msgId: string): StoredRecord | undefined {
    this.commit();
    return this.#reader.get(msgId);
  }

  find(conditions: readonly Condition[], limit: number): StoredRecord[] {
    this.commit();
    return this.#reader.find(conditions, limit);
  }

  history(): string[] {
    this.commit();
    return this.#reader.history();
  }

  drop(msgIds: readonly string[]): void {
    this.#dropMarked(() => {
      const mark = this.#prepare("INSERT INTO doomed (task) VALUES (?)");
      for (const msgId of msgIds) {
        mark.run(msgId);
        const key = this.#keyOf(msgId);
        if (key !== undefined) mark.run(key);
      }
    });
  }

  dropFinished(engineUuid?: string): void {
    this.#dropMarked(() => {
      if (engineUuid === undefined) {
        this.#db.exec("INSERT INTO doomed SELECT task FROM results");
        this.#db.exec("INSERT INTO doomed SELECT msg_id FROM messages WHERE completed IS NOT NULL");
        return;
      }
      this.#prepare(
        "INSERT INTO doomed SELECT task FROM results WHERE engine = (SELECT id FROM engines WHERE uuid = ?)",
      ).run(engineUuid);
      this.#prepare(
        "INSERT INTO doomed SELECT msg_id FROM messages WHERE completed IS NOT NULL AND engine_uuid = ?",
      ).run(engineUuid);
    });
  }

  /** Writes what waits, if the disk lets it, and closes the file. */
  close(): void {
    if (!this.#db.isOpen) return;
    this.commit();
    this.#chunks.close();
    this.#statements.clear();
    this.#db.close();
  }

  #write(): void {
    this.#db.exec("BEGIN IMMEDIATE");
    for (const { sql, values } of this.#operations) this.#prepare(sql).run(...values);
    this.#insert("submissions", SUBMISSION_COLUMNS, this.#submissions);
    this.#insert("results", RESULT_COLUMNS, this.#results);
    this.#db.exec("COMMIT");
  }

  /** Rows of values, ten to a statement and the rest one by one; of a task that is there already the first stays. */
  #insert(table: string, columns: number, values: readonly Value[]): void {
    const row = `(${Array(columns).fill("?").join(", ")})`;
    const one = this.#prepare(`INSERT OR IGNORE INTO ${table} VALUES ${row}`);
    const ten = this.#prepare(`INSERT OR IGNORE INTO ${table} VALUES ${Array(ROWS).fill(row).join(", ")}`);
    let at = 0;
    const step = columns * ROWS;
    for (; at + step <= values.length; at += step) ten.run(...values.slice(at, at + step));
    for (; at < values.length; at += columns) one.run(...values.slice(at, at + columns));
  }

  #later(sql: string, values: readonly Value[]): void {
    this.#operations.push({ sql, values });
    this.#heldBytes += ROW_OVERHEAD;
    for (const value of values) {
      if (typeof value === "string" || value instanceof Uint8Array) this.#heldBytes += value.length;
    }
  }

  #define(client: number, n: number, definition: number, body: Uint8Array): void {
    const bytes = body.length > 0 ? body : this.#reader.lastBuffer(keyOf(client, n), () => this.commit());
    const hash = createHash("sha256").update(bytes).digest();
    const name = hash.toString("hex");
    let row = this.#newDefinitions.get(name) ?? this.#knownDefinition(hash);
    if (row === undefined) {
      row = this.#nextDefinition++;
      this.#newDefinitions.set(name, row);
      this.#later("INSERT INTO definitions (id, hash, body) VALUES (?, ?, ?)", [row, hash, bytes]);
    }
    if (this.#definitions.size >= MAX_CACHED) {
      this.commit();
      this.#definitions.clear();
    }
    this.#definitions.set(`${client} ${definition}`, row);
    this.#later("INSERT OR REPLACE INTO client_definitions (client, definition, body) VALUES (?, ?, ?)", [
      client,
      definition,
      row,
    ]);
  }

  #knownDefinition(hash: Uint8Array): number | undefined {
    const row = this.#prepare("SELECT id FROM definitions WHERE hash = ?").get(hash);
    return row ? Number(row["id"]) : undefined;
  }

  /** The row of a client's definition; what is not in the cache is in the database, or was never sent. */
  #definitionRow(client: number, definition: number): number | null {
    const name = `${client} ${definition}`;
    const known = this.#definitions.get(name);
    if (known !== undefined) return known;
    const row = this.#prepare("SELECT body FROM client_definitions WHERE client = ? AND definition = ?")
      .get(client, definition);
    if (!row) return null;
    this.#definitions.set(name, Number(row["body"]));
    return Number(row["body"]);
  }

  #putBuffer(key: TaskKey, side: number, index: number, buffer: Uint8Array): void {
    const isLarge = buffer.length > ROW_BYTES && this.#options.file !== ":memory:";
    const file = isLarge ? this.#chunks.write(buffer) : null;
    this.#keepBuffer(key, side, index, buffer.length, isLarge ? null : buffer, file);
  }

  #keepBuffer(
    key: TaskKey,
    side: number,
    index: number,
    size: number,
    bytes: Uint8Array | null,
    file: string | null,
  ): void {
    this.#later(
      "INSERT OR REPLACE INTO buffers (task, side, place, size, data, file) VALUES (?, ?, ?, ?, ?, ?)",
      [
        key,
        side,
        index,
        size,
        bytes,
        file,
      ],
    );
  }

  #storedOutput(task: TaskKey): number {
    const row = this.#prepare("SELECT coalesce(sum(length(text)), 0) AS bytes FROM outputs WHERE task = ?")
      .get(task);
    return Number(row?.["bytes"] ?? 0);
  }

  #keyOf(msgId: string): number | undefined {
    const parts = splitMsgId(msgId);
    const card = parts && this.#findCard(parts.session, parts.pid);
    return card && parts ? keyOf(card.index, parts.n) : undefined;
  }

  #findCard(session: string, pid: number): ClientCard | undefined {
    const name = `${session}_${pid}`;
    const known = this.#cardsByName.get(name);
    if (known !== undefined) return known ?? undefined;
    const row = this.#prepare("SELECT id FROM clients WHERE session = ? AND pid = ?").get(session, pid);
    const card = row ? this.client(Number(row["id"])) : undefined;
    if (this.#cardsByName.size >= MAX_CACHED) this.#cardsByName.clear();
    this.#cardsByName.set(name, card ?? null);
    return card;
  }

  /** @throws RequestError if the disk refuses */
  #dropMarked(mark: () => void): void {
    this.commit();
    let files: string[];
    try {
      this.#db.exec("CREATE TEMP TABLE IF NOT EXISTS doomed (task)");
      this.#db.exec("BEGIN IMMEDIATE; DELETE FROM doomed");
      mark();
      files = this.#reader.filesOfDoomed();
      for (const table of ["submissions", "results", "outputs", "buffers", "resubmissions"]) {
        this.#db.exec(`DELETE FROM ${table} WHERE task IN (SELECT task FROM doomed)`);
      }
      this.#db.exec("DELETE FROM messages WHERE msg_id IN (SELECT task FROM doomed)");
      this.#db.exec("DELETE FROM doomed; COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw new RequestError(
        "OSError",
        `records cannot be dropped: ${error instanceof Error ? error.message : error}`,
      );
    }
    this.#outputBytes.clear();
    this.#reader.removeUnused(files);
  }

  #count(sql: string): number {
    return Number(this.#prepare(sql).get()?.["value"]);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#db.prepare(sql));
    return statement;
  }
}

function keyOf(client: number, n: number): number {
  return client * 2 ** 32 + n;
}

function upsert(columns: readonly string[]): string {
  const places = Array(columns.length + 1).fill("?").join(", ");
  const changes = columns.map((column) => `${column} = excluded.${column}`).join(", ");
  return `INSERT INTO messages (msg_id, ${
    columns.join(", ")
  }) VALUES (${places}) ON CONFLICT (msg_id) DO UPDATE SET ${changes}`;
}

function open({ file, durability }: SqliteOptions): DatabaseSync {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(file);
  } catch (error) {
    throw new Error(
      `Cannot open the records in "${file}": ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
  try {
    db.exec("PRAGMA page_size = 8192; PRAGMA busy_timeout = 100");
    const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
    const statements = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").all()
      .map((row) => String(row["sql"]));
    const state = checkSchema(file, { version, statements });
    if (file !== ":memory:") Deno.chmodSync(file, 0o600);
    db.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4000");
    db.exec(`PRAGMA synchronous = ${durability === "power" ? "FULL" : "NORMAL"}`);
    if (state === "new") {
      db.exec(`BEGIN; ${SCHEMA.join("; ")}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
    }
    return db;
  } catch (error) {
    db.close();
    if (error instanceof Error && error.message.startsWith("Cannot use")) throw error;
    throw new Error(
      `Cannot open the records in "${file}": ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
}
