import assert from "node:assert/strict";
import fc from "fast-check";
import { isEqual, matches, parseQuery } from "../../src/hub/query_match.ts";
import type { RecordKey } from "../../src/hub/record_keys.ts";
import { parseTime, timeText, toMicros } from "../../src/hub/times.ts";

function test(query: unknown, record: Partial<Record<RecordKey, unknown>>): boolean {
  return matches(parseQuery(query), (key) => record[key]);
}

Deno.test("matches() gives each operator the meaning that its name says", () => {
  const record = { label: "ab-1", submitted: "2026-11-23T08:21:21.5Z", queue: "mux", metadata: { a: [1] } };
  for (
    const [query, expected] of [
      [{ label: "ab-1", queue: "mux" }, true],
      [{ label: "ab-1", queue: "task" }, false],
      [{ label: { $glob: "ab-[0-9]" } }, true],
      [{ label: { $glob: "ab-[!0-9]" } }, false],
      [{ label: { $glob: "a.-1" } }, false],
      [{ label: { $in: ["x", "ab-1"] } }, true],
      [{ label: { $nin: ["x"] } }, true],
      [{ label: { $nin: ["ab-1"] } }, false],
      [{ error: { $nin: ["x"] } }, true],
      [{ error: null }, true],
      [{ error: { $exists: false } }, true],
      [{ error: { $ne: null } }, false],
      [{ stdout: { $lt: "z" } }, false],
      [{ submitted: { $gt: "2026-11-23T08:21:21.499999Z" } }, true],
      [{ submitted: { $gt: "2026-11-23T08:21:21.500000Z" } }, false],
      [{ submitted: { $gte: "2026-11-23T09:21:21.500000+01:00" } }, true],
      [{ metadata: { $eq: { a: [1] } } }, true],
      [{ label: { $mod: [2, 1] } }, false],
      [{ label: { $all: [["ab-1", 2], "xab-1x"] } }, true],
      [{ label: { $gt: "a", $lt: "b" } }, true],
    ] as const
  ) assert.equal(test(query, record), expected, JSON.stringify(query));
});

Deno.test("parseQuery() refuses unknown keys and operators and wrong arguments", () => {
  for (const query of [null, [], { nokey: 1 }, { label: { $no: 1 } }, { label: { constructor: 1 } }]) {
    assert.throws(() => parseQuery(query), { name: "Error" });
  }
  assert.throws(() => parseQuery({ label: { $in: 3 } }), { ename: "TypeError" });
  assert.throws(() => parseQuery({ submitted: { $lt: null } }), { ename: "TypeError" });
});

Deno.test("times survive the way to text and back to the microsecond", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e15 }), (micros) => parseTime(timeText(micros)) === micros),
  );
  assert.equal(parseTime("2026-11-23T08:21:21"), new Date(2026, 10, 23, 8, 21, 21).getTime() * 1000);
  assert.equal(parseTime("yesterday"), undefined);
  for (
    const text of [
      "2026-02-30T00:00:00Z",
      "2026-02-29T00:00:00",
      "2100-02-29T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-00-01T00:00:00Z",
      "2026-01-00T00:00:00Z",
      "2026-04-31T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T00:60:00Z",
      "2026-01-01T00:00:60Z",
      "2026-01-01T00:00:00+24:00",
      "0000-01-01T00:00:00Z",
    ]
  ) assert.equal(parseTime(text), undefined, text);
  assert.equal(parseTime("2024-02-29T00:00:00Z"), Date.UTC(2024, 1, 29) * 1000);
  assert.equal(parseTime("0099-03-01T00:00:00Z"), new Date("0099-03-01T00:00:00Z").getTime() * 1000);
  assert.equal(toMicros(Infinity), null);
  assert.equal(toMicros(NaN), null);
  assert.equal(toMicros(-1), null);
});

Deno.test("$glob never takes an unbounded time or throws anything but a refusal", () => {
  fc.assert(fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 40 }), (pattern, text) => {
    try {
      test({ label: { $glob: pattern } }, { label: text });
    } catch (error) {
      assert.equal((error as { ename?: string }).ename, "ValueError");
    }
  }));
  assert.ok(isEqual({ a: 1, b: [null] }, { b: [null], a: 1 }));
});
