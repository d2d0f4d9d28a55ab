/** How much memory and CPU time processes use; of memory shared pages are counted in parts (PSS), so that sums are honest. Linux only. */

/** Sum over processes and all their descendants, in MB; NaN where the system does not tell. */
export function pssOfTrees(roots: readonly number[]): number {
  return sumOfTrees(roots, pssOf) / 1000;
}

/** Seconds of CPU time, of the user and in the kernel, that processes and all their living descendants have used; NaN likewise. */
export function cpuSecondsOfTrees(roots: readonly number[]): number {
  return sumOfTrees(roots, ticksOf) / TICKS_PER_SECOND;
}

/** Linux counts in these for programs, whatever its own clock does. */
const TICKS_PER_SECOND = 100;

function sumOfTrees(roots: readonly number[], valueOf: (pid: number) => number): number {
  if (Deno.build.os !== "linux") return NaN;
  return treesOf(roots).reduce((sum, pid) => sum + valueOf(pid), 0);
}

/** Processes and all their living descendants. */
export function treesOf(roots: readonly number[]): number[] {
  const children = childrenOf(), all: number[] = [], waiting = [...roots];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    all.push(pid);
    waiting.push(...children.get(pid) ?? []);
  }
  return all;
}

function childrenOf(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== undefined) children.set(parent, [...children.get(parent) ?? [], Number(name)]);
  }
  return children;
}

function parentOf(pid: number): number | undefined {
  const parent = statOf(pid)[1];
  return parent === undefined ? undefined : Number(parent);
}

/** User and system time, with those of children that have ended. */
function ticksOf(pid: number): number {
  return statOf(pid).slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
}

/** The fields behind the program's name. That is in parentheses and may hold anything: look behind the last one. */
function statOf(pid: number): string[] {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  return stat === "" ? [] : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Kilobytes of 1000 bytes; 0 for a process that is gone. */
function pssOf(pid: number): number {
  const kibibytes = /^Pss:\s+(\d+) kB/m.exec(readOrNothing(`/proc/${pid}/smaps_rollup`))?.[1];
  return Number(kibibytes ?? 0) * 1.024;
}

function readOrNothing(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
