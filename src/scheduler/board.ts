/**
 * The one owner of the place of every open task: table, frames, engines, what few tasks have besides, and what is remembered of finished ones.
 *
 * The rules (`waiting_room.ts`, `dependents.ts`, `core.ts`) work on it; a task leaves through `end` or `fail` here and nowhere else.
 */
import { STATUS } from "../protocol/groups.ts";
import type { Denied } from "../protocol/task_asks.ts";
import { type Dependency, type TaskKey, taskKey } from "./dependencies.ts";
import { type By, cancelText } from "../protocol/by.ts";
import { Accounts } from "./accounts.ts";
import type { Attempts } from "./attempts.ts";
import { Edges } from "./edges.ts";
import { type EngineState, EngineTable } from "./engine_table.ts";
import { Output } from "./events.ts";
import { ClientHistory } from "./history.ts";
import type { Refusals } from "./refusals.ts";
import type { TaskOptions } from "./task_options.ts";
import { FrameStore, NONE, TaskTable } from "./task_table.ts";

/** Most tasks have failed nowhere. */
export const NOWHERE: ReadonlySet<number> = new Set();

/** What few tasks need: options, attempts, a peer's message. */
export interface Rare {
  options: TaskOptions | null;
  retriesLeft: number;
  /** How often it was given to an engine and not given back. */
  tries: number;
  after: Dependency | null;
  follow: Dependency | null;
  /** Engines that had it and failed. */
  tried: ReadonlySet<number>;
  /** The tries that failed, null before the first. */
  attempts: Attempts | null;
  /** Engines on which it said that it cannot run; they are in `tried` for ever. */
  refusals: Refusals | null;
  /** Its queue time-out has passed while an engine had it. */
  timedOut: boolean;
  /** When its queue time-out is over, Infinity for never. A peer's task gets a new one each time it goes back to the queue. */
  deadline: number;
  readonly hasBuffers: boolean;
  /** The shell's own: a peer's message and address. */
  readonly peer: unknown;
}

/** How a task is to be stopped. */
export interface Stop {
  readonly waitingOnly: boolean;
  readonly by: By | undefined;
}

/** A task that ended and whose dependents were not told yet. */
export interface Settled {
  readonly key: TaskKey;
  readonly ok: boolean;
  readonly engine: number;
}

interface KnownClient {
  readonly history: ClientHistory;
}

/** More of why a task ended: the permission that nobody grants, who stopped it. */
export interface Reason {
  readonly denied?: Denied | undefined;
  readonly by?: By | undefined;
}

/** How long a task waits until its priority counts as one more, in ms. */
export const AGE_MS = 60_000;

export class Board {
  readonly table = new TaskTable();
  readonly frames = new FrameStore();
  readonly engines = new EngineTable();
  readonly accounts = new Accounts();
  readonly output = new Output();
  readonly rare = new Map<number, Rare>();
  /** Open tasks that wait for a task, by its key. */
  readonly dependents = new Edges();
  readonly settled: Settled[] = [];
  /** Open tasks that an engine was told to stop. One that comes back from it ends here instead of waiting anew. */
  readonly stopping = new Map<number, Stop>();
  /** Tasks accepted and not assigned. */
  waiting = 0;
  readonly #clients = new Map<number, KnownClient>();
  #lastIndex = NONE;
  #last: KnownClient = { history: new ClientHistory() };

  client(index: number): KnownClient {
    // Tasks and results come in groups: mostly it is the same client again.
    if (index === this.#lastIndex) return this.#last;
    let known = this.#clients.get(index);
    if (known === undefined) this.#clients.set(index, known = { history: new ClientHistory() });
    this.#lastIndex = index;
    return this.#last = known;
  }

  /** Whether this scheduler has ever seen the task. */
  isKnown(key: TaskKey): boolean {
    if (key < 0) return false;
    const { client, n } = splitKey(key);
    return this.#clients.get(client)?.history.seen(n) ?? false;
  }

  /** What a task has besides; a plain one gets it here. */
  rareOf(seq: number, place: number): Rare {
    let rare = this.rare.get(seq);
    if (rare === undefined) {
      this.table.rare[place] = 1;
      this.rare.set(seq, rare = newRare(null, false, undefined));
    }
    return rare;
  }

  /** The number of an open task, 0 if it is not open. */
  seqOf(client: number, n: number): number {
    return this.#clients.get(client)?.history.open.get(n) ?? 0;
  }

  /** Engines that the task is bound to, or null for any. */
  bound(rare: Rare): readonly number[] | null {
    const targets = rare.options?.targets ?? null;
    if (rare.follow === null) return targets;
    const engines = [...rare.follow.engines];
    return targets === null ? engines : engines.filter((id) => targets.includes(id));
  }

  /** Pool whose engines run the task: peers' tasks run on peers' engines if there are any, else on ours. */
  pool(place: number): 0 | 1 {
    return this.table.pool[place] === 1 && this.engines.has(1) ? 1 : 0;
  }

  /** The priority of an open task within its client. */
  priorityOf(place: number): number {
    if (this.table.rare[place] !== 1) return 0;
    return this.rare.get(this.table.seq[place]!)?.options?.priority ?? 0;
  }

  /** The order of an open task among its client's, the lowest first: when it was submitted, less `AGE_MS` for each level of priority. */
  orderOf(place: number): number {
    const priority = this.priorityOf(place);
    return this.table.submitted[place]! - priority * AGE_MS;
  }

  /** An engine has a task no longer. */
  unassign(engine: EngineState, place: number): void {
    engine.unlink(this.table, place);
    this.accounts.returned(this.table.client[place]!);
  }

  /** The task is over; its dependents are told at the next dispatch. */
  end(place: number, ok: boolean, engine: number): void {
    const { table } = this;
    const seq = table.seq[place]!, client = table.client[place]!, n = table.n[place]!;
    const { history } = this.client(client);
    history.finish(n, ok, engine);
    history.open.delete(n);
    this.frames.release(table.frame[place]!);
    if (table.rare[place] === 1) {
      if (this.rare.get(seq)?.hasBuffers) this.output.actions.push({ kind: "release", client, n });
      this.rare.delete(seq);
    }
    if (this.stopping.size > 0) this.stopping.delete(seq);
    table.remove(place);
    if (this.dependents.size === 0) return;
    const key = taskKey(client, n);
    if (this.dependents.has(key)) this.settled.push({ key, ok, engine });
  }

  /** Ends a waiting task with an answer of our own. */
  fail(place: number, status: number, ename: string, evalue: string, more: Reason = {}): void {
    const { table } = this;
    const seq = table.seq[place]!, rare = this.rare.get(seq);
    this.output.actions.push({
      kind: "answer",
      client: table.client[place]!,
      n: table.n[place]!,
      seq,
      engine: table.engine[place]!,
      status,
      ename,
      evalue,
      ...more,
      attempts: rare?.attempts ?? undefined,
      peer: rare?.peer,
    });
    this.waiting--;
    this.end(place, false, NONE);
  }

  /** A task that has no engine ends because somebody stopped it. */
  stop(place: number, { waitingOnly, by }: Stop): void {
    if (waitingOnly) return this.fail(place, STATUS.aborted, "TaskAborted", "Aborted before it ran", { by });
    const tries = this.rare.get(this.table.seq[place]!)?.tries ?? 1;
    const how = tries > 1 ? ` between try ${tries - 1} and try ${tries}` : " before it ran";
    this.fail(place, STATUS.cancelled, "TaskCancelled", cancelText(by, how), { by });
  }

  /** The task can never run. */
  failImpossible(place: number, why: string): void {
    const refusals = this.rare.get(this.table.seq[place]!)?.refusals ?? null;
    const refused = refusals === null ? "" : `; it said that it cannot run on ${refusals.text}`;
    this.fail(place, STATUS.error, "ImpossibleDependency", `Cannot run: ${why}${refused}`);
  }
}

/** What a task has besides that was nowhere yet. */
export function newRare(options: TaskOptions | null, hasBuffers: boolean, peer: unknown): Rare {
  return {
    options,
    retriesLeft: options?.retries ?? 0,
    tries: 1,
    after: null,
    follow: null,
    tried: NOWHERE,
    attempts: null,
    refusals: null,
    timedOut: false,
    deadline: Infinity,
    hasBuffers,
    peer,
  };
}

/** The client and n of a key. */
export function splitKey(key: TaskKey): { readonly client: number; readonly n: number } {
  return { client: Math.floor(key / 0x1_0000_0000), n: key % 0x1_0000_0000 };
}
