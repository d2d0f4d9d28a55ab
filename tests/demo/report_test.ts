import assert from "node:assert/strict";
import type { Slice } from "../../src/demo/flights.ts";
import { drawFlights } from "../../src/demo/plot.ts";
import { millisecondsOf } from "../../src/demo/runs.ts";
import {
  airportTable,
  effortOf,
  type Finding,
  findingsOf,
  observations,
  speedUpLines,
} from "../../src/demo/report.ts";

const exactly = (value: number) => ({ value, low: value - 1, high: value + 2 });

function finding(airport: string, hour: number | null, high: number): Finding {
  const slice: Slice = { airport, hour, from: 0, to: 1234 };
  return { slice, median: exactly(high / 10), high: exactly(high) };
}

const FINDINGS = [
  finding("ORD", null, 40),
  finding("JFK", null, 50),
  finding("ORD", 6, 10),
  finding("ORD", 18, 90),
  finding("JFK", 7, 20),
  finding("JFK", 9, 70),
];

Deno.test("findingsOf() joins the replicates of each slice", () => {
  const slices: Slice[] = [{ airport: "A", hour: 1, from: 0, to: 2 }, {
    airport: "A",
    hour: 2,
    from: 2,
    to: 4,
  }];
  const found = findingsOf(slices, Int16Array.of(1, 3, 5, 9), [
    { slice: 1, seed: 1, median: Int16Array.of(5, 6), high: Int16Array.of(9) },
    { slice: 0, seed: 2, median: Int16Array.of(1), high: Int16Array.of(3) },
    { slice: 1, seed: 3, median: Int16Array.of(4), high: Int16Array.of(8) },
  ]);
  assert.deepEqual(found, [
    { slice: slices[0], median: { value: 1, low: 1, high: 1 }, high: { value: 3, low: 3, high: 3 } },
    { slice: slices[1], median: { value: 5, low: 4, high: 6 }, high: { value: 9, low: 8, high: 9 } },
  ]);
});

Deno.test("airportTable() shows the whole day, the best and the worst hour", () => {
  const lines = airportTable(FINDINGS, 1).split("\n").filter((line) => line.includes("ORD"));
  assert.equal(lines.length, 1);
  assert.deepEqual(lines[0]!.split("│").map((cell) => cell.trim()).filter(Boolean), [
    "ORD",
    "1,234",
    "4 [3, 6]",
    "40 [39, 42]",
    "06:00",
    "10 [9, 12]",
    "18:00",
    "90 [89, 92]",
  ]);
});

Deno.test("observations() names the busiest airport's hours and the extremes", () => {
  const text = observations(FINDINGS).join("\n");
  assert.match(text, /in 1 of 2 airports the worst hour begins at 17:00/);
  assert.match(text, /ORD, 18:00: one flight in ten is 90 minutes late or more, between 89 and 92/);
  assert.match(text, /Best of all is ORD at 06:00 with 10 \[9, 12\] minutes, worst is ORD at 18:00/);
  assert.deepEqual(observations([]), []);
});

Deno.test("effortOf() and speedUpLines() tell the speed-up from the records", () => {
  const all = effortOf([
    { engine: "a", startedMs: 1000, completedMs: 3000 },
    { engine: "b", startedMs: 1500, completedMs: 3000 },
    { engine: "a", startedMs: 3000, completedMs: 3500 },
  ]);
  assert.deepEqual(all, { tasks: 3, wallSeconds: 2.5, busySeconds: 4, perEngine: [2, 1] });
  const alone = effortOf([{ engine: "a", startedMs: 0, completedMs: 400 }]);
  assert.deepEqual(speedUpLines(all, alone, 0.1), [
    "3 task records: 2 engines (2 + 1 tasks) worked 4.0 s in tasks within 2.5 s.",
    "One engine alone did 10.0 % of the work again in 0.40 s: 4.0 s for all of it.",
    "Speed-up against one engine: 1.60 by time in tasks, 1.60 by one engine alone.",
  ]);
  assert.equal(effortOf([]).wallSeconds, 0);
});

Deno.test("drawFlights() makes an SVG with a cell for each airport and hour", async () => {
  const svg = await drawFlights(FINDINGS);
  assert.match(svg, /^<svg [\s\S]*<\/svg>\s*$/);
  for (const label of ["ORD", "JFK", "hour of departure", "median"]) assert.ok(svg.includes(label), label);
  assert.equal(svg.match(/minutes: \d+/g)?.length ?? 0, 4);
});

Deno.test("millisecondsOf() keeps the microseconds of a record's times", () => {
  assert.equal(millisecondsOf("2026-01-02T03:04:05.678901Z"), Date.UTC(2026, 0, 2, 3, 4, 5) + 678.901);
  assert.equal(millisecondsOf("2026-01-02T03:04:05Z"), Date.UTC(2026, 0, 2, 3, 4, 5));
  assert.equal(millisecondsOf(null), undefined);
  assert.equal(millisecondsOf("never"), undefined);
});
