/** What a cluster's processes hold, counted from outside: nothing may be left over of tasks. */

export interface Level {
  /** Processes below these, themselves not counted. */
  readonly processes: number;
  readonly descriptors: number;
  readonly residentMB: number;
  /** Folders of children, in the folder for temporary files. */
  readonly folders: number;
}

/** Memory may grow by so much: the runtime keeps what it has used. */
const GROWTH_MB = 150;
/** Descriptors may differ by so much: spares come and go. */
const DESCRIPTORS = 12;

export function levelOf(pids: readonly number[]): Promise<Level> {
  return Promise.resolve({
    processes: descendants(pids).length,
    descriptors: pids.reduce((sum, pid) => sum + [...Deno.readDirSync(`/proc/${pid}/fd`)].length, 0),
    residentMB: Math.round(pids.reduce((sum, pid) => sum + residentOf(pid), 0)),
    folders: [...Deno.readDirSync(Deno.env.get("TMPDIR") ?? "/tmp")].filter(({ name }) =>
      pids.some((pid) =>
        name.startsWith(`tsparallel-slot-${pid}-`)
      )
    ).length,
  });
}

export function sameLevel(before: Level, after: Level): boolean {
  return after.processes <= before.processes && after.folders <= before.folders &&
    after.descriptors <= before.descriptors + DESCRIPTORS &&
    after.residentMB <= before.residentMB + GROWTH_MB;
}

function residentOf(pid: number): number {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes) / 1024;
}

/** All processes below these. */
function descendants(pids: readonly number[]): number[] {
  const parents = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = Deno.readTextFileSync(`/proc/${name}/stat`).replace(/^.*\) /, "").split(" ");
      parents.set(Number(name), Number(fields[1]));
    } catch { /* it has gone meanwhile */ }
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (pids.includes(parent) || isBelow(parent));
  };
  return [...parents.keys()].filter((pid) => !pids.includes(pid) && isBelow(pid));
}
