/**
 * What a map is asked for, and how it is made.
 */
import type { Asked } from "./asked.ts";
import type { ItemSource } from "./map_source.ts";
import type { Scope } from "./scope.ts";
import type { TaskNames, TaskOwner, TaskState } from "./task_state.ts";

/** Options of a map. */
export interface MapOptions {
  /** Items in one task. Default 1. */
  readonly chunkSize?: number | undefined;
  /** Results in the order of the items (default) or as they come. */
  readonly ordered?: boolean | undefined;
  /** Most tasks under way, counting those whose results nobody has taken while iterating; while results are large, fewer: about 64 MiB of them. Default 4096. */
  readonly window?: number | undefined;
  /** Stops the map and its tasks. */
  readonly signal?: AbortSignal | undefined;
}

/** How a map is made. */
export interface MapPlan {
  readonly source: ItemSource;
  readonly chunkSize: number;
  readonly ordered: boolean;
  readonly window: number;
  readonly signal: AbortSignal | undefined;
  readonly names: TaskNames;
  /** What its tasks are asked with, as their metadata tells it. */
  readonly asked?: Asked | undefined;
  /** Sends a task with these arguments: those of the one item, or one list of arguments for each item. */
  readonly submit: (owner: TaskOwner, index: number, args: unknown[]) => TaskState;
  /** Whether tasks wait for room on the way, so that more would only fill memory. */
  readonly isCrowded: () => boolean;
  /** Stops it when it is left. */
  readonly scope?: Scope | undefined;
  /** What becomes of open tasks when a loop is left: those that have not started are aborted (default), or all are cancelled. */
  readonly onLeave?: "abort" | "cancel" | undefined;
  /** Most open tasks, where that is less than the window. */
  readonly concurrency?: number | undefined;
  /** A task that fails does not end the map: the others go on, and all errors are told at the end. */
  readonly keepsGoing?: boolean | undefined;
  /** Hears of the end of a map that failed, whether or not somebody awaits it. */
  readonly onFail?: ((error: unknown) => void) | undefined;
}
