/**
 * A controller and its engines in one object, over real sockets and in as few lines as will do: what the client's tests talk to.
 * It runs functions here and now, without walls.
 */
import { newKey, newNonce } from "../../src/base/ids.ts";
import type { ClientConnection } from "../../src/protocol/connection_file.ts";
import { findDelimiter, type Message, Session } from "../../src/protocol/frames.ts";
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import {
  ANY,
  type ChunkRecord,
  emptyTask,
  type GroupHeader,
  INLINE_BODY_BYTES,
  isGroup,
  KIND,
  MAC_BYTES,
  OP,
  ORIGIN,
  STATUS,
} from "../../src/protocol/groups.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { encodeError, encodeValue, readValue } from "../../src/protocol/values.ts";
import { Context } from "../../src/wire/context.ts";
import { AsyncPoller } from "../../src/wire/poll.ts";
import type { Socket } from "../../src/wire/socket.ts";

// Libraries stay loaded for the life of the process: no test leaks them.
Context.open().close();
createMac("key");

/** A task as it came. */
export interface FakeTask {
  readonly n: number;
  readonly client: number;
  readonly op: number;
  readonly definition: number;
  readonly args: unknown;
  readonly tail: Record<string, unknown>;
  /** Engine id, or -1 for the task socket. */
  readonly engine: number;
  readonly reply: (frames: readonly Uint8Array[]) => void;
}

/** How a task is answered. */
export interface FakeAnswer {
  readonly status?: number;
  readonly value?: unknown;
  readonly error?: unknown;
  readonly body?: Uint8Array;
  readonly tail?: object;
  readonly engine?: number;
}

interface Definition {
  readonly kind: string;
  readonly source: string;
  readonly captures: Record<string, unknown>;
  readonly functions: Record<string, Definition>;
}

type Channel = "task" | "mux";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class FakeController implements AsyncDisposable {
  readonly key = newKey();
  readonly nonce = newNonce();
  readonly session = new Session({ key: this.key });
  readonly info: ClientConnection;
  /** What came, for tests to look at. */
  readonly tasks: FakeTask[] = [];
  readonly groups: GroupHeader[] = [];
  readonly defined: { channel: Channel; engine: number; id: number; value: unknown }[] = [];
  readonly stopped: { n: number; word: number; engine: number }[] = [];
  readonly requests: { type: string; content: Record<string, unknown> }[] = [];
  /** Whether groups are confirmed at once. */
  confirms = true;
  /** Whether the hub announces the extension. */
  isOurs = true;
  /** Answers a task; undefined keeps it open. */
  answer: (task: FakeTask) => FakeAnswer | undefined | Promise<FakeAnswer | undefined> = (task) =>
    this.run(task);
  /** Takes a task that came as a message, `[rid, idents…, DELIM, …]`; `send` gives frames behind the rid and idents. */
  message: (request: Message, send: (frames: readonly Uint8Array[]) => void) => void = () => {};
  /** Answers a request to the hub by its type. */
  readonly hub: Record<string, (content: Record<string, unknown>) => object> = {};
  readonly engines = new Map<number, { uuid: string; ours: boolean }>();
  readonly namespaces = new Map<number, Record<string, unknown>>();
  readonly #context = Context.open();
  readonly #poller = new AsyncPoller(this.#context);
  readonly #mac = createMac(this.key);
  readonly #sockets: Record<string, Socket>;
  /** By id alone, as an engine's host has them. */
  readonly #functions = new Map<number, Definition>();
  readonly #pieces = new Map<number, Uint8Array[]>();
  readonly #filled = new Map<string, number>();
  readonly #waiters: { check: () => boolean; resolve: () => void }[] = [];
  readonly #seqs = new Map<string, number>();

  constructor() {
    const bind = (type: "ROUTER" | "PUB", ready?: (socket: Socket) => void) => {
      const socket = this.#context.socket(type, { lingerMs: 0 });
      const port = Number(socket.bind("tcp://127.0.0.1:*").split(":").at(-1));
      if (ready !== undefined) this.#poller.add(socket, () => ready(socket));
      return { socket, port };
    };
    const registration = bind(
      "ROUTER",
      (socket) => this.#drain(socket, (frames) => this.#request(socket, frames)),
    );
    const control = bind(
      "ROUTER",
      (socket) => this.#drain(socket, (frames) => this.#control(socket, frames)),
    );
    const task = bind(
      "ROUTER",
      (socket) => this.#drain(socket, (frames) => this.#group("task", socket, frames)),
    );
    const mux = bind(
      "ROUTER",
      (socket) => this.#drain(socket, (frames) => this.#group("mux", socket, frames)),
    );
    const notification = bind("PUB");
    const iopub = bind("PUB");
    this.#sockets = { notification: notification.socket, iopub: iopub.socket };
    this.info = {
      ssh: "",
      interface: "tcp://127.0.0.1",
      registration: registration.port,
      control: control.port,
      mux: mux.port,
      task: task.port,
      task_scheme: "leastload",
      iopub: iopub.port,
      notification: notification.port,
      broadcast: mux.port,
      key: this.key,
      curve_serverkey: null,
      location: "",
      pack: "json",
      unpack: "json",
      signature_scheme: "hmac-sha256",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#poller.close();
    this.#context.close();
  }

  /** Waits until something about this object is so. */
  until(check: () => boolean): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ check, resolve }));
  }

  #drain(socket: Socket, take: (frames: Uint8Array[]) => void): void {
    for (let frames = socket.receive(); frames !== undefined; frames = socket.receive()) take(frames);
    for (const waiter of [...this.#waiters]) {
      if (!waiter.check()) continue;
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  // ── hub ────────────────────────────────────────────────────────────────────────────────────

  #request(socket: Socket, frames: Uint8Array[]): void {
    const message = this.session.parse(frames, 1);
    const type = message.header.msg_type;
    const content = { ...message.content };
    this.requests.push({ type, content });
    const reply = type === "connection_request"
      ? this.#welcome()
      : this.hub[type]?.(content) ?? { status: "ok" };
    const { buffers = [], ...rest } = { buffers: [], ...reply } as { buffers?: Uint8Array[] };
    const replyType = type.replace("_request", "_reply");
    socket.send([frames[0]!, ...this.session.message(replyType, rest, { parent: message.header, buffers })]);
  }

  #welcome(): object {
    const engines = Object.fromEntries([...this.engines].map(([id, { uuid }]) => [id, uuid]));
    const ours = [...this.engines].filter(([, { ours }]) => ours).map(([id]) => id);
    const nonce = this.nonce.toString(16).padStart(16, "0");
    const tsparallel = { version: 1, client: 7, nonce, engines: ours };
    return { status: "ok", engines, ...(this.isOurs ? { tsparallel } : {}) };
  }

  #control(socket: Socket, frames: Uint8Array[]): void {
    const message = this.session.parse(frames, 2);
    const { msg_type } = message.header;
    this.requests.push({ type: `${msg_type} ${decoder.decode(frames[1])}`, content: { ...message.content } });
    const reply = this.session.message(msg_type.replace("_request", "_reply"), { status: "ok" }, {
      parent: message.header,
    });
    socket.send([frames[0]!, frames[1]!, ...reply]);
  }

  /** Registers an engine without a notification: it was there before. */
  engine(id: number, ours = true): this {
    this.engines.set(id, { uuid: `uuid-${id}`, ours });
    this.namespaces.set(id, {});
    return this;
  }

  /** An engine comes while clients listen. */
  register(id: number, ours = true): void {
    this.engine(id, ours);
    this.notify("registration_notification", {
      id,
      uuid: `uuid-${id}`,
      ...(ours ? { tsparallel: { version: 1 } } : {}),
    });
  }

  unregister(id: number): void {
    this.engines.delete(id);
    this.notify("unregistration_notification", { id, uuid: `uuid-${id}` });
  }

  notify(type: string, content: object): void {
    this.#sockets.notification?.send(this.session.message(type, content));
  }

  /** Publishes what a task wrote. */
  print(parent: { session: string; pid: number }, n: number, name: string, text: string): void {
    const msg_id = `${parent.session}_${parent.pid}_${n}`;
    this.publish("stream", { name, text }, { msg_id, session: parent.session });
  }

  publish(type: string, content: object, parent: object): void {
    const header = { ...this.session.header("apply_request"), ...parent };
    this.#sockets.iopub?.send([
      encoder.encode("engine.0.stdout"),
      ...this.session.message(type, content, { parent: header }),
    ]);
  }

  // ── tasks ──────────────────────────────────────────────────────────────────────────────────

  #group(channel: Channel, socket: Socket, frames: Uint8Array[]): void {
    const rid = frames[0]!;
    const at = frames.findIndex((frame, i) => i > 0 && isGroup(frame));
    const frame = frames[at];
    if (frame === undefined) return this.#message(socket, frames);
    if (!this.#mac.verify(frame, MAC_BYTES, frame.length, 0)) throw new Error("wrong signature");
    const reader = new GroupReader();
    const header = reader.open(frame);
    const last = this.#seqs.get(channel) ?? 0;
    if (header.seq <= last) throw new Error(`sequence ${header.seq} after ${last}`);
    this.#seqs.set(channel, header.seq);
    if (header.nonce !== this.nonce) throw new Error("wrong nonce");
    this.groups.push(header);
    const engine = channel === "mux" ? header.target : -1;
    const prefix = frames.slice(0, at);
    const reply = (answer: readonly Uint8Array[]) => void socket.send([...prefix, ...answer]);
    if (header.kind === KIND.chunk) this.#piece(reader.chunk(), frames[at + 1]!);
    else if (header.kind === KIND.cancel) this.#stop(reader, engine);
    else this.#take(channel, reader, engine, reply);
    if (channel === "task" && header.kind === KIND.tasks && this.confirms) {
      this.confirm(header.seq, rid, socket);
    }
  }

  #message(socket: Socket, frames: Uint8Array[]): void {
    const prefix = frames.slice(0, findDelimiter(frames));
    const request = this.session.parse(frames, 1);
    this.message(request, (reply) => void socket.send([...prefix, ...reply]));
  }

  confirm(acked: number, rid: Uint8Array, socket: Socket): void {
    socket.send([rid, this.close(new GroupWriter(128), KIND.accepted, { acked })]);
  }

  #stop(reader: GroupReader, engine: number): void {
    const name = new Uint32Array(4);
    while (reader.name(name)) this.stopped.push({ n: name[1]!, word: name[3]!, engine });
  }

  #piece({ n, index, offset, total }: ChunkRecord, piece: Uint8Array): void {
    const list = this.#pieces.get(n) ?? [];
    this.#pieces.set(n, list);
    const buffer = list[index] ??= new Uint8Array(total);
    const key = `${n} ${index}`;
    if ((this.#filled.get(key) ?? 0) !== offset) throw new Error("a piece out of order");
    this.#filled.set(key, offset + piece.length);
    buffer.set(piece, offset);
  }

  #take(
    channel: Channel,
    reader: GroupReader,
    engine: number,
    reply: (frames: readonly Uint8Array[]) => void,
  ): void {
    const record = emptyTask();
    const answers = new GroupWriter();
    while (reader.task(record)) {
      const { n, client, op, definition, bodyOffset, bodyLength, tailLength, buffers } = record;
      const body = reader.bytes.slice(bodyOffset, bodyOffset + bodyLength - tailLength);
      const tailBytes = reader.bytes.subarray(bodyOffset + bodyLength - tailLength, bodyOffset + bodyLength);
      const tail = tailLength === 0 ? {} : JSON.parse(decoder.decode(tailBytes));
      if (op === OP.define) {
        const value = readValue(body);
        this.defined.push({ channel, engine, id: definition, value });
        if (definition > 0) this.#functions.set(definition, value as Definition);
        continue;
      }
      const pieces = this.#pieces.get(n) ?? [];
      this.#pieces.delete(n);
      if (pieces.length !== buffers) throw new Error(`${pieces.length} of ${buffers} buffers`);
      const args = body.length === 0 && buffers > 0
        ? readValue(pieces.at(-1)!, pieces.slice(0, -1))
        : readValue(body, pieces);
      const task = { n, client, op, definition, args, tail, engine, reply };
      this.tasks.push(task);
      const answer = this.answer(task);
      if (answer instanceof Promise) answer.then((late) => late !== undefined && this.finish(task, late));
      else if (answer !== undefined) this.#append(answers, task, answer);
    }
    if (answers.count > 0) reply([this.close(answers, KIND.results, {})]);
  }

  /** Answers a task that was kept open. */
  finish(task: FakeTask, answer: FakeAnswer): void {
    const writer = new GroupWriter();
    this.#append(writer, task, answer);
    task.reply([this.close(writer, KIND.results, {})]);
  }

  #append(writer: GroupWriter, task: FakeTask, answer: FakeAnswer): void {
    const { status = answer.error === undefined ? STATUS.ok : STATUS.error, tail } = answer;
    const coded = answer.body !== undefined
      ? { body: answer.body, buffers: [] }
      : answer.error === undefined
      ? encodeValue(answer.value)
      : { body: encodeError(answer.error), buffers: [] };
    const isLarge = coded.body.length > INLINE_BODY_BYTES;
    const buffers = isLarge ? [...coded.buffers, coded.body] : coded.buffers;
    buffers.forEach((buffer, index) => this.#sendBuffer(task, index, buffer));
    const tailBytes = tail === undefined ? new Uint8Array(0) : encoder.encode(JSON.stringify(tail));
    const body = new Uint8Array([...(isLarge ? [] : coded.body), ...tailBytes]);
    const engine = answer.engine ?? (task.engine < 0 ? 0 : task.engine);
    const { n, client } = task;
    const at = Date.now();
    writer.result(n, client, status, 0, buffers.length, engine, tailBytes.length, 0, 0, at, at, body);
  }

  #sendBuffer({ n, client, reply }: FakeTask, index: number, buffer: Uint8Array): void {
    const step = 1 << 20;
    for (let offset = 0; offset < buffer.length; offset += step) {
      const piece = buffer.subarray(offset, offset + step);
      const writer = new GroupWriter(256);
      writer.chunk({ n, client, index, side: 1, offset, length: piece.length, total: buffer.length });
      reply([this.close(writer, KIND.chunk, {}), piece]);
    }
  }

  /** Signs a group as the scheduler's. */
  close(
    writer: GroupWriter,
    kind: number,
    { acked = 0, target = ANY, seq = ++this.#out, nonce = this.nonce }: {
      acked?: number;
      target?: number;
      seq?: number;
      nonce?: bigint;
    },
  ): Uint8Array {
    const header = { kind, origin: ORIGIN.scheduler, seq, target, nonce, acked, committed: 0, window: 0 };
    return writer.close(header, this.#mac.sign);
  }

  #out = 0;

  /** Does what an engine would. */
  run(task: FakeTask): FakeAnswer | Promise<FakeAnswer> {
    const space = this.namespaces.get(task.engine) ?? {};
    try {
      switch (task.op) {
        case OP.push:
          Object.assign(space, task.args);
          return { value: null };
        case OP.pull:
          return { value: (task.args as string[]).map((name) => space[name]) };
        case OP.clear:
          this.namespaces.set(task.engine, {});
          return { value: null };
        case OP.execute:
          return {
            value: {
              value: new Function(`return ${(task.args as { code: string }).code}`)(),
              executionCount: 1,
            },
          };
        default:
          return this.#apply(task);
      }
    } catch (error) {
      return { error };
    }
  }

  #apply(task: FakeTask): FakeAnswer | Promise<FakeAnswer> {
    const definition = this.#functions.get(task.definition);
    if (definition === undefined) throw new ReferenceError(`definition ${task.definition} is not known`);
    const value: unknown = built(definition)(...(task.args as unknown[]));
    if (!(value instanceof Promise)) return { value };
    return value.then((value) => ({ value }), (error) => ({ error }));
  }
}

function built({ source, captures, functions }: Definition): (...args: unknown[]) => unknown {
  const inner = Object.entries(functions).map(([name, text]): [string, unknown] => [name, built(text)]);
  const scope = new Map([...Object.entries(captures), ...inner]);
  return new Function(...scope.keys(), `return (${source}\n);`)(...scope.values());
}
