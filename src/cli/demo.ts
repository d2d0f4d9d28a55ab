/**
 * The demo: a cluster in a temporary folder, thousands of small statistical tasks on real data, and what came out. What is computed and
 * shown lives in `src/demo`; here it is put together.
 */

import { isDeepStrictEqual } from "node:util";
import { SingleBar } from "cli-progress";
import type { LoadBalancedView } from "../client/load_balanced_view.ts";
import { Cluster } from "../cluster/cluster.ts";
import { bootstrap, type BootstrapTask, DELAYS_NAME, planTasks, type Replicates } from "../demo/bootstrap.ts";
import { type Flights, readFlights, type Slice } from "../demo/flights.ts";
import { drawFlights } from "../demo/plot.ts";
import {
  airportTable,
  effortOf,
  type Finding,
  findingsOf,
  observations,
  speedUpLines,
} from "../demo/report.ts";
import { runsSince } from "../demo/runs.ts";
import { EXIT } from "./exit_codes.ts";

/** How the demo runs; what is missing is chosen so that it takes well under a minute on two cores. */
export interface DemoOptions {
  /** Engines. Default 2. */
  readonly engines?: number | undefined;
  /** About how many tasks. Default 5000. */
  readonly tasks?: number | undefined;
  /** File of the plot. Default `flights.svg`. */
  readonly output?: string | undefined;
  /** A tenth of the work. */
  readonly isQuick?: boolean | undefined;
  /** Whether a progress bar is shown where there is a terminal. Default true. */
  readonly hasProgress?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Airports whose whole day is looked at too: those in table and plot. */
const AIRPORTS = 30;
const TABLE_ROWS = 12;
/** An hour with fewer flights is left out; before five in the morning hardly anything leaves. */
const FEWEST_FLIGHTS = 200;
const FIRST_HOUR = 5;
const REPLICATES = 1000;
const TASKS = 5000;
const QUICK_SHARE = 0.1;
/** One task in so many is computed here again; one in so many once more on one engine alone. */
const CHECKED_EVERY = 500;
const ALONE_EVERY = 20;

/**
 * Runs the demo and says what it does on the console.
 * @returns the process's exit code
 * @throws Error if the data is missing, the cluster does not start, or a result is wrong
 */
export async function runDemo(options: DemoOptions = {}): Promise<number> {
  const began = performance.now();
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-demo-" });
  try {
    await runInFolder(profileDir, options);
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
  console.log(`All done in ${((performance.now() - began) / 1000).toFixed(1)} s; the cluster is gone again.`);
  return EXIT.ok;
}

async function runInFolder(profileDir: string, options: DemoOptions): Promise<void> {
  const { engines = 2, signal } = options;
  console.log(`Starting a cluster of ${engines} engines, and reading 3,000,000 flights …`);
  const reading = readFlights();
  reading.catch(() => {});
  await using cluster = await Cluster.start({ profileDir, clusterId: "demo", n: engines, signal });
  await using client = await cluster.client();
  const flights = await reading;

  const slices = chooseSlices(flights);
  const share = options.isQuick === true ? QUICK_SHARE : 1;
  const plan = planTasks(slices, { replicates: REPLICATES * share, tasks: (options.tasks ?? TASKS) * share });
  console.log(`Sending the delays to each engine, and then ${plan.length.toLocaleString("en")} tasks …`);
  await client.direct("all").push({ [DELAYS_NAME]: flights.delays });
  const results = await compute(client.loadBalanced(), { plan, ...options });
  checkSome(plan, results.values, flights);
  await show(findingsOf(slices, flights.delays, results.values), options.output ?? "flights.svg");

  const runs = effortOf(await runsSince(client, { count: plan.length, since: results.since }));
  const some = plan.filter((_, i) => i % ALONE_EVERY === 0);
  const alone = await compute(client.loadBalanced({ targets: [client.ids[0]!] }), {
    plan: some,
    signal,
    hasProgress: false,
  });
  const aloneRuns = effortOf(await runsSince(client, { count: some.length, since: alone.since }));
  for (const line of speedUpLines(runs, aloneRuns, drawsOf(some) / drawsOf(plan))) console.log(line);
}

/** Whole days of the busiest airports, and the hours of all airports that have enough flights. */
function chooseSlices({ airports, hours }: Flights): Slice[] {
  const busy = hours.filter(({ hour, from, to }) => to - from >= FEWEST_FLIGHTS && (hour ?? 0) >= FIRST_HOUR);
  return [...airports.slice(0, AIRPORTS), ...busy];
}

interface Work {
  readonly plan: readonly BootstrapTask[];
  readonly hasProgress?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Has the tasks done; results come in any order. `since` is a time just before the first was submitted. */
async function compute(
  view: LoadBalancedView,
  { plan, hasProgress = true, signal }: Work,
): Promise<{ readonly values: Replicates[]; readonly since: number }> {
  const bar = new SingleBar({
    format: "{bar} {percentage}% · {value}/{total} tasks · {eta_formatted} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
  });
  const since = Date.now();
  const values: Replicates[] = [];
  if (hasProgress) bar.start(plan.length, 0);
  try {
    for await (const value of view.map(bootstrap, plan, { ordered: false, signal })) {
      values.push(value);
      bar.update(values.length);
    }
  } finally {
    bar.stop();
  }
  return { values, since };
}

function drawsOf(plan: readonly BootstrapTask[]): number {
  return plan.reduce((sum, { from, to, replicates }) => sum + (to - from) * replicates, 0);
}

/** Computes some tasks here again: an engine must give the same. */
function checkSome(plan: readonly BootstrapTask[], results: readonly Replicates[], flights: Flights): void {
  const bySeed = new Map(results.map((result) => [result.seed, result]));
  for (const task of plan.filter((_, i) => i % CHECKED_EVERY === 0)) {
    if (isDeepStrictEqual(bySeed.get(task.seed), bootstrap(task, flights.delays))) continue;
    throw new Error(`Cannot trust the results: task ${task.seed} gave another one on its engine than here`);
  }
}

/** Prints table and sentences, and writes the plot. */
async function show(findings: readonly Finding[], output: string): Promise<void> {
  console.log(`\nDelays in minutes [95 % interval]; January to June 2001, hours in which flights left\n`);
  console.log(airportTable(findings, TABLE_ROWS));
  for (const sentence of observations(findings)) console.log(sentence);
  const shown = new Set(
    findings.filter(({ slice }) => slice.hour === null).map(({ slice }) => slice.airport),
  );
  await Deno.writeTextFile(
    output,
    await drawFlights(findings.filter(({ slice }) => shown.has(slice.airport))),
  );
  console.log(`\nThe plot is in ${output}`);
}
