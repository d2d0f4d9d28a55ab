/**
 * The schedulers' process or thread: takes its orders from the hub over the link, binds all sockets, and runs one synchronous loop.
 *
 * The loop blocks in one zmq_poll over all sockets: that halves a round trip against waiting on the event loop. It gives the event loop a turn every 50 ms, so that
 * signals and messages of a parent thread are heard.
 */
import { monotonic, now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { connectionPaths, readConnectionFile } from "../protocol/connection_file.ts";
import { Session } from "../protocol/frames.ts";
import { createMac } from "../protocol/mac.ts";
import { loadPacker, type Packer } from "../protocol/packers.ts";
import { Context } from "../wire/context.ts";
import { SyncPoller } from "../wire/poll.ts";
import { BroadcastStub } from "./broadcast_stub.ts";
import { SchedulerCore } from "./core.ts";
import { DirectScheduler } from "./direct_scheduler.ts";
import { GroupDoor } from "./group_door.ts";
import { HubLink, type HubNews } from "./hub_link.ts";
import { SCHEDULER_BOUNDS, type SchedulerSetup } from "./options.ts";
import { RETRY_MS } from "./outbox.ts";
import { PeerTasks } from "./peer_tasks.ts";
import { POLICIES, type Scheme } from "./policies.ts";
import { bindSockets, type SchedulerSockets } from "./ports.ts";
import { PublishRelay, SwapRelay } from "./relay.ts";
import { TaskScheduler } from "./task_scheduler.ts";

/** How a scheduler finds its hub: by the file in which the hub wrote down its link. */
export type SchedulerOptions =
  /** `isThread`: no signal will come, and the hub says when to stop. */
  | { readonly file: string; readonly isThread?: boolean | undefined }
  | { readonly profileDir: string; readonly clusterId: string; readonly file?: string | undefined };

/** Longest time without a turn of the event loop, in ms. */
const TURN_MS = 50;
/** How long the hub may take to answer the first message, in ms. */
const SETUP_MS = 10_000;
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

function fileOf(options: SchedulerOptions): string {
  if (options.file !== undefined) return options.file;
  const { profileDir, clusterId } = { profileDir: "", clusterId: "", ...options };
  return connectionPaths(profileDir, clusterId).scheduler;
}

/** Reads the hub's file, waiting a while for a hub that is just starting. */
async function linkFromFile(path: string, signal: AbortSignal): Promise<string> {
  const until = monotonic() + SETUP_MS;
  for (;;) {
    try {
      return readConnectionFile(path, "scheduler").link;
    } catch (error) {
      if (signal.aborted || monotonic() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }
}

async function awaitSetup(link: HubLink, signal: AbortSignal): Promise<SchedulerSetup | null> {
  const poller = new SyncPoller();
  let setup: SchedulerSetup | null = null, stopped = false;
  poller.add(link.socket, () => {
    for (const news of link.receive()) {
      if (news.kind === "scheduler_setup") setup = readSetup(news);
      else if (news.kind === "stop") stopped = true;
    }
  });
  const until = monotonic() + SETUP_MS;
  while (setup === null && !stopped) {
    if (signal.aborted) return null;
    if (monotonic() > until) {
      throw new Error(`Cannot start the schedulers: no reply of the hub in ${SETUP_MS / 1000} s`);
    }
    poller.wait(TURN_MS);
    await eventLoopTurn();
  }
  return setup;
}

function readSetup(news: HubNews): SchedulerSetup {
  const { clientInterface, engineInterface, nonce, key, scheme, hwm, ports, packer = "json" } = news;
  const isHwm = hwm === null || (typeof hwm === "number" && hwm >= 0);
  if (
    typeof clientInterface !== "string" || typeof engineInterface !== "string" || typeof nonce !== "string" ||
    typeof key !== "string" || typeof scheme !== "string" || typeof packer !== "string" || !isHwm ||
    typeof ports !== "object" ||
    ports === null
  ) throw new TypeError("Cannot start the schedulers: the hub's setup lacks a field");
  return {
    clientInterface,
    engineInterface,
    nonce,
    key,
    scheme,
    hwm,
    packer,
    ports: { client: {}, engine: {}, ...ports },
  };
}

/**
 * One full turn of the event loop. A timer, dear as it is (1 ms): after a turn by message channel a signal is heard 124 turns later.
 * In a controller's thread, where no signal comes, there is none.
 */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

class SchedulerLoop {
  readonly #link: HubLink;
  readonly #sockets: SchedulerSockets;
  readonly #core: SchedulerCore;
  readonly #tasks: TaskScheduler;
  readonly #direct: DirectScheduler;
  readonly #door: GroupDoor;
  readonly #poller = new SyncPoller();
  /** Readers of the clients' side, which rest while the hub does not keep up. */
  readonly #clientReaders: (() => boolean)[];
  readonly #readers: (() => boolean)[];
  #stopped = false;
  #more = false;
  #reportedAt = 0;
  #reported = "";

  constructor(context: Context, link: HubLink, setup: SchedulerSetup, packer: Packer, log: Logger) {
    const scheme = isScheme(setup.scheme) ? setup.scheme : "leastload";
    if (scheme !== setup.scheme) {
      log.warn("This routing scheme is not there yet; leastload instead", { scheme: setup.scheme });
    }
    const { sockets, ports } = bindSockets(context, setup);
    this.#link = link;
    this.#sockets = sockets;
    const mac = createMac(setup.key), nonce = BigInt(`0x${setup.nonce}`);
    const door = this.#door = new GroupDoor(mac, nonce, log);
    const session = new Session({ key: setup.key, mac, packer });
    const peers = new PeerTasks({ clients: sockets.taskIn, link, session, door });
    this.#core = new SchedulerCore({
      policy: POLICIES[scheme],
      hwm: setup.hwm,
      graceMs: SCHEDULER_BOUNDS.graceMs,
      random: Math.random,
    });
    this.#tasks = new TaskScheduler({
      clients: sockets.taskIn,
      engines: sockets.taskOut,
      core: this.#core,
      sealing: { mac, nonce },
      link,
      door,
      peers,
    });
    this.#direct = new DirectScheduler({
      link,
      door,
      sealing: { mac, nonce },
      clients: sockets.muxIn,
      engines: sockets.muxOut,
      isJupyter: (frame) => peers.isJupyter(frame),
      isNew: (message) => peers.isNew(message, "a client on mux"),
    });
    const controlIn = new SwapRelay(sockets.controlIn, sockets.controlOut, link, "incontrol");
    const controlOut = new SwapRelay(sockets.controlOut, sockets.controlIn, link, "outcontrol");
    const iopub = new PublishRelay(sockets.iopubIn, sockets.iopubOut, link);
    const broadcast = new BroadcastStub(sockets.broadcastIn, session);
    this.#clientReaders = [
      () => this.#tasks.readClients(),
      () => this.#direct.readClients(),
      () => iopub.read(),
    ];
    this.#readers = [
      () => this.#tasks.readEngines(),
      () => this.#direct.readEngines(),
      () => controlIn.read(),
      () => controlOut.read(),
      () => broadcast.read(),
    ];
    link.tell({ kind: "scheduler_ready", ports });
    log.info("Schedulers are listening", { scheme, task: ports.client.task, mux: ports.client.mux });
  }

  /** @param signal null where nothing but the hub's word ends it: then the event loop needs no turns */
  async run(signal: AbortSignal | null): Promise<number> {
    this.#watch();
    let turnAt = monotonic();
    try {
      while (!this.#stopped && !signal?.aborted) {
        const uninterrupted = this.#poller.wait(this.#more ? 0 : this.#patience());
        this.#turn();
        if (signal !== null && (!uninterrupted || monotonic() - turnAt > TURN_MS)) {
          await eventLoopTurn();
          turnAt = monotonic();
        }
      }
      return 0;
    } finally {
      for (const socket of Object.values(this.#sockets)) socket.close();
    }
  }

  #watch(): void {
    const { controlIn, controlOut, muxIn, muxOut, taskIn, taskOut, broadcastIn, iopubIn } = this.#sockets;
    for (const socket of [controlIn, controlOut, muxOut, taskOut, broadcastIn, this.#link.socket]) {
      this.#poller.add(socket, () => {});
    }
    for (const socket of [muxIn, taskIn, iopubIn]) this.#poller.add(socket, () => {});
  }

  /** Reads everything that is there, carries out, sends. */
  #turn(): void {
    for (const news of this.#link.receive()) this.#hear(news);
    let more = false;
    for (const read of this.#readers) more = read() || more;
    for (const read of this.#clientReaders) more = read() || more;
    this.#more = more;
    const at = now();
    if (this.#core.nextTick <= at) this.#tasks.tick(at);
    if (this.#direct.nextTick <= at) this.#direct.tick(at);
    this.#tasks.flush();
    this.#direct.flush();
    this.#report(at);
  }

  /** How long the loop may sleep. While the hub does not keep up, unread clients would wake it for nothing. */
  #patience(): number {
    if (!this.#tasks.isOpen) return 1;
    if (this.#tasks.isWaitingForEngines || this.#direct.isWaiting) return RETRY_MS;
    const next = Math.min(this.#core.nextTick, this.#direct.nextTick) - now();
    return Math.max(0, Math.min(SCHEDULER_BOUNDS.idleMs, Math.ceil(next)));
  }

  #hear(news: HubNews): void {
    const { kind, id, uuid, reason, ours } = news;
    if (kind === "stop") this.#stopped = true;
    if (typeof id !== "number" || typeof uuid !== "string") return;
    if (kind === "engine_registered") {
      this.#tasks.registered(id, uuid, ours === true);
      this.#direct.registered(id, uuid);
    } else if (kind === "engine_unregistered") {
      this.#tasks.unregistered(id, uuid, String(reason ?? ""));
      this.#direct.unregistered(uuid);
    }
  }

  #report(at: number): void {
    if (at - this.#reportedAt < REPORT_MS) return;
    const { waiting, assigned } = this.#tasks.queue;
    const { dropped } = this.#door;
    const text = `${waiting} ${assigned} ${dropped}`;
    if (text === this.#reported) return;
    this.#reported = text;
    this.#reportedAt = at;
    this.#link.tell({ kind: "queue", waiting, assigned, dropped });
  }
}

function isScheme(name: string): name is Scheme {
  return Object.hasOwn(POLICIES, name);
}
