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
/** How long engines say that a task took. */
const TASK_MS = 0.004;
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

/** A core with clients that submit and engines that finish at once what they are given. */
class CoreRun {
  readonly #core = new SchedulerCore({
    policy: POLICIES.leastload,
    hwm: null,
    graceMs: [100, 5000],
    random: () => 0.5,
  });
  readonly #clients: number;
  readonly #options: readonly (TaskOptions | null)[];
  readonly #sent: Uint32Array;
  readonly #held: number[][] = Array.from({ length: ENGINES }, () => []);
  readonly #writer = new GroupWriter();
  readonly #reader = new GroupReader();
  readonly #task = emptyTask();
  readonly #result = emptyResult();
  readonly #verdicts = new Uint8Array(1 << 10);
  #at = 1;
  #groups = 0;
  submitted = 0;
  done = 0;

  constructor({ clients, priorities }: CoreMix) {
    this.#clients = clients;
    this.#options = priorities.map((priority) =>
      priority === 0 ? null : readTaskOptions({ priority }, NAMES)
    );
    this.#sent = new Uint32Array(clients + 1);
    for (let id = 0; id < ENGINES; id++) {
      this.#core.step({ kind: "engine_registered", id, uuid: `engine-${id}`, offer: NO_OFFER, at: 0 });
    }
  }

  get open(): number {
    return this.#core.table.open;
  }

  /** The next client's next group. */
  submit(): void {
    const client = 1 + this.#groups % this.#clients, at = this.#at;
    const options = this.#options[Math.floor(this.#groups / this.#clients) % this.#options.length] ?? null;
    this.#groups++;
    const writer = this.#writer, reader = this.#reader, task = this.#task, core = this.#core;
    writer.reset();
    for (let i = 0; i < GROUP; i++) {
      writer.task(++this.#sent[client]!, client, 0, OP.apply, 0, 0, 0, 0, at, BODY);
    }
    const kept = core.frames.add(writer.close({ ...HEADER, kind: KIND.tasks }, unsigned));
    reader.open(core.frames.get(kept));
    for (let from = reader.offset; reader.task(task); from = reader.offset) {
      core.submit(task, kept, from, reader.offset - from, options, at);
    }
    core.frames.release(kept);
    core.dispatch(at);
    this.submitted += GROUP;
  }

  /** Each engine tells the results of all that it has, in one group. */
  turn(): void {
    this.#at++;
    for (let engine = 0; engine < ENGINES; engine++) {
      const { output } = this.#core;
      for (let i = 0; i < output.count; i++) this.#held[output.engines[i]!]!.push(output.tasks[i]!);
      output.clear();
      this.#finish(engine);
    }
  }

  #finish(engine: number): void {
    const seqs = this.#held[engine]!, writer = this.#writer, at = this.#at, { table } = this.#core;
    if (seqs.length === 0) return;
    this.#held[engine] = [];
    writer.reset();
    for (const seq of seqs) {
      const place = table.at(seq), client = table.client[place]!, n = table.n[place]!;
      writer.result(n, client, STATUS.ok, 0, 0, engine, 0, seq, 0, at, at + TASK_MS, BODY);
    }
    this.#reader.open(writer.close({ ...HEADER, kind: KIND.results }, unsigned));
    this.#core.finish(engine, this.#reader, this.#result, this.#verdicts, at);
    this.#core.dispatch(at);
    this.done += seqs.length;
  }
}

/** Tasks per second of a mix, from submission to result. */
export function coreRate(mix: CoreMix, tasks: number): number {
  const run = new CoreRun(mix);
  const began = monotonic();
  while (run.done < tasks) {
    while (run.submitted < tasks && run.submitted - run.done < BACKLOG) run.submit();
    run.turn();
  }
  const seconds = (monotonic() - began) / 1000;
  if (run.open > 0) throw new Error(`${run.open} tasks have not ended`);
  return tasks / seconds;
}

if (import.meta.main) {
  const only = Deno.args[0];
  for (const [name, mix] of Object.entries(CORE_MIXES)) {
    if (only !== undefined && !name.includes(only)) continue;
    coreRate(mix, 50_000);
    const rates = Array.from({ length: 5 }, () => coreRate(mix, 200_000)).sort((a, b) => a - b);
    console.log(`${name} ${Math.round(rates[2]!)} (${Math.round(rates[0]!)} to ${Math.round(rates[4]!)})`);
  }
}
