/** Clients and engines for tests of the hub, as raw sockets: what is on the wire and nothing else. */

import assert from "node:assert/strict";
import { createLogger, type Logger } from "../../src/base/log.ts";
import { type Hub, startHub } from "../../src/hub/hub.ts";
import type { HubOptions } from "../../src/hub/options.ts";
import { connectionPaths, readConnectionFile } from "../../src/protocol/connection_file.ts";
import { createMac } from "../../src/protocol/mac.ts";
import { type Message, Session } from "../../src/protocol/frames.ts";
import { Context } from "../../src/wire/context.ts";
import { AsyncPoller } from "../../src/wire/poll.ts";
import type { Socket } from "../../src/wire/socket.ts";
import { FakeScheduler, until } from "./fake_scheduler.ts";

// Libraries stay loaded for the life of the process: no test leaks them.
Context.open().close();
createMac("key");

/** A hub with its scheduler in a folder of its own. */
export class TestHub implements AsyncDisposable {
  readonly context = Context.open();
  readonly poller = new AsyncPoller(this.context);
  readonly lines: string[];

  private constructor(
    readonly folder: string,
    readonly hub: Hub,
    readonly scheduler: FakeScheduler,
    lines: string[],
  ) {
    this.lines = lines;
  }

  static async start(options: Partial<HubOptions> = {}): Promise<TestHub> {
    const folder = options.profileDir ?? Deno.makeTempDirSync();
    const lines: string[] = [];
    const log: Logger = createLogger({ level: "debug", write: (line) => lines.push(line) });
    const hub = await startHub({ profileDir: folder, heartbeatPeriodMs: 100, ...options }, log);
    const scheduler = new FakeScheduler(hub.schedulerFile);
    await hub.ready;
    return new TestHub(folder, hub, scheduler, lines);
  }

  get clientFile() {
    return readConnectionFile(connectionPaths(this.folder).client, "client");
  }

  get engineFile() {
    return readConnectionFile(connectionPaths(this.folder).engine, "engine");
  }

  client(): TestClient {
    return new TestClient(this);
  }

  engine(uuid: string): TestEngine {
    return new TestEngine(this, uuid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub.stop();
    await this.poller.close();
    this.context.close();
    await this.scheduler[Symbol.asyncDispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** A client: its registration DEALER and its notification SUB. */
export class TestClient {
  readonly session: Session;
  readonly replies: Message[] = [];
  readonly notifications: Message[] = [];
  readonly socket: Socket;

  constructor(hub: TestHub) {
    const { key, registration, notification, interface: base } = hub.clientFile;
    this.session = new Session({ key });
    const reader = new Session({ key });
    this.socket = hub.context.socket("DEALER");
    this.socket.connect(`${base}:${registration}`);
    const news = hub.context.socket("SUB", { subscribe: [""] });
    news.connect(`${base}:${notification}`);
    hub.poller.add(this.socket, () => collect(this.socket, reader, this.replies));
    hub.poller.add(news, () => collect(news, reader, this.notifications));
  }

  /** Asks and waits for the reply, which is matched by its parent alone. */
  async ask(type: string, content: object = {}): Promise<Message> {
    const frames = this.session.message(type, content);
    const header = JSON.parse(new TextDecoder().decode(frames[2]));
    this.socket.send(frames);
    return await until(
      `a reply to ${type}`,
      () => this.replies.find((reply) => reply.parentHeader.msg_id === header.msg_id),
    );
  }

  /** Asks and expects an error of this class. */
  async askBadly(type: string, content: object, ename: string): Promise<string> {
    const reply = await this.ask(type, content);
    assert.equal(reply.content["status"], "error");
    assert.equal(reply.content["ename"], ename);
    assert.ok(Array.isArray(reply.content["traceback"]));
    return String(reply.content["evalue"]);
  }

  notified(type: string, id: number): Promise<Message> {
    return until(
      `${type} of engine ${id}`,
      () => this.notifications.find((news) => news.header.msg_type === type && news.content["id"] === id),
    );
  }
}

/** An engine: its registration DEALER and its heart. */
export class TestEngine {
  readonly replies: Message[] = [];
  readonly session: Session;
  readonly socket: Socket;
  pongs = 0;
  isBeating = true;
  readonly #hub: TestHub;

  constructor(hub: TestHub, readonly uuid: string) {
    this.#hub = hub;
    const { key, registration, interface: base } = hub.engineFile;
    this.session = new Session({ key, session: uuid });
    const reader = new Session({ key });
    this.socket = hub.context.socket("DEALER", { identity: uuid });
    this.socket.connect(`${base}:${registration}`);
    hub.poller.add(this.socket, () => collect(this.socket, reader, this.replies));
  }

  /** Asks to be registered and waits for the reply. */
  async request(fields: object = {}): Promise<Message> {
    const before = this.replies.length;
    this.socket.send(this.session.message("registration_request", { uuid: this.uuid, ...fields }));
    return await until("a registration_reply", () => this.replies[before]);
  }

  /** Connects ping to pong. */
  beat(): void {
    const { hb_ping, hb_pong, interface: base } = this.#hub.engineFile;
    const ping = this.#hub.context.socket("SUB", { subscribe: [""] });
    const pong = this.#hub.context.socket("DEALER", { identity: this.uuid });
    pong.connect(`${base}:${hb_pong}`);
    ping.connect(`${base}:${hb_ping}`);
    this.#hub.poller.add(ping, () => {
      for (let frames = ping.receive(); frames; frames = ping.receive()) {
        if (!this.isBeating) continue;
        this.pongs++;
        pong.send(frames);
      }
    });
  }

  /** The whole way to being registered. */
  async join(fields: object = {}): Promise<number> {
    const { content } = await this.request(fields);
    this.beat();
    const id = Number(content["id"]);
    await until(
      `engine ${id} in the hub`,
      () => this.#hub.hub.status().engines.find((engine) => engine.uuid === this.uuid),
    );
    return id;
  }
}

function collect(socket: Socket, session: Session, into: Message[]): void {
  for (let frames = socket.receive(); frames; frames = socket.receive()) into.push(session.parse(frames));
}
