/**
 * Whether a process is still the one that it was.
 */
import { processStat } from "../base/process_stat.ts";

/** When a process started, in the kernel's ticks. Null for a dead one that was not reaped, for none, and without /proc. */
export function birthOf(pid: number): string | null {
  const stat = processStat(pid);
  return stat === undefined || stat.state === "Z" || stat.state === "X" ? null : stat.born;
}
