/**
 * Engines and clients around a scheduler core, on a clock of their own: engines run what they were given one by one, give back what they are asked for, and tell what
 * each task took. Nothing waits for real time.
 */
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { emptyResult, emptyTask, KIND, OP, STATUS } from "../../src/protocol/groups.ts";
import { NO_OFFER } from "../../src/protocol/task_asks.ts";
import { SchedulerCore } from "../../src/scheduler/core.ts";
import { taskKey } from "../../src/scheduler/dependencies.ts";
import { POLICIES, type Scheme } from "../../src/scheduler/policies.ts";
import { readTaskOptions } from "../../src/scheduler/task_options.ts";

const HEADER = { origin: 0, seq: 1, target: 0, nonce: 0n, acked: 0, committed: 0, window: 0 };
const unsigned = () => {};
/** Since 1970: times of 0 mean that nobody told. */
const START = 1_000_000;
const DELAY_MS = 0.2;

export interface TaskName {
  readonly client: number;
  readonly n: number;
}

interface Running {
  readonly queue: number[];
  /** When the first of the queue began; it ends at `until`. */
  since: number;
  until: number;
}

export interface WorldOptions {
  readonly engines: number;
  readonly hwm?: number | null;
  readonly policy?: Scheme;
  /** How long a task takes, in ms. */
  readonly lasts: (task: TaskName, engine: number) => number;
  /** Whether a task that ran failed. */
  readonly fails?: (task: TaskName, engine: number) => boolean;
}

export class World {
  readonly core: SchedulerCore;
  now = START;
  readonly #options: WorldOptions;
  readonly #engines = new Map<number, Running>();
  readonly #sent = new Map<number, number>();
  /** Ends of tasks, in order; the time that engines spent on each client's. */
  readonly ended: (TaskName & { readonly how: string })[] = [];
  readonly engineMs = new Map<number, number>();
  /** Tasks as they were assigned. */
  readonly assigned: TaskName[] = [];
  recalls = 0;
  #results: { at: number; engine: number; seq: number; started: number; completed: number }[] = [];

  constructor(options: WorldOptions) {
    this.#options = options;
    this.core = new SchedulerCore({
      policy: POLICIES[options.policy ?? "leastload"],
      hwm: options.hwm ?? null,
      graceMs: [100, 5000],
      random: () => 0.4,
    });
    for (let id = 0; id < options.engines; id++) this.join(id);
  }

  join(id: number): void {
    this.#engines.set(id, { queue: [], since: 0, until: Infinity });
    this.core.step({ kind: "engine_registered", id, uuid: `engine-${id}`, offer: NO_OFFER, at: this.now });
    this.#carryOut();
  }

  leave(id: number): void {
    this.#engines.delete(id);
    this.core.step({ kind: "engine_unregistered", id, reason: "killed", at: this.now });
    this.#carryOut();
  }

  /** A client submits so many tasks in one group. Returns the number of the last. */
  submit(client: number, count: number, options: object | null = null, definition = 0): number {
    const writer = new GroupWriter();
    let n = this.#sent.get(client) ?? 0;
    for (let i = 0; i < count; i++) {
      writer.task(++n, client, definition, OP.apply, 0, 0, 0, 0, this.now, new Uint8Array(4));
    }
    this.#sent.set(client, n);
    const frame = writer.close({ ...HEADER, kind: KIND.tasks }, unsigned);
    const kept = this.core.frames.add(frame), reader = new GroupReader(), task = emptyTask();
    reader.open(this.core.frames.get(kept));
    const read = options === null ? null : readTaskOptions(options, {
      key: (id) => typeof id === "number" ? taskKey(client, id) : undefined,
      text: String,
    });
    for (let at = reader.offset; reader.task(task); at = reader.offset) {
      this.core.submit(task, kept, at, reader.offset - at, read, this.now);
    }
    this.core.frames.release(kept);
    this.core.dispatch(this.now);
    this.#carryOut();
    return n;
  }

  cancel(client: number, n: number): void {
    this.core.step({ kind: "cancel", client, n, waitingOnly: true, at: this.now });
    this.#carryOut();
  }

  /** An engine gives so many of what it has not begun back by itself. */
  giveBack(engine: number, count: number): void {
    const running = this.#engines.get(engine);
    if (running === undefined) return;
    const seqs = running.queue.splice(Math.max(1, running.queue.length - count));
    if (seqs.length === 0) return;
    this.core.step({ kind: "returned", engine, seqs, at: this.now });
    this.#carryOut();
  }

  /** Lets time pass until nothing more will happen, or so long as `goesOn` says. */
  run(goesOn: () => boolean = () => true): void {
    while (goesOn() && this.#next()) { /* one event after the other */ }
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    const until = this.now + ms;
    while (this.#nextAt() <= until && this.#next()) { /* one event after the other */ }
    this.now = until;
    this.core.step({ kind: "tick", at: this.now });
    this.#carryOut();
  }

  #nextAt(): number {
    let at = Math.min(this.core.nextTick, this.#results[0]?.at ?? Infinity);
    for (const { until } of this.#engines.values()) at = Math.min(at, until);
    return at;
  }

  /** The next thing that happens; false if there is none. */
  #next(): boolean {
    const at = this.#nextAt();
    if (at === Infinity) return false;
    this.now = Math.max(this.now, at);
    for (const [id, running] of this.#engines) if (running.until <= this.now) this.#endOne(id, running);
    const due = this.#results.filter((result) => result.at <= this.now);
    this.#results = this.#results.filter((result) => result.at > this.now);
    for (const result of due) this.#tell(result);
    if (this.core.nextTick <= this.now) this.core.step({ kind: "tick", at: this.now });
    this.#carryOut();
    return true;
  }

  #endOne(engine: number, running: Running): void {
    const seq = running.queue.shift()!;
    const started = running.since, completed = running.until;
    this.#results.push({ at: completed + DELAY_MS, engine, seq, started, completed });
    this.#startNext(engine, running, completed);
  }

  #startNext(engine: number, running: Running, at: number): void {
    const name = running.queue[0] === undefined ? null : this.#name(running.queue[0]);
    running.since = at;
    running.until = name === null ? Infinity : at + this.#options.lasts(name, engine);
  }

  #name(seq: number): TaskName {
    const { table } = this.core, place = table.at(seq);
    return { client: table.client[place]!, n: table.n[place]! };
  }

  #tell(result: { engine: number; seq: number; started: number; completed: number }): void {
    const { engine, seq, started, completed } = result;
    if (!this.#engines.has(engine)) return;
    const name = this.#name(seq);
    this.engineMs.set(name.client, (this.engineMs.get(name.client) ?? 0) + completed - started);
    const status = this.#options.fails?.(name, engine) === true ? STATUS.error : STATUS.ok;
    const writer = new GroupWriter();
    writer.result(
      name.n,
      name.client,
      status,
      0,
      0,
      engine,
      0,
      seq,
      0,
      started,
      completed,
      new Uint8Array(4),
    );
    const reader = new GroupReader(), verdicts = new Uint8Array(1);
    reader.open(writer.close({ ...HEADER, kind: KIND.results }, unsigned));
    this.core.finish(engine, reader, emptyResult(), verdicts, this.now);
    if (verdicts[0]! > 0) this.ended.push({ ...name, how: status === STATUS.ok ? "ok" : "error" });
    this.core.dispatch(this.now);
    this.#carryOut();
  }

  #carryOut(): void {
    const { output } = this.core;
    for (let i = 0; i < output.count; i++) {
      const seq = output.tasks[i]!, engine = output.engines[i]!, running = this.#engines.get(engine)!;
      this.assigned.push(this.#name(seq));
      running.queue.push(seq);
      if (running.queue.length === 1) this.#startNext(engine, running, this.now);
    }
    const actions = [...output.actions];
    output.clear();
    for (const action of actions) {
      if (action.kind === "answer") {
        this.ended.push({ client: action.client, n: action.n, how: action.ename });
      } else if (action.kind === "recall") {
        this.recalls++;
        this.giveBack(action.engine, action.count);
      }
    }
  }
}
