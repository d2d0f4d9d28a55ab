import { deepEqual, equal } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { MessageRows } from "../../src/hub/sqlite_messages.ts";
import { prepareDatabase } from "../../src/hub/sqlite_schema.ts";

/** Writes what waits, as a commit does, and gives the rows of the table. */
function commit(rows: MessageRows, db: DatabaseSync): Record<string, unknown>[] {
  for (const [sql, values] of rows.upserts()) db.prepare(sql).run(...values);
  rows.clear();
  equal(rows.size, 0);
  return db.prepare("SELECT * FROM messages ORDER BY msg_id").all().map((row) =>
    Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
  );
}

function database(): DatabaseSync {
  const db = new DatabaseSync(":memory:");
  prepareDatabase(db as unknown as Parameters<typeof prepareDatabase>[0], ":memory:", "process");
  return db;
}

Deno.test("what is taken, assigned and done between two commits is written as one row", () => {
  const rows = new MessageRows(), db = database();
  rows.put("a", { header: { msg_id: "a" }, metadata: { label: 2n ** 60n }, queue: "task", submitted: 5 });
  rows.put("a", { engine_uuid: "e" });
  rows.put("a", { engine_uuid: "f", result_content: { status: "ok" }, completed: 7 });
  equal(rows.size, 1);
  equal([...rows.upserts()].length, 1);
  deepEqual(commit(rows, db), [{
    msg_id: "a",
    header: '{"msg_id":"a"}',
    metadata: '{"label":1152921504606846976}',
    result_content: '{"status":"ok"}',
    engine_uuid: "f",
    queue: "task",
    submitted: 5,
    completed: 7,
  }]);
  db.close();
});

Deno.test("a later commit changes what it has, and leaves the rest", () => {
  const rows = new MessageRows(), db = database();
  rows.put("a", { header: { msg_id: "a" }, engine_uuid: "e", submitted: 5 });
  rows.put("b", { submitted: 6 });
  commit(rows, db);
  rows.put("a", { engine_uuid: null, completed: 7 });
  deepEqual(commit(rows, db), [
    { msg_id: "a", header: '{"msg_id":"a"}', submitted: 5, completed: 7 },
    { msg_id: "b", submitted: 6 },
  ]);
  db.close();
});

Deno.test("a change without a column is no row, and bytes are counted", () => {
  const rows = new MessageRows();
  equal(rows.put("a", { buffers: [new Uint8Array(3)] }), 2);
  equal(rows.size, 0);
  // Twice the id, which stands in the table and its index; the text of {}; a number.
  equal(rows.put("ab", { content: {}, submitted: 1 }), 2 * 2 + 2 + 8);
  equal(rows.put("ab", { engine_uuid: "1234" }), 4);
  equal(rows.size, 1);
});

Deno.test("messages with the same columns share their statement", () => {
  const rows = new MessageRows();
  rows.put("a", { submitted: 1, queue: "task" });
  rows.put("b", { queue: "mux", submitted: 2 });
  rows.put("c", { queue: "mux" });
  const [a, b, c] = [...rows.upserts()];
  equal(a![0], b![0]);
  equal(a![0] === c![0], false);
  deepEqual(new Set(b![1]), new Set(["b", "mux", 2]));
});
