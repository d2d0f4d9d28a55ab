/**
 * The proxy launcher: somebody else starts the processes, by hand or by a system that is none of ours. It says what is to be run, and the cluster waits for engines to register as
 * always. What others started it does not end.
 */
import {
  ClusterError,
  type Job,
  type Launcher,
  logPath,
  type Part,
  type PartState,
  type SavedPart,
  type SignalName,
} from "./launcher.ts";
import { commandsOf, keepOneOlder } from "./local.ts";
import { connectionFile } from "./live_controller.ts";
import { shellLine } from "./template.ts";

/** Leaves it to others to start parts of a cluster. */
export class ProxyLauncher implements Launcher {
  readonly name = "proxy";

  start(job: Job): Promise<Part> {
    const log = logPath(job);
    const { kind, n, set } = job;
    keepOneOlder(log);
    Deno.writeTextFileSync(log, `${whatToRun(job)}\n`, { mode: 0o600 });
    return Promise.resolve(new ProxyPart({ kind, n, set, launcher: this.name, log, handle: null }));
  }

  adopt(saved: SavedPart): Part {
    return new ProxyPart(saved);
  }
}

/** What others are to run, in lines. */
function whatToRun(job: Job): string {
  const lines = commandsOf(job.program, job.n).map(shellLine);
  const { environment, place } = job;
  const file = connectionFile(place, "engine");
  const told = environment["IPP_CONNECTION_INFO"] !== undefined;
  const command = `  ${told ? `IPP_CONNECTION_INFO="$(cat ${file})" ` : ""}${lines[0]}`;
  const times = lines.length === 1 ? "" : `, ${lines.length} times`;
  return job.kind === "controller"
    ? `The controller is started by others. Run${times}:\n${command}`
    : `${job.n} engines are started by others. Run where they are to be${times}:\n${command}\n` +
      `They connect by ${file}: where this path is not shared, copy the file and give --file=PATH`;
}

/** Processes that others start and end. */
class ProxyPart implements Part {
  readonly saved: SavedPart;
  readonly pid = null;
  /** Nobody here would know. */
  readonly ended = new Promise<string>(() => {});

  constructor(saved: SavedPart) {
    this.saved = saved;
  }

  get label(): string {
    return "started by others";
  }

  get remarks() {
    const { kind, log } = this.saved;
    const what = kind === "controller" ? "The controller was" : `The engines of set "${this.saved.set}" were`;
    return {
      started: Deno.readTextFileSync(log).trimEnd(),
      stopped: `${what} started by others, who have to end them: nothing was ended`,
    };
  }

  state(): Promise<PartState> {
    return Promise.resolve({ is: "waiting", words: `for others to run what ${this.saved.log} says` });
  }

  lastLines(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  signal(name: SignalName): Promise<void> {
    return Promise.reject(new ClusterError(`Cannot send ${name}: others started these processes`));
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
