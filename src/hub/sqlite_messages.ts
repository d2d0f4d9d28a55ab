/**
 * Rows of peers' messages that wait for a commit. Most tasks are taken, assigned and done between two commits: their row is written once then, instead of
 * three times.
 */
import { jsonText } from "../base/json.ts";
import type { PeerFields } from "./records.ts";
import type { SqlValue } from "./row_buffer.ts";
import { JSON_COLUMNS, PLAIN_COLUMNS, upsert } from "./sqlite_schema.ts";

/** The columns of `messages`, in the order of their statement. */
const COLUMNS = [...JSON_COLUMNS, ...PLAIN_COLUMNS];

export class MessageRows {
  /** What is new of each message: values by column. */
  readonly #rows = new Map<string, Map<string, SqlValue>>();

  readonly #statements = new Map<number, string>();

  /** Messages that wait. */
  get size(): number {
    return this.#rows.size;
  }

  /** Takes in a change: later fields win. Returns about how many bytes it has. */
  put(msgId: string, fields: PeerFields): number {
    const known = this.#rows.get(msgId), row = known ?? new Map<string, SqlValue>();
    let bytes = known === undefined ? 2 * msgId.length : 0;
    for (const column of JSON_COLUMNS) {
      const value = fields[column];
      if (value !== undefined) bytes += set(row, column, jsonText(value));
    }
    for (const column of PLAIN_COLUMNS) {
      const value = fields[column];
      if (value !== undefined) bytes += set(row, column, value);
    }
    if (known === undefined && row.size > 0) this.#rows.set(msgId, row);
    return bytes;
  }

  /** The statements that write all rows, each with what it binds. */
  *upserts(): Generator<[sql: string, values: SqlValue[]]> {
    for (const [msgId, row] of this.#rows) {
      const values: SqlValue[] = [msgId];
      let set = 0;
      COLUMNS.forEach((column, i) => {
        const value = row.get(column);
        if (value === undefined) return;
        values.push(value);
        set |= 1 << i;
      });
      yield [this.#upsert(set), values];
    }
  }

  /** The statement for a set of columns, one bit each. */
  #upsert(set: number): string {
    let sql = this.#statements.get(set);
    if (sql === undefined) {
      sql = upsert(COLUMNS.filter((_, i) => (set & (1 << i)) !== 0));
      this.#statements.set(set, sql);
    }
    return sql;
  }

  clear(): void {
    this.#rows.clear();
  }
}

function set(row: Map<string, SqlValue>, column: string, value: SqlValue): number {
  row.set(column, value);
  return typeof value === "string" ? value.length : 8;
}
