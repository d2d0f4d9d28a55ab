/** Which priorities there are: a task's rank among its client's own. */

export const MAX_PRIORITY = 1000;

export function isPriority(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= MAX_PRIORITY;
}
