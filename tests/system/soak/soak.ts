/**
 * The soak: hostile tasks of one client among honest ones of another, on two engines of the profile `untrusted`. Every one must end as it
 * should, no honest one may be harmed, and afterwards nothing may be left: no process, descriptor, folder or memory.
 *
 * `deno task test:soak [tasks] [seed]`. What it draws comes from the seed, which it prints.
 */
import assert from "node:assert/strict";
import { type Client, LimitExceeded, type LoadBalancedView } from "../../../src/client/client.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { RunFolder } from "../../cli/run_folder.ts";
import { Chance } from "../../fuzz/chance.ts";
import { eventually, queueIsEmpty } from "../run.ts";
import { type Ending, HOSTILE, type Hostile } from "./hostile.ts";
import { levelOf, sameLevel } from "./levels.ts";

export interface SoakOptions {
  readonly seed: number;
  /** Hostile tasks. */
  readonly tasks: number;
  /** No further hostile task is begun after so long. */
  readonly budgetMs: number;
  readonly say?: (line: string) => void;
}

/** What happened, for whoever reads it. */
export interface SoakResult {
  readonly hostile: number;
  readonly honest: number;
  readonly kinds: ReadonlyMap<string, number>;
}

/** Hostile tasks at a time; the two engines run two. */
const WIDTH = 6;
/** Longest that any of them may take from its submission, waiting for others included. */
const PATIENCE_MS = 60_000;

/** Runs the soak. @throws AssertionError naming the task that did not end as it should */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { say = () => {} } = options;
  await using folder = new RunFolder();
  const cluster = await Cluster.start({ n: 2, profile: "untrusted", profileDir: folder.dir });
  const hostileClient = await cluster.client(), honestClient = await cluster.client();
  try {
    return await run(options, cluster, hostileClient, honestClient, say);
  } finally {
    await Promise.all([hostileClient.close(), honestClient.close()]);
    await cluster.stop();
    await Promise.all(cluster.parts.map((part) => part.ended));
  }
}

async function run(
  { seed, tasks, budgetMs }: SoakOptions,
  cluster: Cluster,
  hostileClient: Client,
  honestClient: Client,
  say: (line: string) => void,
): Promise<SoakResult> {
  const honestView = honestClient.loadBalanced();
  for (let i = 0; i < 20; i++) await honest(honestView, i);
  const uuids = honestClient.ids.map((id) => honestClient.engineUuid(id));
  const pids = cluster.parts.map(({ pid }) => pid!);
  const before = await levelOf(pids);
  const stop = { isOver: false };
  const hostile = hostileTasks(new Chance(seed), { tasks, budgetMs, say }, hostileClient.loadBalanced());
  const [{ kinds, problems }, honestCount] = await Promise.all([
    hostile.finally(() => stop.isOver = true),
    honestTasks(honestView, stop),
  ]);
  await queueIsEmpty(honestClient);
  assert.deepEqual(honestClient.ids.map((id) => honestClient.engineUuid(id)), uuids, "engines changed");
  assert.deepEqual(await honestClient.direct("all").apply(() => 6 * 7), [42, 42]);
  await eventually(
    () => levelOf(pids),
    (after) => sameLevel(before, after),
    `the level is ${JSON.stringify(before)} again`,
  );
  assert.deepEqual(problems, [], "tasks that did not end as they should");
  return { hostile: [...kinds.values()].reduce((sum, count) => sum + count, 0), honest: honestCount, kinds };
}

/** One honest task after the other, each with its result checked. */
async function honestTasks(view: LoadBalancedView, stop: { isOver: boolean }): Promise<number> {
  let count = 0;
  while (!stop.isOver) await honest(view, count++);
  return count;
}

async function honest(view: LoadBalancedView, number: number): Promise<void> {
  const bytes = new Uint8Array(number % 10 === 0 ? 200_000 : 10).fill(number);
  const sum = await view.apply(
    (bytes: Uint8Array, number: number) => {
      let sum = number;
      for (const byte of bytes) sum += byte;
      return { sum, length: bytes.length };
    },
    bytes,
    number,
  );
  const length = bytes.length;
  assert.deepEqual(sum, { sum: number + length * (number & 255), length }, `honest task ${number}`);
}

async function hostileTasks(
  chance: Chance,
  { tasks, budgetMs, say }: Omit<SoakOptions, "seed" | "say"> & { readonly say: (line: string) => void },
  view: LoadBalancedView,
): Promise<{ readonly kinds: Map<string, number>; readonly problems: readonly string[] }> {
  const deck = HOSTILE.flatMap((kind) => new Array<Hostile>(kind.weight ?? 4).fill(kind));
  const kinds = new Map<string, number>(), problems: string[] = [];
  const began = performance.now();
  let count = 0;
  const worker = async () => {
    while (count < tasks && performance.now() - began < budgetMs) {
      const number = count++, kind = chance.pick(deck);
      const problem = await hostile(view, kind, number);
      if (problem !== undefined) problems.push(problem);
      kinds.set(kind.name, (kinds.get(kind.name) ?? 0) + 1);
      if (number % 500 === 499) {
        say(`${number + 1} hostile tasks after ${Math.round((performance.now() - began) / 1000)} s`);
      }
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
  return { kinds, problems };
}

/** Runs one and holds it to how it must end. */
async function hostile(view: LoadBalancedView, kind: Hostile, number: number): Promise<string | undefined> {
  const name = `hostile task ${number} (${kind.name})`;
  const task = view.with({ limits: kind.limits ?? { runTimeoutMs: 20_000 } }).apply(kind.run, number);
  if (kind.isCancelled) {
    await eventually(() => task.metadata.stdout, (text) => text === "begun\n", `${name} has begun`);
    task.cancel("it is hostile");
  }
  return judged(kind.ends, await outcomeOf(task, name), name);
}

/** Why it did not end as it should, as a sentence. */
function judged(ends: Ending, outcome: Outcome, name: string): string | undefined {
  if ("value" in outcome) {
    if ("value" in ends && ends.value === outcome.value) return undefined;
    return `${name} gave ${JSON.stringify(outcome.value)}`;
  }
  const { error } = outcome,
    isLimit = error instanceof LimitExceeded,
    text = `${error.name}: ${error.message}`;
  const isRight = "error" in ends && ends.error.some((name) => new RegExp(`\\b${name}\\b`).test(text)) &&
    (ends.says?.test(text) ?? true) && (ends.isLimit ?? isLimit) === isLimit;
  return isRight ? undefined : `${name} ended with ${text}`;
}

type Outcome = { readonly value: unknown } | { readonly error: Error };

async function outcomeOf(
  task: PromiseLike<unknown>,
  name: string,
): Promise<Outcome> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new assert.AssertionError({ message: `${name}: no answer` })),
    PATIENCE_MS,
  );
  try {
    return { value: await Promise.race([task, late.promise]) };
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return { error: error as Error };
  } finally {
    clearTimeout(timer);
  }
}

if (import.meta.main) {
  const [tasks = "10000", seed = String(Math.floor(Math.random() * 2 ** 32))] = Deno.args;
  console.log(`seed ${seed}`);
  const result = await soak({
    seed: Number(seed),
    tasks: Number(tasks),
    budgetMs: 40 * 60_000,
    say: (line) => console.log(line),
  });
  console.log(
    `${result.hostile} hostile tasks ended as they should, ${result.honest} honest ones were not harmed`,
  );
  for (const [kind, count] of result.kinds) console.log(`${String(count).padStart(6)}  ${kind}`);
  Deno.exit(0);
}
