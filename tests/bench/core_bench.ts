/**
 * The scheduler's core alone, without sockets: tasks per second from submission over assignment to the result, in groups as they come in life.
 * `deno run -A tests/bench/core_bench.ts` prints one line per mix of clients and priorities.
 */
import { monotonic } from "../../src/base/clock.ts";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { emptyResult, emptyTask, KIND, OP, STATUS } from "../../src/protocol/groups.ts";
import { NO_OFFER } from "../../src/protocol/task_asks.ts";
import { SchedulerCore } from "../../src/scheduler/core.ts";
import { POLICIES } from "../../src/scheduler/policies.ts";
import { readTaskOptions, type TaskNames, type TaskOptions } from "../../src/scheduler/task_options.ts";

const HEADER = { origin: 0, seq: 1, target: 0, nonce: 0n, acked: 0, committed: 0, window: 0 };
const unsigned = () => {};
const BODY = new Uint8Array(24);
const GROUP = 500;
const ENGINES = 2;
/** Tasks that wait or are assigned, over all clients. */
const BACKLOG = 20_000;
const NAMES: TaskNames = { key: () => undefined, text: String };

export interface CoreMix {
  readonly clients: number;
  /** Priorities that a client's groups have in turn. */
  readonly priorities: readonly number[];
}

/** The mixes that are reported. */
export const CORE_MIXES: Readonly<Record<string, CoreMix>> = {
  core_1_client_per_s: { clients: 1, priorities: [0] },
  core_2_clients_per_s: { clients: 2, priorities: [0] },
  core_50_clients_per_s: { clients: 50, priorities: [0] },
  core_priority_per_s: { clients: 1, priorities: [0, 5, -3, 9] },
  core_50_clients_priority_per_s: { clients: 50, priorities: [0, 5, -3, 9] },
};

/** Drives a core with as many tasks of the mix; tasks per second, and the core, which has none left. */
export function coreRate({ clients, priorities }: CoreMix, tasks: number): { rate: number; left: number } {
  const core = new SchedulerCore({
    policy: POLICIES.leastload,
    hwm: null,
    graceMs: [100, 5000],
    random: () => 0.5,
  });
  for (let id = 0; id < ENGINES; id++) {
    core.step({ kind: "engine_registered", id, uuid: `engine-${id}`, offer: NO_OFFER, at: 0 });
  }
  const options = priorities.map((priority): TaskOptions | null =>
    priority === 0 ? null : readTaskOptions({ priority }, NAMES)
  );
  const submitted = new Uint32Array(clients + 1);
  const writer = new GroupWriter(), reader = new GroupReader(), task = emptyTask(), result = emptyResult();
  let at = 1, done = 0, sent = 0, group = 0;
  const held: number[][] = Array.from({ length: ENGINES }, () => []);
  const verdicts = new Uint8Array(1 << 10);

  const submit = () => {
    const client = 1 + group % clients, own = options[Math.floor(group / clients) % options.length] ?? null;
    group++;
    writer.reset();
    for (let i = 0; i < GROUP; i++) {
      writer.task(++submitted[client]!, client, 0, OP.apply, 0, 0, 0, 0, at, BODY);
    }
    const frame = writer.close({ ...HEADER, kind: KIND.tasks }, unsigned);
    const kept = core.frames.add(frame);
    reader.open(core.frames.get(kept));
    for (let from = reader.offset; reader.task(task); from = reader.offset) {
      core.submit(task, kept, from, reader.offset - from, own, at);
    }
    core.frames.release(kept);
    core.dispatch(at);
    sent += GROUP;
  };
  const takeOutput = () => {
    const { output } = core;
    for (let i = 0; i < output.count; i++) held[output.engines[i]!]!.push(output.tasks[i]!);
    output.clear();
  };
  const finish = (engine: number) => {
    const seqs = held[engine]!;
    if (seqs.length === 0) return;
    held[engine] = [];
    const { table } = core;
    writer.reset();
    for (const seq of seqs) {
      const place = table.at(seq);
      writer.result(
        table.n[place]!,
        table.client[place]!,
        STATUS.ok,
        0,
        0,
        engine,
        0,
        seq,
        0,
        at,
        at + 0.004,
        BODY,
      );
    }
    reader.open(writer.close({ ...HEADER, kind: KIND.results }, unsigned));
    core.finish(engine, reader, result, verdicts, at);
    core.dispatch(at);
    done += seqs.length;
  };

  const began = monotonic();
  while (done < tasks) {
    while (sent < tasks && sent - done < BACKLOG) submit();
    at++;
    for (let engine = 0; engine < ENGINES; engine++) {
      takeOutput();
      finish(engine);
    }
  }
  const seconds = (monotonic() - began) / 1000;
  return { rate: done / seconds, left: core.table.open };
}

if (import.meta.main) {
  const only = Deno.args[0];
  for (const [name, mix] of Object.entries(CORE_MIXES)) {
    if (only !== undefined && !name.includes(only)) continue;
    coreRate(mix, 50_000);
    const rates = Array.from({ length: 5 }, () => coreRate(mix, 200_000).rate).sort((a, b) => a - b);
    console.log(`${name} ${Math.round(rates[2]!)} (${Math.round(rates[0]!)} to ${Math.round(rates[4]!)})`);
  }
}
