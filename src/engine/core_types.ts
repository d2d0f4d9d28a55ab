/**
 * What happens to an engine and what its core wants done, as data.
 */
import type { By } from "../protocol/by.ts";
import type { EndedBy } from "../protocol/post_mortem.ts";
import type { LaneKey } from "./lanes.ts";
import type { ValueName } from "./kept_values.ts";
import type { Piece } from "./piece_store.ts";
import type { LimitHit, TaskLimits } from "./task_limits.ts";

export type { By };

/** Names a task as the wire does. */
export interface TaskName {
  readonly client: number;
  readonly n: number;
  /** Only while it has not started. */
  readonly waitingOnly: boolean;
  readonly by?: By | undefined;
}

/** How a child ended, as far as it matters to its tasks. */
export interface Ending {
  /** Tickets that its state words call started. */
  readonly started: readonly number[];
  /** MiB that it used when it ran out of memory; null if that was not its end. */
  readonly memoryMB: number | null;
  readonly detail: string;
  readonly endedBy: EndedBy;
  readonly code: number | null;
  readonly signal: number | null;
  /** There can be no child with what this key is to have: its tasks need not wait for one. */
  readonly isDenied?: boolean;
}

/** Rare things that happen. `at` is wall-clock time in ms; `lane` a key's number in `Lanes`. */
export type Event =
  | { readonly kind: "child_ready"; readonly lane: number; readonly at: number }
  | { readonly kind: "child_ended"; readonly lane: number; readonly end: Ending; readonly at: number }
  /** The child that was killed for this task is dead. */
  | { readonly kind: "child_killed"; readonly ticket: number; readonly end: Ending; readonly at: number }
  | { readonly kind: "cancel"; readonly names: readonly TaskName[]; readonly at: number }
  | { readonly kind: "recall"; readonly count: number; readonly at: number }
  /** Stops what runs: a task that waits is told to wait no longer; one that does not heed it is stopped with its process. */
  | { readonly kind: "interrupt"; readonly how: string; readonly at: number }
  /** Another child, with an empty namespace. */
  | { readonly kind: "restart"; readonly at: number }
  /** What the child of the running task uses now. */
  | { readonly kind: "usage"; readonly bytes: number; readonly cpuMs: number; readonly at: number }
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
  readonly endedBy: EndedBy;
  readonly by: By | null;
  readonly startedAt: number;
  readonly ticket: number;
  /** Number of its lane. */
  readonly lane: number;
  /** How its child ended, if that was its end. */
  readonly end: Ending | null;
  readonly peer: unknown;
}

export type Action =
  | Answer
  | { readonly kind: "returned"; readonly client: number; readonly n: number; readonly seq: number }
  /** Ask the slot for the task back, then call `withdrawn`. */
  | { readonly kind: "withdraw"; readonly ticket: number }
  /** Look once more, then kill the child if `confirmKill` still wants it. Ticket 0: without a question. */
  | { readonly kind: "kill"; readonly ticket: number; readonly lane: number }
  /** Let the child go: nothing is in it, and its end is of no interest any more. */
  | { readonly kind: "retire"; readonly lane: number }
  /** Tell the slot's running task that it shall wait no longer. */
  | { readonly kind: "interrupt"; readonly ticket: number }
  /** Abort the running task's signal, then say with `signalled` whether it has ever looked at it. */
  | { readonly kind: "signal"; readonly ticket: number; readonly text: string }
  | { readonly kind: "start_child"; readonly lane: number }
  /** Another key's turn. */
  | { readonly kind: "turn"; readonly from: number; readonly to: number };

export interface CoreOptions<Key extends LaneKey = LaneKey> {
  /** The key of tasks that ask for nothing. */
  readonly key: Key;
  readonly limits: TaskLimits;
  /** Most children at a time. */
  readonly maxChildren: number;
  /** Tasks after which a child is renewed, Infinity for never. */
  readonly tasksPerChild: number;
  /** How long a cancelled task that looks at its signal may take to end by itself. */
  readonly cancelGraceMs: number;
}

/** What few tasks have. `peer` is the shell's own: a peer's request, or what to do with the answer of an internal task. */
export interface Rare {
  readonly limits: TaskLimits | null;
  readonly submitted: number;
  /** Its large buffers, null if it has none. */
  readonly pieces: readonly Piece[] | null;
  /** Kept values that it names. */
  readonly values?: readonly ValueName[] | undefined;
  /** Nothing is handed ahead behind it: its failure decides what becomes of the others. */
  readonly isAlone: boolean;
  readonly peer: unknown;
  /** A grace of its own when it is cancelled, in ms. */
  readonly graceMs?: number | undefined;
}

/** Why a task is being stopped or taken back, and what follows. */
export interface Why {
  readonly then: "answer" | "return" | "drop";
  readonly kill: boolean;
  /** A task that looks at its signal may end by itself. */
  readonly isGraceful?: boolean;
  readonly status: number;
  readonly ename: string;
  readonly evalue: string;
  readonly limit: LimitHit | null;
  readonly endedBy: EndedBy;
  readonly by: By | null;
}
