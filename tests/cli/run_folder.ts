/** A run's folder for one test, and programs that run in it; all are gone at the end. */
import {
  hasEnded,
  identify,
  isAlive,
  lastLines,
  type Process,
  programCommand,
  startProcess,
  stopProcess,
} from "../../src/cluster/process.ts";
import { type Said, tsparallel } from "./tsparallel.ts";

/** The longest that anything may take here. */
const PATIENCE_MS = 30_000;

export class RunFolder implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "tsparallel-test-" });
  readonly #processes: Process[] = [];

  /** Starts `tsparallel …args --profile-dir <dir>`; its words go to `<name>.txt`. */
  async start(
    name: string,
    args: readonly string[],
    environment: Record<string, string> = {},
  ): Promise<Process> {
    const program = programCommand();
    const process = await startProcess({
      command: program.command,
      args: [...program.args, ...args, "--profile-dir", this.dir],
      environment: { NO_COLOR: "1", ...environment },
      logPath: `${this.dir}/${name}.txt`,
    });
    this.#processes.push(process);
    return process;
  }

  /** Runs `tsparallel …args --profile-dir <dir>` to its end. */
  run(...args: readonly string[]): Promise<Said> {
    return tsparallel([...args, "--profile-dir", this.dir]);
  }

  /** What a program has said so far. */
  said(name: string): string {
    return lastLines(`${this.dir}/${name}.txt`, 1000).join("\n");
  }

  /** Waits until a program has said something. */
  async says(name: string, pattern: RegExp): Promise<void> {
    await until(
      () => pattern.test(this.said(name)),
      () => `"${name}" did not say ${pattern}:\n${this.said(name)}`,
    );
  }

  /** Names of the files in a folder of the run, without the hidden file that serialises claims; none if the folder is not there. */
  files(folder: string): string[] {
    try {
      return [...Deno.readDirSync(`${this.dir}/${folder}`)].map((entry) => entry.name).filter((name) =>
        !name.startsWith(".")
      ).sort();
    } catch {
      return [];
    }
  }

  /** Pids of all processes that were started in this folder, by whomever, and still run. */
  pids(): number[] {
    const own = [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name)).filter((pid) => pid > 0);
    return own.filter((pid) => commandLine(pid).includes(this.dir) && isAlive(identify(pid)));
  }

  /** Waits until none of them runs. */
  async isDeserted(): Promise<void> {
    await until(
      () => this.pids().length === 0,
      () => this.pids().map((pid) => `${pid}: ${commandLine(pid)}`).join("\n"),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id } of this.#processes) await stopProcess(id, 5000);
    for (const pid of this.pids()) {
      Deno.kill(pid, "SIGKILL");
      await hasEnded(identify(pid), 5000);
    }
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** Waits for a state of the world, looking often; fails with what `why` says after 30 s. */
export async function until(isSo: () => boolean, why: () => string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`Waited ${PATIENCE_MS / 1000} s in vain: ${why()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function commandLine(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  } catch {
    return "";
  }
}
