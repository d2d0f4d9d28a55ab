/**
 * Clients, engines and definitions by their numbers in the database. New numbers are chosen here, so that rows which name them can
 * wait for the next commit together with them; only a client's index is written at once, since it is a promise for ever.
 */

import { nodeCrypto } from "../base/builtin.ts";
import type { EngineNote } from "./engine_notes.ts";
import { type ClientCard, splitMsgId } from "./records.ts";
import type { SqlValue } from "./row_buffer.ts";

/** The part of the database that names need. */
export interface NameDatabase {
  get(sql: string, ...values: SqlValue[]): Record<string, unknown> | undefined;
  /** Runs at once; returns the new row's id. */
  insert(sql: string, ...values: SqlValue[]): number;
  /** Runs at the next commit. */
  later(sql: string, values: readonly SqlValue[]): void;
  commit(): void;
}

/** Client indexes above would make a task's number inexact. */
const MAX_CLIENT = 2 ** 21 - 1;
/** Entries of each cache. */
const MAX_CACHED = 10_000;

/** The number of a task in the database. */
export function taskKey(client: number, n: number): number {
  return client * 2 ** 32 + n;
}

const NO_DEFINITION = { client: -1, definition: -1, row: -1 };

export class SqliteNames {
  readonly #db: NameDatabase;
  readonly #cards = new Map<number, ClientCard>();
  readonly #cardsByName = new Map<string, ClientCard | null>();
  readonly #engineRows = new Map<number, number>();
  readonly #definitions = new Map<string, number>();
  readonly #newDefinitions = new Map<string, number>();
  /** The one that was asked for last: neighbours in a group mostly call the same function. */
  #last: { readonly client: number; readonly definition: number; readonly row: number } = NO_DEFINITION;
  #nextDefinition: number;
  #nextEngineRow: number;

  constructor(db: NameDatabase) {
    this.#db = db;
    this.#nextDefinition = Number(
      db.get("SELECT coalesce(max(id), 0) + 1 AS next FROM definitions")?.["next"],
    );
    this.#nextEngineRow = Number(db.get("SELECT coalesce(max(id), 0) + 1 AS next FROM engines")?.["next"]);
  }

  /** The index of (session, pid), written at once if it is new. */
  index(session: string, pid: number, username: string): number {
    const known = this.#findCard(session, pid);
    if (known) return known.index;
    const sql = "INSERT INTO clients (session, pid, username) VALUES (?, ?, ?)";
    const index = this.#db.insert(sql, session, pid, username);
    if (index > MAX_CLIENT) throw new RangeError(`Cannot number client ${index}: ${MAX_CLIENT} is the last`);
    const card = { index, session, pid, username };
    this.#cards.set(index, card);
    this.#cardsByName.set(`${session}_${pid}`, card);
    return index;
  }

  card(index: number): ClientCard | undefined {
    const known = this.#cards.get(index);
    if (known) return known;
    const row = this.#db.get("SELECT session, pid, username FROM clients WHERE id = ?", index);
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

  nameOf(msgId: string): { client: number; n: number } | undefined {
    const parts = splitMsgId(msgId);
    const card = parts && this.#findCard(parts.session, parts.pid);
    return card && parts ? { client: card.index, n: parts.n } : undefined;
  }

  keyOf(msgId: string): number | undefined {
    const name = this.nameOf(msgId);
    return name && taskKey(name.client, name.n);
  }

  /** Engine `id` is `uuid` from now on. */
  engine(id: number, uuid: string, note: EngineNote | null): void {
    const known = this.#db.get("SELECT id FROM engines WHERE uuid = ?", uuid);
    const row = known ? Number(known["id"]) : this.#nextEngineRow++;
    this.#engineRows.set(id, row);
    if (!known) this.#db.later("INSERT OR IGNORE INTO engines (id, uuid) VALUES (?, ?)", [row, uuid]);
    if (note === null) return;
    this.#db.later("INSERT OR REPLACE INTO engine_notes (engine, note) VALUES (?, ?)", [
      row,
      JSON.stringify(note),
    ]);
  }

  engineRow(id: number): number | null {
    return this.#engineRows.get(id) ?? null;
  }

  /** A client's definition `definition` has this body from now on; equal bodies are stored once. */
  define(client: number, definition: number, body: Uint8Array): void {
    const hash = nodeCrypto().createHash("sha256").update(body).digest();
    const name = hash.toString("hex");
    const known = this.#newDefinitions.get(name) ?? this.#knownDefinition(hash);
    const row = known ?? this.#nextDefinition++;
    if (known === undefined) {
      this.#newDefinitions.set(name, row);
      this.#db.later("INSERT OR IGNORE INTO definitions (id, hash, body) VALUES (?, ?, ?)", [
        row,
        hash,
        body,
      ]);
    }
    if (this.#definitions.size >= MAX_CACHED) this.#db.commit();
    this.#definitions.set(`${client} ${definition}`, row);
    this.#last = NO_DEFINITION;
    const sql = "INSERT OR REPLACE INTO client_definitions (client, definition, body) VALUES (?, ?, ?)";
    this.#db.later(sql, [client, definition, row]);
  }

  /** The row of a client's definition; what is not in the cache is in the database, or was never sent. */
  definitionRow(client: number, definition: number): number | null {
    const last = this.#last;
    if (last.client === client && last.definition === definition) return last.row;
    const row = this.#findDefinition(client, definition);
    if (row !== null) this.#last = { client, definition, row };
    return row;
  }

  #findDefinition(client: number, definition: number): number | null {
    const name = `${client} ${definition}`;
    const known = this.#definitions.get(name);
    if (known !== undefined) return known;
    const sql = "SELECT body FROM client_definitions WHERE client = ? AND definition = ?";
    const row = this.#db.get(sql, client, definition);
    if (!row) return null;
    this.#definitions.set(name, Number(row["body"]));
    return Number(row["body"]);
  }

  /** What was new is in the database now. */
  committed(): void {
    this.#newDefinitions.clear();
    if (this.#definitions.size >= MAX_CACHED) this.#definitions.clear();
  }

  #knownDefinition(hash: Uint8Array): number | undefined {
    const row = this.#db.get("SELECT id FROM definitions WHERE hash = ?", hash);
    return row ? Number(row["id"]) : undefined;
  }

  #findCard(session: string, pid: number): ClientCard | undefined {
    const name = `${session}_${pid}`;
    const known = this.#cardsByName.get(name);
    if (known !== undefined) return known ?? undefined;
    const row = this.#db.get("SELECT id FROM clients WHERE session = ? AND pid = ?", session, pid);
    const card = row ? this.card(Number(row["id"])) : undefined;
    if (this.#cardsByName.size >= MAX_CACHED) this.#cardsByName.clear();
    this.#cardsByName.set(name, card ?? null);
    return card;
  }
}
