/**
 * What a task costs that waits for others: a random graph of no-op tasks, each after one to three earlier ones (all, any, whether they ended well or not),
 * of 100,000 against 1,000. All of them wait behind a gate until the last is submitted; the time is that of submission, release and all results. The
 * gate is a task that waits for one that never ends on an engine of its own, and is cancelled.
 */
import type { Client } from "../../src/client/client.ts";
import type { AsyncResult } from "../../src/client/async_result.ts";
import type { Dependency } from "../../src/client/view_options.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { type Figures, quantile } from "./figures.ts";
import { cpuSecondsOfTrees, pssOfTrees } from "./memory.ts";

const ENGINES = 3;
const SMALL = 1000;
const LARGE = 100_000;

/** Times of one graph. */
interface Cost {
  /** Per task, from the first submission to the last result. */
  readonly us: number;
  /** The controller's, per task. */
  readonly cpuUs: number;
  /** The controller's memory while all wait, beyond that before, for each of them. */
  readonly bytes: number;
}

export async function benchDag({ quick }: { readonly quick: boolean }): Promise<Figures> {
  const { small, large } = await measureDags(quick ? { small: 7, large: 1 } : { small: 15, large: 3 });
  return { dag_ratio: median(large) / median(small) };
}

function median(costs: readonly Cost[]): number {
  return quantile(costs.map(({ us }) => us), 0.5);
}

async function measureDags(rounds: { readonly small: number; readonly large: number }) {
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  const small: Cost[] = [], large: Cost[] = [];
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "dag", n: ENGINES });
    await using client = await cluster.client();
    const controller = cluster.parts.find(({ saved }) => saved.kind === "controller")!.pid!;
    const view = client.loadBalanced();
    const endless = view.apply(() => new Promise<void>((done) => setTimeout(done, 3_600_000)));
    const bench = new DagBench(client, endless, controller);
    // Warm.
    for (let i = 0; i < 5; i++) await bench.run(2 * SMALL, i);
    const every = Math.ceil(rounds.small / rounds.large);
    for (let i = 0; i < rounds.small; i++) {
      small.push(await bench.run(SMALL, i));
      if (i % every === every - 1 || i === rounds.small - 1 && large.length < rounds.large) {
        large.push(await bench.run(LARGE, i));
      }
    }
    return { small, large };
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}

class DagBench {
  readonly #client: Client;
  readonly #endless: AsyncResult<void>;
  readonly #controller: number;

  constructor(client: Client, endless: AsyncResult<void>, controller: number) {
    this.#client = client;
    this.#endless = endless;
    this.#controller = controller;
  }

  async run(count: number, seed: number): Promise<Cost> {
    const view = this.#client.loadBalanced(), pids = [this.#controller];
    const gate = view.with({ after: this.#endless }).apply(noop, -1);
    const cpu = cpuSecondsOfTrees(pids), memory = pssOfTrees(pids);
    const began = performance.now();
    const tasks = this.#submit(gate, count, seed);
    await this.#allWait(count + 1);
    const waitedFrom = performance.now();
    const bytes = (pssOfTrees(pids) - memory) * 1e6 / count;
    const lookedMs = performance.now() - waitedFrom;
    gate.cancel("the gate opens");
    for (let i = 0; i < count; i++) {
      const result = await tasks[i]!;
      if (result !== i) throw new Error(`Cannot trust the cluster: ${result} came back in place of ${i}`);
    }
    const us = (performance.now() - began - lookedMs) * 1000 / count;
    return { us, cpuUs: (cpuSecondsOfTrees(pids) - cpu) / count * 1e6, bytes };
  }

  #submit(gate: AsyncResult<number>, count: number, seed: number): AsyncResult<number>[] {
    const view = this.#client.loadBalanced(), random = generator(seed);
    const tasks: AsyncResult<number>[] = [];
    for (let i = 0; i < count; i++) {
      const after: Dependency = i < 4
        ? { ids: [gate], failure: true }
        : { ids: earlier(tasks, random), ...CONDITIONS[Math.floor(random() * CONDITIONS.length)] };
      tasks.push(view.with({ after }).apply(noop, i));
    }
    return tasks;
  }

  async #allWait(count: number): Promise<void> {
    for (;;) {
      const { unassigned } = await this.#client.queueStatus();
      if (Number(unassigned) >= count) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

const noop = (n: number) => n;
const CONDITIONS = [{}, { all: false }, { failure: true }, { all: false, failure: true }] as const;

/** One to three of them. */
function earlier<T>(tasks: readonly T[], random: () => number): T[] {
  const ids = new Set<T>();
  for (let more = 1 + Math.floor(random() * 3); more > 0; more--) {
    ids.add(tasks[Math.floor(random() * tasks.length)]!);
  }
  return [...ids];
}

/** Numbers in [0, 1), the same for the same seed. */
export function generator(seed: number): () => number {
  let state = (seed * 7919 + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

if (import.meta.main) {
  const measured = await measureDags({ small: Number(Deno.args[0] ?? 9), large: Number(Deno.args[1] ?? 3) });
  for (const [name, costs] of Object.entries(measured)) {
    for (const field of ["us", "cpuUs", "bytes"] as const) {
      console.log(`${name} ${field}: ${costs.map((cost) => cost[field].toFixed(1)).join(" ")}`);
    }
  }
}
