/**
 * CPU time and memory of processes, from /proc.
 */

import { now } from "../base/clock.ts";
import { residentBytes } from "./libc.ts";

/** Ticks of the kernel's clock in a second, as /proc counts on all systems that we run on. */
const TICK_MS = 10;

/** CPU time of a process with all its threads and the children that it has reaped, in ms; 0 if it is gone. */
export function processCpuMs(pid: number): number {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name may have spaces and brackets in it; what follows it does not.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + (Number(fields[index]) || 0), 0);
    return ticks * TICK_MS;
  } catch {
    return 0;
  }
}

/** What a process group uses now. */
export interface GroupUsage {
  readonly cpuMs: number;
  readonly bytes: number;
  readonly processes: number;
}

/** Usage of all processes of a group, those that have ended and were reaped by one of them included in the time. */
export function groupUsage(group: number): GroupUsage {
  let cpuMs = 0, bytes = 0, processes = 0;
  for (const pid of groupMembers(group)) {
    cpuMs += processCpuMs(pid);
    bytes += residentBytes(pid);
    processes++;
  }
  return { cpuMs, bytes, processes };
}

/** The processes of a group. */
export function groupMembers(group: number): number[] {
  const members: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (pid > 0 && groupOf(pid) === group) members.push(pid);
  }
  return members;
}

/** To look through all processes takes milliseconds. */
const AGAIN_MS = 100;

/** Measures a group again and again, not more often than makes sense. */
export class GroupMeter {
  readonly #group: number;
  #last: GroupUsage = { cpuMs: 0, bytes: 0, processes: 0 };
  #at = -Infinity;

  constructor(group: number) {
    this.#group = group;
  }

  usage(): GroupUsage {
    const at = now();
    if (at - this.#at >= AGAIN_MS) {
      this.#last = groupUsage(this.#group);
      this.#at = at;
    }
    return this.#last;
  }
}

function groupOf(pid: number): number {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
  } catch {
    return 0;
  }
}
