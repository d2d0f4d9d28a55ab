import assert from "node:assert/strict";
import { encodeValue } from "../../src/protocol/values.ts";
import { gapsOf, idProblems, numberOf, placesOf, rowProblems } from "./records_check.ts";

const ids = ["s_7_2", "s_7_3", "s_7_4"];
const expected = { session: "s", engines: new Set(["e"]), itemOf: (id: string) => numberOf(id) - 2 };
const right = {
  msg_id: "s_7_3",
  submitted: "2026-01-01T00:00:00.000001Z",
  started: "2026-01-01T00:00:00.000002Z",
  completed: "2026-01-01T00:00:00.000002Z",
  received: "2026-01-01T00:00:00.000003Z",
  engine_uuid: "e",
  client_uuid: "s",
  status: "ok",
  queue: "task",
  buffers: [new Uint8Array(3), encodeValue([1]).body],
  result_buffers: [],
  result: 2,
};

Deno.test("idProblems() finds records that are missing, double or another's", () => {
  assert.deepEqual(idProblems(ids, { session: "s", count: 3 }), []);
  assert.deepEqual(idProblems(ids.toReversed(), { session: "s", count: 3 }), []);
  assert.match(idProblems(ids, { session: "s", count: 4 }).join(), /3 records in place of 4/);
  assert.deepEqual(gapsOf(["s_7_12", "s_7_9", "s_7_10"]), ["s_7_11"]);
  assert.deepEqual(gapsOf([]), []);
  assert.deepEqual([...placesOf(["s_7_10", "s_7_2"])], [["s_7_2", 0], ["s_7_10", 1]]);
  assert.match(idProblems([...ids, "s_7_3"], { session: "s", count: 4 }).join(), /3 is there twice/);
  assert.match(idProblems(["t_7_2"], { session: "s", count: 1 }).join(), /another session/);
});

Deno.test("rowProblems() finds each field that is broken", () => {
  assert.deepEqual(rowProblems(right, expected), []);
  const broken: [Record<string, unknown>, RegExp][] = [
    [{ result: 3 }, /result is 3 in place of 2/],
    [{ buffers: [encodeValue([5]).body] }, /argument is 5 in place of 1/],
    [{ buffers: null }, /argument/],
    [{ engine_uuid: "f" }, /engine/],
    [{ client_uuid: "t" }, /client_uuid/],
    [{ status: "error" }, /status/],
    [{ queue: "mux" }, /queue/],
    [{ started: "2026-01-01T00:00:00.000000Z" }, /times/],
    [{ completed: null }, /times/],
  ];
  for (const [part, complaint] of broken) {
    const problems = rowProblems({ ...right, ...part }, expected);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, complaint);
  }
});
