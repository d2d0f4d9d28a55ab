/**
 * The SSH launcher: engines on a list of hosts, a controller on the first of them, by the system's ssh.
 *
 * Where hosts share this machine's folders nothing is copied. Else (`--remote-program=copy`) the executable is brought to each host, once for each version of it;
 * engines learn where the controller is from their environment, and a controller's connection files are fetched.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { connectionFile } from "./live_controller.ts";
import { writeWhole } from "./cluster_file.ts";
import { dealOut, hostsOf } from "./hosts.ts";
import {
  ClusterError,
  type ClusterPlace,
  type Job,
  jobName,
  type Json,
  type Launcher,
  logPath,
  type Part,
  type SavedPart,
} from "./launcher.ts";
import { keepOneOlder } from "./local.ts";
import type { ClusterOptions } from "./options.ts";
import type { OwnProgram } from "./program.ts";
import { bringSettings } from "./ssh_files.ts";
import { type RemoteProcess, RUN_FOLDERS, SHARED_FOLDER, SshHost } from "./ssh_host.ts";
import { SshPart } from "./ssh_part.ts";

/** Below the home of the user on a host: the executables of all versions that were brought. */
const PROGRAMS = ".tsparallel/bin";
const FETCH_EVERY_MS = 200;

/** Starts parts of a cluster on other machines. */
export class SshLauncher implements Launcher {
  readonly name = "ssh";
  readonly #settings: ClusterOptions;

  constructor(settings: ClusterOptions) {
    this.#settings = settings;
  }

  async start(job: Job): Promise<Part> {
    const log = logPath(job);
    keepOneOlder(log);
    const started: RemoteProcess[] = [];
    const saved = (): SavedPart => ({
      kind: job.kind,
      n: job.n,
      set: job.set,
      launcher: this.name,
      log,
      handle: started.map(asJson),
    });
    try {
      const starts = this.#placesOf(job).map(async ([host, engines]) => {
        for (const process of await this.#startOn(this.#host(host), job, engines)) started.push(process);
      });
      const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
      const part = this.#part(saved(), "new");
      if (job.kind === "controller" && this.#settings.remoteProgram === "copy") {
        await this.#fetchFiles(job.place, part, started[0]);
      }
      return part;
    } catch (error) {
      await endAfter(error, this.#part(saved(), "found"));
      throw error;
    }
  }

  adopt(saved: SavedPart): Part {
    return this.#part(saved, "found");
  }

  #part(saved: SavedPart, which: "new" | "found"): SshPart {
    return new SshPart(
      saved,
      processesOf(saved.handle).map((process) => ({ host: this.#host(process.host), process })),
      which,
    );
  }

  #host(name: string): SshHost {
    return new SshHost(name, { ssh: this.#settings.sshCommand, scp: this.#settings.scpCommand });
  }

  /** The controller goes to the first host, unless another is named for it. */
  #placesOf({ kind, n }: Job): readonly (readonly [string, number])[] {
    const { controllerHost } = this.#settings;
    if (kind === "controller" && controllerHost !== "") return [[controllerHost, 0]];
    const hosts = hostsOf(this.#settings.hosts);
    const [first] = hosts;
    if (first === undefined) {
      throw new ClusterError(
        'Cannot start anything by ssh: no host is named; use --hosts node1,node2=4, or "cluster.hosts" in the profile',
      );
    }
    return kind === "controller" ? [[first.name, 0]] : dealOut(n, hosts);
  }

  /** As many processes as it takes for so many engines. */
  async #startOn(host: SshHost, job: Job, engines: number): Promise<RemoteProcess[]> {
    const { program, environment } = job;
    const folder = folderOf(job);
    // Hosts may share a home.
    const own = host.name.replace(/[^\w.-]/g, "_");
    const command = await this.#command(host, job);
    const processes: RemoteProcess[] = [];
    try {
      for (let left = engines, at = 0; at === 0 || left > 0; left -= program.perProcess, at++) {
        const words = command(Math.min(left, program.perProcess));
        processes.push(
          await host.start({ folder: `${folder}/${jobName(job)}.${own}.${at}`, words, environment }),
        );
      }
    } catch (error) {
      await endAfter(error, { stop: (patienceMs) => this.#stopAll(host, processes, patienceMs) });
      throw error;
    }
    return processes;
  }

  async #stopAll(host: SshHost, processes: readonly RemoteProcess[], patienceMs: number): Promise<void> {
    for (const process of processes) await host.stop(process, patienceMs);
  }

  /** The words of a process there, for so many engines; the executable is brought if that is wanted. */
  async #command(host: SshHost, job: Job): Promise<(engines: number) => readonly string[]> {
    const { program, place } = job;
    if (this.#settings.remoteProgram !== "copy" || program.own === null) return program.words;
    const { own } = program;
    const path = `${PROGRAMS}/tsparallel-${await hashOf(own)}`;
    await host.bring(own.command, path);
    const home = (await host.run("pwd", "find the home")).trim();
    const there = { ...place, profileDir: `${home}/${folderOf(job)}/${SHARED_FOLDER}` };
    const flags = await bringSettings(host, job, there.profileDir);
    return (engines) => [`${home}/${path}`, ...own.words(engines, there), ...flags];
  }

  /** Waits for a controller's connection files, and puts them where clients and engines here look for them. */
  async #fetchFiles(place: ClusterPlace, part: Part, process: RemoteProcess | undefined): Promise<void> {
    if (process === undefined) return;
    const host = this.#host(process.host);
    const there = {
      profileDir: `${process.folder.replace(/\/[^/]+$/, "")}/${SHARED_FOLDER}`,
      clusterId: place.clusterId,
    };
    const deadline = performance.now() + this.#settings.startTimeoutMs;
    for (const role of ["engine", "client"] as const) {
      for (;;) {
        const text = await host.fetch(connectionFile(there, role));
        if (text !== undefined) {
          writeWhole(connectionFile(place, role), text);
          break;
        }
        const { is, words } = await part.state();
        if (is === "ended") {
          throw new ClusterError(
            `The controller on host "${host.name}" is gone: it ended ${words}; its log ends with:\n  ${
              (await part.lastLines(12)).join("\n  ")
            }`,
          );
        }
        if (performance.now() > deadline) {
          throw new ClusterError(
            `Cannot start the controller on host "${host.name}": it wrote no connection file in ${this.#settings.startTimeoutMs} ms`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, FETCH_EVERY_MS));
      }
    }
  }
}

/** Ends what was started before something failed; that this may fail too goes into the error. */
async function endAfter(error: unknown, part: Pick<Part, "stop">): Promise<void> {
  try {
    await part.stop(0);
  } catch (second) {
    if (!(error instanceof Error && second instanceof Error)) throw second;
    error.message += `; and what was started before may still run: ${second.message}`;
  }
}

/** Where a cluster's processes keep their files on a host: two clusters of one user are not to meet there. */
function folderOf({ place }: Job): string {
  const name = createHash("sha256").update(`${place.profileDir}\0${place.clusterId}`).digest("hex").slice(
    0,
    16,
  );
  return `${RUN_FOLDERS}/${name}`;
}

/** Names this very executable. @throws ClusterError if it is none that could be copied */
async function hashOf({ command, runtime }: OwnProgram): Promise<string> {
  if (runtime.length > 0) {
    throw new ClusterError(
      "Cannot copy the program: it runs from its sources; start the cluster with the compiled executable (`deno task compile`)",
    );
  }
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(command)) hash.update(bytes);
  return hash.digest("hex").slice(0, 16);
}

function asJson({ host, folder, pid, born }: RemoteProcess): Json {
  return { host, folder, pid, born };
}

function processesOf(handle: Json): RemoteProcess[] {
  return Array.isArray(handle) ? handle.filter(isProcess) : [];
}

function isProcess(
  value: Json,
): value is { readonly host: string; readonly folder: string; readonly pid: number; readonly born: string } {
  return typeof value === "object" && value !== null && "host" in value &&
    typeof value["host"] === "string" && !value["host"].startsWith("-") &&
    "folder" in value && typeof value["folder"] === "string" && value["folder"] !== "" && "pid" in value &&
    typeof value["pid"] === "number" &&
    "born" in value && typeof value["born"] === "string";
}
