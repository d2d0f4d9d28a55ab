/**
 * `deno task fuzz [--seconds 300] [--seed N] [--rounds N]`: nonsense at every public socket of a running cluster, hub, schedulers, engine
 * hosts and clients, while others work. Nobody may die, no task may be lost, no memory may leak. What is sent follows from the seed.
 */

import { parseArgs } from "node:util";
import { PYTHON } from "../peers/python.ts";
import { FuzzedCluster } from "./fuzzed_cluster.ts";
import { Chance } from "./chance.ts";
import { Nonsense } from "./nonsense.ts";
import { Intruder } from "./intruder.ts";
import { loadCapture } from "../vectors/vectors.ts";

/** How long, and from which seed. */
export interface FuzzPlan {
  readonly seed: number;
  readonly seconds: number;
  /** At most so many rounds. */
  readonly rounds?: number;
  readonly say: (line: string) => void;
}

/** What a run came to. */
export interface FuzzReport {
  readonly rounds: number;
  readonly messages: number;
  readonly doors: readonly string[];
}

/** Messages of a round; then everybody gets a moment. */
const PER_ROUND = 25;
const PAUSE_MS = 10;
/** The share of the time after which memory is measured for the first time. */
const WARM_UP = 0.4;

/**
 * Fuzzes a new cluster.
 * @throws AssertionError or Error, naming the seed, if anything was lost
 */
export async function fuzz(plan: FuzzPlan): Promise<FuzzReport> {
  const { seed } = plan, start = performance.now();
  const say = (line: string) => plan.say(`${((performance.now() - start) / 1000).toFixed(0)} s: ${line}`);
  say(`seed ${seed}${PYTHON === undefined ? ", without Python peers (TSPARALLEL_PYTHON)" : ""}`);
  await using cluster = await FuzzedCluster.start(PYTHON);
  try {
    return await attack(cluster, { ...plan, say });
  } catch (error) {
    say(cluster.logs());
    say(await cluster.situation().catch(String));
    throw new Error(`Fuzzing with seed ${seed} found something`, { cause: error });
  }
}

async function attack(
  cluster: FuzzedCluster,
  { seed, seconds, rounds = Infinity, say }: FuzzPlan,
): Promise<FuzzReport> {
  const chance = new Chance(seed);
  const capture = await loadCapture("json");
  const nonsense = new Nonsense(chance, cluster.known, capture);
  // Of its own, so that nothing that the stranger has given an engine comes once more through the controller: it would be no new message.
  const inserted = new Nonsense(chance, cluster.known, capture);
  using intruder = new Intruder(
    chance,
    cluster.connections.client,
    cluster.connections.engine,
    cluster.uuids,
  );
  const began = performance.now();
  const passed = () => (performance.now() - began) / 1000;
  let round = 0, messages = 0, isWarm = false;
  for (; round < rounds && passed() < seconds; round++) {
    messages += await attackOnce({ chance, nonsense, inserted, intruder, cluster });
    await Promise.race([new Promise((resolve) => setTimeout(resolve, PAUSE_MS)), cluster.failed]);
    cluster.checkProcesses();
    const share = Math.max(passed() / seconds, round / rounds);
    if (!isWarm && share > WARM_UP) {
      isWarm = true;
      nonsense.asksForAll = false;
      say(`memory when warm: ${cluster.measure()}`);
    }
    if (round % 500 === 499) say(`round ${round + 1}: ${cluster.progress()}; ${cluster.sizes()}`);
  }
  await cluster.settle(say);
  say(`memory at the end: ${cluster.measure()}`);
  say(`${round} rounds, ${messages} messages; ${cluster.progress()}`);
  cluster.checkAll();
  return { rounds: round, messages, doors: [...intruder.used] };
}

interface Attack {
  readonly chance: Chance;
  readonly nonsense: Nonsense;
  readonly inserted: Nonsense;
  readonly intruder: Intruder;
  readonly cluster: FuzzedCluster;
}

async function attackOnce({ chance, nonsense, inserted, intruder, cluster }: Attack): Promise<number> {
  for (let i = 0; i < PER_ROUND; i++) {
    const draw = chance.next();
    if (draw < 0.05) await intruder.sendBytes(nonsense.bytes());
    else if (draw < 0.35) await cluster.insert(chance, inserted.message());
    else intruder.send(nonsense.message());
  }
  return PER_ROUND;
}

/** A seed that nobody chose. */
export function newSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { seconds: { type: "string" }, seed: { type: "string" }, rounds: { type: "string" } },
  });
  const seed = Number(values.seed ?? newSeed());
  const rounds = values.rounds === undefined ? {} : { rounds: Number(values.rounds) };
  await fuzz({ seed, seconds: Number(values.seconds ?? 300), ...rounds, say: console.log });
}

if (import.meta.main) await main(Deno.args);
