/**
 * What happens to an engine and what its core wants done, as data.
 */
import type { Piece } from "./piece_store.ts";
import type { LimitHit, TaskLimits } from "./task_limits.ts";

/** Names a task as the wire does. */
export interface TaskName {
  readonly client: number;
  readonly n: number;
  /** Only while it has not started. */
  readonly waitingOnly: boolean;
}

/** Rare things that happen. `at` is wall-clock time in ms. */
export type Event =
  | { readonly kind: "child_ready"; readonly at: number }
  | {
    readonly kind: "child_ended";
    /** Tickets that its state words call started. */
    readonly started: readonly number[];
    readonly outOfMemory: boolean;
    readonly detail: string;
    readonly at: number;
  }
  | { readonly kind: "cancel"; readonly names: readonly TaskName[]; readonly at: number }
  | { readonly kind: "recall"; readonly count: number; readonly at: number }
  /** Stops what runs: a task that waits is told to wait no longer; one that does not heed it is stopped with its process. */
  | { readonly kind: "interrupt"; readonly how: string; readonly at: number }
  /** Another child, with an empty namespace. */
  | { readonly kind: "restart"; readonly at: number }
  | { readonly kind: "memory"; readonly bytes: number; readonly at: number }
  | { readonly kind: "limit"; readonly ticket: number; readonly hit: LimitHit; readonly at: number }
  /** The controller gave this engine up and knows none of its tasks any more. */
  | { readonly kind: "forget"; readonly at: number }
  | { readonly kind: "leave"; readonly reason: string; readonly at: number }
  | { readonly kind: "tick"; readonly at: number };

/** What the engine itself answers in a task's place. */
export interface Answer {
  readonly kind: "answer";
  readonly op: number;
  readonly client: number;
  readonly n: number;
  readonly seq: number;
  readonly route: number;
  readonly status: number;
  readonly ename: string;
  readonly evalue: string;
  readonly limit: LimitHit | null;
  readonly startedAt: number;
  readonly ticket: number;
  readonly peer: unknown;
}

export type Action =
  | Answer
  | { readonly kind: "returned"; readonly client: number; readonly n: number; readonly seq: number }
  /** Ask the slot for the task back, then call `withdrawn`. */
  | { readonly kind: "withdraw"; readonly ticket: number }
  /** Look once more, then kill the child if `confirmKill` still wants it. Ticket 0: without a question. */
  | { readonly kind: "kill"; readonly ticket: number }
  /** Tell the slot's running task that it shall wait no longer. */
  | { readonly kind: "interrupt"; readonly ticket: number }
  | { readonly kind: "start_child" };

export interface CoreOptions {
  /** `process`: each task gets a child of its own. */
  readonly isolation: "shared" | "process";
  readonly limits: TaskLimits;
}

/** What few tasks have. `peer` is the shell's own: a peer's request, or what to do with the answer of an internal task. */
export interface Rare {
  readonly limits: TaskLimits | null;
  readonly submitted: number;
  /** Its large buffers, null if it has none. */
  readonly pieces: readonly Piece[] | null;
  /** Nothing is handed ahead behind it: its failure decides what becomes of the others. */
  readonly isAlone: boolean;
  readonly peer: unknown;
}

/** Why a task is being stopped or taken back, and what follows. */
export interface Why {
  readonly then: "answer" | "return" | "drop";
  readonly kill: boolean;
  readonly status: number;
  readonly ename: string;
  readonly evalue: string;
  readonly limit: LimitHit | null;
}
