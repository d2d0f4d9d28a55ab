/**
 * One engine of a host: its sockets, its registration and heart, its slot, and what ties them together.
 */
import { now } from "../base/clock.ts";
import { ClientMemories } from "./client_memory.ts";
import type { Logger } from "../base/log.ts";
import { BadMessage, type Session } from "../protocol/frames.ts";
import { isGroup } from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";
import type { Context } from "../wire/context.ts";
import type { SyncPoller } from "../wire/poll.ts";
import type { SocketOptions } from "../wire/options.ts";
import { Caps } from "./caps.ts";
import type { ClientFunctions } from "./client_functions.ts";
import { Control, type ControlActions } from "./control.ts";
import { EngineCore } from "./core.ts";
import type { CoreOptions } from "./core_types.ts";
import type { Endpoints } from "./endpoints.ts";
import { EngineSockets } from "./engine_sockets.ts";
import { FrontEnds } from "./front_ends.ts";
import type { ChildKey, Grants } from "./grants.ts";
import { GroupDoor } from "./group_door.ts";
import { Heart } from "./heart.ts";
import { IoPub } from "./iopub.ts";
import { Outlet } from "./outlet.ts";
import { OwnTasks } from "./own_tasks.ts";
import type { PeerRequests } from "./peer_requests.ts";
import { type Registered, Registration } from "./registration.ts";
import { ResultSender } from "./result_sender.ts";
import { TaskKeys } from "./task_keys.ts";
import { EngineValues } from "./engine_values.ts";
import type { KeptValues } from "./kept_values.ts";
import { Shell, type Sibling } from "./shell.ts";
import type { WallReport } from "./slot_contract.ts";
import { type ChildSource, SlotDriver } from "./slot_driver.ts";
import { levelOf } from "./wall_level.ts";

export interface HostedEngineParts {
  readonly context: Context;
  readonly poller: SyncPoller;
  readonly endpoints: Endpoints;
  /** What every socket gets (CURVE). */
  readonly socket: SocketOptions;
  /** Its session id is the engine's uuid. */
  readonly session: Session;
  readonly mac: Mac;
  readonly functions: ClientFunctions;
  /** Kept for all engines of this process. */
  readonly values: KeptValues;
  readonly children: ChildSource<ChildKey>;
  readonly grants: Grants;
  readonly core: CoreOptions<ChildKey>;
  /** Whether children are stopped while it is not their turn. */
  readonly stopsOffTurn: boolean;
  /** Whether large values of clients on this host may come by shared memory. */
  readonly sharesMemory: boolean;
  readonly wantedId: number | undefined;
  readonly registrationTimeoutMs: number;
  readonly patience: number;
  /** Refuse to work where a wall is missing. */
  readonly isStrict: boolean;
  /** Where front-ends find this engine as a Jupyter kernel; `{id}` stands for its id. */
  readonly kernelFile: string | undefined;
  /** Jupyter has started this program: it looks after the file, and starts the engine again itself. */
  readonly isJupyters: boolean;
  /** The cluster's key; "" where CURVE stands in its place. */
  readonly key: string;
  /** Names this process to the hub. */
  readonly process: string;
  /** An engine of this process by its id. */
  readonly sibling: (id: number) => Sibling | undefined;
  /** Lets work go on beside the loop. */
  readonly background: (work: Promise<void>) => void;
  readonly log: Logger;
  /** The engine is over; `hasFailed` tells whether that was its wish. */
  readonly onGone: (reason: string, hasFailed: boolean) => void;
}

/** An engine whose child is not ready by then registers all the same; its tasks will say why they cannot run. */
const READY_PATIENCE_MS = 3000;
const MAX_ERRORS = 100;

export class HostedEngine {
  readonly #parts: HostedEngineParts;
  readonly #log: Logger;
  readonly #core: EngineCore<ChildKey>;
  readonly #door: GroupDoor;
  readonly #sender: ResultSender;
  readonly #iopub: IoPub;
  readonly #peers: PeerRequests;
  readonly #frontEnds: FrontEnds;
  readonly #caps = new Caps();
  readonly #driver: SlotDriver<ChildKey>;
  readonly #control: Control;
  readonly #own: OwnTasks;
  readonly #shell: Shell;
  readonly #sockets: EngineSockets;
  #registration: Registration | null = null;
  #heart: Heart | null = null;
  /** How the children are walled off. */
  #sandbox = "not known";
  #id = -1;
  #hasGroups = false;
  #isForgotten = true;
  #isOver = false;
  #errors = 0;
  readonly #startedAt = now();

  constructor(parts: HostedEngineParts) {
    this.#parts = parts;
    const { session, mac, log } = parts;
    const uuid = session.session;
    this.#log = log.with({ engine: uuid.slice(0, 8) });
    const sockets = this.#sockets = new EngineSockets(parts, uuid);
    this.#core = new EngineCore(parts.core);
    const keys = new TaskKeys(parts.grants, this.#caps);
    this.#own = new OwnTasks(this.#core, keys);
    this.#door = new GroupDoor(mac, this.#log);
    const memories = parts.sharesMemory ? new ClientMemories() : null;
    this.#sender = new ResultSender(sockets.shell, mac, memories ?? undefined);
    this.#iopub = new IoPub(sockets.iopub, session, parts.core.limits.outputLimitBytes);
    const core = this.#core, sender = this.#sender, iopub = this.#iopub;
    const { functions, children, stopsOffTurn } = parts;
    const frontEnds = this.#frontEnds = new FrontEnds({
      ...parts,
      uuid,
      engineId: () => this.#id,
      channel: { session, send: (frames) => sockets.shell.send(frames) },
      iopub,
      own: this.#own,
      actions: this.#actions,
      epoch: () => core.epoch,
      restart: () => core.step({ kind: "restart", at: now() }),
      tell: (ticket, kind, text) => this.#driver.tell(ticket, kind, text),
      drop: (reason) => this.#door.drop("a front-end", reason),
      log: this.#log,
    });
    const peers = this.#peers = frontEnds.requests;
    const outlet = new Outlet({
      core,
      sender,
      iopub,
      peers,
      applies: frontEnds.applies,
      functions,
      uuid,
      engineId: () => this.#id,
      ready: (walls) => this.#slotReady(walls),
      sandbox: () => this.#sandbox,
      usage: (ticket) => this.#driver.usage(ticket),
    });
    const values = new EngineValues(parts.values, (names) => sender.want(names));
    const driver = { core, functions, values, children, hooks: outlet, stopsOffTurn, log: this.#log };
    this.#driver = new SlotDriver(driver);
    this.#control = new Control(session, this.#actions, (frames) => sockets.control.send(frames));
    const shell = this.#shell = new Shell({
      socket: sockets.shell,
      session,
      door: this.#door,
      core,
      keys,
      functions,
      caps: this.#caps,
      memories,
      slot: this.#driver,
      sibling: parts.sibling,
      sender,
      peers,
      values,
      refuse: (task, route, error) => outlet.refuse(task, route, error),
    });
    parts.poller.add(sockets.shell, () => this.#guard(() => shell.read()));
    parts.poller.add(sockets.control, () => this.#guard(() => this.#readControl()));
    parts.poller.add(
      sockets.registration,
      () => this.#guard(() => this.#registration?.read(now())),
    );
    sockets.onBroken(() => this.#guard(() => this.#renew("a connection to the schedulers broke")));
    sockets.greet((reason) => this.leave(reason, true));
  }

  /** Whether its child is ready, or has had its time. */
  get hasChild(): boolean {
    return this.#registration !== null;
  }

  /** How it is called within a sentence. */
  get name(): string {
    return this.#id < 0 ? "the engine" : `engine ${this.#id}`;
  }

  /** Numbers of the functions of its tasks. */
  get functionsInUse(): number[] {
    return this.#core.table.definitions;
  }

  get id(): number {
    return this.#id;
  }

  /** Where pieces for its tasks can be left; undefined once it is over. */
  get sibling(): Sibling | undefined {
    return this.#isOver || this.#isForgotten ? undefined : this.#shell;
  }

  get uuid(): string {
    return this.#parts.session.session;
  }

  /** What control requests of the cluster can do. */
  readonly #actions: ControlActions = {
    abort: (msgIds, by) => msgIds.length === 0 ? this.#own.abortAll() : this.#peers.abort(msgIds, by),
    clear: (session, done) => this.#own.clear(session, done),
    interrupt: (how) => {
      // What has begun by now is told, not stopped.
      this.#driver.look();
      this.#core.step({ kind: "interrupt", how, at: now() });
    },
    shutdown: (_restart, reply, parent) => {
      this.#iopub.publish("shutdown", "shutdown_reply", reply, parent);
      this.leave("a shutdown was asked for", false);
    },
    leave: (reason) => this.leave(reason, false),
  };

  #readControl(): void {
    while (!this.#isOver) {
      const frames = this.#sockets.control.receive();
      if (frames === undefined) return;
      try {
        const at = frames.findIndex(isGroup);
        if (at >= 0) this.#shell.takeCancel(frames[at]!);
        else this.#control.take(frames);
      } catch (error) {
        if (!(error instanceof BadMessage)) throw error;
        this.#door.drop("a peer on the control socket", error.message);
      }
    }
  }

  // ── registration ───────────────────────────────────────────────────────────────────────────

  #slotReady(walls: WallReport): void {
    const level = this.#sandbox = levelOf(walls);
    if (walls.missing.length > 0) {
      this.#log.warn("Walls have gaps", { level, missing: walls.missing.join("; ") });
    }
    const isWhole = walls.deno && walls.landlock > 0 && walls.seccomp && walls.missing.length === 0;
    if (this.#parts.isStrict && !isWhole) {
      return this.leave(`The walls are not whole (${level}), and the engine was told to be strict`, true);
    }
    this.#register(level);
  }

  #register(sandbox: string): void {
    if (this.#registration !== null || this.#isOver) return;
    this.#registration = new Registration({
      socket: this.#sockets.registration,
      session: this.#parts.session,
      wantedId: this.#parts.wantedId,
      sandbox,
      process: this.#parts.process,
      offer: this.#parts.grants.offer,
      timeoutMs: this.#parts.registrationTimeoutMs,
      log: this.#log,
      events: {
        registered: (granted) => this.#registered(granted),
        givenUp: () => this.#forget(),
        failed: (reason) => this.leave(reason, true),
      },
    });
    this.#registration.tick(now());
  }

  #registered({ id, periodMs, nonce, isAgain, cap, registration }: Registered): void {
    if (isAgain && !this.#isForgotten && id === this.#id) {
      return this.#log.info("Still registered", { id });
    }
    // The hub has not heard that it left: the schedulers wait for tasks that it knows nothing of.
    if (isAgain && this.#id >= 0) return this.#renew("the hub had not heard that it left");
    if (!this.#isForgotten) this.#forget();
    try {
      this.#caps.begin(cap);
    } catch (error) {
      return this.leave(`Cannot read the cap of this cluster's clients: ${error}`, true);
    }
    this.#isForgotten = false;
    this.#sockets.connect(id);
    this.#id = id;
    this.#core.name = `Engine ${id}`;
    this.#iopub.id = id;
    this.#hasGroups = nonce !== null;
    this.#door.open(id, nonce);
    this.#sender.open(id, nonce ?? 0n, registration);
    this.#parts.values.begin(nonce);
    this.#heart?.close();
    const { context, poller, endpoints, socket, patience } = this.#parts;
    this.#heart = new Heart({
      context,
      poller,
      ping: endpoints.ping,
      pong: endpoints.pong,
      uuid: this.uuid,
      periodMs,
      patience,
      socket,
      clock: now,
    });
    this.#openKernel(id);
    this.#log.info("Registered", { id, uuid: this.uuid, groups: this.#hasGroups, child: this.#driver.pid });
  }

  #renew(reason: string): void {
    if (!this.#hasGroups || this.#registration?.isRegistered !== true) return;
    this.#log.warn("Registering anew", { reason });
    this.#registration.renew(now());
  }

  #openKernel(id: number): void {
    const { kernelFile } = this.#parts;
    if (kernelFile === undefined) return;
    try {
      this.#frontEnds.open(kernelFile.replaceAll("{id}", String(id)), (work) => this.#guard(work));
    } catch (error) {
      this.leave(`Cannot be a Jupyter kernel: ${error instanceof Error ? error.message : error}`, true);
    }
  }

  /** The controller knows none of this engine's tasks any more; process and namespace stay. */
  #forget(): void {
    this.#isForgotten = true;
    this.#core.step({ kind: "forget", at: now() });
    this.#driver.act();
    this.#sender.clear();
    this.#peers.forget();
    this.#shell.forget();
  }

  // ── the turn of the loop ───────────────────────────────────────────────────────────────────

  /** A mistake of ours in handling one message must not end the other engines; too many of them end this one. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#errors++;
      const stack = error instanceof Error ? error.stack : String(error);
      this.#log.error("Cannot handle a message or turn", { stack, errors: this.#errors });
      if (this.#errors >= MAX_ERRORS) this.leave(`Too many errors of its own: ${error}`, true);
    }
  }

  /** Does what is due and sends what was gathered. */
  turn(at: number): void {
    this.#guard(() => this.#turn(at));
  }

  #turn(at: number): void {
    if (this.#isOver) return;
    if (this.#registration === null && at - this.#startedAt > READY_PATIENCE_MS) this.#register("not known");
    if (this.#registration !== null && this.#registration.nextTick <= at) this.#registration.tick(at);
    if (this.#heart !== null && this.#heart.nextTick <= at) this.#judge(this.#heart, at);
    if (this.#isOver) return;
    this.#shell.turn(at);
    this.#driver.pump(at);
    this.#frontEnds.turn(at);
    this.#iopub.flush();
    this.#sender.flush();
  }

  #judge(heart: Heart, at: number): void {
    switch (heart.judge(at)) {
      case "alive":
        return;
      case "doubt":
        this.#log.warn("No ping of the controller", { forMs: Math.round(heart.silence(at)) });
        if (this.#hasGroups) this.#registration?.askAgain(at);
        return;
      case "gone":
        this.leave(`The controller is gone: no ping in ${Math.round(heart.silence(at) / 1000)} s`, true);
    }
  }

  /** In how many ms `turn` is wanted at the latest, if nothing comes before. */
  delay(at: number): number {
    if (this.#isOver) return Infinity;
    const next = Math.min(this.#registration?.nextTick ?? Infinity, this.#heart?.nextTick ?? Infinity);
    return Math.min(this.#driver.delay(at), next - at);
  }

  /** Gives back or answers what it has, says goodbye, and ends. Harmless twice. */
  leave(reason: string, hasFailed: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (hasFailed) this.#log.error("The engine ends", { reason });
    else this.#log.info("The engine leaves", { id: this.#id, reason });
    // What has arrived goes back with the rest.
    this.#guard(() => this.#shell.read());
    this.#driver.look();
    this.#core.step({ kind: "leave", reason, at: now() });
    this.#driver.act();
    this.#iopub.flush();
    this.#sender.flush();
    this.#registration?.leave(this.#id);
    this.#close();
    this.#parts.onGone(reason, hasFailed);
  }

  #close(): void {
    this.#shell.leave();
    this.#driver.close();
    this.#heart?.close();
    this.#frontEnds.close();
    this.#sockets.leave();
  }

  /** Takes no more pieces for other engines of this process. Only after it has left; harmless twice. */
  close(): void {
    this.#sockets.close();
  }
}
