/**
 * One large value for all engines of a host, against one push to each after the other. Every namespace is looked into afterwards, outside the timed part.
 */
import type { Client } from "../../src/client/client.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { type Figures, quantile } from "./figures.ts";
import type { Plan } from "./run.ts";

const ENGINES = 16;
const BYTES = 16 << 20;
const PAGE = 4096;

/** Looks at one byte of each page of a name's value, in the engine. */
const CHECK = (name: string) =>
  `(() => { let sum = 0; for (let at = 0; at < ${name}.length; at += ${PAGE}) sum = (sum * 31 + ${name}[at]) % 1000003; return [${name}.length, sum]; })()`;

/** Measures what is wanted on one cluster of sixteen. */
export async function benchBroadcast({ quick }: Pick<Plan, "quick">): Promise<Figures> {
  const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
  try {
    await using cluster = await Cluster.start({ profileDir, clusterId: "bench", n: ENGINES });
    await using client = await cluster.client();
    await client.direct("all").apply(() => 1);
    const single: number[] = [], together: number[] = [];
    for (let round = 0; round < (quick ? 3 : 5); round++) {
      const data = dataOf(round);
      single.push(await timeOf(() => pushOneByOne(client, data)));
      together.push(await timeOf(() => client.direct("all").push({ together: data })));
      await check(client, "single", data);
      await check(client, "together", data);
    }
    const broadcast = quantile(together, 0.5);
    return {
      broadcast_ratio: quantile(single, 0.5) / broadcast,
      broadcast_MBps: ENGINES * BYTES / 1000 / broadcast,
    };
  } finally {
    await Deno.remove(profileDir, { recursive: true });
  }
}

async function pushOneByOne(client: Client, data: Uint8Array): Promise<void> {
  for (const id of client.ids) await client.direct(id).push({ single: data });
}

function dataOf(round: number): Uint8Array {
  const data = new Uint8Array(BYTES);
  for (let at = 0; at < BYTES; at += PAGE) data[at] = at / PAGE + round;
  return data;
}

async function timeOf(work: () => PromiseLike<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** @throws Error if a namespace has anything else */
async function check(client: Client, name: string, data: Uint8Array): Promise<void> {
  let sum = 0;
  for (let at = 0; at < BYTES; at += PAGE) sum = (sum * 31 + data[at]!) % 1_000_003;
  const wanted = `${BYTES},${sum}`;
  const found = await client.direct("all").execute(CHECK(name));
  const wrong = found.filter(({ value }) => String(value) !== wanted);
  if (found.length !== ENGINES || wrong.length > 0) {
    throw new Error(
      `Cannot trust the cluster: ${wrong.length} of ${found.length} engines have another value`,
    );
  }
}
