/**
 * A cluster in hand: a controller and engines as processes, started together, watched, and ended together.
 *
 * Controller and engines start at the same moment; the engines wait for the controller's file. Whatever a dead run left is removed
 * before, so that nobody follows a stale file.
 */
import { chooseOptions } from "../base/options.ts";
import { loadProfile } from "../base/profile.ts";
import type { Client, ConnectOptions } from "../client/client.ts";
import {
  clusterFilePath,
  type ClusterRecord,
  hasLiveParts,
  readClusterFile,
  removeIfThere,
  writeClusterFile,
} from "./cluster_file.ts";
import type { ClusterPlace, Launcher, Part } from "./launcher.ts";
import {
  connectionFile,
  liveController,
  removeConnectionFiles,
  removeControllerFiles,
} from "./live_controller.ts";
import { LocalLauncher } from "./local.ts";
import { CLUSTER_OPTIONS } from "./options.ts";
import { identify, isAlive, type ProcessId } from "./process.ts";
import { type ClusterName, placeOf } from "./place.ts";
import { prepareRunFolder } from "./run_folder.ts";

/** How to start a cluster. */
export interface ClusterStart extends ClusterName {
  /** Engines. Default: the profile's, else one per processor. */
  readonly n?: number | undefined;
  /** Flags of `tsparallel controller`, like `--ping=250`. */
  readonly controllerArgs?: readonly string[] | undefined;
  /** Flags of `tsparallel engine`. */
  readonly engineArgs?: readonly string[] | undefined;
  /** How long until all engines are there. Default 60 s. */
  readonly startTimeoutMs?: number | undefined;
  /** How long processes may take to end before they are killed. Default 5 s. */
  readonly stopTimeoutMs?: number | undefined;
  /** Gives up starting, and ends what was started. */
  readonly signal?: AbortSignal | undefined;
  /** True: this process is nothing but the cluster's watchman, and `tsparallel cluster stop` may end it. Default false. */
  readonly isSupervisor?: boolean | undefined;
}

/** A cluster that cannot start or is not there; the message says what to do. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
}

const FILE_POLL_MS = 10;
const LOG_LINES = 12;

/** A running cluster. Dispose of it, and its processes are gone. */
export class Cluster implements AsyncDisposable {
  readonly place: ClusterPlace;
  readonly #launcher: Launcher;
  readonly #controller: Part;
  readonly #engines: Part[];
  readonly #stopTimeoutMs: number;
  readonly #engineArgs: readonly string[];
  readonly #supervisor: ProcessId | null;
  readonly #startedAt: string;
  readonly #keepsFiles: boolean;
  /** Those made here, held weakly. */
  readonly #clients = new Set<WeakRef<Client>>();
  #sets: number;
  #stopping: Promise<void> | undefined;

  private constructor(fields: ClusterFields) {
    this.place = fields.place;
    this.#launcher = fields.launcher;
    this.#controller = fields.controller;
    this.#engines = [...fields.engines];
    this.#sets = this.#engines.length;
    this.#stopTimeoutMs = fields.stopTimeoutMs;
    this.#engineArgs = fields.engineArgs;
    this.#supervisor = fields.supervisor;
    this.#startedAt = fields.startedAt;
    this.#keepsFiles = fields.keepsFiles;
  }

  /**
   * Starts a controller and `n` engines, and waits until all of them are there.
   * @throws ClusterError if one runs already, or a part ends while starting (with its last words), or it takes too long
   */
  static async start(options: ClusterStart = {}): Promise<Cluster> {
    const place = placeOf(options);
    const settings = await settingsOf(place, options);
    prepareRunFolder(place.profileDir);
    await refuseSecond(place);
    if (!settings.keepsFiles) removeConnectionFiles(place);
    const cluster = await Cluster.#launch(place, settings);
    try {
      const deadline = AbortSignal.timeout(settings.startTimeoutMs);
      await cluster.#waitUntilReady(settings.n, { deadline, signal: options.signal ?? null });
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  static async #launch(place: ClusterPlace, settings: Settings): Promise<Cluster> {
    const launcher = new LocalLauncher();
    const { controllerArgs, engineArgs, stopTimeoutMs, supervisor, keepsFiles } = settings;
    const [controller, engines] = await Promise.all([
      launcher.startController(place, controllerArgs),
      launcher.startEngines(place, { n: settings.n, number: 0, args: engineArgs }),
    ]);
    const cluster = new Cluster({
      place,
      launcher,
      controller,
      engines: [engines],
      engineArgs,
      stopTimeoutMs,
      supervisor,
      keepsFiles,
      startedAt: new Date().toISOString(),
    });
    cluster.#save();
    return cluster;
  }

  /**
   * The cluster that another process started.
   * @throws ClusterError if there is no file of it
   */
  static fromFile(name: ClusterName | string = {}): Cluster {
    const path = typeof name === "string"
      ? name
      : clusterFilePath(placeOf(name).profileDir, placeOf(name).clusterId);
    const record = readClusterFile(path);
    if (record === undefined) throw new ClusterError(`Cannot find a cluster: no file "${path}"`);
    const launcher = new LocalLauncher();
    return new Cluster({
      place: { profile: record.profile, profileDir: record.profileDir, clusterId: record.clusterId },
      launcher,
      controller: launcher.adopt(record.controller),
      engines: record.engines.map((saved) => launcher.adopt(saved)),
      engineArgs: [],
      stopTimeoutMs: CLUSTER_OPTIONS.stopTimeoutMs.default,
      supervisor: record.supervisor,
      keepsFiles: record.keepsFiles,
      startedAt: record.startedAt,
    });
  }

  /** How many engines were started. */
  get engineCount(): number {
    return this.#engines.reduce((sum, part) => sum + part.saved.n, 0);
  }

  /** Controller first, then the engine hosts. */
  get parts(): readonly Part[] {
    return [this.#controller, ...this.#engines];
  }

  /** Name of what starts the processes. */
  get launcherName(): string {
    return this.#launcher.name;
  }

  /** The clients' connection file. */
  get connectionFile(): string {
    return connectionFile(this.place, "client");
  }

  /** Connects a client to this cluster. Its scope is left with that of the cluster, if not before. */
  async client(
    options: Pick<ConnectOptions, "timeoutMs" | "controllerTimeoutMs"> = {},
  ): Promise<Client> {
    const { Client } = await import("../client/client.ts");
    const { profileDir, clusterId } = this.place;
    const client = await Client.connect({ profileDir, clusterId, ...options });
    for (const known of this.#clients) if (known.deref() === undefined) this.#clients.delete(known);
    this.#clients.add(new WeakRef(client));
    return client;
  }

  /** Starts `n` more engines as a set of their own; they register in a moment. */
  async startEngines(n: number): Promise<void> {
    this.#engines.push(
      await this.#launcher.startEngines(this.place, { n, number: this.#sets++, args: this.#engineArgs }),
    );
    this.#save();
  }

  /** Settles when a part has ended by itself, with a sentence that says which and how. Ended engine sets are taken off the list. */
  async partEnded(): Promise<{ readonly part: Part; readonly sentence: string }> {
    const ends = this.parts.map(async (part) => ({ part, how: await part.ended }));
    const { part, how } = await Promise.race(ends);
    const at = this.#engines.indexOf(part);
    if (at >= 0) this.#engines.splice(at, 1);
    return { part, sentence: endSentence(part, how) };
  }

  /** Ends all processes of the cluster and removes its files. Stopping twice is harmless. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  /** Leaves the scopes of the clients that it has made, which cancels their tasks and closes them, then stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    const clients = [...this.#clients].flatMap((known) => known.deref() ?? []);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    await this.stop();
  }

  async #stop(): Promise<void> {
    const { profileDir, clusterId } = this.place;
    await Promise.all(this.#engines.map((part) => part.stop(this.#stopTimeoutMs)));
    await this.#controller.stop(this.#stopTimeoutMs);
    const isFree = await liveController(this.place) === undefined;
    // One that was killed could not remove its files.
    if (isFree) removeControllerFiles(this.place, this.#keepsFiles ? "keep connection files" : "all");
    removeIfThere(clusterFilePath(profileDir, clusterId));
  }

  async #waitUntilReady(
    n: number,
    wait: { readonly deadline: AbortSignal; readonly signal: AbortSignal | null },
  ): Promise<void> {
    const stop = new AbortController();
    const signals = [wait.deadline, stop.signal, ...(wait.signal === null ? [] : [wait.signal])];
    const ended = this.partEnded().then(({ sentence }) => {
      throw new ClusterError(sentence);
    });
    try {
      await Promise.race([this.#connectAndWait(n, AbortSignal.any(signals)), ended]);
    } catch (error) {
      if (error instanceof ClusterError || !wait.deadline.aborted) throw error;
      throw this.#tooSlow(n);
    } finally {
      stop.abort();
      ended.catch(() => {});
    }
  }

  async #connectAndWait(n: number, signal: AbortSignal): Promise<void> {
    const loading = import("../client/client.ts");
    await fileAppears(this.connectionFile, signal);
    const { Client } = await loading;
    const { profileDir, clusterId } = this.place;
    await using client = await Client.connect({ profileDir, clusterId, signal });
    await client.waitForEngines(n, { signal });
  }

  #tooSlow(n: number): ClusterError {
    const logs = this.parts.map((part) => part.saved.log).join(", ");
    return new ClusterError(`Cannot start the cluster: ${n} engines were not there in time; see ${logs}`);
  }

  #save(): void {
    const { profile, profileDir, clusterId } = this.place;
    writeClusterFile({
      version: 1,
      clusterId,
      profile,
      profileDir,
      launcher: this.#launcher.name,
      startedAt: this.#startedAt,
      supervisor: this.#supervisor,
      keepsFiles: this.#keepsFiles,
      controller: this.#controller.saved,
      engines: this.#engines.map((part) => part.saved),
    });
  }
}

interface ClusterFields {
  readonly place: ClusterPlace;
  readonly launcher: Launcher;
  readonly controller: Part;
  readonly engines: readonly Part[];
  readonly engineArgs: readonly string[];
  readonly stopTimeoutMs: number;
  readonly supervisor: ProcessId | null;
  readonly keepsFiles: boolean;
  readonly startedAt: string;
}

/** What counts for a start: what the caller says, else the environment, the profile, the default. */
interface Settings {
  readonly n: number;
  readonly controllerArgs: readonly string[];
  readonly engineArgs: readonly string[];
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly supervisor: ProcessId | null;
  /** The controller keeps ports, key and files of the run before. */
  readonly keepsFiles: boolean;
}

async function settingsOf(place: ClusterPlace, options: ClusterStart): Promise<Settings> {
  const tables = { cluster: CLUSTER_OPTIONS };
  const profile = await loadProfile({ name: place.profile, dir: place.profileDir, tables, others: "leave" });
  const { n, startTimeoutMs, stopTimeoutMs, controllerArgs, engineArgs } = options;
  const chosen = chooseOptions(CLUSTER_OPTIONS, {
    flags: { n, startTimeoutMs, stopTimeoutMs, controllerArgs, engineArgs },
    environment: (name) => Deno.env.get(name),
    profile: profile.sections["cluster"],
    section: "cluster",
  });
  return {
    ...chosen,
    n: chosen.n ?? navigator.hardwareConcurrency,
    supervisor: options.isSupervisor === true ? identify(Deno.pid) : null,
    keepsFiles: chosen.controllerArgs.includes("--reuse") ||
      profile.sections["controller"]?.["reuse"] === true,
  };
}

/** What runs at a place, and what a dead cluster left there. */
export function findCluster(
  profileDir: string,
  clusterId: string,
): { readonly record: ClusterRecord; readonly isAlive: boolean } | undefined {
  const record = readClusterFile(clusterFilePath(profileDir, clusterId));
  return record === undefined ? undefined : { record, isAlive: hasLiveParts(record) };
}

async function refuseSecond(place: ClusterPlace): Promise<void> {
  const found = findCluster(place.profileDir, place.clusterId);
  if (found?.isAlive) {
    const { controller, supervisor } = found.record;
    const pid = supervisor !== null && isAlive(supervisor) ? supervisor.pid : controller.pid;
    throw new ClusterError(
      `Cannot start the cluster: one runs already for profile "${place.profile}"${
        idPhrase(place)
      } with pid ${pid}; ` +
        "stop it with `tsparallel cluster stop`, or choose another --cluster-id",
    );
  }
  const live = await liveController(place);
  if (live === undefined) return;
  throw new ClusterError(
    `Cannot start the cluster: a ${live} serves profile "${place.profile}"${
      idPhrase(place)
    } already; end it first`,
  );
}

function idPhrase(place: ClusterPlace): string {
  return place.clusterId === "" ? "" : ` and cluster id "${place.clusterId}"`;
}

function endSentence(part: Part, how: string): string {
  const name = part.saved.kind === "controller" ? "controller" : `set of ${part.saved.n} engines`;
  const words = part.lastLines(LOG_LINES);
  const log = words.length === 0 ? "its log is empty" : `its log ends with:\n  ${words.join("\n  ")}`;
  return `The ${name} is gone: ${how}; ${log}`;
}

async function fileAppears(path: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      Deno.statSync(path);
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, FILE_POLL_MS));
  }
}
