/** The engine's table of tasks. */
import assert from "node:assert/strict";
import { TaskTable } from "../../src/engine/task_table.ts";
import { emptyTask } from "../../src/protocol/groups.ts";

Deno.test("find() finds the very tasks, also those of clients with the highest numbers", () => {
  const table = new TaskTable();
  const client = 2 ** 32 - 3;
  const tickets = [1, 2, 3].map((n) => {
    const ticket = table.add();
    table.fill(table.at(ticket), { ...emptyTask(), client, n });
    return ticket;
  });
  const found = table.find([{ client, n: 2 }, { client: 1, n: 3 }]);
  assert.deepEqual(found, [[tickets[1], { client, n: 2 }]]);
});
