/**
 * The client's end of a cluster: its sockets, the handshake with the hub, and who gets what arrives.
 */
import { setImmediate } from "node:timers";
import { type ClientConnection, endpoint } from "../protocol/connection_file.ts";
import { TaskAborted, TaskCancelled } from "../protocol/errors.ts";
import { findDelimiter, type Message, Session } from "../protocol/frames.ts";
import type { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, isGroup, KIND, ORIGIN, STATUS } from "../protocol/groups.ts";
import { createMac, type Mac } from "../protocol/mac.ts";
import { loadPacker, type Packer } from "../protocol/packers.ts";
import { EXTENSION_VERSION } from "../protocol/messages.ts";
import { encodeValue, ValueWriter } from "../protocol/values.ts";
import { ControllerWatch } from "./controller_watch.ts";
import { DefinitionIds } from "./definition_ids.ts";
import { type Engine, Engines } from "./engines.ts";
import type { Definition } from "./functions.ts";
import { GroupGate } from "./group_gate.ts";
import { OutputReceiver } from "./iopub.ts";
import { type EncodedTask, type PathHost, TaskPath } from "./path.ts";
import { Pending } from "./pending.ts";
import { type RequestOptions, Requests } from "./requests.ts";
import type { StopWord, TaskNames, TaskState } from "./task_state.ts";
import type { Channel, Transport } from "./transport.ts";
import { enginesOf, type Welcome, welcomeOf } from "./welcome.ts";

/** How a connection is made. */
export interface ConnectionOptions {
  /** For the handshake and for requests, in ms. */
  readonly timeoutMs: number;
  readonly username: string;
  readonly pid: number | undefined;
  /** Most bytes of large results under way at once. */
  readonly maxResultBytes: number;
  readonly signal: AbortSignal | undefined;
}

type Role = "registration" | "notification" | "task" | "mux" | "control" | "iopub";

/** A body that grew the shared writer beyond this has it replaced, so that one large value does not stay in memory. */
const WRITER_BYTES = 1 << 20;
/** The highest number of a task that a scheduler takes. */
const MAX_NUMBER = 2 ** 28;
/** Schemes without a scheduler that takes groups apart: libzmq deals whole messages out to whoever is next, or there is none. */
const NO_GROUPS: ReadonlySet<string> = new Set(["pure", "none"]);
const encoder = new TextEncoder();

export class Connection implements PathHost, TaskNames {
  readonly session: Session;
  readonly engines: Engines = new Engines();
  readonly ids: DefinitionIds = new DefinitionIds();
  readonly pending: Pending;
  readonly info: ClientConnection;
  readonly timeoutMs: number;
  readonly #transport: Transport;
  readonly #mac: Mac;
  readonly #requests = new Requests();
  readonly #channels = new Map<Role, Channel>();
  readonly #output: OutputReceiver;
  readonly #enginePaths = new Map<number, TaskPath>();
  readonly #dirty: TaskPath[] = [];
  readonly #flushDirty = () => this.#flush();
  #taskPath: TaskPath | undefined;
  #mux: Channel | undefined;
  #gate: GroupGate | undefined;
  #welcome: Welcome = { client: 0, nonce: 0n };
  #writer = new ValueWriter(4096);
  #seq = 0;
  /** Why nothing can be sent any more. */
  #end: Error | undefined;
  readonly card: Uint8Array;

  #watch: ControllerWatch | undefined;

  private constructor(
    info: ClientConnection,
    transport: Transport,
    options: ConnectionOptions & { readonly packer: Packer },
  ) {
    this.info = info;
    this.timeoutMs = options.timeoutMs;
    this.#transport = transport;
    this.#mac = createMac(info.key);
    const { username, pid, packer } = options;
    this.session = new Session({
      key: info.key,
      username,
      packer,
      mac: this.#mac,
      ...(pid === undefined ? {} : { pid }),
    });
    this.pending = new Pending(options.maxResultBytes);
    this.#output = new OutputReceiver(this.session, this.pending);
    const { session } = this.session;
    this.card = encodeValue({ kind: "client", session, username, pid: this.session.pid }).body;
  }

  /**
   * Connects and waits for the hub's answer.
   * @throws Error if the controller does not answer, or is not ours; TypeError if it packs messages as only Python can
   */
  static async open(
    info: ClientConnection,
    transport: Transport,
    options: ConnectionOptions,
  ): Promise<Connection> {
    const packer = await loadPacker(info.pack, info.unpack).catch(async (error) => {
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

  async #handshake({ timeoutMs, signal }: ConnectionOptions): Promise<void> {
    this.#connect("registration", (frames) => this.#reply(frames));
    const reply = await this.#greet({ timeoutMs, signal });
    this.#connect("notification", (frames) => this.#notification(frames));
    this.#connect("iopub", (frames) => this.#output.received(frames));
    this.#connect("control", (frames) => this.#reply(frames));
    const mux = this.#connect("mux", (frames) => this.#group("mux", frames));
    const task = this.#connect("task", (frames) => this.#group("task", frames));
    this.#welcome = reply;
    this.#gate = new GroupGate(this.#mac, reply.nonce, reply.client);
    this.#taskPath = new TaskPath(this, {
      target: ANY,
      prefix: [],
      confirms: true,
      send: (frames) => task.send(frames),
      sendLarge: (frames, from) => task.sendLarge(frames, from),
    });
    this.#mux = mux;
    this.#watch = new ControllerWatch({
      isNeeded: () => this.pending.count > 0,
      ask: (timeoutMs) => this.request("queue_request", { targets: [], verbose: false }, { timeoutMs }),
      gone: (ms) =>
        this.#stop(
          new Error(`The controller has not answered for ${ms / 1000} s: it is gone, or cannot be reached`),
        ),
    });
  }

  #connect(role: Role, onMessage: (frames: readonly Uint8Array[]) => void): Channel {
    const url = endpoint(this.info.interface, this.info[role], this.info.location);
    const channel = this.#transport.connect({
      type: role === "notification" || role === "iopub" ? "SUB" : "DEALER",
      url,
      onMessage,
      serverKey: this.info.curve_serverkey ?? undefined,
    });
    this.#channels.set(role, channel);
    return channel;
  }

  /** Announces this client and takes the list of engines. Harmless when repeated. */
  async #greet(options: RequestOptions): Promise<Welcome> {
    const { session, username, pid } = this.session;
    let message: Message;
    try {
      message = await this.request("connection_request", {
        tsparallel: { version: EXTENSION_VERSION, session, username, pid },
      }, options);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
      const url = endpoint(this.info.interface, this.info.registration, this.info.location);
      throw new Error(
        `Cannot connect to "${url}": no reply in ${options.timeoutMs} ms; is the controller of this connection file still running?`,
        { cause: error },
      );
    }
    const welcome = welcomeOf(message);
    this.engines.listed(enginesOf(message));
    return welcome;
  }

  /** Asks the hub again which engines there are: a notification may have passed before our subscription had arrived. */
  async refresh(options: RequestOptions = {}): Promise<void> {
    await this.#greet({ timeoutMs: this.timeoutMs, ...options });
  }

  // ── what arrives ───────────────────────────────────────────────────────────────────────────

  #reply(frames: readonly Uint8Array[]): void {
    const message = this.#parsed(frames);
    if (message !== undefined) this.#requests.received(message);
  }

  /** A message of one's own memory; undefined if it is not signed with our key or damaged. */
  #parsed(frames: readonly Uint8Array[]): Message | undefined {
    try {
      const at = Math.max(0, findDelimiter(frames));
      return this.session.parse(frames.slice(at).map((frame, i) => i < 6 ? frame : frame.slice()));
    } catch {
      return undefined;
    }
  }

  #notification(frames: readonly Uint8Array[]): void {
    const message = this.#parsed(frames);
    if (message === undefined) return;
    const { id, uuid, tsparallel } = message.content;
    switch (message.header.msg_type) {
      case "registration_notification":
        if (typeof id !== "number" || typeof uuid !== "string") return;
        this.#gate?.forget((id | ORIGIN.engineBit) >>> 0);
        this.#enginePaths.get(id)?.reset();
        this.engines.registered({ id, uuid, isOurs: tsparallel !== undefined });
        break;
      case "unregistration_notification":
        if (typeof id === "number") this.engines.unregistered(id);
        break;
      case "shutdown_notification":
        this.#stop(new Error("The controller was shut down"));
        break;
    }
  }

  #group(channel: Role, frames: readonly Uint8Array[]): void {
    const at = frames.findIndex(isGroup);
    const frame = frames[at];
    const header = frame === undefined ? null : this.#gate?.open(frame, channel) ?? null;
    if (header === null || this.#gate === undefined) return;
    const { reader } = this.#gate;
    switch (header.kind) {
      case KIND.results:
        this.pending.results(reader, this.client);
        break;
      case KIND.accepted:
        this.#taskPath?.accepted(header.acked);
        break;
      case KIND.chunk:
        this.#chunk(reader.chunk(), frames[at + 1]);
        break;
    }
  }

  #chunk(record: Parameters<Pending["chunk"]>[0], piece: Uint8Array | undefined): void {
    if (record.client !== this.client || piece === undefined) return;
    try {
      this.pending.chunk(record, piece);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // The result that it belongs to will not find its buffers, and say so.
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
    const reply = this.#requests.reply(header.msg_id, what, { timeoutMs: this.timeoutMs, ...options });
    this.#channels.get(role)?.send([...prefix, ...this.session.pack(header, content)]);
    return await reply;
  }

  // ── tasks ──────────────────────────────────────────────────────────────────────────────────

  /** The way to the task scheduler. */
  get taskPath(): TaskPath {
    this.check();
    if (NO_GROUPS.has(this.info.task_scheme)) {
      throw new Error(
        `Cannot balance tasks: the controller's scheme is "${this.info.task_scheme}"; use a direct view, or start it with another --scheme`,
      );
    }
    if (this.#taskPath === undefined) throw new Error("Cannot send a task: the client is not connected");
    return this.#taskPath;
  }

  /** The way to one of our engines. */
  enginePath(engine: Engine): TaskPath {
    this.check();
    const mux = this.#mux;
    if (mux === undefined) throw new Error("Cannot send a task: the client is not connected");
    let path = this.#enginePaths.get(engine.id);
    if (path === undefined) {
      path = new TaskPath(this, {
        target: engine.id,
        prefix: [encoder.encode(engine.uuid)],
        confirms: false,
        send: (frames) => mux.send(frames),
        sendLarge: (frames, from) => mux.sendLarge(frames, from),
      });
      this.#enginePaths.set(engine.id, path);
    }
    return path;
  }

  /**
   * A task's value as bytes; valid until the next call.
   * @param root what an error calls the value: `args`
   * @throws UncodableValue
   */
  encode(
    op: number,
    value: unknown,
    { definition, tail, root }: { definition: Definition | null; tail: Uint8Array | null; root: string },
  ): EncodedTask {
    const writer = this.#writer;
    writer.reset();
    writer.write(value, root);
    const { buffers } = writer;
    const body = writer.bytes();
    if (writer.length > WRITER_BYTES) this.#writer = new ValueWriter(4096);
    return { op, definition, body, buffers, tail };
  }

  /** @throws Error if the client is closed or the controller gone */
  check(): void {
    if (this.#end !== undefined) throw new Error(this.#end.message, { cause: this.#end });
  }

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Why nothing can be sent; undefined while it can. */
  get endError(): Error | undefined {
    return this.#end;
  }

  get client(): number {
    return this.#welcome.client;
  }

  nextN(): number {
    const n = this.session.nextNumber();
    if (n > MAX_NUMBER) {
      throw new RangeError(`Cannot submit more than ${MAX_NUMBER} tasks through one client; connect anew`);
    }
    return n;
  }

  seal(writer: GroupWriter, kind: number, target: number): Uint8Array {
    const { client: origin, nonce } = this.#welcome;
    const seq = ++this.#seq;
    return writer.close(
      { kind, origin, seq, target, nonce, acked: 0, committed: 0, window: 0 },
      this.#mac.sign,
    );
  }

  flushLater(path: TaskPath): void {
    if (this.#dirty.push(path) === 1) queueMicrotask(this.#flushDirty);
  }

  #flush(): void {
    for (const path of this.#dirty.splice(0)) if (this.#end === undefined) path.flush();
  }

  opened(task: TaskState): void {
    this.pending.add(task);
  }

  refuse(task: TaskState, how: StopWord, reason: unknown): void {
    if (how === "abort") return this.pending.fail(task, STATUS.aborted, new TaskAborted());
    this.pending.fail(
      task,
      STATUS.cancelled,
      new TaskCancelled("Cancelled before it was sent", { cause: reason }),
    );
  }

  failed(task: TaskState, error: unknown): void {
    this.pending.fail(task, STATUS.error, error instanceof Error ? error : new Error(String(error)));
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  msgId(n: number): string {
    return this.session.msgId(n);
  }

  engineUuid(id: number): string | null {
    return this.engines.uuidOf(id);
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────

  #stop(error: Error): void {
    if (this.#end !== undefined) return;
    this.#watch?.close();
    this.#flush();
    this.#end = error;
    this.pending.failAll(error);
    this.#requests.failAll(error);
  }

  /** Sends what has gathered, closes the sockets and rejects what is still awaited. Harmless twice. */
  async close(): Promise<void> {
    this.#stop(new Error("The client was closed"));
    await this.#transport.close();
  }
}
