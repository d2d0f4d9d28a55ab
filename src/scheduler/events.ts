/**
 * Everything that can happen to the task scheduler's core, and everything that it may want done.
 */
import type { By } from "../protocol/by.ts";
import type { Denied, Offer } from "../protocol/task_asks.ts";
import type { Attempts } from "./attempts.ts";
import type { Policy } from "./policies.ts";

/** Rare things that happen; groups of tasks and results have calls of their own. `at` is wall-clock time in ms. */
export type Event =
  | {
    readonly kind: "engine_registered";
    readonly id: number;
    readonly uuid: string;
    /** What tasks may ask of it; null where it is a peer's. */
    readonly offer: Offer | null;
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
    readonly by?: By | undefined;
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
    /** The permission that nobody grants, where that is the reason. */
    readonly denied?: Denied | undefined;
    /** Who stopped it. */
    readonly by?: By | undefined;
    /** Tries that failed. */
    readonly attempts?: Attempts | undefined;
    readonly peer: unknown;
  }
  | {
    readonly kind: "cancel";
    readonly engine: number;
    readonly client: number;
    readonly n: number;
    readonly seq: number;
    readonly waitingOnly: boolean;
    readonly by: By | undefined;
    readonly peer: unknown;
  }
  | { readonly kind: "recall"; readonly engine: number; readonly count: number }
  /** A peer's task is back in the queue; if it still is when this is carried out, no engine has it. */
  | { readonly kind: "waits"; readonly seq: number; readonly peer: unknown }
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
/** What a cancel came to: it ended what waited; an engine was told, of ours or a peer's; it came too late; it means nobody. */
export type CancelWord = "cancelled" | "cancelling" | "asked" | "finished" | "unknown";
/** What the shell does with a result. */
export type Verdict = "relay" | "drop";
