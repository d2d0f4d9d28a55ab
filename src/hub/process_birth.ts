/**
 * Whether a process is still the one that it was: a pid comes round again, its start time does not.
 */

/** When a process started, in the kernel's ticks: field 22 of /proc/<pid>/stat. Null for a zombie, for none, and without /proc. */
export function birthOf(pid: number): string | null {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name in field 2 may hold spaces and brackets.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : fields[19] ?? null;
  } catch {
    return null;
  }
}
