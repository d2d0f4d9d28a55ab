/**
 * Processes that outlive the call that made them: started in a session of their own with their words in a log file, recognised later
 * by pid *and* birth (a pid alone comes round again), ended first politely, then not. The one door to processes of the cluster.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import nodeProcess from "node:process";
import { processStat } from "../base/process_stat.ts";

/** One process, told from any later one with the same pid. */
export interface ProcessId {
  /** Its number. */
  readonly pid: number;
  /** Its start in ticks since the machine's; null where the system does not tell. */
  readonly born: string | null;
}

/** How a process ended; `unknown` where it was not our own child. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What to start. */
export interface ProcessSpec {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Given to its standard input; none: it reads nothing. */
  readonly input?: string | undefined;
  /** Both output streams are appended here. */
  readonly logPath: string;
}

/** A process that was started, here or by someone who left. */
export interface Process {
  readonly id: ProcessId;
  readonly logPath: string;
  /** Settles when it has ended; without code and signal for another's child. */
  readonly ended: Promise<ProcessEnd>;
}

const LOOK_EVERY_MS = 15;
const ADOPTED_LOOK_EVERY_MS = 250;

/**
 * Starts a process in a session of its own. A program that is not there ends with code 126 or 127, and the log says why.
 * @throws Error if no process can be started
 */
export async function startProcess(spec: ProcessSpec): Promise<Process> {
  const log = openSync(spec.logPath, "a", 0o600);
  try {
    const [command, ...args] = throughShell([spec.command, ...spec.args]);
    const child = spawn(command, args, {
      detached: true,
      stdio: [spec.input === undefined ? "ignore" : "pipe", log, log],
      env: { ...nodeProcess.env, ...spec.environment },
    });
    const ended = new Promise<ProcessEnd>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    // One that ends without reading it says by its end what is wrong.
    child.stdin?.on("error", () => {}).end(spec.input);
    const pid = child.pid;
    if (pid === undefined) throw new Error(`Cannot start "${spec.command}"`);
    return { id: identify(pid), logPath: spec.logPath, ended };
  } finally {
    closeSync(log);
  }
}

/**
 * The same program, started by a shell that becomes it: Deno's `spawn` puts `run -A` before the arguments of what it takes for itself,
 * a compiled program too (2.6). Without a shell, as on Windows, the command as it is.
 */
function throughShell(command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return Deno.build.os === "windows" ? command : ["/bin/sh", "-c", 'exec "$0" "$@"', ...command];
}

/** A process that someone else started, from what was written down about it. How it ended nobody tells; that it did is seen, once somebody asks. */
export function adoptProcess(id: ProcessId, logPath: string): Process {
  let ended: Promise<ProcessEnd> | undefined;
  return {
    id,
    logPath,
    get ended() {
      return ended ??= endOf(id);
    },
  };
}

function endOf(id: ProcessId): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (isAlive(id)) return;
      clearInterval(timer);
      resolve({ code: null, signal: null });
    }, ADOPTED_LOOK_EVERY_MS);
    Deno.unrefTimer(timer);
  });
}

/** The process that has this pid now. */
export function identify(pid: number): ProcessId {
  return { pid, born: processStat(pid)?.born ?? null };
}

/** Whether this very process still runs. */
export function isAlive(id: ProcessId): boolean {
  if (Deno.build.os === "linux") {
    const now = processStat(id.pid);
    return now !== undefined && now.state !== "Z" && (id.born === null || id.born === now.born);
  }
  try {
    return nodeProcess.kill(id.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Ends a process: SIGTERM, after `patienceMs` SIGKILL to its group. Resolves when it is gone. */
export async function stopProcess(id: ProcessId, patienceMs: number): Promise<"gone" | "ended" | "killed"> {
  if (!isAlive(id)) return "gone";
  signalProcess(id.pid, "SIGTERM");
  if (await hasEnded(id, patienceMs)) return "ended";
  if (isAlive(id)) {
    signalProcess(-id.pid, "SIGKILL");
    signalProcess(id.pid, "SIGKILL");
  }
  await hasEnded(id, 5000);
  return "killed";
}

/** Waits until the process is gone, at most so long. */
export async function hasEnded(id: ProcessId, patienceMs: number): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (isAlive(id)) {
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return true;
}

/** The last lines of a log file, empty if there is none. */
export function lastLines(path: string, count: number): string[] {
  try {
    return Deno.readTextFileSync(path).trimEnd().split("\n").slice(-count);
  } catch {
    return [];
  }
}

/**
 * Keeps the heap of what lives for a moment small, in each thread: by default it grows to 16 MiB and more where it is used, and gains nothing here.
 */
const V8_FLAGS = "--v8-flags=--max-semi-space-size=1";

/** How to start this very program again: the executable itself if it is compiled, else Deno with main.ts. */
export function programCommand(): { readonly command: string; readonly args: readonly string[] } {
  const command = Deno.execPath();
  if (Deno.build.standalone) return { command, args: [] };
  const file = (name: string) => new URL(`../../${name}`, import.meta.url);
  const path = (url: URL) => url.protocol === "file:" ? decodeURIComponent(url.pathname) : url.href;
  return {
    command,
    args: [
      "run",
      "-A",
      "--no-prompt",
      "--quiet",
      V8_FLAGS,
      "--config",
      path(file("deno.json")),
      path(file("main.ts")),
    ],
  };
}

/** Whether a value that was read names a process. */
export function isProcessId(
  value: unknown,
): value is ProcessId & { readonly [key: string]: string | number | null } {
  return typeof value === "object" && value !== null && "pid" in value && Number.isInteger(value.pid) &&
    Number(value.pid) > 0 &&
    "born" in value && (value.born === null || typeof value.born === "string");
}

/** Sends a signal; a process that is gone is none to complain of. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    nodeProcess.kill(pid, signal);
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ESRCH";
    if (!isGone && pid > 0) throw error;
  }
}
