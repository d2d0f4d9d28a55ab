/**
 * The database's tables. Tasks of groups are two narrow, append-only tables (measured at several times the rate of one wide table with
 * text columns); a task is `client index * 2^32 + n`, so that its row is found without an index and is there once.
 */

/** Written into the file; a newer hub may read older ones, never the reverse. */
export const SCHEMA_VERSION = 1;

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
];

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

/** What the check asks of a database. */
export interface SchemaReader {
  /** `PRAGMA user_version`. */
  readonly version: number;
  /** `sql` of all tables and indexes of sqlite_master that have one. */
  readonly statements: readonly string[];
}

/**
 * Whether a database is new, or why it cannot be used: never is a table that we do not know replaced by a fresh one.
 * @throws Error that names the file and what differs
 */
export function checkSchema(file: string, { version, statements }: SchemaReader): "new" | "ours" {
  if (version === 0 && statements.length === 0) return "new";
  if (version !== SCHEMA_VERSION) {
    throw new Error(
      `Cannot use the records in "${file}": schema version ${version}, known is ${SCHEMA_VERSION}`,
    );
  }
  const found = new Set(statements);
  const missing = SCHEMA.find((statement) => !found.has(statement));
  if (missing !== undefined) {
    throw new Error(
      `Cannot use the records in "${file}": its schema differs from version ${version} at "${
        missing.split(" (")[0]
      }"`,
    );
  }
  return "ours";
}

/** One condition of SQL and what it binds. */
export interface SqlPart {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}
