/**
 * Records in SQLite: one file per cluster, append-only tables for groups, one transaction per commit. What the disk refuses is held
 * and tried again at the next commit. This is the only door to `node:sqlite`; the tables are in `sqlite_schema.ts`.
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { GroupReader } from "../protocol/group_reader.ts";
import { ANY, emptyResult, emptyTask, OP } from "../protocol/groups.ts";
import { ChunkAssembler, ROW_BYTES } from "./chunk_assembler.ts";
import type { EngineNote } from "./engine_notes.ts";
import { partsOf } from "./group_parts.ts";
import type { Route } from "./ledger.ts";
import type { Condition } from "./query_match.ts";
import { RECORD_KEYS, type RecordKey } from "./record_keys.ts";
import {
  type CommitReport,
  OUTPUT_KINDS,
  type Page,
  type PeerFields,
  type RecordContext,
  type RecordStore,
  type StoredRecord,
  type TaskOutput,
} from "./records.ts";
import { RequestError } from "./request_error.ts";
import { MessageRows } from "./sqlite_messages.ts";
import { prepareDatabase, SchemaMismatch } from "./sqlite_schema.ts";
import { RowBuffer, type SqlValue } from "./row_buffer.ts";
import { SqliteNames, taskKey } from "./sqlite_names.ts";
import { SqliteReader, type TaskKey } from "./sqlite_reader.ts";
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

/** A statement to run at the next commit. */
interface Operation {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** Rows that one INSERT writes; more gained nothing. */
const ROWS = 10;
/** What a row costs beside its bytes, for the bound of what is held. */
const ROW_OVERHEAD = 100;
/** Entries of each cache. */
const MAX_CACHED = 10_000;

export class SqliteRecords implements RecordStore {
  readonly name = "SQLite";
  readonly keepsFrames = false;
  readonly #db: DatabaseSync;
  readonly #reader: SqliteReader;
  readonly #chunks: ChunkAssembler;
  readonly #options: SqliteOptions;
  readonly #statements = new Map<string, StatementSync>();
  readonly #names: SqliteNames;
  readonly #outputBytes = new Map<TaskKey, number>();
  readonly #group = new GroupReader();
  /** task, word, definition, engine, submitted. */
  readonly #submissions = new RowBuffer(5);
  /** task, word, engine, epoch, started, completed, received. */
  readonly #results = new RowBuffer(7);
  readonly #task = emptyTask();
  readonly #result = emptyResult();
  readonly #rows = new MessageRows();
  #operations: Operation[] = [];
  #heldBytes = 0;

  /**
   * Opens or makes the database.
   * @throws Error if the file is no database of ours or cannot be opened; the text names it
   */
  constructor(context: RecordContext, options: SqliteOptions) {
    this.#options = options;
    this.#db = open(options);
    const folder = options.file === ":memory:" ? null : `${options.file}.buffers`;
    this.#chunks = new ChunkAssembler(folder);
    this.#names = new SqliteNames({
      get: (sql, ...values) => this.#prepare(sql).get(...values),
      insert: (sql, ...values) => Number(this.#prepare(sql).run(...values).lastInsertRowid),
      later: (sql, values) => this.#later(sql, values),
      commit: () => this.commit(),
    });
    this.#reader = new SqliteReader({
      prepare: (sql) => this.#prepare(sql),
      card: (index) => this.#names.card(index),
      keyOf: (msgId) => this.#names.keyOf(msgId),
      folder,
    }, context);
  }

  get waiting(): number {
    return this.#submissions.length + this.#results.length + this.#rows.size + this.#operations.length;
  }

  get clients(): SqliteNames {
    return this.#names;
  }

  engine(id: number, uuid: string, note: EngineNote | null = null): void {
    this.#names.engine(id, uuid, note);
    this.#reader.forgetNote(uuid);
  }

  takeTasks(frame: Uint8Array, route: Route): void {
    const header = this.#group.open(frame);
    const engine = route === "mux" && header.target !== ANY ? this.#names.engineRow(header.target) : null;
    const word = route === "mux" ? 1 << 8 : 0;
    const task = this.#task, rows = this.#submissions;
    while (this.#group.task(task)) {
      if (task.op === OP.define) {
        const { body } = partsOf(frame, task);
        this.#define(task.client, task.n, task.definition, body.slice());
        continue;
      }
      // Looked up first: it may have to commit, and a row must not be cut in two.
      const definition = task.op === OP.apply
        ? this.#names.definitionRow(task.client, task.definition)
        : null;
      rows.put(taskKey(task.client, task.n));
      rows.put(task.op | word | (task.buffers << 16));
      rows.put(definition);
      rows.put(engine);
      rows.put(toMicros(task.submitted));
      rows.span(frame, task);
      this.#heldBytes += ROW_OVERHEAD + task.bodyLength;
    }
  }

  takeResults(frame: Uint8Array, received: number): void {
    this.#group.open(frame);
    const result = this.#result, rows = this.#results;
    while (this.#group.result(result)) {
      const engine = this.#names.engineRow(result.engine);
      rows.put(taskKey(result.client, result.n));
      rows.put(result.status | (result.buffers << 16));
      rows.put(engine);
      rows.put(result.epoch);
      rows.put(toMicros(result.started));
      rows.put(toMicros(result.completed));
      rows.put(received);
      rows.span(frame, result);
      this.#heldBytes += ROW_OVERHEAD + result.bodyLength;
    }
  }

  takeChunk(frame: Uint8Array, piece: Uint8Array): void {
    const whole = this.#chunks.take(frame, piece);
    if (!whole) return;
    const key = taskKey(whole.client, whole.n);
    this.#keepBuffer(key, whole.side, whole.index, whole.size, whole.bytes, whole.file);
  }

  put(msgId: string, fields: PeerFields): void {
    const key = this.#names.keyOf(msgId) ?? msgId;
    this.#heldBytes += this.#rows.put(msgId, fields);
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
    const key = this.#names.keyOf(msgId);
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

  /** Nothing is ever dropped here but by request. */
  await(): void {}

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
    this.#submissions.clear();
    this.#results.clear();
    this.#rows.clear();
    this.#operations = [];
    this.#heldBytes = 0;
    this.#names.committed();
    return { kind: "committed" };
  }

  get(msgId: string): StoredRecord | undefined {
    this.commit();
    return this.#reader.get(msgId);
  }

  find(
    conditions: readonly Condition[],
    limit: number | Page,
    keys: readonly RecordKey[] = RECORD_KEYS,
  ): Promise<StoredRecord[]> {
    this.commit();
    return this.#reader.find(conditions, limit, keys);
  }

  history(): Promise<string[]> {
    this.commit();
    return this.#reader.history();
  }

  drop(msgIds: readonly string[]): void {
    this.#dropMarked(() => {
      const mark = this.#prepare("INSERT INTO doomed (task) VALUES (?)");
      for (const msgId of msgIds) {
        mark.run(msgId);
        const key = this.#names.keyOf(msgId);
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
        `INSERT INTO doomed SELECT r.task FROM results r JOIN submissions s ON s.task = r.task
         WHERE coalesce(r.engine, s.engine) = (SELECT id FROM engines WHERE uuid = ?)`,
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
    for (const [sql, values] of this.#rows.upserts()) this.#prepare(sql).run(...values);
    for (const { sql, values } of this.#operations) this.#prepare(sql).run(...values);
    this.#insert("submissions", this.#submissions);
    this.#insert("results", this.#results);
    this.#db.exec("COMMIT");
  }

  /**
   * Rows of values, ten to a statement and the rest one by one; of a task that is there already the first stays. `get` does what `run` does, without an
   * answer that only a full collection of garbage takes away: 10 MB in a million tasks.
   */
  #insert(table: string, rows: RowBuffer): void {
    const row = `(${Array(rows.columns).fill("?").join(", ")})`;
    const one = this.#prepare(`INSERT OR IGNORE INTO ${table} VALUES ${row}`);
    const ten = this.#prepare(`INSERT OR IGNORE INTO ${table} VALUES ${Array(ROWS).fill(row).join(", ")}`);
    let at = 0;
    const values: SqlValue[] = [], value: SqlValue[] = [];
    for (; at + ROWS <= rows.length; at += ROWS) {
      rows.values(at, at + ROWS, values);
      ten.get(...values);
    }
    for (; at < rows.length; at++) {
      rows.values(at, at + 1, value);
      one.get(...value);
    }
  }

  #later(sql: string, values: readonly SqlValue[]): void {
    this.#operations.push({ sql, values });
    this.#heldBytes += ROW_OVERHEAD;
    for (const value of values) {
      if (typeof value === "string" || value instanceof Uint8Array) this.#heldBytes += value.length;
    }
  }

  /** A body too large for its record came ahead as a buffer. */
  #define(client: number, n: number, definition: number, body: Uint8Array): void {
    const bytes = body.length > 0 ? body : this.#reader.lastBuffer(taskKey(client, n), () => this.commit());
    this.#names.define(client, definition, bytes);
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
    const sql =
      "INSERT OR REPLACE INTO buffers (task, side, place, size, data, file) VALUES (?, ?, ?, ?, ?, ?)";
    this.#later(sql, [key, side, index, size, bytes, file]);
  }

  #storedOutput(task: TaskKey): number {
    const row = this.#prepare("SELECT coalesce(sum(length(text)), 0) AS bytes FROM outputs WHERE task = ?")
      .get(task);
    return Number(row?.["bytes"] ?? 0);
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

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#db.prepare(sql));
    return statement;
  }
}

function open({ file, durability = "process" }: SqliteOptions): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file);
    prepareDatabase(db, file, durability);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof SchemaMismatch) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot open the records in "${file}": ${reason}`, { cause: error });
  }
}
