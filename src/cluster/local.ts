/**
 * The local launcher: controller and engine hosts as processes of this machine, ended with the process that started them.
 */
import type { ClusterPlace, Launcher, Part, SavedPart } from "./launcher.ts";
import {
  adoptProcess,
  isAlive,
  lastLines,
  type Process,
  type ProcessEnd,
  programCommand,
  startProcess,
  stopProcess,
} from "./process.ts";

/** Tells a process whose end is its own. */
const PARENT_VARIABLE = "TSPARALLEL_PARENT";

/** Starts parts of a cluster on this machine. */
export class LocalLauncher implements Launcher {
  readonly name = "local";

  async startController(place: ClusterPlace, args: readonly string[]): Promise<Part> {
    const log = logPath(place, "ipcontroller");
    const process = await start(["controller", ...placeArgs(place), ...args], log);
    return partOf({ kind: "controller", n: 0 }, process);
  }

  async startEngines(
    place: ClusterPlace,
    set: { readonly n: number; readonly number: number; readonly args: readonly string[] },
  ): Promise<Part> {
    const log = logPath(place, `ipengine-${set.number}`);
    const process = await start(
      ["engine", "--engines", String(set.n), ...placeArgs(place), ...set.args],
      log,
    );
    return partOf({ kind: "engines", n: set.n }, process);
  }

  adopt(saved: SavedPart): Part {
    return partOf(saved, adoptProcess(saved, saved.log));
  }
}

function start(args: readonly string[], log: string): Promise<Process> {
  keepOneOlder(log);
  const program = programCommand();
  const environment = { [PARENT_VARIABLE]: String(Deno.pid), NO_COLOR: "1" };
  return startProcess({
    command: program.command,
    args: [...program.args, ...args],
    environment,
    logPath: log,
  });
}

function partOf(what: Pick<SavedPart, "kind" | "n">, process: Process): Part {
  const { id, logPath } = process;
  return {
    saved: { kind: what.kind, n: what.n, pid: id.pid, born: id.born, log: logPath },
    ended: process.ended.then(describeEnd),
    isAlive: () => isAlive(id),
    lastLines: (count) => lastLines(logPath, count),
    stop: async (patienceMs) => {
      await stopProcess(id, patienceMs);
    },
  };
}

function describeEnd(end: ProcessEnd): string {
  return end.signal === null ? `it ended with code ${end.code}` : `it was ended by ${end.signal}`;
}

function placeArgs(place: ClusterPlace): string[] {
  return ["--profile", place.profile, "--profile-dir", place.profileDir, "--cluster-id", place.clusterId];
}

function logPath(place: ClusterPlace, name: string): string {
  const suffix = place.clusterId === "" ? "" : `-${place.clusterId}`;
  return `${place.profileDir}/log/${name}${suffix}.log`;
}

/** A log begins empty; the one before it stays as `.old`. */
function keepOneOlder(log: string): void {
  try {
    Deno.renameSync(log, `${log}.old`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
