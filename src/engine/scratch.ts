/**
 * A child's own folder: fresh, empty, nobody else's, and gone with the child. What hosts left behind that were killed is removed at the
 * next one's start.
 */
import { processStat } from "../base/process_stat.ts";
import { SCRATCH } from "../protocol/permission_values.ts";
import { PERMISSION_NAMES } from "../protocol/permissions.ts";
import type { ChildKey } from "./grants.ts";

/** Whether children of this key have any use for a folder: who may name it, fetch modules or run programs. */
export function needsScratch({ permissions }: ChildKey): boolean {
  return PERMISSION_NAMES.some((name) => {
    const { allow } = permissions[name];
    if (allow === true || name === "import" || name === "run") return allow === true || allow.length > 0;
    return allow.some((value) => value.includes(SCRATCH));
  });
}

/** The name says whose it is: a process id comes round again, a start time with it does not. */
const NAME = /^tsparallel-slot-(\d+)-(\d+)-/;

function prefixOf(pid: number): string {
  return `tsparallel-slot-${pid}-${processStat(pid)?.born ?? 0}-`;
}

let prefix: string | undefined;

export class Scratch {
  private constructor(readonly path: string) {}

  /** A new one, which only this user can enter. @throws Error if there can be none */
  static make(): Scratch {
    const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: prefix ??= prefixOf(Deno.pid) }));
    Deno.chmodSync(path, 0o700);
    return new Scratch(path);
  }

  /** Removes it with everything in it; what holds that up, holds up nobody. */
  remove(): Promise<void> {
    return removeFlat(this.path).catch(() => {});
  }
}

/**
 * Removes the folders of hosts that are no more.
 * @param folder where they are; default: the system's for temporary files
 * @returns how many there were
 */
export async function removeStale(folder = temporaryFolder()): Promise<number> {
  const stale: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const [, pid, born] = NAME.exec(name) ?? [];
    if (!isDirectory || pid === undefined || isAlive(Number(pid), born ?? "")) continue;
    if (isOurs(`${folder}/${name}`)) stale.push(`${folder}/${name}`);
  }
  await Promise.all(stale.map((path) => removeFlat(path).catch(() => {})));
  return stale.length;
}

function temporaryFolder(): string {
  return Deno.env.get("TMPDIR") ?? "/tmp";
}

function isAlive(pid: number, born: string): boolean {
  return processStat(pid)?.born === born;
}

/** Others may put folders of this name there. */
function isOurs(path: string): boolean {
  try {
    const { isDirectory, uid } = Deno.lstatSync(path);
    return isDirectory && uid === Deno.uid();
  } catch {
    return false;
  }
}

/**
 * Removes a folder that a hostile task has filled. Folders within folders are first moved up to the top: taken level by level, ten thousand of
 * them would be more than a stack, a path's length or a process's descriptors can bear.
 */
async function removeFlat(top: string): Promise<void> {
  for (let folders = [top]; folders.length > 0;) {
    const next: string[] = [];
    for (const folder of folders) {
      // A task may have taken its own rights to it away.
      await Deno.chmod(folder, 0o700).catch(() => {});
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        if (!isDirectory) await Deno.remove(`${folder}/${name}`);
        else if (folder === top) next.push(`${top}/${name}`);
        else {
          const place = `${top}/${crypto.randomUUID()}`;
          await Deno.chmod(`${folder}/${name}`, 0o700).catch(() => {});
          await Deno.rename(`${folder}/${name}`, place);
          next.push(place);
        }
      }
      if (folder !== top) await Deno.remove(folder);
    }
    folders = next;
  }
  await Deno.remove(top);
}
