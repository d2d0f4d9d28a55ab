/**
 * The MPI launcher: `mpiexec -n …` (or `mpirun`, `srun`), one engine for each rank, which asks for its rank as its id.
 */
import { wordsOf } from "../base/ssh.ts";
import { type Job, type Launcher, logPath, type Part, type SavedPart } from "./launcher.ts";
import { adoptLocal, keepOneOlder, LocalPart, startHere } from "./local.ts";
import type { ClusterOptions } from "./options.ts";
import { runCommand } from "./run_command.ts";

/** Starts parts of a cluster by an MPI implementation's own command. */
export class MpiLauncher implements Launcher {
  readonly name = "mpi";
  readonly #settings: ClusterOptions;

  constructor(settings: ClusterOptions) {
    this.#settings = settings;
  }

  async start(job: Job): Promise<Part> {
    const { program, n, kind, set } = job;
    const command = wordsOf(this.#settings.mpiCommand);
    const [first = ""] = command;
    // The command itself says best what is wrong with it; this only finds out whether it is there, and whose it is.
    const version = await runCommand({ words: [first, "--version"] });
    const words = [
      ...command,
      "-n",
      String(Math.max(1, n)),
      ...exported(version.out + version.err, Object.keys(job.environment)),
      ...program.words(Math.min(1, n)),
      ...(kind === "engines" && program.own !== null ? ["--mpi"] : []),
    ];
    const log = logPath(job);
    keepOneOlder(log);
    const process = await startHere(words, log, job.environment);
    const { pid, born } = process.id;
    return new LocalPart({ kind, n, set, launcher: this.name, log, handle: [{ pid, born }] }, [process]);
  }

  adopt(saved: SavedPart): Part {
    return adoptLocal(saved);
  }
}

/** Words that make ranks on other hosts have these variables too: Open MPI sends none by itself, MPICH's and Slurm's commands send all. */
function exported(version: string, names: readonly string[]): string[] {
  return /Open ?MPI|OpenRTE|PRRTE/i.test(version) ? names.flatMap((name) => ["-x", name]) : [];
}
