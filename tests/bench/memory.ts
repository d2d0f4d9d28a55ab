/** How much memory processes use, shared pages counted in parts (PSS), so that sums are honest. Linux only. */

/** Sum over processes and all their descendants, in MB; NaN where the system does not tell. */
export function pssOfTrees(roots: readonly number[]): number {
  if (Deno.build.os !== "linux") return NaN;
  const children = childrenOf();
  let kilobytes = 0;
  const waiting = [...roots];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    kilobytes += pssOf(pid);
    waiting.push(...children.get(pid) ?? []);
  }
  return kilobytes / 1000;
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

/** The program's name, in parentheses, may hold anything: look behind the last one. */
function parentOf(pid: number): number | undefined {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  return stat === "" ? undefined : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
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
