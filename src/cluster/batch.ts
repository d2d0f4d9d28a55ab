/**
 * Launching by a batch system: scripts are written, submitted, asked about now and then, and cancelled. What differs by system is in its `BatchSystem`.
 */
import { batchesOf, scriptOf } from "./batch_script.ts";
import type { BatchSystem } from "./batch_system.ts";
import {
  ClusterError,
  type Job,
  jobName,
  type Json,
  type Launcher,
  logPath,
  type Part,
  type PartState,
  type SavedPart,
  type SignalName,
} from "./launcher.ts";
import { keepOneOlder } from "./local.ts";
import type { ClusterOptions } from "./options.ts";
import { lastLines } from "./process.ts";
import { runCommand, wordsOfAnswer } from "./run_command.ts";

/** How often a system is asked while somebody waits for an end. */
const STOP_POLL_MS = 200;

/** Starts parts of a cluster as jobs of a batch system. */
export class BatchLauncher implements Launcher {
  readonly #system: BatchSystem;
  readonly #settings: ClusterOptions;

  constructor(system: BatchSystem, settings: ClusterOptions) {
    this.#system = system;
    this.#settings = settings;
  }

  get name(): string {
    return this.#system.name;
  }

  async start(job: Job): Promise<Part> {
    const system = this.#system, settings = this.#settings;
    const perJob = Math.min(
      settings.enginesPerJob ?? system.enginesPerJob ?? Infinity,
      job.program.perProcess,
    );
    const scripts = batchesOf(job.n, perJob, system.hasArrays).map((batch) =>
      scriptOf(system, job, batch, settings)
    );
    const log = logPath(job);
    for (const path of [log, ...system.logs?.(log) ?? []]) keepOneOlder(path);
    const ids: string[] = [];
    const { kind, n, set } = job;
    const part = () =>
      new BatchPart(system, { kind, n, set, launcher: this.name, log, handle: [...ids] }, settings.pollMs);
    try {
      for (const [at, script] of scripts.entries()) ids.push(await this.#submit(job, script, at));
    } catch (error) {
      await part().stop(0);
      throw error;
    }
    return part();
  }

  adopt(saved: SavedPart): Part {
    return new BatchPart(this.#system, saved, this.#settings.pollMs);
  }

  async #submit(job: Job, script: string, at: number): Promise<string> {
    const system = this.#system;
    const folder = `${job.place.profileDir}/batch`;
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = `${folder}/${jobName(job)}${at === 0 ? "" : `.${at}`}.${system.extension}`;
    Deno.writeTextFileSync(path, script, { mode: 0o700 });
    const call = system.submit(path, script);
    const answer = await runCommand(call);
    const id = answer.code === 0 ? system.jobId(answer.out) : undefined;
    if (id !== undefined) return id;
    const what = job.kind === "controller" ? "the controller" : `${job.n} engines`;
    throw new ClusterError(
      `Cannot start ${what} with ${system.name}: \`${call.words.join(" ")}\` said: ${wordsOfAnswer(answer)}`,
    );
  }
}

/** Jobs that are one part; it has ended when all of them have. */
export class BatchPart implements Part {
  readonly saved: SavedPart;
  readonly pid = null;
  readonly #system: BatchSystem;
  readonly #pollMs: number;
  readonly #ids: readonly string[];
  #ended: Promise<string> | undefined;

  constructor(system: BatchSystem, saved: SavedPart, pollMs: number) {
    this.#system = system;
    this.saved = saved;
    this.#pollMs = pollMs;
    this.#ids = idsOf(saved.handle);
  }

  get label(): string {
    return `${this.#ids.length > 1 ? "jobs" : "job"} ${this.#ids.join(", ")}`;
  }

  /** The system is asked from the first time on that somebody wants to know. */
  get ended(): Promise<string> {
    return this.#ended ??= this.#watch();
  }

  async state(): Promise<PartState> {
    const states = await Promise.all(this.#ids.map((id) => this.#ask(id)));
    return summed(states.flat());
  }

  lastLines(count: number): Promise<readonly string[]> {
    const { log } = this.saved, paths = this.#system.logs?.(log) ?? [log];
    return Promise.resolve(paths.flatMap((path) => lastLines(path, count)));
  }

  async signal(name: SignalName): Promise<void> {
    const { signal } = this.#system;
    if (signal === undefined) {
      throw new ClusterError(`Cannot send ${name}: ${this.#system.name} has no command for it`);
    }
    for (const id of this.#ids) {
      const answer = await runCommand(signal(id, name));
      if (answer.code !== 0) {
        throw new ClusterError(`Cannot send ${name} to job ${id}: ${wordsOfAnswer(answer)}`);
      }
    }
  }

  async stop(patienceMs: number): Promise<void> {
    await this.#cancel(false);
    if (await this.#isOver(patienceMs)) return;
    await this.#cancel(true);
    await this.#isOver(Math.max(patienceMs, 5000));
  }

  async #cancel(byForce: boolean): Promise<void> {
    for (const id of this.#ids) {
      const answer = await runCommand(this.#system.cancel(id, byForce));
      if (answer.code !== 0 && !this.#system.isGone(answer)) {
        throw new ClusterError(`Cannot end job ${id}: ${wordsOfAnswer(answer)}`);
      }
    }
  }

  async #isOver(patienceMs: number): Promise<boolean> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const { is } = await this.state();
      if (is === "ended" || performance.now() >= deadline) return is === "ended";
      await pause(STOP_POLL_MS);
    }
  }

  async #watch(): Promise<string> {
    for (;;) {
      const state = await this.state().catch(() => null);
      if (state?.is === "ended") return `${this.label} ended${state.words === "" ? "" : `: ${state.words}`}`;
      await pause(this.#pollMs);
    }
  }

  async #ask(id: string): Promise<readonly PartState[]> {
    return this.#system.states(id, await runCommand(this.#system.ask(id)));
  }
}

/** One state for all jobs: running while one runs, waiting while one waits, else ended in the words of one that failed. */
function summed(states: readonly PartState[]): PartState {
  const found = states.find(({ is }) => is === "running") ?? states.find(({ is }) => is === "waiting");
  return found ?? states.find(({ words }) => words !== "" && !/^COMPLETED$/.test(words)) ??
    { is: "ended", words: states[0]?.words ?? "" };
}

function idsOf(handle: Json): string[] {
  return Array.isArray(handle) ? handle.filter((id) => typeof id === "string") : [];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
