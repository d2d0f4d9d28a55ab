/**
 * The database's tables. Tasks of groups are two narrow, append-only tables (measured at several times the rate of one wide table with
 * text columns); a task is `client index * 2^32 + n`, so that its row is found without an index and is there once.
 */

/** Written into the file; a newer hub may read older ones, never the reverse. */
export const SCHEMA_VERSION = 2;

export const SCHEMA: readonly string[] = [
  `CREATE TABLE clients (id INTEGER PRIMARY KEY, session TEXT NOT NULL, pid INTEGER NOT NULL, username TEXT NOT NULL, UNIQUE (session, pid))`,
  `CREATE TABLE engines (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE)`,
  `CREATE TABLE definitions (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, body BLOB NOT NULL)`,
  `CREATE TABLE client_definitions (client INTEGER NOT NULL, definition INTEGER NOT NULL, body INTEGER NOT NULL, PRIMARY KEY (client, definition)) WITHOUT ROWID`,
  `CREATE TABLE submissions (task INTEGER PRIMARY KEY, word INTEGER NOT NULL, definition INTEGER, engine INTEGER, submitted INTEGER, body BLOB NOT NULL, tail BLOB)`,
  `CREATE TABLE results (task INTEGER PRIMARY KEY, word INTEGER NOT NULL, engine INTEGER, epoch INTEGER NOT NULL, started INTEGER, completed INTEGER, received INTEGER NOT NULL, body BLOB NOT NULL, tail BLOB)`,
  `CREATE TABLE messages (msg_id TEXT PRIMARY KEY, header TEXT, metadata TEXT, content TEXT, submitted INTEGER, client_uuid TEXT, engine_uuid TEXT, queue TEXT, started INTEGER, completed INTEGER, received INTEGER, result_header TEXT, result_metadata TEXT, result_content TEXT)`,
  `CREATE TABLE outputs (id INTEGER PRIMARY KEY, task, kind INTEGER NOT NULL, text TEXT NOT NULL)`,
  `CREATE INDEX outputs_task ON outputs (task)`,
  `CREATE TABLE buffers (task, side INTEGER NOT NULL, place INTEGER NOT NULL, size INTEGER NOT NULL, data BLOB, file TEXT, PRIMARY KEY (task, side, place))`,
  `CREATE INDEX buffers_file ON buffers (file) WHERE file IS NOT NULL`,
  `CREATE TABLE resubmissions (task PRIMARY KEY, msg_id TEXT NOT NULL)`,
  `CREATE TABLE engine_notes (engine INTEGER PRIMARY KEY, note TEXT NOT NULL)`,
];

/** What came with each version after the first: an older database gets it when it is opened. */
const ADDED: ReadonlyMap<number, readonly string[]> = new Map([
  [2, SCHEMA.filter((statement) => statement.startsWith("CREATE TABLE engine_notes "))],
]);

/** Columns of `messages` that hold JSON text. */
export const JSON_COLUMNS = [
  "header",
  "metadata",
  "content",
  "result_header",
  "result_metadata",
  "result_content",
] as const;

/** Columns of `messages` that hold plain values. */
export const PLAIN_COLUMNS = [
  "submitted",
  "client_uuid",
  "engine_uuid",
  "queue",
  "started",
  "completed",
  "received",
] as const;

/** The part of a database that is asked here. */
export interface SchemaDatabase {
  exec(sql: string): void;
  prepare(sql: string): {
    get(): Record<string, unknown> | undefined;
    all(): Record<string, unknown>[];
  };
}

/** A file that holds something else than our tables; the message names it. */
export class SchemaMismatch extends Error {
  override readonly name = "SchemaMismatch";
}

/**
 * Makes the tables in a new database, or checks that they are ours: never is a table that we do not know replaced by a fresh one.
 * @throws SchemaMismatch if they are not; SQLite's errors if the file is no database or cannot be written
 */
export function prepareDatabase(db: SchemaDatabase, file: string, durability: "process" | "power"): void {
  db.exec("PRAGMA page_size = 16384; PRAGMA busy_timeout = 100");
  const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
  const rows = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").all();
  const isNew = version === 0 && rows.length === 0;
  const missing = isNew ? SCHEMA : missingTables(file, version, new Set(rows.map((row) => row["sql"])));
  if (file !== ":memory:") Deno.chmodSync(file, 0o600);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 2000");
  db.exec(`PRAGMA synchronous = ${durability === "power" ? "FULL" : "NORMAL"}`);
  if (version < SCHEMA_VERSION) {
    db.exec(`BEGIN; ${missing.join("; ")}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  }
}

/** What a database of an older version lacks. @throws SchemaMismatch if it is none of ours */
function missingTables(file: string, version: number, found: ReadonlySet<unknown>): readonly string[] {
  const what = `Cannot use the records in "${file}"`;
  if (version < 1 || version > SCHEMA_VERSION) {
    throw new SchemaMismatch(`${what}: schema version ${version}, known is ${SCHEMA_VERSION}`);
  }
  const later = [...ADDED].flatMap(([since, statements]) => since > version ? statements : []);
  const missing = SCHEMA.find((statement) => !found.has(statement) && !later.includes(statement));
  if (missing === undefined) return later;
  const name = missing.split(" (")[0];
  throw new SchemaMismatch(`${what}: its schema differs from version ${version} at "${name}"`);
}

/** Adds a row to `messages` or changes these columns of it; binds msg_id, then the columns' values. */
export function upsert(columns: readonly string[]): string {
  const places = Array(columns.length + 1).fill("?").join(", ");
  const changes = columns.map((column) => `${column} = excluded.${column}`).join(", ");
  return `INSERT INTO messages (msg_id, ${columns.join(", ")}) VALUES (${places}) ` +
    `ON CONFLICT (msg_id) DO UPDATE SET ${changes}`;
}

/** One condition of SQL and what it binds. */
export interface SqlPart {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}
