/**
 * The hub: who is there, and what happened. It binds the sockets for registration, notification and heartbeats and the link to the
 * schedulers, hands what it hears to `core.ts` (presence), `intake.ts` (records) and `request_door.ts` (questions), and carries out
 * what they decide. It has its own thread, so that no transaction stands in a task's way.
 */

import { monotonic, now } from "../base/clock.ts";
import { newKey, newNonce } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import type { ParentHeader, Session } from "../protocol/frames.ts";
import { createMac, type Mac } from "../protocol/mac.ts";
import type { Cap } from "../protocol/policy.ts";
import { loadPacker, type Packer } from "../protocol/packers.ts";
import { localUrl } from "../wire/bind_interface.ts";
import { Context } from "../wire/context.ts";
import { AsyncPoller } from "../wire/poll.ts";
import { Cancels } from "./cancels.ts";
import { knownTasks } from "./known_tasks.ts";
import { type Claim, claimProfile } from "./claim.ts";
import { beforeExit, guarded } from "./guard.ts";
import { capField, guardSockets } from "./gate.ts";
import { bindHub, type HubSockets } from "./hub_sockets.ts";
import { Intake } from "./intake.ts";
import { Ledger } from "./ledger.ts";
import { noteOf } from "./engine_notes.ts";
import { HubFiles } from "./hub_files.ts";
import { openRecords } from "./open_records.ts";
import { HUB_BOUNDS, type HubOptions } from "./options.ts";
import { PeerIntake } from "./peer_intake.ts";
import { Presence } from "./presence.ts";
import { Queries } from "./queries.ts";
import type { RecordStore } from "./records.ts";
import { logRefusals } from "./refusals.ts";
import type { Engine } from "./registry.ts";
import { RequestDoor, type Visitor } from "./request_door.ts";
import { RequestError } from "./request_error.ts";
import { Resubmitter } from "./resubmit.ts";
import { SchedulerLink, type SchedulerPorts } from "./scheduler_link.ts";
import { engineNews, engineNotice, hubSession, ownEngines, schedulerSetup, welcomeContent } from "./told.ts";
import { engineStatuses, type HubStatus } from "./status.ts";

/** A running hub. */
export interface Hub extends AsyncDisposable {
  /** The scheduler file's path, which is written when `startHub` returns: start the schedulers with it. */
  readonly schedulerFile: string;
  /** Both connection files are written. Rejects if the schedulers do not come up. */
  readonly ready: Promise<void>;
  /** Settles with the reason when the hub has ended. */
  readonly closed: Promise<string>;
  /** Ends the hub and removes its files. Harmless twice. */
  stop(reason?: string): Promise<void>;
  status(): HubStatus;
}

/**
 * Starts a hub: claims the profile, opens the records, binds the sockets and writes the scheduler file.
 * @throws Error if another controller runs on the profile and cluster id, or the records cannot be used; WireError if a port is taken
 */
export async function startHub(options: HubOptions, log: Logger): Promise<Hub> {
  const packer = await loadPacker(options.packer ?? "json", options.unpacker);
  const hub = new RunningHub(options, packer, log);
  await hub.open();
  return hub;
}

class RunningHub implements Hub {
  readonly ready: Promise<void>;
  readonly closed: Promise<string>;
  readonly #options: HubOptions;
  readonly #log: Logger;
  readonly #startedAt = now();
  readonly #startedTick = monotonic();
  readonly #nonce = newNonce();
  readonly #nonceText = this.#nonce.toString(16).padStart(16, "0");
  readonly #stack = new DisposableStack();
  readonly #files: HubFiles;
  readonly #key: string;
  readonly #mac: Mac;
  readonly #session: Session;
  readonly #context: Context;
  readonly #poller: AsyncPoller;
  readonly #sockets: HubSockets;
  readonly #link: SchedulerLink;
  readonly #cancels: Cancels;
  readonly #ledger = new Ledger();
  readonly #store: RecordStore;
  readonly #presence: Presence;
  readonly #peers: PeerIntake;
  readonly #intake: Intake;
  readonly #door: RequestDoor;
  readonly #readyGate = Promise.withResolvers<void>();
  readonly #closedGate = Promise.withResolvers<string>();
  #ports: SchedulerPorts | undefined;
  #resubmitter: Resubmitter | undefined;
  #clients = 0;
  #schedulerQueue = { waiting: 0, assigned: 0 };
  #schedulerDropped = 0;
  #shutdown: ReturnType<typeof setTimeout> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: HubOptions, packer: Packer, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.ready = this.#readyGate.promise;
    this.closed = this.#closedGate.promise;
    // Whoever does not wait for it need not handle it.
    this.ready.catch(() => {});
    try {
      this.#files = this.#prepareFiles();
      this.#key = options.key ?? this.#files.oldKey ?? newKey();
      this.#mac = createMac(this.#key);
      this.#session = hubSession(options, { key: this.#key, mac: this.#mac, packer });
      this.#store = openRecords(options, { engineOf: (client, n) => this.#engineOf(client, n) }, log);
      this.#stack.defer(() => void this.#store.close());
      this.#context = this.#stack.use(Context.open());
      this.#poller = new AsyncPoller(this.#context);
      if (options.policy && options.curve) guardSockets(this.#context, this.#poller, options.policy);
      this.#sockets = bindHub(this.#context, options, this.#files.oldConnections);
      this.#presence = this.#makePresence();
      this.#peers = this.#makePeers();
      this.#link = new SchedulerLink(this.#context, this.#poller, this.#linkEvents(), log);
      this.#stack.defer(() => this.#link.close());
      const { registry } = this.#presence, tell = this.#link.tell.bind(this.#link);
      this.#cancels = new Cancels({ ledger: this.#ledger, store: this.#store, registry, tell });
      this.#intake = this.#makeIntake();
      this.#door = this.#makeDoor();
    } catch (error) {
      this.#stack.dispose();
      throw error;
    }
  }

  /** Waits until the records can be used, then begins to listen. @throws Error that names the database */
  async open(): Promise<void> {
    try {
      await this.#store.open?.();
    } catch (error) {
      await this.stop("its records cannot be opened");
      throw error;
    }
    this.#listen();
  }

  get schedulerFile(): string {
    return this.#files.paths.scheduler;
  }

  status(): HubStatus {
    const { registry } = this.#presence;
    const engines = engineStatuses(registry, this.#ledger);
    const { unassigned, open, finished } = this.#ledger;
    const refusal = this.#intake.refusal;
    return {
      engines,
      clients: this.#clients,
      queue: { unassigned, open, finished, scheduler: this.#schedulerQueue },
      records: refusal === undefined ? "written" : `refused: ${refusal}`,
      database: this.#store.name,
      versions: { deno: Deno.version.deno, v8: Deno.version.v8, libzmq: Context.version() },
      uptimeMs: Math.round(monotonic() - this.#startedTick),
      dropped: this.#door.dropped + this.#intake.malformed + this.#schedulerDropped,
    };
  }

  stop(reason = "it was stopped"): Promise<void> {
    return this.#stopping ??= this.#stop(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(reason: string): Promise<void> {
    clearTimeout(this.#shutdown);
    this.#presence.close();
    this.#readyGate.reject(new Error(`Cannot wait for the controller: ${reason}`));
    this.#files.remove();
    await this.#link.settled(HUB_BOUNDS.settleMs);
    this.#link.tell({ kind: "stop" });
    this.#intake.commit();
    this.#intake.close();
    this.#resubmitter?.close();
    await this.#options.dask?.stop();
    for (const socket of Object.values(this.#sockets.all)) this.#poller.remove(socket);
    await this.#poller.close();
    await this.#store.close();
    this.#stack.dispose();
    this.#log.info("Hub ended", { reason });
    this.#closedGate.resolve(reason);
  }

  #prepareFiles(): HubFiles {
    const { profileDir, clusterId = "" } = this.#options;
    const claim: Claim = this.#stack.use(claimProfile(profileDir, clusterId));
    const files = new HubFiles(this.#options, this.#log);
    this.#stack.defer(() => files.remove());
    this.#stack.use(beforeExit(() => files.remove(), () => claim[Symbol.dispose]()));
    return files;
  }

  /** The uuid of the engine that has an open task. */
  #engineOf(client: number, n: number): string | null {
    const engine = this.#ledger.group(client, n)?.engine;
    return engine === undefined || engine === null
      ? null
      : this.#presence.registry.byId(engine)?.uuid ?? null;
  }

  #makePresence(): Presence {
    return new Presence({
      options: this.#options,
      core: {
        startedAt: this.#startedAt,
        connectionInfo: () => this.#files.engineInfo ?? {},
        extension: { version: 1, nonce: this.#nonceText, ...capField(this.#options.policy) },
      },
      sockets: this.#sockets.all,
      log: this.#log,
      arrived: (engine) => this.#arrived(engine),
      departed: (engine, reason) => this.#departed(engine, reason),
      requestsFailed: (engine) => {
        this.#peers.failRequests(engine, Math.round(now() * 1000));
        this.#ledger.dropDirect(engine.id);
        this.#intake.touch();
      },
      tell: (rid, type, content) => this.#door.tell(rid, type, content),
    });
  }

  #makePeers(): PeerIntake {
    return new PeerIntake({
      session: this.#session,
      ledger: this.#ledger,
      registry: this.#presence.registry,
      store: this.#store,
      onGoodbye: (uuid) => this.#presence.step({ kind: "engine_said_goodbye", at: now(), uuid }),
    });
  }

  #makeIntake(): Intake {
    return new Intake({
      ledger: this.#ledger,
      store: this.#store,
      peers: this.#peers,
      acknowledge: (taken) => this.#link.acknowledge(taken),
      log: this.#log,
    });
  }

  #makeDoor(): RequestDoor {
    const queries = new Queries({
      registry: this.#presence.registry,
      ledger: this.#ledger,
      store: this.#store,
      packer: this.#session.packer,
    });
    return new RequestDoor({
      socket: this.#sockets.all.registration,
      session: this.#session,
      queries,
      log: this.#log,
      step: (event) => this.#presence.step(event),
      welcome: (visitor) => this.#welcome(visitor),
      policy: this.#options.policy ?? null,
      resubmit: (msgIds, cap) => this.#resubmit(msgIds, cap),
      cancel: (msgIds, by) => this.#cancels.cancel(msgIds, by),
      status: () => this.status(),
      settled: () => this.#link.settled(),
      dask: this.#options.dask,
      onShutdown: (request) => this.#onShutdown(request),
      onChange: () => this.#intake.touch(),
    });
  }

  #listen(): void {
    const { registration, notification } = this.#sockets.all;
    // Nothing is read there. But who connects and goes costs memory until the socket is looked at.
    this.#poller.add(notification, () => {});
    this.#poller.add(registration, guarded(this.#log, "requests", () => this.#door.read()));
    this.#presence.listen(this.#poller);
    const isEncrypted = Boolean(this.#options.curve);
    logRefusals(registration, { context: this.#context, poller: this.#poller, log: this.#log, isEncrypted });
    this.#log.info(`Hub listening on ${this.#sockets.registrationUrl} for registration`);
    this.#log.info(`task scheme '${this.#options.scheme ?? "leastload"}'`);
    this.#files.writeScheduler({
      version: 1,
      link: this.#link.url,
      key: this.#key,
      nonce: this.#nonceText,
      pid: Deno.pid,
    });
    const patienceMs = this.#options.schedulerTimeoutMs ?? 15_000;
    this.#shutdown = setTimeout(() => {
      void this.stop(`the schedulers were not ready in ${patienceMs / 1000} s`);
    }, patienceMs);
  }

  #linkEvents() {
    return {
      onHello: () => this.#setUp(),
      onReady: (ports: SchedulerPorts) => this.#onReady(ports),
      onFailed: (reason: string) => void this.stop(`the schedulers failed: ${reason}`),
      onQueue: (waiting: number, assigned: number, dropped: number) => {
        this.#schedulerQueue = { waiting, assigned };
        this.#schedulerDropped = dropped;
      },
      onCancelled: (request: unknown, words: unknown) => this.#cancels.answered(request, words),
      onKnown: (request: unknown, msgIds: unknown) => {
        knownTasks(this.#store, this.#presence.registry, msgIds).catch(() => [])
          .then((tasks) => this.#link.tell({ kind: "known", request, tasks }));
      },
      onData: (topic: string, frames: readonly Uint8Array[]) => this.#intake.take(topic, frames),
      onLost: (count: number) => this.#intake.lose(count),
    };
  }

  /** A scheduler that comes after another one takes over its ports. */
  #setUp(): Readonly<Record<string, unknown>> {
    this.#intake.restart();
    return schedulerSetup(this.#options, {
      sockets: this.#sockets,
      nonce: this.#nonceText,
      key: this.#key,
      oldPorts: this.#ports ?? this.#files.oldSchedulerPorts,
    });
  }

  #onReady(ports: SchedulerPorts): void {
    clearTimeout(this.#shutdown);
    this.#ports = ports;
    for (const engine of this.#presence.registry.engines) this.#link.tell(engineNews(engine));
    this.#files.writeConnections(this.#key, this.#sockets, ports);
    this.#log.info("Hub ready");
    this.#readyGate.resolve();
  }

  #arrived(engine: Engine): void {
    const { id, uuid, ours } = engine;
    this.#ledger.numbers(id);
    this.#store.engine(id, uuid, ours === null ? null : noteOf(ours));
    this.#link.tell(engineNews(engine));
    this.#notify("registration_notification", engine);
  }

  #departed(engine: Engine, reason: string): void {
    const { id, uuid } = engine;
    this.#link.tell({ kind: "engine_unregistered", id, uuid, reason });
    this.#notify("unregistration_notification", engine);
  }

  #notify(type: string, engine: Engine): void {
    this.#sockets.all.notification.send(this.#session.message(type, engineNotice(engine)));
  }

  async #welcome({ announcement, session, key }: Visitor): Promise<Readonly<Record<string, unknown>>> {
    // First what may take time: the engines are told as they are when the reply leaves.
    const client = announcement &&
      await this.#store.clients.index(announcement.session, announcement.pid, announcement.username);
    this.#clients++;
    const engines = [...this.#presence.registry.engines];
    const content = welcomeContent(engines);
    if (client === undefined || announcement === undefined) {
      this.#link.tell({ kind: "client_known", session, key });
      return content;
    }
    const { pid } = announcement;
    this.#link.tell({ kind: "client_known", client, session: announcement.session, pid, key });
    return { ...content, tsparallel: { version: 1, client, nonce: this.#nonceText, ...ownEngines(engines) } };
  }

  #resubmit(msgIds: readonly string[], cap: Cap | null): Promise<Record<string, string>> {
    if (!this.#ports) throw new RequestError("RuntimeError", "the schedulers are not ready");
    const { scheme = "leastload" } = this.#options;
    if (scheme === "none") {
      throw new RequestError(
        "RuntimeError",
        "no task can be run again: the controller runs without a task scheduler",
      );
    }
    this.#resubmitter ??= new Resubmitter({
      context: this.#context,
      poller: this.#poller,
      session: this.#session,
      mac: this.#mac,
      nonce: this.#nonce,
      store: this.#store,
      ledger: this.#ledger,
      url: localUrl(this.#sockets.clientInterface, this.#ports.client.task),
      curve: this.#options.curve ?? null,
      takesGroups: scheme !== "pure",
    });
    return this.#resubmitter.resubmit(msgIds, cap);
  }

  #onShutdown(request: ParentHeader): void {
    const frames = this.#session.message("shutdown_notification", { status: "ok" }, { parent: request });
    this.#sockets.all.notification.send(frames);
    this.#log.info("A client asked the controller to shut down");
    clearTimeout(this.#shutdown);
    this.#shutdown = setTimeout(() => void this.stop("a client asked for it"), HUB_BOUNDS.shutdownMs);
  }
}
