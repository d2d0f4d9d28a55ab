/**
 * Reads records out of the database. A query is narrowed by SQL where a condition has an equivalent; the truth is always the same
 * test in JavaScript that the other stores use.
 */

import { parseJson } from "../base/json.ts";
import { ANY } from "../protocol/groups.ts";
import { type EngineNote, MAX_NOTES, readNote } from "./engine_notes.ts";
import { FoundRecords } from "./found_records.ts";
import { askedIds, type Condition, isObject, isPlainText, matches } from "./query_match.ts";
import { GroupRecord, type GroupRow, type Outputs, PeerRecord, type PeerRow } from "./record_view.ts";
import {
  bySubmission,
  type ClientCard,
  msgIdOf,
  OUTPUT_KINDS,
  type Page,
  type RecordContext,
  type StoredRecord,
  type Submitted,
} from "./records.ts";
import { ARGUMENT_KEYS, RECORD_KEYS, type RecordKey, RESULT_KEYS } from "./record_keys.ts";
import { Slices } from "./slices.ts";
import { JSON_COLUMNS, type SqlPart } from "./sqlite_schema.ts";
import { parseTime } from "./times.ts";

/** A task as the database names it: a number for a group's, the msg_id for a peer's. */
export type TaskKey = number | string;

type Row = Record<string, unknown>;

/** The part of a prepared statement that reading needs. */
interface Statement {
  get(...values: (string | number)[]): Row | undefined;
  all(...values: (string | number)[]): Row[];
}

export interface Database {
  prepare(sql: string): Statement;
  card(index: number): ClientCard | undefined;
  keyOf(msgId: string): number | undefined;
  /** Where large buffers are, null where they are in rows. */
  readonly folder: string | null;
}

const EMPTY = new Uint8Array(0);
/** Rows that are looked at at once. */
const PAGE_ROWS = 200;

/** Tasks of groups with their results; bytes of arguments and results only where somebody asks for them. */
function groupsSql(keys: readonly RecordKey[]): string {
  const body = keys.some((key) => ARGUMENT_KEYS.has(key)) ? "s.body" : "NULL AS body";
  const resultBody = keys.some((key) => RESULT_KEYS.has(key)) ? "r.body" : "NULL";
  return `SELECT s.task, s.word, s.definition, s.engine, s.submitted, ${body}, s.tail, r.word AS r_word,
  r.engine AS r_engine, r.epoch, r.started, r.completed, r.received, ${resultBody} AS r_body, r.tail AS r_tail
  FROM submissions s LEFT JOIN results r ON r.task = s.task`;
}

export class SqliteReader {
  readonly #db: Database;
  readonly #context: RecordContext;
  readonly #engines = new Map<number, string>();
  readonly #notes = new Map<string, EngineNote | null>();

  constructor(db: Database, context: RecordContext) {
    this.#db = db;
    this.#context = context;
  }

  get(msgId: string, keys: readonly RecordKey[] = RECORD_KEYS): StoredRecord | undefined {
    const key = this.#db.keyOf(msgId);
    const sql = `${groupsSql(keys)} WHERE s.task = ?`;
    const row = key === undefined ? undefined : this.#db.prepare(sql).get(key);
    if (row) return this.#groupRecord(row);
    const message = this.#db.prepare("SELECT * FROM messages WHERE msg_id = ?").get(msgId);
    return message && this.#peerRecord(message);
  }

  async find(
    conditions: readonly Condition[],
    limit: number | Page,
    keys: readonly RecordKey[],
  ): Promise<StoredRecord[]> {
    const found = new FoundRecords(limit), slices = new Slices();
    const read = [...keys, ...conditions.map(({ key }) => key)];
    for (const record of this.#candidates(conditions, read, found)) {
      if (record !== undefined && matches(conditions, (key) => record.field(key))) found.add(record);
      if (slices.isOver) await slices.next();
    }
    return found.sorted();
  }

  async history(): Promise<string[]> {
    const records: Submitted[] = [], slices = new Slices();
    for (
      const [table, key, name] of [["submissions", "task", "task"], ["messages", "rowid", "msg_id"]] as const
    ) {
      for (const { from, to } of this.#pages(table, key)) {
        const rows = this.#db.prepare(
          `SELECT ${name} AS task, submitted FROM ${table} WHERE ${key} > ? AND ${key} <= ? AND submitted IS NOT NULL`,
        );
        for (const { task, submitted } of rows.all(from, to)) {
          const msgId = this.#msgId(task);
          if (msgId !== undefined) records.push({ msgId, submitted: Number(submitted) });
        }
        if (slices.isOver) await slices.next();
      }
    }
    return records.sort(bySubmission).map((record) => record.msgId);
  }

  /**
   * A table piece by piece, by its key: between two pieces there may be other statements, and rows may come and go. None is open meanwhile.
   */
  *#pages(table: "submissions" | "messages", key: "task" | "rowid"): Generator<{ from: number; to: number }> {
    const next = this.#db.prepare(
      `SELECT ${key} AS place FROM ${table} WHERE ${key} > ? ORDER BY ${key} LIMIT 1 OFFSET ${PAGE_ROWS - 1}`,
    );
    for (let from = -1, to = 0; to < Number.MAX_SAFE_INTEGER; from = to) {
      to = Number(next.get(from)?.["place"] ?? Number.MAX_SAFE_INTEGER);
      yield { from, to };
    }
  }

  #msgId(task: unknown): string | undefined {
    if (typeof task === "string") return task;
    const card = this.#db.card(Math.floor(Number(task) / 2 ** 32));
    return card && msgIdOf(card, Number(task) % 2 ** 32);
  }

  /** The last large buffer of a task's arguments: where a body was too large for its record. */
  lastBuffer(key: number, flush: () => void): Uint8Array {
    flush();
    return this.#buffers(key, 0).at(-1) ?? EMPTY;
  }

  /** Files of the tasks that are marked in `doomed`. */
  filesOfDoomed(): string[] {
    const rows = this.#db.prepare(
      "SELECT DISTINCT file FROM buffers WHERE file IS NOT NULL AND task IN (SELECT task FROM doomed)",
    );
    return rows.all().map((row) => String(row["file"]));
  }

  /** Removes those of these files that no row names. */
  removeUnused(files: readonly string[]): void {
    for (const file of files) {
      if (this.#db.prepare("SELECT 1 FROM buffers WHERE file = ? LIMIT 1").get(file)) continue;
      try {
        Deno.removeSync(`${this.#db.folder}/${file}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  /** Records that may meet the conditions; undefined now and then, where a page had none. */
  *#candidates(
    conditions: readonly Condition[],
    keys: readonly RecordKey[],
    found: FoundRecords,
  ): Generator<StoredRecord | undefined> {
    const ids = askedIds(conditions);
    if (ids) {
      for (const id of ids) yield this.get(id, keys);
      return;
    }
    const bounds = ["s.task > ? AND s.task <= ? AND coalesce(s.submitted, 0) <= ?"];
    const groups = where(bounds, conditions.flatMap((one) => this.#groupPart(one)));
    for (const { from, to } of this.#pages("submissions", "task")) {
      yield;
      const rows = this.#db.prepare(groupsSql(keys) + groups.sql).all(
        from,
        to,
        found.latest,
        ...groups.values,
      );
      for (const row of rows) yield this.#groupRecord(row);
    }
    const peers = where(["rowid > ? AND rowid <= ?"], conditions.flatMap(peerPart));
    for (const { from, to } of this.#pages("messages", "rowid")) {
      yield;
      const rows = this.#db.prepare(`SELECT * FROM messages${peers.sql}`).all(from, to, ...peers.values);
      for (const row of rows) yield this.#peerRecord(row);
    }
  }

  /** What a condition means for `submissions` and `results`; never narrower than the condition itself. */
  #groupPart({ key, path, op, argument }: Condition): SqlPart[] {
    if (path.length > 0) return [];
    if (key === "submitted") return timePart("s.submitted", op, argument);
    if (key === "completed") {
      if (op === "$eq" && argument === null) return [{ sql: "r.task IS NULL", values: [] }];
      if (op === "$ne" && argument === null) return [{ sql: "r.task IS NOT NULL", values: [] }];
      return timePart("coalesce(r.completed, r.received)", op, argument);
    }
    // A label that is there stands in the tail.
    if (key === "label" && (op === "$glob" || (op === "$eq" && argument !== null))) {
      return [{ sql: "s.tail IS NOT NULL", values: [] }];
    }
    if (op !== "$eq" || !isPlainText(argument)) return [];
    if (key === "client_uuid") {
      return [{
        sql: "s.task / 4294967296 IN (SELECT id FROM clients WHERE session = ?)",
        values: [argument],
      }];
    }
    if (key === "engine_uuid") {
      const engine = "(SELECT id FROM engines WHERE uuid = ?)";
      return [{
        sql: `(r.task IS NULL OR r.engine = ${engine} OR s.engine = ${engine})`,
        values: [argument, argument],
      }];
    }
    if (key === "queue") return [{ sql: "(s.word >> 8) & 1 = ?", values: [argument === "mux" ? 1 : 0] }];
    return [];
  }

  #groupRecord(row: Row): StoredRecord | undefined {
    const task = Number(row["task"]);
    const client = Math.floor(task / 2 ** 32);
    const n = task % 2 ** 32;
    const card = this.#db.card(client);
    if (!card) return undefined;
    const word = Number(row["word"]);
    const group: GroupRow = {
      card,
      n,
      op: word & 0xff,
      route: word & 0x100 ? "mux" : "task",
      submitted: number(row["submitted"]),
      body: bytes(row["body"]),
      tail: bytes(row["tail"]),
      bufferCount: word >>> 16,
      engineUuid: this.#engine(row["engine"]),
      result: row["r_word"] === null ? null : this.#result(row),
    };
    return new GroupRecord(group, {
      definition: () => this.#definition(row["definition"]),
      buffers: (side) => this.#buffers(task, side),
      outputs: () => this.#outputs(task),
      resubmitted: () => this.#resubmitted(task),
      note: (uuid) => this.#note(uuid),
      assigned: () => this.#context.engineOf(client, n),
    });
  }

  #result(row: Row): GroupRow["result"] {
    const word = Number(row["r_word"]);
    return {
      status: word & 0xff,
      engineUuid: this.#engine(row["r_engine"]),
      epoch: Number(row["epoch"]),
      started: number(row["started"]),
      completed: number(row["completed"]),
      received: Number(row["received"]),
      body: bytes(row["r_body"]),
      tail: bytes(row["r_tail"]),
      bufferCount: word >>> 16,
    };
  }

  #peerRecord(row: Row): StoredRecord {
    const msgId = String(row["msg_id"]);
    const fields: Row = { ...row };
    for (const column of JSON_COLUMNS) {
      const text = row[column];
      fields[column] = typeof text === "string" ? object(parseJson(text)) : undefined;
    }
    const key = this.#db.keyOf(msgId) ?? msgId;
    const resubmitted = this.#resubmitted(key);
    // The row has the columns of PeerRow, written by `put` alone.
    const peer = { ...fields, msg_id: msgId, ...(resubmitted === null ? {} : { resubmitted }) } as PeerRow;
    return new PeerRecord(peer, {
      buffers: (side) => this.#buffers(key, side),
      outputs: () => this.#outputs(key),
      note: (uuid) => this.#note(uuid),
    });
  }

  #engine(row: unknown): string | null {
    if (row === null || row === ANY) return null;
    const id = Number(row);
    const known = this.#engines.get(id);
    if (known !== undefined) return known;
    const uuid = this.#db.prepare("SELECT uuid FROM engines WHERE id = ?").get(id)?.["uuid"];
    if (typeof uuid !== "string") return null;
    this.#engines.set(id, uuid);
    return uuid;
  }

  #note(uuid: string): EngineNote | null {
    const known = this.#notes.get(uuid);
    if (known !== undefined) return known;
    const sql = "SELECT note FROM engine_notes WHERE engine = (SELECT id FROM engines WHERE uuid = ?)";
    const note = readNote(this.#db.prepare(sql).get(uuid)?.["note"]);
    if (this.#notes.size >= MAX_NOTES) this.#notes.clear();
    this.#notes.set(uuid, note);
    return note;
  }

  /** The engine has said something new of itself. */
  forgetNote(uuid: string): void {
    this.#notes.delete(uuid);
  }

  #definition(row: unknown): Uint8Array | null {
    if (row === null) return null;
    const body = this.#db.prepare("SELECT body FROM definitions WHERE id = ?").get(Number(row))?.["body"];
    return body instanceof Uint8Array ? body : null;
  }

  #buffers(task: TaskKey, side: 0 | 1): Uint8Array[] {
    const rows = this.#db.prepare(
      "SELECT data, file FROM buffers WHERE task = ? AND side = ? ORDER BY place",
    );
    return rows.all(task, side).map((row) =>
      row["file"] === null ? bytes(row["data"]) : Deno.readFileSync(`${this.#db.folder}/${row["file"]}`)
    );
  }

  #outputs(task: TaskKey): Outputs {
    const outputs: Outputs = {};
    const rows = this.#db.prepare("SELECT kind, text FROM outputs WHERE task = ? ORDER BY id");
    for (const row of rows.all(task)) {
      const kind = OUTPUT_KINDS[Number(row["kind"])];
      if (kind === undefined) continue;
      const isStream = kind === "stdout" || kind === "stderr";
      outputs[kind] = (isStream ? outputs[kind] ?? "" : "") + String(row["text"]);
    }
    return outputs;
  }

  #resubmitted(task: TaskKey): string | null {
    const row = this.#db.prepare("SELECT msg_id FROM resubmissions WHERE task = ?").get(task);
    return row ? String(row["msg_id"]) : null;
  }
}

function peerPart({ key, path, op, argument }: Condition): SqlPart[] {
  if (path.length > 0) return [];
  if (key === "submitted" || key === "completed") {
    if (op === "$eq" && argument === null) return [{ sql: `${key} IS NULL`, values: [] }];
    if (op === "$ne" && argument === null) return [{ sql: `${key} IS NOT NULL`, values: [] }];
    return timePart(key, op, argument);
  }
  if (op !== "$eq" || !isPlainText(argument)) return [];
  if (key === "client_uuid" || key === "engine_uuid" || key === "queue") {
    return [{ sql: `${key} = ?`, values: [argument] }];
  }
  return [];
}

const COMPARISONS: Readonly<Record<string, string>> = {
  $eq: "=",
  $lt: "<",
  $lte: "<=",
  $gt: ">",
  $gte: ">=",
};

function timePart(column: string, op: string, argument: unknown): SqlPart[] {
  const comparison = COMPARISONS[op];
  const time = typeof argument === "string" ? parseTime(argument) : undefined;
  return comparison && time !== undefined ? [{ sql: `${column} ${comparison} ?`, values: [time] }] : [];
}

function where(bounds: readonly string[], parts: readonly SqlPart[]): SqlPart {
  const sql = ` WHERE ${[...bounds, ...parts.map((part) => part.sql)].join(" AND ")}`;
  return { sql, values: parts.flatMap((part) => part.values) };
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : EMPTY;
}

function object(value: unknown): Row | undefined {
  return isObject(value) ? value : undefined;
}
