/**
 * What Linux tells about a process in /proc. A pid comes round again, its start time does not: both together name a process.
 */

export interface ProcessStat {
  /** One letter; `Z` and `X` are dead. */
  readonly state: string;
  /** When it started, in the kernel's ticks: field 22 of /proc/<pid>/stat. */
  readonly born: string;
}

/** State and start of a process; undefined if there is none, or no /proc. */
export function processStat(pid: number): ProcessStat | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name in field 2 may hold spaces and brackets.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", born: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}
