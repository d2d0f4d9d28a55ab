/** What the files of this room see of a result: its tasks, how they ended, and the next change. */
import type { TaskMetadata, TaskNames, TaskState } from "./task_state.ts";

/** Made when somebody asks for more than the value. */
export interface ResultLook {
  /** How many tasks there are. */
  readonly count: number;
  /** What a message calls it: `apply on 4 engines`. */
  readonly what: string;
  readonly names: TaskNames;
  tasks(): readonly TaskState[];
  metadata(index: number): TaskMetadata;
  valueOf(index: number): unknown;
  errorOf(index: number): Error | undefined;
  /** How many tasks have failed, and how many are open. */
  failed(): number;
  left(): number;
  /** Calls back once, when a task ends. */
  next(listener: () => void): void;
  /** Stops one task if it is open. */
  stop(index: number, how: "abort" | "cancel", reason: unknown): void;
}

/** How many of its tasks are open, as errors say it. */
export function openText(look: ResultLook): string {
  return `${look.left()} of ${look.count} tasks are open`;
}

/** Waits for the next task to end. */
export function change(look: ResultLook): Promise<void> {
  return new Promise((resolve) => look.next(resolve));
}
