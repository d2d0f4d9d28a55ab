/**
 * A cluster in hand: a controller and sets of engines, started together by the launchers that the settings name, watched, and ended together.
 *
 * Controller and engines start at the same moment; the engines wait for the controller's file. Whatever a dead run left is removed
 * before, so that nobody follows a stale file. Which parts there are is said by the cluster file alone: another process may start or end engines too.
 */
import type { Client, ConnectOptions } from "../client/client.ts";
import {
  changeClusterFile,
  clusterFilePath,
  type ClusterRecord,
  readClusterFile,
  removeIfThere,
  writeClusterFile,
} from "./cluster_file.ts";
import {
  type ClusterStart,
  optionsFrom,
  savedOptions,
  type Settings,
  settingsOf,
} from "./cluster_settings.ts";
import {
  ClusterError,
  type ClusterPlace,
  type Launcher,
  type Part,
  type SavedPart,
  type SignalName,
} from "./launcher.ts";
import { makeLauncher } from "./launchers.ts";
import {
  connectionFile,
  liveController,
  removeConnectionFiles,
  removeControllerFiles,
} from "./live_controller.ts";
import type { ClusterOptions } from "./options.ts";
import { type ClusterName, placeOf } from "./place.ts";
import { identify, type ProcessId } from "./process.ts";
import { refuseSecond } from "./running.ts";
import { prepareRunFolder } from "./run_folder.ts";
import { bothOrNone, controllerJob, engineJob, firstEnd, isSame, nextId } from "./cluster_parts.ts";
import { endSentence, engineInfo, type EngineWait, waitForEngines, waitUntilReady } from "./start_wait.ts";

export { ClusterError } from "./launcher.ts";
export type { EngineWait } from "./start_wait.ts";
export type { ClusterSettings, ClusterStart } from "./cluster_settings.ts";
export type { ClusterName, ClusterPlace, Part, SavedPart, SignalName };
export type { Json, PartState } from "./launcher.ts";

/** How often the cluster file is looked at while somebody waits for an end. */
const FOLLOW_EVERY_MS = 1000;

/** How engines are to be started beside those that are there. */
export interface EngineStart {
  /** The set's id; default: the next free number. */
  readonly set?: string | undefined;
  /** Who starts them; default: who started the others. */
  readonly launcher?: string | undefined;
  /** True: they outlive this process. Default false. */
  readonly isDetached?: boolean | undefined;
}

/** A running cluster. Dispose of it, and its processes are gone. */
export class Cluster implements AsyncDisposable {
  /** Where it lives: profile, folder, cluster id. */
  readonly place: ClusterPlace;
  readonly #options: ClusterOptions;
  readonly #engineLauncher: string;
  readonly #supervisor: ProcessId | null;
  readonly #keepsFiles: boolean;
  /** Those made here, held weakly. */
  readonly #clients = new Set<WeakRef<Client>>();
  readonly #controller: Part;
  /** By set id. */
  readonly #engines = new Map<string, Part>();
  #stopping: Promise<void> | undefined;

  private constructor(fields: ClusterFields) {
    this.place = fields.place;
    this.#options = fields.options;
    this.#engineLauncher = fields.engineLauncher;
    this.#supervisor = fields.supervisor;
    this.#keepsFiles = fields.keepsFiles;
    this.#controller = fields.controller;
    for (const part of fields.engines) this.#engines.set(part.saved.set, part);
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
    const { startTimeoutMs: timeoutMs, queueTimeoutMs } = settings.options;
    const wait = { signal: options.signal ?? null, timeoutMs, queueTimeoutMs };
    const cluster = await Cluster.#launch(place, settings, {
      ...wait,
      isSupervisor: options.isSupervisor === true,
    });
    for (const { remarks } of cluster.parts) if (remarks !== undefined) options.onRemark?.(remarks.started);
    try {
      await waitUntilReady(cluster, settings.n, wait);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  static async #launch(place: ClusterPlace, settings: Settings, how: Launch): Promise<Cluster> {
    const { options, controllerLauncher, engineLauncher, n, keepsFiles } = settings;
    const launchers = await Promise.all(
      [controllerLauncher, engineLauncher].map((name) => makeLauncher(name, options)),
    );
    const [first, second] = launchers as [Launcher, Launcher];
    const starting = first.start(controllerJob(place, options));
    const engines = engineInfo(place, options, { ...how, controller: starting })
      .then((environment) => second.start(engineJob(place, options, { n, set: "0", environment })));
    const [controller, set] = await bothOrNone(starting, engines, options.stopTimeoutMs);
    const supervisor = how.isSupervisor ? identify(Deno.pid) : null;
    const cluster = new Cluster({
      place,
      options,
      engineLauncher,
      supervisor,
      keepsFiles,
      controller,
      engines: [set],
    });
    cluster.#write();
    return cluster;
  }

  /**
   * The cluster that another process started.
   * @throws ClusterError if there is no file of it
   */
  static async fromFile(name: ClusterName | string = {}): Promise<Cluster> {
    const path = typeof name === "string"
      ? name
      : clusterFilePath(placeOf(name).profileDir, placeOf(name).clusterId);
    const record = readClusterFile(path);
    if (record === undefined) throw new ClusterError(`Cannot find a cluster: no file "${path}"`);
    const options = optionsFrom(record.settings);
    const adopt = async (saved: SavedPart) => (await makeLauncher(saved.launcher, options)).adopt(saved);
    const { profile, profileDir, clusterId, supervisor, keepsFiles } = record;
    return new Cluster({
      place: { profile, profileDir, clusterId },
      options,
      engineLauncher: record.engines[0]?.launcher ?? options.engines ?? options.launcher ?? "local",
      supervisor,
      keepsFiles,
      controller: await adopt(record.controller),
      engines: await Promise.all(record.engines.map(adopt)),
    });
  }

  /** How many engines were started. */
  get engineCount(): number {
    return [...this.#engines.values()].reduce((sum, part) => sum + part.saved.n, 0);
  }

  /** The sets of engines by their ids, in the order of their start. */
  get engineSets(): ReadonlyMap<string, Part> {
    return new Map(this.#engines);
  }

  /**
   * One set of engines by its id.
   * @throws ClusterError if there is no such set, naming those that there are
   */
  engineSet(set: string): Part {
    const part = this.#engines.get(set);
    if (part !== undefined) return part;
    const ids = [...this.#engines.keys()].map((id) => `"${id}"`).join(", ");
    throw new ClusterError(
      `Cannot find engine set "${set}"; there ${ids === "" ? "are none" : `are ${ids}`}`,
    );
  }

  /** The controller. */
  get controller(): Part {
    return this.#controller;
  }

  /** Controller first, then the engine sets. */
  get parts(): readonly Part[] {
    return [this.#controller, ...this.#engines.values()];
  }

  /** ssh with its flags, for tunnels to the controller too. */
  get sshCommand(): string {
    return this.#options.sshCommand;
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
    const client = await Client.connect({ profileDir, clusterId, sshCommand: this.sshCommand, ...options });
    for (const known of this.#clients) if (known.deref() === undefined) this.#clients.delete(known);
    this.#clients.add(new WeakRef(client));
    return client;
  }

  /** The same as `client()`, as ipyparallel's users look for it. */
  connect(options: Parameters<Cluster["client"]>[0] = {}): Promise<Client> {
    return this.client(options);
  }

  /**
   * Waits until engines are registered.
   * @param wait how many (default: as many as were started), and how long (default `startTimeoutMs`)
   * @returns the ids of all
   * @throws ClusterError that says how many there are, and of each part that does not run why
   */
  waitForEngines(wait: EngineWait = {}): Promise<readonly number[]> {
    const { n = this.engineCount, timeoutMs = this.#options.startTimeoutMs, signal } = wait;
    return waitForEngines(this, { n, timeoutMs, signal });
  }

  /**
   * Starts `n` more engines as a set of their own; they register in a moment.
   * @param n 1 or more
   * @returns the set's id
   * @throws ClusterError if the launcher cannot, or there is a set of this id; RangeError for no number of engines
   */
  async startEngines(n: number, start: EngineStart = {}): Promise<string> {
    if (!Number.isInteger(n) || n < 1) {
      throw new RangeError(`Cannot start ${n} engines: it takes a whole number of 1 or more`);
    }
    await this.#followFile();
    const set = start.set ?? nextId(this.#engines.keys());
    if (!/^[\w.-]+$/.test(set)) {
      throw new ClusterError(
        `Cannot use "${set}" as an engine set's id: it takes letters, digits, ".", "_" and "-"`,
      );
    }
    if (this.#engines.has(set)) {
      throw new ClusterError(`Cannot start engine set "${set}": there is one; choose another id`);
    }
    const launcher = await makeLauncher(start.launcher ?? this.#engineLauncher, this.#options);
    const environment = await engineInfo(this.place, this.#options, { isDetached: start.isDetached });
    const part = await launcher.start(engineJob(this.place, this.#options, { n, set, environment }));
    this.#engines.set(set, part);
    this.#change((engines) => [...engines, part.saved]);
    return set;
  }

  /**
   * Ends a set of engines, or all of them.
   * @param set its id; none: all
   * @throws ClusterError if there is no such set
   */
  async stopEngines(set?: string): Promise<void> {
    const parts = this.#setsNamed(set);
    for (const part of parts) this.#forget(part);
    await Promise.all(parts.map((part) => part.stop(this.#options.stopTimeoutMs)));
  }

  /** Ends a set of engines, or all of them, and starts as many under the same ids. */
  async restartEngines(set?: string, start: Omit<EngineStart, "set"> = {}): Promise<void> {
    const parts = this.#setsNamed(set);
    await this.stopEngines(set);
    for (const { saved } of parts) {
      await this.startEngines(saved.n, { launcher: saved.launcher, ...start, set: saved.set });
    }
  }

  /** Sends a signal to a set of engine hosts, or to all. */
  async signalEngines(signal: SignalName, set?: string): Promise<void> {
    for (const part of this.#setsNamed(set)) await part.signal(signal);
  }

  /**
   * Settles when a part has ended by itself, with a sentence that says which and how. Ended engine sets are taken off the list; those that somebody stopped on
   * purpose, here or elsewhere, do not count.
   */
  async partEnded(): Promise<{ readonly part: Part; readonly sentence: string }> {
    for (;;) {
      const parts = this.parts;
      const ended = await firstEnd(parts, FOLLOW_EVERY_MS);
      await this.#followFile();
      if (ended === null || !this.parts.includes(ended.part)) continue;
      const sentence = await endSentence(ended.part, ended.how);
      if (ended.part !== this.#controller) this.#forget(ended.part);
      return { part: ended.part, sentence };
    }
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
    const patienceMs = this.#options.stopTimeoutMs;
    await this.#followFile();
    // A host that cannot be reached keeps nobody else alive; it is told of at the end, and the file stays for another try.
    const ends = await Promise.allSettled([...this.#engines.values()].map((part) => part.stop(patienceMs)));
    await this.#controller.stop(patienceMs);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    const isFree = await liveController(this.place) === undefined;
    // One that was killed could not remove its files.
    if (isFree) removeControllerFiles(this.place, this.#keepsFiles ? "keep connection files" : "all");
    removeIfThere(clusterFilePath(profileDir, clusterId));
  }

  #setsNamed(set: string | undefined): Part[] {
    return set === undefined ? [...this.#engines.values()] : [this.engineSet(set)];
  }

  /** What the file says now: sets that another process started are taken up, those that it ended are dropped. */
  async #followFile(): Promise<void> {
    const record = readClusterFile(this.#file);
    if (record === undefined) return;
    const said = new Map(record.engines.map((saved) => [saved.set, saved]));
    for (const [set, part] of this.#engines) {
      if (!isSame(said.get(set), part.saved)) this.#engines.delete(set);
    }
    for (const [set, saved] of said) {
      if (!this.#engines.has(set)) {
        this.#engines.set(set, (await makeLauncher(saved.launcher, this.#options)).adopt(saved));
      }
    }
  }

  #forget(part: Part): void {
    this.#engines.delete(part.saved.set);
    this.#change((engines) => engines.filter((saved) => !isSame(saved, part.saved)));
  }

  #change(change: (engines: readonly SavedPart[]) => readonly SavedPart[]): void {
    changeClusterFile(this.#file, (record) => ({ ...record, engines: change(record.engines) }));
  }

  get #file(): string {
    return clusterFilePath(this.place.profileDir, this.place.clusterId);
  }

  #write(): void {
    const record: ClusterRecord = {
      version: 2,
      ...this.place,
      startedAt: new Date().toISOString(),
      supervisor: this.#supervisor,
      keepsFiles: this.#keepsFiles,
      settings: savedOptions(this.#options),
      controller: this.#controller.saved,
      engines: [...this.#engines.values()].map((part) => part.saved),
    };
    writeClusterFile(record);
  }
}

interface ClusterFields {
  readonly place: ClusterPlace;
  readonly options: ClusterOptions;
  readonly engineLauncher: string;
  readonly supervisor: ProcessId | null;
  readonly keepsFiles: boolean;
  readonly controller: Part;
  readonly engines: readonly Part[];
}

interface Launch {
  readonly signal: AbortSignal | null;
  readonly timeoutMs: number;
  readonly isSupervisor: boolean;
}
