/**
 * Plays a captured conversation again, with our controller in the place of ipyparallel's: the engines' and the client's messages are
 * sent as they were captured, in that order, and what our controller says is held against what the other one said. Nothing is sent
 * before everything came that had come by then, so that what depends on the order depends on it here too.
 */

import { readConnectionFile } from "../../src/protocol/connection_file.ts";
import { type Message, Session } from "../../src/protocol/frames.ts";
import { Context } from "../../src/wire/context.ts";
import { identsOf, RawClient, RawEngine, type Received, type Stage } from "./players.ts";
import { differences, type Shape, shapeOf } from "./shapes.ts";
import { type Capture, type Captured, readAll } from "./vectors.ts";

/** The longest that a message may take, in ms. */
const PATIENCE_MS = 20_000;
const TURN_MS = 2;

/** A difference between what the two controllers said. */
export interface Difference {
  /** Type of the reply and of the request: `queue_reply to queue_request`. */
  readonly message: string;
  readonly what: string;
}

/** Where a controller of ours can be reached. */
export interface Place {
  readonly clientFile: string;
  readonly engineFile: string;
}

export class Conversation implements Disposable {
  readonly differences: Difference[] = [];
  /** How many messages of our controller were compared. */
  compared = 0;
  readonly #captured: readonly Captured[];
  readonly #stage: Stage;
  readonly #client: RawClient;
  readonly #engines = new Map<string, RawEngine>();
  readonly #place: Place;
  /** Requests that engines have, by the captured msg_id. */
  readonly #running = new Map<string, { engine: RawEngine; received: Received }>();
  /** Texts of the capture that stand for others here: ids that the hub makes. */
  readonly #names = new Map<string, string>();
  readonly #requests = new Map<string, string>();
  /** Captured answers that were heard before their turn. */
  readonly #heard = new Set<Captured>();
  readonly #registered = new Set<string>();
  readonly #published = new Set<string>();
  readonly #turns: ReturnType<typeof setInterval>;

  constructor(capture: Capture, place: Place) {
    const connection = readConnectionFile(place.clientFile, "client");
    this.#captured = readAll(capture);
    this.#place = place;
    this.#stage = { context: Context.open(), key: connection.key, packer: capture.packer };
    this.#client = new RawClient(this.#stage, connection);
    this.#turns = setInterval(() => this.#turn(), TURN_MS);
  }

  /** Plays all of it. */
  async play(): Promise<void> {
    for (const [at, captured] of this.#captured.entries()) {
      if (this.#heard.has(captured)) continue;
      const { socket, to } = captured.event;
      const name = socket.slice(socket.indexOf(" ") + 1);
      if (socket.startsWith("client ")) {
        if (to === "controller") await this.#clientSays(name, captured);
        else await this.#clientHears(name, captured);
      } else if (to === "controller") {
        await this.#hubAnswersFirst(at);
        await this.#engineSays(name, captured);
      } else await this.#engineHears(name, captured);
    }
  }

  /** What an engine says must not overtake, on its own connection, what the hub was asked before: the answer tells how things were then. */
  async #hubAnswersFirst(at: number): Promise<void> {
    for (const captured of this.#captured.slice(at)) {
      const { event: { socket, to }, message } = captured;
      const isAnswer = socket === "client registration" && to !== "controller";
      if (!isAnswer || this.#heard.has(captured)) continue;
      if (!this.#requests.has(message.parentHeader.msg_id ?? "")) continue;
      this.#heard.add(captured);
      await this.#clientHears("registration", captured);
    }
  }

  #turn(): void {
    this.#client.turn();
    for (const engine of this.#engines.values()) engine.turn();
    for (const { message } of this.#client.inbox.all) {
      if (message.header.msg_type === "registration_notification") {
        this.#registered.add(String(message.content.uuid));
      }
    }
  }

  async #until<T>(look: () => T | undefined, what: string): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }

  async #clientSays(name: string, { message }: Captured): Promise<void> {
    const { msg_id: msgId, msg_type: type } = message.header;
    if (type === "connection_request") {
      await this.#until(() => this.#areRegistered(msgId), "engines are there");
    }
    if (type === "result_request") await this.#areRecorded(msgId);
    this.#requests.set(msgId, type);
    this.#client.send(name, this.#frames(message));
  }

  /** A record follows its reply: the hub has those that the captured reply to this request tells of. */
  async #areRecorded(msgId: string): Promise<void> {
    const reply = this.#captured.find(({ message }) =>
      message.header.msg_type === "result_reply" && message.parentHeader.msg_id === msgId
    );
    const completed = reply?.message.content.completed;
    if (!Array.isArray(completed) || completed.length === 0) return;
    const msg_ids = completed.map((id) => this.#named(String(id)));
    const session = new Session(this.#stage);
    for (let pending: unknown[] = msg_ids; pending.length > 0;) {
      const header = session.header("result_request");
      this.#client.send("registration", session.pack(header, { msg_ids, status_only: true }));
      const { message } = await this.#until(
        () => this.#client.inbox.take(({ message }) => message.parentHeader.msg_id === header.msg_id),
        "the hub tells what is recorded",
      );
      pending = message.content.pending as unknown[];
    }
  }

  /** Whether the engines that the captured reply to this request tells of are there. */
  #areRegistered(msgId: string): true | undefined {
    const reply = this.#captured.find(({ message }) =>
      message.header.msg_type === "connection_reply" && message.parentHeader.msg_id === msgId
    );
    const uuids = Object.values(reply?.message.content.engines ?? {});
    return uuids.every((uuid) => this.#registered.has(uuid)) || undefined;
  }

  async #clientHears(name: string, { message }: Captured): Promise<void> {
    const { msg_type: type, msg_id: msgId } = message.header;
    const isNews = name === "notification" || name === "iopub";
    const said = isNews ? type : this.#requests.get(message.parentHeader.msg_id ?? "") ?? "";
    // The capture keeps few of the many statuses, and not the same ones of both sides.
    if (name === "iopub" && !this.#published.has(msgId)) return;
    const isIt = isNews ? this.#isSameNews(message) : this.#isSameReply(message);
    const received = await this.#until(
      () => this.#client.inbox.take(({ socket, message: live }) => socket === name && isIt(live)),
      `"${name}" hears ${type} (${message.parentHeader.msg_type ?? "no request"})`,
    );
    if (type === "resubmit_reply") {
      this.#learn(message.content.resubmitted, received.message.content.resubmitted);
    }
    if (type === "result_reply" && isOtherMoment(message, received.message)) return;
    this.#compare(`${type} to ${said}`, message, received.message);
  }

  #isSameNews({ header, content }: Message): (live: Message) => boolean {
    const isOutput = this.#published.has(header.msg_id);
    return (live) =>
      live.header.msg_type === header.msg_type && live.content.uuid === content.uuid &&
      (!isOutput || live.header.msg_id === header.msg_id);
  }

  /** Replies are told by their request; one that stands for many by the request of all. */
  #isSameReply({ header, parentHeader, metadata }: Message): (live: Message) => boolean {
    const original = metadata.is_coalescing === true ? metadata.original_msg_id : undefined;
    if (original !== undefined) return (live) => live.metadata.original_msg_id === original;
    const parent = this.#named(parentHeader.msg_id ?? "");
    return (live) =>
      parent === "" ? live.header.msg_type === header.msg_type : live.parentHeader.msg_id === parent;
  }

  /** Ids that the hub gave are others here. */
  #learn(captured: unknown, live: unknown): void {
    if (typeof captured !== "object" || captured === null || typeof live !== "object" || live === null) {
      return;
    }
    const found = live as Record<string, string>;
    for (const [old, name] of Object.entries(captured)) this.#names.set(String(name), found[old] ?? "");
  }

  async #engineHears(name: string, { event, message }: Captured): Promise<void> {
    const { msg_type: type, msg_id: msgId } = message.header;
    if (name === "registration") return await this.#engineIsTaken(event.peer, message);
    const isOurs = this.#requests.has(msgId) || this.#requests.has(msgId.slice(0, msgId.lastIndexOf("_")));
    const found = await this.#until(() => {
      for (const engine of this.#engines.values()) {
        const received = engine.inbox.take(({ message: { header } }) =>
          isOurs ? header.msg_id === msgId : header.msg_type === type && !this.#requests.has(header.msg_id)
        );
        if (received !== undefined) return { engine, received };
      }
    }, `an engine hears ${type} ${msgId} at "${name}"`);
    this.#running.set(msgId, found);
    const live = found.received.message;
    if (!isOurs) this.#names.set(msgId, live.header.msg_id);
    this.#compare(`${type} at an engine's ${name}`, message, live);
  }

  async #engineIsTaken(uuid: string, message: Message): Promise<void> {
    const engine = this.#engines.get(uuid)!;
    const received = await this.#until(
      () => engine.inbox.take(({ socket }) => socket === "registration"),
      "the engine's registration is answered",
    );
    this.#compare("registration_reply to registration_request", message, received.message);
    engine.join(Number(received.message.content.id));
    await this.#until(() => this.#registered.has(uuid) || undefined, "the engine is announced");
  }

  async #engineSays(name: string, { event, message }: Captured): Promise<void> {
    const { msg_type: type } = message.header;
    if (name === "registration") return this.#engineRegisters(event.peer, message);
    const running = this.#running.get(message.parentHeader.msg_id ?? "");
    const { session } = message.header;
    const engine = running?.engine ?? this.#engines.get(session);
    if (engine === undefined || type === "iopub_welcome") return;
    const frames = this.#frames(message, new Map([[session, engine.uuid]]));
    if (name === "iopub") {
      this.#published.add(message.header.msg_id);
      return engine.send("iopub", frames);
    }
    if (running === undefined) throw new Error(`No engine has the request that ${type} answers`);
    const idents = identsOf(running.received.frames);
    const own = identsOf(event.frames).length;
    engine.send(running.received.socket === "control" ? "control" : "shell", [
      ...idents,
      ...frames.slice(own),
    ]);
    await Promise.resolve();
  }

  #engineRegisters(uuid: string, message: Message): void {
    if (message.header.msg_type !== "registration_request") {
      return [...this.#engines.values()][0]!.send("registration", this.#frames(message));
    }
    const engine = new RawEngine(this.#stage, readConnectionFile(this.#place.engineFile, "engine"), uuid);
    this.#engines.set(uuid, engine);
    engine.send("registration", this.#frames(message));
  }

  /** The captured message, signed for our controller. */
  #frames(
    { idents, header, parentHeader, metadata, content, buffers }: Message,
    names = this.#names,
  ): Uint8Array[] {
    const change = <T>(value: T): T => this.#renamed(value, names);
    const frames = new Session(this.#stage).pack(change(header), change(content), {
      parent: change(parentHeader),
      metadata: change(metadata),
      buffers,
    });
    return [...idents, ...frames];
  }

  #named(text: string): string {
    return this.#names.get(text) ?? text;
  }

  #renamed<T>(value: T, others: ReadonlyMap<string, string>): T {
    if (this.#names.size + others.size === 0) return value;
    const names = new Map([...this.#names, ...others]);
    const walk = (item: unknown): unknown => {
      if (typeof item === "string") return names.get(item) ?? item;
      if (Array.isArray(item)) return item.map(walk);
      if (typeof item !== "object" || item === null || ArrayBuffer.isView(item)) return item;
      return Object.fromEntries(
        Object.entries(item).map(([key, part]) => [names.get(key) ?? key, walk(part)]),
      );
    };
    return walk(value) as T;
  }

  #compare(name: string, expected: Message, found: Message): void {
    this.compared++;
    const view = ({ header, parentHeader, metadata, content, buffers }: Message): Shape => ({
      type: header.msg_type,
      header: shapeOf(header),
      parent_header: shapeOf(parentHeader),
      metadata: shapeOf(metadata),
      content: shapeOf(content),
      ename: String(content.ename),
      status: String(content.status),
      buffers: buffers.map(({ length }) => length).join(),
    });
    for (const what of differences(view(expected), view(found))) {
      this.differences.push({ message: name, what });
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#turns);
    this.#client.close();
    for (const engine of this.#engines.values()) engine.close();
    this.#stage.context.close();
  }
}

/** Whether a client that asks again and again was told "pending" there and "completed" here, or the other way round: the engine's reply crossed its question. */
function isOtherMoment(captured: Message, live: Message): boolean {
  const count = ({ content: { pending } }: Message) => Array.isArray(pending) ? pending.length : -1;
  return count(captured) >= 0 && count(live) >= 0 && count(captured) !== count(live);
}
