/**
 * `deno task bench:peers [--json] [--quick] [--only peer,peer] [--keep DIR]`: ipyparallel, dask.distributed, Ray and piscina beside us, in one run
 * and in turns, two workers each, every result checked. The peers are installed into a temporary folder below TSPARALLEL_SCRATCH or the system's own,
 * or into DIR, which stays and is not installed again.
 */

import { parseArgs } from "node:util";
import { benchRelay } from "../relay_bench.ts";
import { folderFor } from "./folder.ts";
import { installed, type PeerName, PEERS } from "./install.ts";
import { Ours } from "./ours.ts";
import { PeerProgram } from "./program.ts";
import { linesOf, type PeerFigure, peersTable, type Side } from "./table.ts";

/** Answers questions. */
interface Running extends Side {
  readonly ask: (question: readonly [string, number]) => Promise<unknown>;
  /** Tasks of a burst, by what the warm-up told. */
  burst: number;
}

interface Plan {
  readonly rounds: number;
  readonly burstSeconds: number;
  readonly trips: number;
  readonly waits: number;
}

const FULL: Plan = { rounds: 5, burstSeconds: 0.7, trips: 200, waits: 400 };
const QUICK: Plan = { rounds: 3, burstSeconds: 0.3, trips: 100, waits: 100 };
const WARM_UP = 300;
const MAX_BURST = 40_000;
const TRANSFERS = 3;
const BUFFER_MB = (64 << 20) / 1e6;

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean" },
      quick: { type: "boolean" },
      only: { type: "string" },
      keep: { type: "string" },
    },
  });
  const wanted = wantedPeers(values.only);
  await using stack = new AsyncDisposableStack();
  const folder = await folderFor(values.keep, stack);
  const relay = (await benchRelay({ quick: values.quick === true })).raw_relay_msgs_per_s!;
  const sides = await startAll(wanted, folder, stack);
  await measure(sides, values.quick === true ? QUICK : FULL);
  const lines = linesOf(sides, relay);
  if (values.json !== true) return console.log(peersTable(lines, relay));
  console.log(JSON.stringify({ raw_relay_msgs_per_s: relay }));
  for (const line of lines) console.log(JSON.stringify(line));
}

/** @throws Error naming all peers if one is asked for that there is not */
function wantedPeers(only: string | undefined): readonly PeerName[] {
  if (only === undefined) return PEERS;
  return only.split(",").map((name) => {
    const peer = PEERS.find((known) => known === name);
    if (peer === undefined) throw new Error(`Cannot measure "${name}": there are ${PEERS.join(", ")}`);
    return peer;
  });
}

async function startAll(
  peers: readonly PeerName[],
  folder: string,
  stack: AsyncDisposableStack,
): Promise<(Side | Running)[]> {
  const commands = new Map<PeerName, readonly [string, ...string[]] | Error>();
  // All are installed before any starts, so that no installing stands in another's time to start.
  for (const peer of peers) commands.set(peer, await installed(peer, folder).catch((error: Error) => error));
  const ours = stack.use(await Ours.start());
  const samples = { start_to_first_result_s: [ours.firstResultSeconds] };
  const sides: (Side | Running)[] = [{ name: "ours", samples, burst: 0, ask: (asked) => ours.ask(asked) }];
  for (const [name, command] of commands) {
    const side = command instanceof Error ? failed(name, command) : await startPeer(name, command, stack);
    sides.push(side);
  }
  return sides;
}

async function startPeer(
  name: PeerName,
  command: readonly [string, ...string[]],
  stack: AsyncDisposableStack,
): Promise<Side | Running> {
  try {
    const program = stack.use(new PeerProgram(command));
    const seconds = await program.next() as number;
    return {
      name,
      samples: { start_to_first_result_s: [seconds] },
      burst: 0,
      ask: (question) => program.ask(question),
    };
  } catch (error) {
    return failed(name, error);
  }
}

function failed(name: string, error: unknown): Side {
  const said = error instanceof Error ? error.message : String(error);
  return { name, samples: {}, failure: said.trim().split("\n").at(-1)!.slice(0, 100) };
}

/** In turns, so that a drift of the machine's speed favours nobody. */
async function measure(sides: readonly (Side | Running)[], plan: Plan): Promise<void> {
  const running = sides.filter((side): side is Running => "ask" in side);
  for (const side of running) await guarded(side, () => warmUp(side, plan));
  for (let round = 0; round < plan.rounds; round++) {
    for (const step of STEPS) {
      for (const side of round % 2 === 0 ? running : running.toReversed()) {
        if (side.failure === undefined) await guarded(side, () => step(side, plan));
      }
    }
  }
}

async function guarded(side: Running, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Our own failure is no figure of a comparison.
    if (side.name === "ours") throw error;
    side.failure = failed(side.name, error).failure!;
  }
}

/** Bursts grow with what the one before told: a few hundred tasks of something fast are over before it is warm. */
async function warmUp(side: Running, plan: Plan): Promise<void> {
  side.burst = WARM_UP;
  for (let i = 0; i < 3; i++) {
    const seconds = await side.ask(["submit", side.burst]) as number;
    const wanted = Math.round(side.burst / seconds * plan.burstSeconds);
    side.burst = Math.max(WARM_UP, Math.min(MAX_BURST, wanted));
  }
  for (const name of ["map", "kilobyte", "transfer"]) await side.ask([name, WARM_UP]);
}

type Step = (side: Running, plan: Plan) => Promise<void>;

const STEPS: readonly Step[] = [
  rateStep("submit", "tasks_submitted_per_s"),
  rateStep("map", "tasks_map_per_s"),
  rateStep("kilobyte", "tasks_1kB_per_s"),
  async (side, { trips }) => {
    const micros = (await side.ask(["trips", trips]) as number[]).map((seconds) => seconds * 1e6);
    for (const one of micros) {
      add(side, "task_latency_median_us", one);
      add(side, "task_latency_p99_us", one);
    }
  },
  async (side, { waits }) => {
    const ideal = waits / 2 * 0.01;
    add(side, "efficiency_10ms", ideal / (await side.ask(["wait", waits]) as number));
  },
  async (side) => {
    // One behind the other: the first after other work also pays for fresh memory, at every side.
    for (let i = 0; i < TRANSFERS; i++) {
      const answer = await side.ask(["transfer", 1]) as number[] | null;
      if (answer === null) return;
      add(side, "push_MBps", BUFFER_MB / answer[0]!);
      add(side, "pull_MBps", BUFFER_MB / answer[1]!);
    }
  },
];

function rateStep(name: string, figure: PeerFigure): Step {
  return async (side) => {
    const seconds = await side.ask([name, side.burst]) as number | null;
    if (seconds !== null) add(side, figure, side.burst / seconds);
  };
}

function add(side: Side, figure: PeerFigure, value: number): void {
  (side.samples[figure] ??= []).push(value);
}

if (import.meta.main) await main(Deno.args);
