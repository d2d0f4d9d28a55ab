/**
 * The local launcher: controller and engine hosts as processes of this machine, ended with the process that started them.
 */
import {
  type Job,
  type Json,
  type Launcher,
  logPath,
  type Part,
  type PartState,
  type SavedPart,
  type SignalName,
} from "./launcher.ts";
import {
  adoptProcess,
  isAlive,
  isProcessId,
  lastLines,
  type Process,
  type ProcessEnd,
  type ProcessId,
  signalProcess,
  startProcess,
  stopProcess,
} from "./process.ts";
import type { Program } from "./program.ts";

/** Tells a process whose end is its own. */
const PARENT_VARIABLE = "TSPARALLEL_PARENT";

/** Starts parts of a cluster on this machine. */
export class LocalLauncher implements Launcher {
  readonly name = "local";

  async start(job: Job): Promise<Part> {
    const log = logPath(job);
    keepOneOlder(log);
    const processes: Process[] = [];
    try {
      for (const words of commandsOf(job.program, job.n)) {
        processes.push(await start(words, log, job.environment));
      }
    } catch (error) {
      await Promise.all(processes.map(({ id }) => stopProcess(id, 0)));
      throw error;
    }
    const { kind, n, set } = job;
    const handle: Json = processes.map(({ id: { pid, born } }) => ({ pid, born }));
    return new LocalPart({ kind, n, set, launcher: this.name, log, handle }, processes);
  }

  adopt(saved: SavedPart): Part {
    return new LocalPart(saved, processIds(saved.handle).map((id) => adoptProcess(id, saved.log)));
  }
}

/** The words of each process that houses some of the engines: as few processes as there can be. */
export function commandsOf(program: Program, n: number): (readonly string[])[] {
  if (n === 0) return [program.words(0)];
  const commands: (readonly string[])[] = [];
  for (let left = n; left > 0; left -= program.perProcess) {
    commands.push(program.words(Math.min(left, program.perProcess)));
  }
  return commands;
}

/** Processes of this machine that are one part; it has ended when all of them have. */
export class LocalPart implements Part {
  readonly saved: SavedPart;
  readonly ended: Promise<string>;
  readonly #processes: readonly Process[];

  constructor(saved: SavedPart, processes: readonly Process[]) {
    this.saved = saved;
    this.#processes = processes;
    this.ended = Promise.all(processes.map(({ ended }) => ended)).then(describeEnds);
  }

  get pid(): number | null {
    return this.#processes[0]?.id.pid ?? null;
  }

  get label(): string {
    const pids = this.#processes.map(({ id }) => id.pid);
    return pids.length > 4 ? `${pids.length} processes from pid ${pids[0]} on` : `pid ${pids.join(", ")}`;
  }

  state(): Promise<PartState> {
    return Promise.resolve({
      is: this.#processes.some(({ id }) => isAlive(id)) ? "running" : "ended",
      words: "",
    });
  }

  lastLines(count: number): Promise<readonly string[]> {
    return Promise.resolve(lastLines(this.saved.log, count));
  }

  signal(name: SignalName): Promise<void> {
    for (const { id } of this.#processes) if (isAlive(id)) signalProcess(id.pid, name);
    return Promise.resolve();
  }

  async stop(patienceMs: number): Promise<void> {
    await Promise.all(this.#processes.map(({ id }) => stopProcess(id, patienceMs)));
  }
}

/** Starts a process that ends with this one, its output behind what is in the log. */
function start(
  words: readonly string[],
  log: string,
  environment: Readonly<Record<string, string>>,
): Promise<Process> {
  const [command = "", ...args] = words;
  const own = { [PARENT_VARIABLE]: String(Deno.pid), NO_COLOR: "1" };
  return startProcess({ command, args, environment: { ...own, ...environment }, logPath: log });
}

/** The processes that a handle names. */
export function processIds(handle: Json): ProcessId[] {
  return Array.isArray(handle) ? handle.filter(isProcessId) : [];
}

function describeEnds(ends: readonly ProcessEnd[]): string {
  const worst = ends.find(({ code }) => code !== 0) ?? ends[0] ?? { code: null, signal: null };
  return describeEnd(worst);
}

/** `it ended with code 1`. */
export function describeEnd(end: ProcessEnd): string {
  if (end.signal !== null) return `it was ended by ${end.signal}`;
  return end.code === null ? "it has ended" : `it ended with code ${end.code}`;
}

/** A log begins empty; the one before it stays as `.old`. */
export function keepOneOlder(log: string): void {
  try {
    Deno.renameSync(log, `${log}.old`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
