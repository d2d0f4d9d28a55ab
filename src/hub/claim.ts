/**
 * One controller per profile and cluster id: a pid file that says which process holds the claim and when that process started, so that
 * a file left behind (or a pid that was given to another process since) is not taken for a controller.
 */

import { birthOf } from "./process_birth.ts";

/** A held claim. */
export interface Claim extends Disposable {
  readonly file: string;
  /** Removes the pid file, if it still is ours. Harmless twice. */
  [Symbol.dispose](): void;
}

/** Who holds a claim. */
interface Holder {
  readonly pid: number;
  /** Start of the process in the kernel's ticks, null where that cannot be known. */
  readonly start: string | null;
}

/**
 * Claims a profile and cluster id for this process.
 * @throws Error that names the pid of the controller that is running on them
 */
export function claimProfile(profileDir: string, clusterId: string): Claim {
  const folder = `${profileDir}/pid`;
  const name = clusterId === "" ? "ipcontroller" : `ipcontroller-${clusterId}`;
  const file = `${folder}/${name}.pid`;
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  using _lock = lockFile(`${folder}/.${name}.lock`);
  const holder = readHolder(file);
  if (holder && isAlive(holder)) {
    throw new Error(
      `Cannot start a controller in "${profileDir}"${
        clusterId === "" ? "" : ` with cluster id "${clusterId}"`
      }: ` +
        `process ${holder.pid} is one`,
    );
  }
  const own = { pid: Deno.pid, start: birthOf(Deno.pid) };
  const partial = `${file}.${Deno.pid}`;
  Deno.writeTextFileSync(partial, `${own.pid}\n${own.start ?? ""}\n`, { mode: 0o600 });
  Deno.renameSync(partial, file);
  return { file, [Symbol.dispose]: () => release(file, own) };
}

function release(file: string, own: Holder): void {
  const holder = readHolder(file);
  if (holder?.pid === own.pid && holder.start === own.start) Deno.removeSync(file);
}

/** Serialises claims: the kernel drops the lock with the process, whatever happens to it. */
function lockFile(path: string): Disposable {
  const file = Deno.openSync(path, { create: true, write: true, mode: 0o600 });
  file.lockSync(true);
  return file;
}

function readHolder(file: string): Holder | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const [pid, start] = text.split("\n");
  const number = Number(pid);
  if (!Number.isInteger(number) || number <= 0) return undefined;
  return { pid: number, start: start === undefined || start === "" ? null : start };
}

function isAlive({ pid, start }: Holder): boolean {
  const now = birthOf(pid);
  if (now !== null && start !== null) return now === start;
  if (now === null && isLinux) return false;
  return isRunning(pid);
}

const isLinux = Deno.build.os === "linux";

/** Whether a process of this pid is there, where /proc does not tell; SIGCONT harms nobody. */
function isRunning(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied;
  }
}
