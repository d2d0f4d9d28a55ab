/**
 * CPU time of processes, from /proc.
 */

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
