import assert from "node:assert/strict";
import fc from "fast-check";
import { Ledger } from "../../src/hub/ledger.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { KIND } from "../../src/protocol/groups.ts";
import { resultsGroup, tasksGroup } from "../contracts/records.ts";

function assignedGroup(client: number, from: number, count: number, target: number): Uint8Array {
  const writer = new GroupWriter();
  for (let i = 0; i < count; i++) writer.name(client, from + i, 0, 0);
  const header = {
    kind: KIND.assigned,
    origin: 0,
    seq: 1,
    target,
    nonce: 1n,
    acked: 0,
    committed: 0,
    window: 0,
  };
  return writer.close(header, () => {}).slice();
}

Deno.test("Ledger counts what waits and runs, and nothing when all is done, in any order of events", () => {
  const event = fc.record({
    what: fc.constantFrom("task", "mux", "assign", "result"),
    client: fc.integer({ min: 1, max: 3 }),
    from: fc.integer({ min: 1, max: 20 }),
    count: fc.integer({ min: 1, max: 10 }),
    engine: fc.integer({ min: 0, max: 2 }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const ledger = new Ledger();
      for (const { what, client, from, count, engine } of events) {
        if (what === "task") ledger.tasks(tasksGroup(client, from, count), "task");
        else if (what === "mux") ledger.tasks(tasksGroup(client, from, count, engine), "mux");
        else if (what === "assign") ledger.assigned(assignedGroup(client, from, count, engine));
        else ledger.results(resultsGroup(client, from, count, engine));
        const open = [...ledger.groups()];
        assert.equal(ledger.open, open.length);
        assert.equal(ledger.unassigned, open.filter(([, , place]) => place.engine === null).length);
        for (const id of [0, 1, 2]) {
          const here = open.filter(([, , place]) => place.engine === id);
          assert.equal(ledger.numbers(id).queue, here.filter(([, , place]) => place.route === "mux").length);
          assert.equal(ledger.numbers(id).tasks, here.filter(([, , place]) => place.route === "task").length);
        }
      }
      for (const client of [1, 2, 3]) ledger.results(resultsGroup(client, 1, 40));
      assert.equal(ledger.open + ledger.unassigned, 0);
      for (const id of ledger.engineIds) assert.equal(ledger.numbers(id).queue + ledger.numbers(id).tasks, 0);
    }),
    { numRuns: 50 },
  );
});

Deno.test("Ledger changes nothing because of a malformed group", () => {
  const ledger = new Ledger();
  const group = tasksGroup(1, 1, 3);
  new DataView(group.buffer, group.byteOffset).setUint32(group.length - 32, 0xffff, true);
  assert.throws(() => ledger.tasks(group, "task"), RangeError);
  assert.equal(ledger.open, 0);
});

Deno.test("Ledger forgets the direct tasks of an engine that left", () => {
  const ledger = new Ledger();
  ledger.tasks(tasksGroup(1, 1, 4, 2), "mux");
  ledger.dropDirect(2);
  assert.equal(ledger.open, 0);
  assert.equal(ledger.numbers(2).queue, 0);
});
