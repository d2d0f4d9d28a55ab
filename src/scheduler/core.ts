/**
 * The task scheduler's decisions, pure: which engine runs which task, what waits for what, who is told that a task will never run.
 *
 * Groups come in as received bytes and are worked through over typed arrays; rare things come in as events. What is to be done goes into `output`,
 * which the shell carries out and clears. To change a scheduling rule: `policies.ts` for the choice, `#dispatch` here for the order.
 */
import { DeadlineHeap } from "../base/heap.ts";
import { STATUS } from "../protocol/groups.ts";
import type { GroupReader, ResultRecord, TaskRecord } from "../protocol/groups.ts";
import { Dependency, type TaskKey, taskKey } from "./dependencies.ts";
import { EngineState, EngineTable } from "./engine_table.ts";
import { ClientHistory, MAX_N } from "./history.ts";
import type { Policy } from "./policies.ts";
import type { TaskOptions } from "./task_options.ts";
import { ASSIGNED, DEPENDENT, FrameStore, NONE, SeqQueue, TaskTable, WAITING } from "./task_table.ts";

/** Rare things that happen. `at` is wall-clock time in ms. */
export type Event =
  | {
    readonly kind: "engine_registered";
    readonly id: number;
    readonly uuid: string;
    readonly ours: boolean;
    readonly at: number;
  }
  | {
    readonly kind: "engine_unregistered";
    readonly id: number;
    readonly reason: string;
    readonly at: number;
  }
  | {
    readonly kind: "cancel";
    readonly client: number;
    readonly n: number;
    readonly waitingOnly: boolean;
    readonly at: number;
  }
  | {
    readonly kind: "returned";
    readonly engine: number;
    readonly seqs: readonly number[];
    readonly at: number;
  }
  | { readonly kind: "tick"; readonly at: number };

/** What the shell has to do besides sending the assigned tasks. */
export type Action =
  /** Answer the task: it will not run (any more). `engine` is where it was, or -1. */
  | {
    readonly kind: "answer";
    readonly client: number;
    readonly n: number;
    readonly seq: number;
    readonly engine: number;
    readonly status: number;
    readonly ename: string;
    readonly evalue: string;
    readonly peer: unknown;
  }
  | {
    readonly kind: "cancel";
    readonly engine: number;
    readonly client: number;
    readonly n: number;
    readonly seq: number;
    readonly waitingOnly: boolean;
  }
  | { readonly kind: "recall"; readonly engine: number; readonly count: number }
  /** The task is over: drop what is kept beside its record. */
  | { readonly kind: "release"; readonly client: number; readonly n: number };

/** Decisions not carried out yet: pairs (task seq, engine id) in order, and actions. */
export class Output {
  tasks = new Uint32Array(1024);
  engines = new Int32Array(1024);
  count = 0;
  readonly actions: Action[] = [];

  assign(seq: number, engine: number): void {
    if (this.count === this.tasks.length) {
      const tasks = new Uint32Array(this.count * 2), engines = new Int32Array(this.count * 2);
      tasks.set(this.tasks);
      engines.set(this.engines);
      this.tasks = tasks;
      this.engines = engines;
    }
    this.tasks[this.count] = seq;
    this.engines[this.count++] = engine;
  }

  clear(): void {
    this.count = 0;
    this.actions.length = 0;
  }
}

/** What few tasks need: options, attempts, a peer's message. */
interface Rare {
  readonly options: TaskOptions | null;
  retriesLeft: number;
  tries: number;
  after: Dependency | null;
  follow: Dependency | null;
  /** Engines that had it and failed. */
  readonly tried: Set<number>;
  timedOut: boolean;
  readonly hasBuffers: boolean;
  /** The shell's own: a peer's message and address. */
  readonly peer: unknown;
}

export interface CoreOptions {
  readonly policy: Policy;
  /** Most tasks that an engine may hold; 0 no bound; null adaptive for our engines and 1 for peers'. */
  readonly hwm: number | null;
  /** How long results of a gone engine are waited for, in ms: ours, peers'. */
  readonly graceMs: readonly [number, number];
  readonly random: () => number;
}

/** What became of a submitted task. */
export type Taken = "taken" | "duplicate" | "refused";
/** What the shell does with a result. */
export type Verdict = "relay" | "drop";

/** How much n may jump ahead of a client's highest: more is a broken client. */
const MAX_JUMP = 1 << 20;
/** Most tasks that one choice gives to one engine. */
const MAX_RUN = 64;
/** An engine that shows no result for this long may be asked for tasks back while another idles, in ms. */
const RECALL_AFTER_MS = 4;

export class SchedulerCore {
  readonly #options: CoreOptions;
  readonly table = new TaskTable();
  readonly frames = new FrameStore();
  readonly engines = new EngineTable();
  readonly output = new Output();
  readonly #clients = new Map<number, { history: ClientHistory; highest: number }>();
  readonly #rare = new Map<number, Rare>();
  /** Tasks that any engine of the pool may run. */
  readonly #queues = [new SeqQueue(), new SeqQueue()] as const;
  /** Tasks that any engine may run but those that failed them. */
  #excluding: number[] = [];
  #restricted = 0;
  readonly #dependents = new Map<TaskKey, number[]>();
  readonly #deadlines = new DeadlineHeap();
  /** Finished tasks whose dependents were not told yet. */
  readonly #settled: { key: TaskKey; ok: boolean; engine: number }[] = [];
  readonly #dying = new Set<EngineState>();
  #waiting = 0;
  #loads = new Float64Array(16);

  constructor(options: CoreOptions) {
    this.#options = options;
  }

  /** Tasks accepted and not assigned. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The next time at which a tick is wanted, Infinity for none. */
  get nextTick(): number {
    let next = this.#deadlines.next;
    for (const engine of this.#dying) {
      next = Math.min(next, engine.diedAt + this.#options.graceMs[engine.pool]);
    }
    if (this.#waiting === 0) {
      const fullest = this.#recallable();
      if (fullest !== null) next = Math.min(next, fullest.progressAt + RECALL_AFTER_MS);
    }
    return next;
  }

  step(event: Event): void {
    switch (event.kind) {
      case "engine_registered":
        this.#register(event.id, event.uuid, event.ours, event.at);
        break;
      case "engine_unregistered":
        this.#unregister(event.id, event.reason, event.at);
        break;
      case "cancel":
        this.#cancel(event.client, event.n, event.waitingOnly);
        break;
      case "returned":
        this.#takeBack(event.engine, event.seqs, event.at);
        break;
      case "tick":
        this.#expire(event.at);
        break;
    }
    this.dispatch(event.at);
  }

  // ── submission ─────────────────────────────────────────────────────────────────────────────

  /**
   * Takes one task of a group whose frame is kept as `frame`; call `dispatch` after the last.
   * @param from offset of the record in the frame, `length` with its padding
   */
  submit(
    record: TaskRecord,
    frame: number,
    from: number,
    length: number,
    options: TaskOptions | null,
    at: number,
    peer?: unknown,
  ): Taken {
    const { client, n } = record;
    const known = this.#client(client);
    if (n === 0 || n > known.highest + MAX_JUMP || n > MAX_N) return "refused";
    if (known.history.seen(n)) return "duplicate";
    if (n > known.highest) known.highest = n;
    known.history.see(n);
    const seq = this.table.add(client, n);
    const place = this.table.at(seq);
    known.history.open.set(n, seq);
    this.table.definition[place] = record.definition;
    this.table.frame[place] = frame;
    this.table.offset[place] = from;
    this.table.length[place] = length;
    this.table.pool[place] = peer === undefined ? 0 : 1;
    this.frames.hold(frame);
    record.seq = seq;
    this.#waiting++;
    if (options === null && record.buffers === 0 && peer === undefined) {
      this.table.state[place] = WAITING;
      this.#queues[0].push(seq);
    } else this.#submitRare(seq, place, options, record.buffers > 0, peer, at);
    return "taken";
  }

  #submitRare(
    seq: number,
    place: number,
    options: TaskOptions | null,
    hasBuffers: boolean,
    peer: unknown,
    at: number,
  ): void {
    const rare: Rare = {
      options,
      retriesLeft: options?.retries ?? 0,
      tries: 0,
      after: null,
      follow: null,
      tried: new Set(),
      timedOut: false,
      hasBuffers,
      peer,
    };
    this.table.rare[place] = 1;
    this.#rare.set(seq, rare);
    if (options !== null && !this.#linkDependencies(seq, place, rare, options)) return;
    if (options !== null && options.queueTimeoutMs !== Infinity) {
      this.#deadlines.push(at + options.queueTimeoutMs, seq);
    }
    if (this.#isOpen(rare)) this.table.state[place] = DEPENDENT;
    else this.#makeReady(seq, place, rare);
  }

  #isOpen(rare: Rare): boolean {
    return rare.after?.state === "open" || rare.follow?.state === "open";
  }

  /** Sets up `after` and `follow`; false if the task has failed by that. */
  #linkDependencies(seq: number, place: number, rare: Rare, options: TaskOptions): boolean {
    const own = taskKey(this.table.client[place]!, this.table.n[place]!);
    for (const name of ["after", "follow"] as const) {
      const spec = options[name];
      if (spec === null) continue;
      for (const key of spec.keys) {
        if (key === own || !this.#isKnown(key)) {
          this.#fail(
            place,
            STATUS.error,
            "InvalidDependency",
            `Cannot wait for ${describe(key)} (${name}): no such task`,
          );
          return false;
        }
      }
      rare[name] = new Dependency(spec);
    }
    for (const dependency of [rare.after, rare.follow]) {
      if (dependency !== null) this.#followKeys(seq, dependency);
    }
    return !this.#failUnreachable(place, rare);
  }

  /** Settles what has ended already and subscribes to the rest. */
  #followKeys(seq: number, dependency: Dependency): void {
    for (const key of dependency.keys) {
      const { client, n } = split(key);
      const history = this.#client(client).history;
      const ok = history.succeeded(n);
      if (ok || history.failed(n)) dependency.settle(key, { ok, engine: history.engineOf(n) });
      else {
        const list = this.#dependents.get(key);
        if (list === undefined) this.#dependents.set(key, [seq]);
        else if (list[list.length - 1] !== seq) list.push(seq);
      }
    }
  }

  #failUnreachable(place: number, rare: Rare): boolean {
    for (const [name, dependency] of [["after", rare.after], ["follow", rare.follow]] as const) {
      if (dependency?.state === "unreachable") {
        this.#fail(
          place,
          STATUS.error,
          "ImpossibleDependency",
          `Cannot run: a task that it comes ${name} did not end as wanted`,
        );
        return true;
      }
    }
    const follow = rare.follow;
    if (follow !== null && follow.spec.all && follow.engines.size > 1) {
      this.#fail(
        place,
        STATUS.error,
        "ImpossibleDependency",
        "Cannot run: the tasks that it follows ran on different engines",
      );
      return true;
    }
    return false;
  }

  #isKnown(key: TaskKey): boolean {
    if (key < 0) return false;
    const { client, n } = split(key);
    return this.#clients.get(client)?.history.seen(n) ?? false;
  }

  #client(client: number): { history: ClientHistory; highest: number } {
    let known = this.#clients.get(client);
    if (known === undefined) this.#clients.set(client, known = { history: new ClientHistory(), highest: 0 });
    return known;
  }

  // ── waiting ────────────────────────────────────────────────────────────────────────────────

  /** Engines that the task is bound to, or null for any. */
  #bound(rare: Rare): readonly number[] | null {
    const targets = rare.options?.targets ?? null;
    if (rare.follow === null) return targets;
    const engines = [...rare.follow.engines];
    return targets === null ? engines : engines.filter((id) => targets.includes(id));
  }

  /** A task whose dependencies are met goes where it may wait for an engine. */
  #makeReady(seq: number, place: number, rare: Rare): void {
    this.table.state[place] = WAITING;
    const bound = this.#bound(rare);
    if (bound === null && rare.tried.size === 0) {
      this.#queues[this.#pool(place)].push(seq);
      return;
    }
    if (bound === null) {
      this.#restricted++;
      this.#excluding.push(seq);
      return;
    }
    const left = bound.filter((id) => this.engines.isAlive(id) && !rare.tried.has(id));
    if (left.length === 0) {
      this.#fail(
        place,
        STATUS.error,
        "ImpossibleDependency",
        `Cannot run: no engine of ${JSON.stringify(bound)} is there to take it`,
      );
      return;
    }
    this.#restricted++;
    for (const id of left) this.engines.get(id)!.wants.push(seq);
  }

  /** Back to its place: in front of everything that came later. */
  #requeue(seq: number, place: number): void {
    this.table.engine[place] = NONE;
    this.#waiting++;
    const rare = this.table.rare[place] === 1 ? this.#rare.get(seq) : undefined;
    if (rare !== undefined && (rare.tried.size > 0 || this.#bound(rare) !== null)) {
      this.#makeReady(seq, place, rare);
      return;
    }
    this.table.state[place] = WAITING;
    this.#queues[this.#pool(place)].unshift(seq);
  }

  #pool(place: number): 0 | 1 {
    return this.table.pool[place] === 1 && this.engines.has(1) ? 1 : 0;
  }

  // ── choosing ───────────────────────────────────────────────────────────────────────────────

  /** Gives waiting tasks to engines with room, into the output. */
  dispatch(at: number): void {
    this.#tellDependents();
    if (this.#waiting > 0) {
      if (this.#restricted > 0) this.#dispatchRestricted(at);
      this.#dispatchQueue(0, at);
      if (this.#queues[1].length > 0) this.#dispatchQueue(1, at);
    }
    if (this.#waiting === 0) this.#recall(at);
  }

  #dispatchQueue(pool: 0 | 1, at: number): void {
    const queue = this.#queues[pool];
    if (queue.length === 0) return;
    const mayRun = pool === 1 && !this.engines.has(1) ? 0 : pool;
    const candidates = this.engines.order.filter((engine) =>
      engine.pool === mayRun && engine.load < engine.limit(this.#options.hwm)
    );
    if (this.#loads.length < candidates.length) this.#loads = new Float64Array(candidates.length * 2);
    for (let i = 0; i < candidates.length; i++) this.#loads[i] = candidates[i]!.load;
    const used = new Set<EngineState>();
    const share = Math.ceil(queue.length / (2 * Math.max(1, candidates.length)));
    while (candidates.length > 0 && queue.length > 0) {
      const chosen = this.#options.policy(this.#loads, candidates.length, this.#options.random);
      const engine = candidates[chosen]!;
      used.add(engine);
      const room = engine.limit(this.#options.hwm) - engine.load;
      this.#assignRun(queue, engine, Math.min(room, share, MAX_RUN), at);
      this.#loads[chosen] = engine.load;
      if (engine.load >= engine.limit(this.#options.hwm)) {
        candidates.splice(chosen, 1);
        this.#loads.copyWithin(chosen, chosen + 1, candidates.length + 1);
      }
    }
    this.engines.used(used);
  }

  /** Up to `most` tasks of the queue's front to one engine. */
  #assignRun(queue: SeqQueue, engine: EngineState, most: number, at: number): void {
    for (let given = 0; given < most;) {
      const seq = queue.shift();
      if (seq === 0) return;
      const place = this.table.at(seq);
      if (place === NONE || this.table.state[place] !== WAITING) continue;
      this.#assign(seq, place, engine, at);
      given++;
    }
  }

  #assign(seq: number, place: number, engine: EngineState, at: number): void {
    if (engine.load === 0) engine.progressAt = at;
    this.table.state[place] = ASSIGNED;
    this.table.engine[place] = engine.id;
    engine.append(this.table, place);
    this.#waiting--;
    if (this.table.rare[place] === 1) this.#rare.get(seq)!.tries++;
    this.output.assign(seq, engine.id);
  }

  /** Tasks bound to certain engines come first there: they have fewer places to go. */
  #dispatchRestricted(at: number): void {
    for (const engine of [...this.engines.order]) {
      while (engine.load < engine.limit(this.#options.hwm)) {
        const seq = this.#takeWanted(engine);
        if (seq === 0) break;
        this.#restricted--;
        this.#assign(seq, this.table.at(seq), engine, at);
      }
    }
  }

  #takeWanted(engine: EngineState): number {
    for (let seq = engine.wants.peek(); seq !== 0; seq = engine.wants.peek()) {
      engine.wants.shift();
      const place = this.table.at(seq);
      if (
        place !== NONE && this.table.state[place] === WAITING && !this.#rare.get(seq)?.tried.has(engine.id)
      ) {
        return seq;
      }
    }
    const index = this.#excluding.findIndex((seq) => this.#mayRetry(seq, engine));
    return index < 0 ? 0 : this.#excluding.splice(index, 1)[0]!;
  }

  /** Whether a task that failed elsewhere may run here: on an engine that has not had it, or, for our clients, when all have. */
  #mayRetry(seq: number, engine: EngineState): boolean {
    const place = this.table.at(seq);
    if (place === NONE || this.table.state[place] !== WAITING || this.#pool(place) !== engine.pool) {
      return false;
    }
    const rare = this.#rare.get(seq)!;
    if (!rare.tried.has(engine.id)) return true;
    return rare.peer === undefined &&
      this.engines.order.every((other) => other.pool !== engine.pool || rare.tried.has(other.id));
  }

  // ── results ────────────────────────────────────────────────────────────────────────────────

  /**
   * Takes the results of one group of an engine. Returns how many are to be relayed; `verdicts[i]` is 1 for those. Call `dispatch` afterwards.
   * @param reader opened on the group; its shape was checked before
   */
  finish(
    engineId: number,
    reader: GroupReader,
    record: ResultRecord,
    verdicts: Uint8Array,
    at: number,
  ): number {
    const engine = this.engines.get(engineId);
    let relayed = 0, totalMs = 0, timed = 0;
    for (let i = 0; reader.result(record); i++) {
      if (engine !== undefined) engine.acked++;
      const verdict = engine === undefined
        ? "drop"
        : this.finishOne(engine, record.seq, record.client, record.n, record.status);
      verdicts[i] = verdict === "relay" ? 1 : 0;
      if (verdict === "relay") relayed++;
      if (record.completed >= record.started && record.started > 0) {
        totalMs += record.completed - record.started;
        timed++;
      }
    }
    if (engine !== undefined) {
      engine.progressAt = at;
      if (timed > 0) engine.observe(totalMs, timed);
    }
    return relayed;
  }

  /** Takes one result: relay it, or drop it because it is late, unknown, or tried again. */
  finishOne(engine: EngineState, seq: number, client: number, n: number, status: number): Verdict {
    const place = this.table.at(seq);
    if (
      place === NONE || this.table.state[place] !== ASSIGNED || this.table.engine[place] !== engine.id ||
      this.table.client[place] !== client || this.table.n[place] !== n
    ) return "drop";
    engine.unlink(this.table, place);
    if (this.table.rare[place] === 1 && status !== STATUS.ok) {
      const rare = this.#rare.get(seq)!;
      if (rare.timedOut) {
        this.#waiting++;
        this.#fail(place, STATUS.error, "TaskTimeout", timeoutText(rare));
        return "drop";
      }
      if (rare.retriesLeft > 0 && (status === STATUS.error || status === STATUS.lost)) {
        rare.retriesLeft--;
        this.#tryElsewhere(seq, place, rare, engine.id);
        return "drop";
      }
    }
    this.#remove(place, status === STATUS.ok, engine.id);
    return "relay";
  }

  /** A peer's engine said that it cannot meet the task's dependencies: another one may. */
  unmet(engine: EngineState, seq: number): void {
    const place = this.table.at(seq);
    if (place === NONE || this.table.engine[place] !== engine.id) return;
    engine.unlink(this.table, place);
    this.#tryElsewhere(seq, place, this.#rare.get(seq)!, engine.id);
  }

  /** Whether an open task is assigned to this engine right now. */
  isAssigned(client: number, n: number, engine: number): boolean {
    const place = this.table.at(this.seqOf(client, n));
    return place !== NONE && this.table.state[place] === ASSIGNED && this.table.engine[place] === engine;
  }

  /** What the shell gave along with a peer's task. */
  peerOf(seq: number): unknown {
    return this.#rare.get(seq)?.peer;
  }

  /** The number of an open task, 0 if it is not open. */
  seqOf(client: number, n: number): number {
    return this.#clients.get(client)?.history.open.get(n) ?? 0;
  }

  #tryElsewhere(seq: number, place: number, rare: Rare, engine: number): void {
    rare.tried.add(engine);
    this.#requeue(seq, place);
  }

  /** The task is over; its dependents are told at the next dispatch. */
  #remove(place: number, ok: boolean, engine: number): void {
    const seq = this.table.seq[place]!, client = this.table.client[place]!, n = this.table.n[place]!;
    const { history } = this.#client(client);
    history.finish(n, ok, engine);
    history.open.delete(n);
    this.frames.release(this.table.frame[place]!);
    if (this.table.rare[place] === 1) {
      const rare = this.#rare.get(seq);
      if (rare?.hasBuffers) this.output.actions.push({ kind: "release", client, n });
      this.#rare.delete(seq);
    }
    this.table.remove(place);
    if (this.#dependents.size > 0) {
      const key = taskKey(client, n);
      if (this.#dependents.has(key)) this.#settled.push({ key, ok, engine });
    }
  }

  /** Ends a waiting task with an answer of our own. */
  #fail(place: number, status: number, ename: string, evalue: string): void {
    const seq = this.table.seq[place]!;
    const rare = this.#rare.get(seq);
    this.output.actions.push({
      kind: "answer",
      client: this.table.client[place]!,
      n: this.table.n[place]!,
      seq,
      engine: this.table.engine[place]!,
      status,
      ename,
      evalue,
      peer: rare?.peer,
    });
    this.#waiting--;
    this.#remove(place, false, NONE);
  }

  #tellDependents(): void {
    for (let settled = this.#settled.pop(); settled !== undefined; settled = this.#settled.pop()) {
      const list = this.#dependents.get(settled.key) ?? [];
      this.#dependents.delete(settled.key);
      for (const seq of list) this.#tellDependent(seq, settled);
    }
  }

  #tellDependent(seq: number, settled: { key: TaskKey; ok: boolean; engine: number }): void {
    const place = this.table.at(seq);
    const rare = this.#rare.get(seq);
    if (place === NONE || rare === undefined) return;
    for (const dependency of [rare.after, rare.follow]) {
      dependency?.settle(settled.key, settled);
    }
    if (this.table.state[place] === DEPENDENT && !this.#failUnreachable(place, rare) && !this.#isOpen(rare)) {
      this.#makeReady(seq, place, rare);
    }
  }

  // ── engines come and go, cancel, time ──────────────────────────────────────────────────────

  #register(id: number, uuid: string, ours: boolean, at: number): void {
    const before = this.engines.get(id);
    if (before !== undefined) {
      if (before.alive) this.#unregister(id, "it registered again", at);
      this.#bury(before);
    }
    this.engines.add(new EngineState(id, uuid, ours));
  }

  #unregister(id: number, reason: string, at: number): void {
    const engine = this.engines.get(id);
    if (engine === undefined || !engine.alive) return;
    this.engines.retire(engine);
    engine.diedAt = at;
    engine.reason = reason;
    this.#failStranded(engine);
    if (engine.load === 0) this.engines.forget(engine);
    else this.#dying.add(engine);
  }

  /** Tasks that only waited for this engine (or others that are gone too) will never run. */
  #failStranded(engine: EngineState): void {
    for (let seq = engine.wants.shift(); seq !== 0; seq = engine.wants.shift()) {
      const place = this.table.at(seq);
      if (place === NONE || this.table.state[place] !== WAITING) continue;
      const rare = this.#rare.get(seq)!;
      const left = (this.#bound(rare) ?? []).some((id) => this.engines.isAlive(id) && !rare.tried.has(id));
      if (left) continue;
      this.#restricted--;
      this.#fail(
        place,
        STATUS.error,
        "ImpossibleDependency",
        `Cannot run: engine ${engine.id}, which it was bound to, is gone`,
      );
    }
  }

  /** The grace is over: what may have run is lost (or tried again), the rest goes back to its place. */
  #bury(engine: EngineState): void {
    this.#dying.delete(engine);
    this.engines.forget(engine);
    const seqs: number[] = [];
    for (let seq = engine.first; seq !== 0; seq = this.table.next[this.table.at(seq)]!) seqs.push(seq);
    const mayHaveRun = engine.pool === 1 ? seqs.length : Math.max(1, engine.windowTold);
    for (let i = seqs.length - 1; i >= 0; i--) {
      const seq = seqs[i]!, place = this.table.at(seq);
      engine.unlink(this.table, place);
      if (i >= mayHaveRun) this.#requeue(seq, place);
      else this.#lose(seq, place, engine);
    }
  }

  #lose(seq: number, place: number, engine: EngineState): void {
    const rare = this.#rare.get(seq);
    if (rare !== undefined && rare.retriesLeft > 0) {
      rare.retriesLeft--;
      this.#tryElsewhere(seq, place, rare, engine.id);
      return;
    }
    this.#waiting++;
    const why = engine.reason === "" ? "" : ` (${engine.reason})`;
    this.#fail(
      place,
      STATUS.lost,
      "EngineError",
      `Engine ${engine.id} "${engine.uuid}" died while it had the task${why}: it may have run`,
    );
  }

  #takeBack(engineId: number, seqs: readonly number[], at: number): void {
    const engine = this.engines.get(engineId);
    if (engine === undefined) return;
    engine.recalling = false;
    engine.progressAt = at;
    for (const seq of [...seqs].sort((a, b) => b - a)) {
      const place = this.table.at(seq);
      if (place === NONE || this.table.state[place] !== ASSIGNED || this.table.engine[place] !== engineId) {
        continue;
      }
      engine.unlink(this.table, place);
      this.#requeue(seq, place);
    }
  }

  #cancel(client: number, n: number, waitingOnly: boolean): void {
    const seq = this.seqOf(client, n);
    const place = this.table.at(seq);
    if (place === NONE) return;
    if (this.table.state[place] === ASSIGNED) {
      const engine = this.table.engine[place]!;
      this.output.actions.push({ kind: "cancel", engine, client, n, seq, waitingOnly });
      return;
    }
    this.#leaveQueue(seq, place);
    if (waitingOnly) this.#fail(place, STATUS.aborted, "TaskAborted", "Aborted before it ran");
    else this.#fail(place, STATUS.cancelled, "TaskCancelled", "Cancelled by its client before it ran");
  }

  /** Keeps the count of restricted tasks right when one leaves without being assigned. */
  #leaveQueue(seq: number, place: number): void {
    if (this.table.rare[place] !== 1 || this.table.state[place] !== WAITING) return;
    const rare = this.#rare.get(seq)!;
    if (this.#bound(rare) !== null) this.#restricted--;
    else if (rare.tried.size > 0) {
      this.#restricted--;
      this.#excluding = this.#excluding.filter((other) => other !== seq);
    }
  }

  #expire(at: number): void {
    while (this.#deadlines.next <= at) {
      const seq = this.#deadlines.pop()!;
      const place = this.table.at(seq);
      const rare = this.#rare.get(seq);
      if (place === NONE || rare === undefined) continue;
      if (this.table.state[place] === ASSIGNED) this.#timeOutAssigned(seq, place, rare);
      else {
        this.#leaveQueue(seq, place);
        this.#fail(place, STATUS.error, "TaskTimeout", timeoutText(rare));
      }
    }
    for (const engine of this.#dying) {
      if (engine.load === 0 || engine.diedAt + this.#options.graceMs[engine.pool] <= at) this.#bury(engine);
    }
  }

  /** The queue time-out counts until the task starts: its engine gives it back if it has not. */
  #timeOutAssigned(seq: number, place: number, rare: Rare): void {
    const engine = this.table.engine[place]!;
    if (this.engines.get(engine)?.pool !== 0) return;
    rare.timedOut = true;
    const client = this.table.client[place]!, n = this.table.n[place]!;
    this.output.actions.push({ kind: "cancel", engine, client, n, seq, waitingOnly: true });
  }

  /** The engine that holds most while another of its pool idles, or null. */
  #recallable(): EngineState | null {
    let fullest: EngineState | null = null, idle = false;
    for (const engine of this.engines.order) {
      if (engine.pool !== 0) continue;
      if (engine.load === 0) idle = true;
      else if (engine.load > 1 && !engine.recalling && (fullest === null || engine.load > fullest.load)) {
        fullest = engine;
      }
    }
    return idle ? fullest : null;
  }

  #recall(at: number): void {
    if (this.table.open === 0) return;
    const engine = this.#recallable();
    if (engine === null || at - engine.progressAt < RECALL_AFTER_MS) return;
    engine.recalling = true;
    this.output.actions.push({ kind: "recall", engine: engine.id, count: engine.load >> 1 });
  }
}

function split(key: TaskKey): { client: number; n: number } {
  return { client: Math.floor(key / 0x1_0000_0000), n: key % 0x1_0000_0000 };
}

function describe(key: TaskKey): string {
  return key < 0 ? "an unknown id" : `task ${split(key).n} of client ${split(key).client}`;
}

function timeoutText(rare: Rare): string {
  return `Waited longer than ${(rare.options?.queueTimeoutMs ?? 0) / 1000} s`;
}
