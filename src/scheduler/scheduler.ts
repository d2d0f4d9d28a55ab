/**
 * The schedulers' process or thread: takes its orders from the hub over the link, binds all sockets, and runs one synchronous loop.
 *
 * The loop blocks in one zmq_poll over all sockets: that halves a round trip against waiting on the event loop. It gives the event loop a turn every 50 ms, so that
 * signals and messages of a parent thread are heard.
 */
import { monotonic, now } from "../base/clock.ts";
import { turnAfter } from "../base/event_loop.ts";
import type { Logger } from "../base/log.ts";
import { Session } from "../protocol/frames.ts";
import { createMac } from "../protocol/mac.ts";
import { loadPacker, type Packer } from "../protocol/packers.ts";
import { NO_OFFER, type Offer, readOffer } from "../protocol/task_asks.ts";
import { Context } from "../wire/context.ts";
import { WireError } from "../wire/errors.ts";
import { SyncPoller } from "../wire/poll.ts";
import { BroadcastScheduler } from "./broadcast_scheduler.ts";
import { BroadcastTree } from "./broadcast_tree.ts";
import { CapNotices } from "./cap_notices.ts";
import { Cancels } from "./cancels.ts";
import { ControlRelay } from "./control_relay.ts";
import { SchedulerCore } from "./core.ts";
import { DirectScheduler } from "./direct_scheduler.ts";
import { EarlyAborts } from "./early_aborts.ts";
import { Gate } from "./gate.ts";
import { GroupDoor } from "./group_door.ts";
import { HubLink, type HubNews } from "./hub_link.ts";
import { isPolicy, SCHEDULER_BOUNDS, type SchedulerSetup } from "./options.ts";
import { RETRY_MS } from "./outbox.ts";
import { PeerDoor } from "./peer_door.ts";
import { PeerTasks } from "./peer_tasks.ts";
import { POLICIES } from "./policies.ts";
import { allSockets, bindSockets, type SchedulerSockets } from "./ports.ts";
import { PureTasks } from "./pure_tasks.ts";
import { type Reader, Readers } from "./readers.ts";
import { PublishRelay, SwapRelay } from "./relay.ts";
import { awaitSetup, fileOf, linkFromFile, type SchedulerOptions, TURN_MS } from "./setup.ts";
import { TaskScheduler, type TaskSchedulerParts } from "./task_scheduler.ts";

export type { SchedulerOptions } from "./setup.ts";

/** How often the hub is told how long the queue is, in ms, while that changes. */
const REPORT_MS = 200;

/**
 * Runs the schedulers until the hub says stop or the signal aborts. Returns the exit code.
 * @throws WireError if a port is taken, Error if the hub does not answer
 */
export async function runScheduler(
  options: SchedulerOptions,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const address = await linkFromFile(fileOf(options), signal);
  const context = Context.open();
  const socket = context.socket("DEALER", { identity: "scheduler", lingerMs: 500 });
  socket.connect(address);
  const link = new HubLink(socket, log);
  link.tell({ kind: "scheduler_hello", version: 1 });
  try {
    const setup = await awaitSetup(link, signal);
    if (setup === null) return 0;
    const packer = await loadPacker(setup.packer);
    return await new SchedulerLoop(context, link, setup, packer, log).run(
      "isThread" in options ? null : signal,
    );
  } catch (error) {
    link.tell({ kind: "scheduler_failed", reason: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    socket.close();
    context.close();
  }
}

/** Everything that the parts share. */
interface Common {
  readonly context: Context;
  readonly link: HubLink;
  readonly setup: SchedulerSetup;
  readonly sockets: SchedulerSockets;
  readonly gate: Gate;
  readonly door: GroupDoor;
  readonly peerDoor: PeerDoor;
  readonly early: EarlyAborts;
  readonly sealing: { readonly mac: ReturnType<typeof createMac>; readonly nonce: bigint };
}

class SchedulerLoop {
  readonly #context: Context;
  readonly #link: HubLink;
  readonly #log: Logger;
  readonly #sockets: SchedulerSockets;
  /** Null where libzmq deals the tasks out, or nobody does. */
  readonly #tasks: TaskScheduler | null;
  readonly #pure: PureTasks | null;
  readonly #direct: DirectScheduler;
  readonly #broadcast: BroadcastScheduler;
  readonly #control: ControlRelay;
  readonly #cancels: Cancels;
  /** Uuids of engines of ours. */
  readonly #ours = new Set<string>();
  readonly #door: GroupDoor;
  readonly #gate: Gate;
  readonly #poller = new SyncPoller();
  /** Engines' side before the clients' side, which rests while the hub does not keep up. */
  readonly #readers: Readers;
  #stopped = false;
  #more = false;
  /** Whether the hub may have said something. */
  #hasNews = true;
  #reportedAt = 0;
  #reported = "";

  constructor(context: Context, link: HubLink, setup: SchedulerSetup, packer: Packer, log: Logger) {
    const gate = this.#gate = new Gate(context, setup);
    const { sockets, ports } = bindSockets(context, setup, gate);
    this.#context = context;
    this.#link = link;
    this.#log = log;
    this.#sockets = sockets;
    const mac = createMac(setup.key), nonce = BigInt(`0x${setup.nonce}`);
    const door = this.#door = new GroupDoor(mac, nonce, log);
    const peerDoor = new PeerDoor(new Session({ key: setup.key, mac, packer }), door);
    const early = new EarlyAborts();
    const common = { context, link, setup, sockets, gate, door, peerDoor, early, sealing: { mac, nonce } };
    this.#tasks = taskScheduler(common, {
      cancelAt: (...ask) => this.#control.cancelAt(...ask),
      slowReader: (client, unread) =>
        log.warn("A client does not read its results: its tasks wait", { client, unread }),
    });
    const direct = this.#direct = new DirectScheduler({
      link,
      door,
      peerDoor,
      gate,
      notices: new CapNotices(common.sealing),
      sealing: common.sealing,
      clients: sockets.muxIn,
      engines: sockets.muxOut,
    });
    this.#broadcast = broadcastScheduler(common);
    this.#control = this.#controlRelay(common);
    this.#cancels = new Cancels({
      link,
      tasks: this.#tasks,
      direct,
      control: this.#control,
      isOurs: (uuid) => this.#ours.has(uuid),
    });
    this.#pure = pureTasks(common);
    const isOpen = () => link.isOpen;
    this.#readers = new Readers(this.#poller, [
      ...this.#taskReaders(common),
      { sockets: [sockets.muxOut], read: () => direct.readEngines() },
      { sockets: sockets.broadcastOut, read: () => this.#broadcast.readEngines() },
      { sockets: [sockets.muxIn], read: () => direct.readClients(), isOpen },
      { sockets: [sockets.broadcastIn], read: () => this.#broadcast.readClients(), isOpen },
      // After the requests: an abort names some of them.
      ...this.#relays(common),
    ]);
    link.tell({ kind: "scheduler_ready", ports });
    const { scheme } = setup;
    log.info("Schedulers are listening", { scheme, task: ports.client.task, mux: ports.client.mux });
  }

  #taskReaders({ sockets: { task }, link }: Common): Reader[] {
    const tasks = this.#tasks, pure = this.#pure;
    if (pure !== null) {
      return [{
        sockets: [pure.socket],
        read: () => pure.read(),
        isOpen: () => link.isOpen,
      }];
    }
    if (tasks === null || task === null) return [];
    return [
      { sockets: [task.engines], read: () => tasks.readEngines() },
      { sockets: [task.clients], read: () => tasks.readClients(), isOpen: () => tasks.isOpen },
    ];
  }

  #controlRelay({ sockets, link, peerDoor, early, gate }: Common): ControlRelay {
    return new ControlRelay({
      clients: sockets.controlIn,
      engines: sockets.controlOut,
      link,
      door: peerDoor,
      early,
      isRegistered: (uuid) => this.#direct.isRegistered(uuid),
      isOurs: (uuid) => this.#ours.has(uuid),
      gate,
      abort: (msgId) => this.#tasks?.abort(msgId) ?? false,
      copyAt: (msgId, uuid) => this.#broadcast.copyAt(msgId, uuid),
    });
  }

  #relays({ sockets, link, peerDoor }: Common): Reader[] {
    const { controlIn, controlOut, iopubIn, iopubOut } = sockets;
    const common = { link, door: peerDoor }, isOpen = () => link.isOpen;
    const replies = { ...common, from: controlOut, to: controlIn, peer: "an engine on control" };
    const controlReplies = new SwapRelay(replies, "outcontrol");
    const iopub = new PublishRelay({ ...common, from: iopubIn, to: iopubOut, peer: "an engine on iopub" });
    return [
      { sockets: [controlIn], read: () => this.#control.read() },
      { sockets: [controlOut], read: () => controlReplies.read() },
      { sockets: [iopubIn], read: () => iopub.read(), restMs: SCHEDULER_BOUNDS.outputRestMs, isOpen },
    ];
  }

  /** @param signal null where nothing but the hub's word ends it: then the event loop needs no turns */
  async run(signal: AbortSignal | null): Promise<number> {
    this.#watch();
    // Nothing is read there. But who connects and goes costs memory until the socket is looked at.
    this.#poller.add(this.#sockets.iopubOut, () => {});
    let turnAt = monotonic();
    try {
      while (!this.#stopped && !signal?.aborted) {
        const from = monotonic();
        const isInterrupted = !this.#poller.wait(this.#more ? 0 : this.#patience());
        const to = monotonic();
        this.#turn();
        this.#context.rest();
        if (signal === null || (!isInterrupted && to - turnAt <= TURN_MS)) continue;
        await turnAfter({ isInterrupted, ms: to - from });
        turnAt = monotonic();
      }
      return 0;
    } finally {
      // The proxy's thread must have left its sockets before anybody closes them.
      await this.#pure?.stop();
      this.#link.flush();
      for (const socket of allSockets(this.#sockets)) socket.close();
    }
  }

  #watch(): void {
    const { zap } = this.#gate;
    if (zap !== null) this.#poller.add(zap.socket, () => zap.read());
    this.#poller.add(this.#link.socket, () => this.#hasNews = true);
    this.#readers.listen();
    // An abort may name requests that came a moment before it.
    this.#poller.add(this.#sockets.controlIn, () => this.#readers.wake());
  }

  /** Reads what is there, carries out, sends. */
  #turn(): void {
    if (this.#hasNews) this.#hearAll();
    this.#more = this.#readers.read((read) => this.#guarded(read));
    const at = now();
    for (const part of [this.#tasks, this.#direct, this.#broadcast]) {
      if (part === null) continue;
      if (part.nextTick <= at) part.tick(at);
      part.flush();
    }
    this.#control.flush();
    this.#cancels.flush();
    this.#report(at);
    this.#link.flushDue(at);
    this.#readers.hold();
  }

  /** A mistake of ours in handling what somebody sent must not end the loop for all others. */
  #guarded(read: () => boolean): boolean {
    try {
      return read();
    } catch (error) {
      if (error instanceof WireError) throw error;
      const stack = error instanceof Error ? error.stack ?? error.message : String(error);
      this.#log.error("Cannot handle a message", { stack });
      this.#door.drop("somebody", "it could not be handled");
      return true;
    }
  }

  /** How long the loop may sleep. */
  #patience(): number {
    const isWaiting = this.#tasks?.isWaitingForEngines || this.#direct.isWaiting || this.#broadcast.isWaiting;
    if (isWaiting || this.#control.isWaiting) return RETRY_MS;
    const tick = Math.min(
      this.#tasks?.nextTick ?? Infinity,
      this.#direct.nextTick,
      this.#broadcast.nextTick,
      this.#link.nextFlush,
    );
    return Math.max(0, Math.min(SCHEDULER_BOUNDS.idleMs, Math.ceil(tick - now())));
  }

  #hearAll(): void {
    this.#hasNews = false;
    for (const news of this.#link.receive()) this.#hear(news);
  }

  #hear(news: HubNews): void {
    const { kind, id, uuid, reason } = news;
    if (kind === "stop") this.#stopped = true;
    if (kind === "client_known") {
      this.#gate.known(news);
      this.#welcome(news);
    }
    if (kind === "cancel") this.#cancels.take(news);
    if (kind === "known") this.#tasks?.known(news);
    if (typeof id !== "number" || typeof uuid !== "string") return;
    if (kind === "engine_registered") {
      if (news["ours"] === true) this.#ours.add(uuid);
      this.#tasks?.registered(id, uuid, this.#offerOf(news));
      this.#direct.registered(id, uuid, news.ours === true, textOrNull(news["process"]));
      this.#broadcast.registered(id, uuid, news.ours === true);
    } else if (kind === "engine_unregistered") {
      this.#tasks?.unregistered(id, uuid, String(reason ?? ""));
      this.#direct.unregistered(uuid);
      this.#broadcast.unregistered(uuid);
      this.#control.unregistered(uuid);
      this.#ours.delete(uuid);
    }
  }

  /** What tasks may ask of an engine of ours; nothing where it says what cannot be read. */
  #offerOf({ ours, permissions }: HubNews): Offer | null {
    if (ours !== true) return null;
    try {
      return readOffer(permissions);
    } catch {
      return NO_OFFER;
    }
  }

  #welcome({ client, session, pid }: HubNews): void {
    if (typeof client !== "number" || typeof session !== "string" || typeof pid !== "number") return;
    this.#tasks?.clientKnown(client, session, pid);
  }

  #report(at: number): void {
    if (at - this.#reportedAt < REPORT_MS) return;
    const { waiting, assigned } = this.#tasks?.queue ?? { waiting: 0, assigned: 0 };
    const { dropped } = this.#door;
    const text = `${waiting} ${assigned} ${dropped}`;
    if (text === this.#reported) return;
    this.#reported = text;
    this.#reportedAt = at;
    this.#link.tell({ kind: "queue", waiting, assigned, dropped });
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function taskScheduler(
  { setup, sockets, link, door, peerDoor, early, sealing, gate }: Common,
  { cancelAt, slowReader }: Pick<TaskSchedulerParts, "cancelAt" | "slowReader">,
): TaskScheduler | null {
  const { scheme, hwm } = setup, { task } = sockets;
  if (task === null || !isPolicy(scheme)) return null;
  const core = new SchedulerCore({
    policy: POLICIES[scheme],
    hwm,
    graceMs: SCHEDULER_BOUNDS.graceMs,
    random: Math.random,
  });
  const notices = new CapNotices(sealing);
  const peers = new PeerTasks({ clients: task.clients, link, door: peerDoor, core, early, gate, notices });
  return new TaskScheduler({
    ...task,
    core,
    sealing,
    link,
    door,
    peers,
    gate,
    notices,
    cancelAt,
    slowReader,
  });
}

function pureTasks({ setup, sockets, context, link, peerDoor }: Common): PureTasks | null {
  if (sockets.task === null || setup.scheme !== "pure") return null;
  return new PureTasks({ context, ...sockets.task, link, door: peerDoor });
}

function broadcastScheduler(common: Common): BroadcastScheduler {
  const { setup, sockets, link, peerDoor, early, gate, sealing } = common;
  return new BroadcastScheduler({
    gate,
    notices: new CapNotices(sealing),
    clients: sockets.broadcastIn,
    leaves: sockets.broadcastOut,
    tree: new BroadcastTree(setup.broadcastDepth),
    link,
    early,
    door: peerDoor,
    noTargets: setup.scheme === "none"
      ? "Cannot take the task: this controller runs without a task scheduler (scheme none); name the engines by a direct view"
      : "Cannot broadcast: the request names no engines by uuid and id",
  });
}
