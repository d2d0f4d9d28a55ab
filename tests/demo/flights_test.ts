import assert from "node:assert/strict";
import { readFlights, sortFlights } from "../../src/demo/flights.ts";

Deno.test("sortFlights() cuts by airport, the busiest first, and hour", () => {
  const flights = sortFlights({
    names: ["SFO", "JFK"],
    origin: Uint16Array.of(0, 1, 1, 0, 1),
    hour: Uint8Array.of(7, 9, 8, 7, 9),
    delay: Int16Array.of(10, 20, 30, 40, -50),
  });
  assert.deepEqual([...flights.delays], [30, 20, -50, 10, 40]);
  assert.deepEqual(flights.airports, [
    { airport: "JFK", hour: null, from: 0, to: 3 },
    { airport: "SFO", hour: null, from: 3, to: 5 },
  ]);
  assert.deepEqual(flights.hours, [
    { airport: "JFK", hour: 8, from: 0, to: 1 },
    { airport: "JFK", hour: 9, from: 1, to: 3 },
    { airport: "SFO", hour: 7, from: 3, to: 5 },
  ]);
});

Deno.test("readFlights() finds 3,000,000 flights, most of them from Chicago", async () => {
  const { delays, airports, hours } = await readFlights();
  assert.equal(delays.length, 3_000_000);
  assert.equal(airports.length, 229);
  assert.deepEqual(airports[0], { airport: "ORD", hour: null, from: 0, to: 166_341 });
  assert.equal(hours.reduce((sum, { from, to }) => sum + to - from, 0), 3_000_000);
  const nightly = hours.filter(({ hour }) => hour === 0).reduce((sum, { from, to }) => sum + to - from, 0);
  assert.equal(nightly, 10_349);
});

Deno.test("readFlights() without the data package says what to install", async () => {
  await assert.rejects(
    readFlights(new URL("file:///nowhere/flights.parquet")),
    /^Error: Cannot read the demo's flights: "\/nowhere\/flights\.parquet" is not there; install the package "vega-datasets"/,
  );
});
