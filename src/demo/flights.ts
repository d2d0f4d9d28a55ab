/**
 * The demo's data: 3,000,000 flights within the United States in the first half of 2001, from the npm package `vega-datasets`.
 * Read once in the client, sorted by airport and hour, so that every question is about one slice of one array of delays.
 */

import { parquetRead } from "hyparquet";
import { compressors } from "hyparquet-compressors";

/** The delays of one airport, of one hour of its day or of all. */
export interface Slice {
  readonly airport: string;
  /** Hour of departure, 0 to 23; null: the whole day. */
  readonly hour: number | null;
  /** `delays.subarray(from, to)`. */
  readonly from: number;
  readonly to: number;
}

/** Flights, sorted by airport (the busiest first) and hour. */
export interface Flights {
  /** Minutes of delay of every flight. */
  readonly delays: Int16Array;
  /** One slice for each airport, the busiest first. */
  readonly airports: readonly Slice[];
  /** One slice for each airport and hour in which a flight departed. */
  readonly hours: readonly Slice[];
}

/** Rows as columns: what the file holds, as small as it goes. */
export interface FlightColumns {
  /** Names of the airports that `origin` counts. */
  readonly names: readonly string[];
  readonly origin: Uint16Array;
  readonly hour: Uint8Array;
  readonly delay: Int16Array;
}

/** Where the data file lies, from source and in the compiled executable. */
export const FLIGHTS_FILE = new URL(
  "../../node_modules/vega-datasets/data/flights-3m.parquet",
  import.meta.url,
);

const HOURS = 24;
const MICROSECONDS_PER_HOUR = 3_600_000_000;

/**
 * Reads and sorts the flights.
 * @throws Error if the data package is not there, with what to do
 */
export async function readFlights(file: URL = FLIGHTS_FILE): Promise<Flights> {
  return sortFlights(await readColumns(await readFile(file)));
}

async function readFile(file: URL): Promise<ArrayBuffer> {
  try {
    return (await Deno.readFile(file)).buffer;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(
      `Cannot read the demo's flights: "${file.pathname}" is not there; install the package "vega-datasets" with "deno install"`,
      { cause },
    );
  }
}

/** Decodes the three columns that the demo needs. */
async function readColumns(file: ArrayBuffer): Promise<FlightColumns> {
  const numbers = new Map<string, number>();
  const origin: number[] = [];
  const hour: number[] = [];
  const delay: number[] = [];
  const takers: Record<string, (value: unknown) => void> = {
    date: (value) => hour.push(Math.floor(Number(value) / MICROSECONDS_PER_HOUR) % HOURS),
    delay: (value) => delay.push(Number(value)),
    origin: (value) => origin.push(numberOf(numbers, String(value))),
  };
  await parquetRead({
    file,
    compressors,
    columns: Object.keys(takers),
    parsers: { timestampFromMicroseconds: Number },
    onChunk: ({ columnName, columnData }) => {
      const take = takers[columnName];
      if (take === undefined) return;
      for (let i = 0; i < columnData.length; i++) take(columnData[i]);
    },
  });
  return {
    names: [...numbers.keys()],
    origin: Uint16Array.from(origin),
    hour: Uint8Array.from(hour),
    delay: Int16Array.from(delay),
  };
}

function numberOf(numbers: Map<string, number>, name: string): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  numbers.set(name, numbers.size);
  return numbers.size - 1;
}

/** Sorts flights by airport, the busiest first, and hour; within an hour they keep their order. */
export function sortFlights({ names, origin, hour, delay }: FlightColumns): Flights {
  const counts = new Uint32Array(names.length * HOURS);
  for (let i = 0; i < delay.length; i++) counts[origin[i]! * HOURS + hour[i]!]!++;

  const airports: Slice[] = [];
  const hours: Slice[] = [];
  const next = new Uint32Array(counts.length);
  let at = 0;
  for (const airport of busiestFirst(names, counts)) {
    const from = at;
    for (let h = 0; h < HOURS; h++) {
      const key = airport * HOURS + h;
      next[key] = at;
      at += counts[key]!;
      if (counts[key]! > 0) hours.push({ airport: names[airport]!, hour: h, from: next[key]!, to: at });
    }
    airports.push({ airport: names[airport]!, hour: null, from, to: at });
  }

  const delays = new Int16Array(delay.length);
  for (let i = 0; i < delay.length; i++) delays[next[origin[i]! * HOURS + hour[i]!]!++] = delay[i]!;
  return { delays, airports, hours };
}

function busiestFirst(names: readonly string[], counts: Uint32Array): number[] {
  const totals = names.map((_, airport) =>
    counts.subarray(airport * HOURS, (airport + 1) * HOURS).reduce((sum, count) => sum + count, 0)
  );
  return names.map((_, airport) => airport).sort((a, b) => totals[b]! - totals[a]! || a - b);
}
