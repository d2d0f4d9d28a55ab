/**
 * The client's end of a cluster: its sockets, the handshake with the hub, and who gets what arrives.
 */
import { environmentIfGranted } from "../base/runtime.ts";
import { type ClientConnection, endpoint } from "../protocol/connection_file.ts";
import { type Message, Session } from "../protocol/frames.ts";
import { createMac, type Mac } from "../protocol/mac.ts";
import { STATUS } from "../protocol/groups.ts";
import { takeOver } from "./recovery.ts";
import type { Packer } from "../protocol/packers.ts";
import type { ConnectionOptions } from "./connection_options.ts";
import { packerFor, serverKeyOf } from "./connection_keys.ts";
import { ControllerLink, saidAgain } from "./controller_link.ts";
import { type Engine, Engines } from "./engines.ts";
import type { Definition } from "./function_text.ts";
import { type EncodeOptions, GroupPaths } from "./group_paths.ts";
import { OutputReceiver } from "./iopub.ts";
import type { EncodedTask, TaskPath } from "./path.ts";
import { KnownNames } from "./known_names.ts";
import { noBalance } from "./languages.ts";
import { type PeerRole, PeerTasks } from "./peer_tasks.ts";
import { Pending } from "./pending.ts";
import { PutValues } from "./put_values.ts";
import { type RequestOptions, Requests } from "./requests.ts";
import { farewell, Scope } from "./scope.ts";
import type { TaskNames } from "./task_state.ts";
import type { Channel, Transport } from "./transport.ts";
import { SharedBudget, SharedMemoryWay } from "./shared_memory.ts";
import type { SharedUpload } from "./shared_upload.ts";
import { announce, askAnything, greet } from "./greeting.ts";
import { parse, parsed } from "./own_message.ts";
import { newsOf } from "./news.ts";

export type { ConnectionOptions };

type Role = "registration" | "notification" | "task" | "mux" | "control" | "iopub" | "broadcast";

/** The highest number of a task that a scheduler takes. */
const MAX_NUMBER = 2 ** 28;
const SHUT_DOWN = "was shut down and has not been heard";
const encoder = new TextEncoder();

export class Connection implements TaskNames {
  readonly session: Session;
  readonly engines: Engines = new Engines();
  readonly pending: Pending;
  /** Of the client: those of its views lie within it. */
  readonly scope: Scope = new Scope("the client");
  /** Of maps that go on when the client's scope is left. */
  readonly detached: Scope = new Scope("nobody");
  /** Names that are in namespaces, as far as this client has seen. */
  readonly known: KnownNames = new KnownNames();
  /** What was put. */
  readonly values: PutValues = new PutValues();
  /** Tasks as messages, one by one. */
  readonly peers: PeerTasks;
  readonly info: ClientConnection;
  readonly timeoutMs: number;
  /** Tells it from another client of the same session and pid. */
  readonly instance: string = crypto.randomUUID();
  /** The hub has said that it ends. */
  wasShutDown = false;
  readonly #transport: Transport;
  readonly #sharedBudget = new SharedBudget();
  readonly #secretKey: string | undefined;
  readonly #mac: Mac;
  readonly #requests = new Requests();
  readonly #channels = new Map<Role, Channel>();
  readonly #output: OutputReceiver;
  readonly #packer: Packer;
  /** Absent with a controller that speaks ipyparallel's wire only, as Python's. */
  #groups: GroupPaths | undefined;
  #link: ControllerLink | undefined;
  /** What is awaited beside tasks. */
  #awaited = 0;
  /** Why nothing can be sent any more, and who wants to know it at once. */
  #end: Error | undefined;
  readonly #atEnd = new Set<() => void>();

  private constructor(
    info: ClientConnection,
    transport: Transport,
    options: ConnectionOptions & { readonly packer: Packer },
  ) {
    this.info = info;
    this.timeoutMs = options.timeoutMs;
    this.#transport = transport;
    this.#mac = createMac(info.key);
    const { username, pid, packer, curveSecretKey } = options;
    this.#secretKey = curveSecretKey || environmentIfGranted("IPP_CURVE_SECRETKEY") || undefined;
    this.session = new Session({
      key: info.key,
      username,
      packer,
      mac: this.#mac,
      ...(pid === undefined ? {} : { pid }),
    });
    this.pending = new Pending(options.maxResultBytes);
    this.#output = new OutputReceiver(this.session, this.pending);
    this.#packer = packer;
    this.peers = new PeerTasks(this);
  }

  /**
   * Connects and waits for the hub's answer.
   * @throws Error if the controller does not answer, or can be reached by a tunnel only; TypeError if it packs messages as only Python can
   */
  static async open(
    info: ClientConnection,
    transport: Transport,
    options: ConnectionOptions,
  ): Promise<Connection> {
    const packer = await packerFor(info).catch(async (error) => {
      await transport.close();
      throw error;
    });
    const connection = new Connection(info, transport, { ...options, packer });
    try {
      await connection.#handshake(options);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async #handshake({ timeoutMs, signal, controllerTimeoutMs }: ConnectionOptions): Promise<void> {
    this.#connect("registration", (frames) => this.#reply(frames));
    // Subscriptions take their time to arrive: they are on their way while the hub is greeted.
    this.#connect("notification", (frames) => this.#notification(frames));
    this.#connect("iopub", (frames) => this.#output.received(frames));
    const reply = await greet(this, { timeoutMs, signal });
    this.#connect("control", (frames) => this.#reply(frames));
    const mux = this.#connect("mux", (frames) => this.#shell("mux", frames));
    const task = this.#connect("task", (frames) => this.#shell("task", frames));
    if (reply !== null) this.#groups = new GroupPaths(this, this.#mac, reply, { mux, task });
    this.#link = new ControllerLink({
      address: this.address,
      isNeeded: () => this.pending.count > 0 || this.#awaited > 0,
      ask: (timeoutMs) => askAnything(this, timeoutMs),
      greet: (timeoutMs) => this.#greetAgain(timeoutMs),
      broken: (isBroken) => this.#groups?.broken(isBroken),
      gone: (error) => this.#stop(error),
    }, controllerTimeoutMs);
  }

  /** Of the hub. */
  get address(): string {
    return endpoint(this.info.interface, this.info.registration, this.info.location);
  }

  /** The connection stands again: perhaps with another controller at it. */
  async #greetAgain(timeoutMs: number): Promise<() => void> {
    const message = await announce(this, { timeoutMs });
    return () => takeOver(this, this.#groups, message);
  }

  /** Whether what is sent now would be lost. */
  get isBroken(): boolean {
    return this.#link?.isBroken === true;
  }

  /** Resolves when it is not, or nothing can be sent any more. */
  mended(): Promise<void> {
    return this.#link?.mended() ?? Promise.resolve();
  }

  /** Something is awaited of which no task tells, until the returned function is called. */
  awaits(): () => void {
    this.#awaited++;
    return () => this.#awaited--;
  }

  #connect(role: Role, onMessage: (frames: readonly Uint8Array[]) => void): Channel {
    const url = endpoint(this.info.interface, this.info[role], this.info.location);
    const channel = this.#transport.connect({
      type: role === "notification" || role === "iopub" ? "SUB" : "DEALER",
      url,
      onMessage,
      serverKey: serverKeyOf(this.info),
      secretKey: this.#secretKey,
      ...(role === "registration" ? { onRefused: (reason) => this.#stop(new Error(reason)) } : {}),
      ...(role === "control" || role === "iopub"
        ? {}
        : { onState: (isConnected) => this.#link?.connected(role, isConnected) }),
    });
    this.#channels.set(role, channel);
    return channel;
  }

  /** Asks the hub again which engines there are: a notification may have passed before our subscription had arrived. */
  async refresh(options: RequestOptions = {}): Promise<void> {
    await greet(this, { timeoutMs: this.timeoutMs, ...options });
  }

  // ── what arrives ───────────────────────────────────────────────────────────────────────────

  #reply(frames: readonly Uint8Array[]): void {
    const message = parsed(this.session, frames);
    if (message !== undefined && !this.#requests.received(message)) this.peers.replied(message);
  }

  /** A reply to a task: a group's, or a message. */
  #shell(role: "mux" | "task", frames: readonly Uint8Array[]): void {
    if (this.#groups?.received(role, frames) === true) return;
    this.peers.received(frames, () => parse(this.session, frames));
  }

  #notification(frames: readonly Uint8Array[]): void {
    const message = parsed(this.session, frames);
    if (message === undefined) return;
    const news = newsOf(message);
    switch (news?.kind) {
      case "registered":
        // Only a controller that has begun anew tells that again.
        if (this.engines.get(news.engine.id)?.uuid === news.engine.uuid) this.#link?.suspect();
        this.#groups?.registered(news.engine.id);
        return this.engines.registered(news.engine);
      case "unregistered":
        this.engines.unregistered(news.id);
        return this.peers.gone(this.engines.uuidOf(news.id) ?? news.uuid);
      case "shutdown":
        this.wasShutDown = true;
        return this.#stop(this.#link?.goneError(SHUT_DOWN) ?? new Error("The controller was shut down"));
    }
  }

  // ── requests ───────────────────────────────────────────────────────────────────────────────

  /** Asks the hub. The reply's content and buffers are its own memory. */
  request(type: string, content: object, options: RequestOptions = {}): Promise<Message> {
    return this.#ask("registration", [], `${type} to the hub`, { type, content }, options);
  }

  /** Asks an engine over control. */
  control(uuid: string, type: string, content: object, options: RequestOptions = {}): Promise<Message> {
    return this.#ask(
      "control",
      [encoder.encode(uuid)],
      `${type} to engine ${uuid}`,
      { type, content },
      options,
    );
  }

  async #ask(
    role: Role,
    prefix: readonly Uint8Array[],
    what: string,
    { type, content }: { type: string; content: object },
    options: RequestOptions,
  ): Promise<Message> {
    this.check();
    const header = this.session.header(type);
    const wait = { timeoutMs: this.timeoutMs, ...options };
    const reply = this.#requests.reply(header.msg_id, what, wait, () => this.#link?.hint ?? "");
    this.#channels.get(role)?.send([...prefix, ...this.session.pack(header, content)]);
    return await reply;
  }

  // ── tasks ──────────────────────────────────────────────────────────────────────────────────

  /** Whether the controller is ours, so that functions can travel. */
  get speaksGroups(): boolean {
    return this.#groups !== undefined;
  }

  /** The way to the task scheduler. */
  get taskPath(): TaskPath {
    const { task_scheme: scheme } = this.info;
    if (scheme === "pure" || scheme === "none") throw noBalance(scheme);
    return this.#grouped().taskPath;
  }

  /** The way to one of our engines. */
  enginePath(engine: Engine): TaskPath {
    return this.#grouped().enginePath(engine);
  }

  /** A task's value as bytes; valid until the next call. See `GroupPaths`. */
  encode(op: number, value: unknown, options: EncodeOptions): EncodedTask {
    return this.#grouped().encode(op, value, options);
  }

  sharedMemory(): SharedMemoryWay {
    return new SharedMemoryWay(this.#transport, this.#sharedBudget);
  }

  /** See `GroupPaths`. */
  shared(encoded: EncodedTask, engines: number): SharedUpload {
    return this.#grouped().shared(encoded, engines);
  }

  /** See `GroupPaths`. */
  hold(definition: Definition): () => void {
    return this.#grouped().hold(definition);
  }

  #grouped(): GroupPaths {
    this.check();
    if (this.#groups !== undefined) return this.#groups;
    throw new TypeError("Cannot send a group: this controller speaks ipyparallel's wire only");
  }

  /** Sends a message; for tasks as messages. Frames from `large` on may be read until they have left. */
  deliver(role: PeerRole, frames: readonly Uint8Array[], large: number): void {
    // What it depends on may still be gathering in a group.
    if (role === "task") this.#groups?.flush();
    const channel = this.#channels.get(role) ??
      this.#connect(role, (frames) => this.peers.received(frames, () => parse(this.session, frames)));
    if (large < frames.length) channel.sendLarge(frames, large);
    else channel.send(frames);
  }

  unpack(frame: Uint8Array): unknown {
    return this.#packer.unpack(frame);
  }

  /** @throws Error if the client is closed or the controller gone */
  check(): void {
    if (this.#end !== undefined) throw saidAgain(this.#end);
  }

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Why nothing can be sent; undefined while it can. */
  get endError(): Error | undefined {
    return this.#end;
  }

  /** The number of a task of this client; undefined for any other id. */
  numberOf(msgId: string): number | undefined {
    const named = this.pending.numberOf(msgId);
    if (named !== undefined) return named;
    const n = Number(msgId.slice(msgId.lastIndexOf("_") + 1));
    return this.msgId(n) === msgId ? n : undefined;
  }

  nextN(): number {
    const n = this.session.nextNumber();
    if (n > MAX_NUMBER) {
      throw new RangeError(`Cannot submit more than ${MAX_NUMBER} tasks through one client; connect anew`);
    }
    return n;
  }

  msgId(n: number): string {
    return this.session.msgId(n);
  }

  engineUuid(id: number): string | null {
    return this.engines.uuidOf(id);
  }

  engineId(uuid: string): number | null {
    const id = this.engines.idOf(uuid);
    return id < 0 ? null : id;
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────

  /** Ends it with an error, which everything that is awaited is rejected with. */
  fail(error: Error): void {
    this.#stop(error);
  }

  #stop(error: Error): void {
    if (this.#end !== undefined) return;
    this.#link?.close();
    this.#groups?.end();
    this.values.fail(error);
    this.#end = error;
    this.pending.failAll(error);
    this.#requests.failAll(error);
    for (const scope of [this.scope, this.detached]) scope.fail(error);
    for (const listener of this.#atEnd) listener();
  }

  /** Calls back once, when nothing can be sent any more, unless the returned function is called before. */
  onEnd(listener: () => void): () => void {
    this.#atEnd.add(listener);
    return () => void this.#atEnd.delete(listener);
  }

  /** Cancels what was submitted through this client and ends it here: nobody waits for the answers. Streams are waited for. */
  async leave(): Promise<void> {
    const { tasks, ongoing, error } = this.scope.stop(this);
    for (const task of tasks) this.pending.fail(task, STATUS.cancelled, error);
    await farewell(ongoing);
  }

  /** Sends what has gathered, closes the sockets and rejects what is still awaited. Harmless twice. */
  async close(): Promise<void> {
    if (!this.isEnded) this.values.close();
    this.#stop(new Error("The client was closed"));
    await this.#transport.close();
  }
}
