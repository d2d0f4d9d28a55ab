/** Somebody with sockets of his own who says whatever he likes: to every port of a cluster, signed or not. */
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { emptyResult, KIND, OP } from "../../src/protocol/groups.ts";
import {
  type ClientConnection,
  type EngineConnection,
  readConnectionFile,
} from "../../src/protocol/connection_file.ts";
import { connectionPaths } from "../../src/protocol/connection_file.ts";
import { type Message, Session } from "../../src/protocol/frames.ts";
import { createMac, type Mac } from "../../src/protocol/mac.ts";
import { encodeValue } from "../../src/protocol/values.ts";
import { Context } from "../../src/wire/context.ts";
import type { Socket } from "../../src/wire/socket.ts";
import { eventually } from "./run.ts";

/** Header fields of a group, where they shall differ from right ones. */
export interface HeaderChanges {
  readonly origin?: number;
  readonly seq?: number;
  readonly target?: number;
  readonly nonce?: bigint;
}

/** One task record. */
export interface TaskChanges {
  readonly n: number;
  readonly client?: number;
  readonly definition?: number;
  readonly op?: number;
  readonly flags?: number;
  readonly buffers?: number;
  readonly tail?: Uint8Array;
  readonly body?: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** Sockets of one stranger. */
export class RawPeer implements Disposable {
  readonly client: ClientConnection;
  readonly engine: EngineConnection;
  readonly session: Session;
  readonly #context = Context.open();
  readonly #sockets = new Map<string, Socket>();
  readonly #mac: Mac;
  /** What the hub says to a client of ours. */
  index = 0;
  nonce = 0n;
  #seq = 0;

  constructor(profileDir: string, key?: string) {
    const paths = connectionPaths(profileDir, "");
    this.client = readConnectionFile(paths.client, "client");
    this.engine = readConnectionFile(paths.engine, "engine");
    this.#mac = createMac(key ?? this.client.key);
    this.session = new Session({ key: key ?? this.client.key });
  }

  /** Every public socket that takes messages, by name. */
  get ports(): Readonly<Record<string, number>> {
    const { registration, control, mux, task, broadcast } = this.client;
    const engine = this.engine;
    return {
      registration,
      control,
      mux,
      task,
      broadcast,
      "engine control": engine.control,
      "engine mux": engine.mux,
      "engine task": engine.task,
      "engine broadcast": engine.broadcast[0]!,
      "engine hb_pong": engine.hb_pong,
      "engine iopub": engine.iopub,
    };
  }

  /** Ports where nothing is expected but subscriptions. */
  get publishers(): readonly number[] {
    return [this.client.notification, this.client.iopub, this.engine.hb_ping];
  }

  socket(name: string): Socket {
    let socket = this.#sockets.get(name);
    if (socket === undefined) {
      const port = this.ports[name];
      socket = this.#context.socket(name === "engine iopub" ? "PUB" : "DEALER", { lingerMs: 500 });
      socket.connect(`tcp://127.0.0.1:${port}`);
      this.#sockets.set(name, socket);
    }
    return socket;
  }

  send(name: string, frames: readonly Uint8Array[]): void {
    this.socket(name).send(frames);
  }

  /** The next message at a socket. */
  async receive(name: string): Promise<Uint8Array[]> {
    const socket = this.socket(name);
    const frames = await eventually(
      () => socket.receive(),
      (frames) => frames !== undefined,
      `"${name}" gets a message`,
    );
    return frames!;
  }

  /** Asks the hub; gives its reply. */
  async ask(type: string, content: object): Promise<Message> {
    this.send("registration", this.session.message(type, content));
    return this.session.parse(await this.receive("registration"));
  }

  /** Becomes a client of ours. */
  async announce(): Promise<void> {
    const { session, username, pid } = this.session;
    const { content } = await this.ask("connection_request", {
      tsparallel: { version: 1, session, username, pid },
    });
    const { client, nonce } = content.tsparallel as { client: number; nonce: string };
    this.index = client;
    this.nonce = BigInt(`0x${nonce}`);
  }

  /** A group, rightly signed. */
  group(kind: number, write: (writer: GroupWriter) => void, changes: HeaderChanges = {}): Uint8Array {
    const writer = new GroupWriter();
    write(writer);
    const header = {
      kind,
      origin: this.index,
      seq: ++this.#seq,
      target: 0xffff_ffff,
      nonce: this.nonce,
      acked: 0,
      committed: 0,
      window: 0,
      ...changes,
    };
    return writer.close(header, this.#mac.sign).slice();
  }

  /** Signs bytes anew, after somebody has changed them. */
  signed(group: Uint8Array): Uint8Array {
    this.#mac.sign(group, 32, group.length, 0);
    return group;
  }

  /** A group of one task behind the client's card and a function that doubles. */
  tasks(tasks: readonly TaskChanges[], changes: HeaderChanges = {}): Uint8Array {
    return this.group(KIND.tasks, (writer) => {
      const { session, pid, username } = this.session;
      const card = encodeValue({ kind: "client", session, username, pid }).body;
      const source =
        encodeValue({ kind: "function", source: "(x) => x * 2", captures: {}, name: "double" }).body;
      writer.task(0, this.index, 0, OP.define, 0, 0, 0, 0, Date.now(), card);
      writer.task(0, this.index, 1, OP.define, 0, 0, 0, 0, Date.now(), source);
      for (const task of tasks) this.#write(writer, task);
    }, changes);
  }

  #write(writer: GroupWriter, task: TaskChanges): void {
    const { n, client = this.index, definition = 1, op = OP.apply, flags = 0, buffers = 0, tail = EMPTY } =
      task;
    const { body = encodeValue([21]).body } = task;
    const whole = new Uint8Array(body.length + tail.length);
    whole.set(body);
    whole.set(tail, body.length);
    writer.task(
      n,
      client,
      definition,
      op,
      flags | (tail.length > 0 ? 1 : 0),
      buffers,
      tail.length,
      0,
      Date.now(),
      whole,
    );
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#context.close();
  }
}

/** The status of so many tasks, by number, as their results come. */
export async function resultsOf(peer: RawPeer, name: string, count: number): Promise<Map<number, number>> {
  const results = new Map<number, number>();
  const reader = new GroupReader(), record = emptyResult();
  while (results.size < count) {
    const frames = await peer.receive(name);
    const frame = frames[name === "mux" ? 1 : 0]!;
    if (reader.open(frame).kind !== KIND.results) continue;
    while (reader.result(record)) results.set(record.n, record.status);
  }
  return results;
}
