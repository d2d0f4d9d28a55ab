/**
 * Tasks of many results that are stopped at once: each way is told once, in few groups, where one by one each would be a message and a search through what waits.
 */
import type { StopWord, TaskOwner, TaskState } from "./task_state.ts";

/** Who waits for a task in the end. */
export function behind(owner: TaskOwner): TaskOwner {
  while (owner.behind !== undefined) owner = owner.behind;
  return owner;
}

/** Cancels these tasks for a reason. */
export function stopTogether(tasks: readonly TaskState[], reason: unknown): void {
  for (const { owner } of tasks) behind(owner).stopping?.(reason);
  stopByRoute(tasks.filter((task) => task.isOpen), "cancel", reason);
}

/** Tells each way of what is to be stopped on it. */
export function stopByRoute(tasks: Iterable<TaskState>, how: StopWord, reason: unknown): void {
  for (const [route, own] of Map.groupBy(tasks, (task) => task.route)) route.stop(own, how, reason);
}
