/**
 * The registration socket: requests of clients and engines come in here, and every one gets its reply. Nothing that is sent to it
 * can end the hub: what is not signed is counted and dropped, what is malformed gets an error that names the field.
 */

import { monotonic, now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { type By, byOf } from "../protocol/by.ts";
import type { Message, ParentHeader, Session } from "../protocol/frames.ts";
import type {
  ClientAnnouncement,
  EngineAnnouncement,
  HubRequests,
  HubRequestType,
} from "../protocol/messages.ts";
import { replyType } from "../protocol/messages.ts";
import { KeyBook } from "../protocol/key_book.ts";
import type { Cap, Policy } from "../protocol/policy.ts";
import { hubRequest, isHubRequest, ShapeError } from "../protocol/shapes.ts";
import { type Offer, readOffer } from "../protocol/task_asks.ts";
import type { Socket } from "../wire/socket.ts";
import type { HubEvent } from "./core.ts";
import { guarded } from "./guard.ts";
import { type DaskPart, HUB_BOUNDS } from "./options.ts";
import type { Answer, Queries } from "./queries.ts";
import type { Later } from "./records.ts";
import { RequestTurns } from "./request_turns.ts";
import { errorContent, keyError, quoted, RequestError } from "./request_error.ts";
import { Slices } from "./slices.ts";
import type { HubStatus } from "./status.ts";

export interface DoorParts {
  readonly socket: Socket;
  readonly session: Session;
  readonly queries: Queries;
  readonly log: Logger;
  /** Hands an event to the core. */
  step(event: HubEvent): void;
  /** Engines by id and uuid; for a client of ours its index and what else it is told. */
  welcome(visitor: Visitor): Promise<Readonly<Record<string, unknown>>>;
  /** Who may ask for what; null: anybody for anything. */
  readonly policy: Policy | null;
  /** @param cap what who asks may have at most; null: everything */
  resubmit(msgIds: readonly string[], cap: Cap | null): Promise<Record<string, string>>;
  /** A word for each. */
  cancel(msgIds: readonly string[], by: By): Promise<Record<string, string>>;
  status(): HubStatus;
  /** Settles when all that the schedulers know has come here. */
  settled(): Promise<void>;
  /** Absent where this process starts no programs. */
  readonly dask: DaskPart | undefined;
  /** A client asks the whole controller to end; the reply has gone. */
  onShutdown(request: ParentHeader): void;
  /** Records may have changed. */
  onChange(): void;
}

/** Who asks to be told who is there. */
export interface Visitor {
  /** Of a client of ours. */
  readonly announcement: ClientAnnouncement | undefined;
  /** The session of its messages. */
  readonly session: string;
  /** Its CURVE key, "" where nobody has one. */
  readonly key: string;
}

const decoder = new TextDecoder();

/** Who asks a question: the header of it, and the CURVE key that it came by. */
type Asker = Message["header"] & { readonly key: string };
type Handler<Type extends HubRequestType> = (
  content: HubRequests[Type],
  from: Asker,
) => Later<Answer>;
type Questions = Exclude<
  HubRequestType,
  "registration_request" | "unregistration_request" | "shutdown_request"
>;

/** Requests whose refusal by a handler travels as their own reply, as from Python's hub; that of others is a hub_error. */
const REFUSED_IN_REPLY: ReadonlySet<string> = new Set([
  "result_request",
  "history_request",
  "db_request",
  "purge_request",
  "resubmit_request",
]);

/** Questions about tasks: what has happened before they were asked is in their answer. */
const ABOUT_TASKS: ReadonlySet<string> = new Set([
  "queue_request",
  "load_request",
  "result_request",
  "history_request",
  "db_request",
  "purge_request",
  "resubmit_request",
]);

export class RequestDoor {
  readonly #parts: DoorParts;
  readonly #handlers: { readonly [Type in Questions]: Handler<Type> };
  readonly #turns = new RequestTurns(HUB_BOUNDS.maxOpenRequests);
  /** Whose session is whose: a session is a client's name, and its tasks' place. */
  readonly #sessions = new KeyBook<string>();
  /** Which connected client goes by a session and pid. */
  readonly #instances = new KeyBook<string>();
  readonly #complaints = new Set<string>();
  #dropped = 0;

  constructor(parts: DoorParts) {
    this.#parts = parts;
    const { queries } = parts;
    this.#handlers = {
      connection_request: async ({ tsparallel }, from) => {
        this.#checkInstance(tsparallel);
        return {
          content: await parts.welcome({ announcement: tsparallel, session: from.session, key: from.key }),
        };
      },
      queue_request: (content) => queries.queue(content),
      load_request: (content) => queries.load(content),
      result_request: (content) => queries.result(content),
      history_request: () => queries.history(),
      db_request: (content) => queries.db(content),
      purge_request: (content) => queries.purge(content),
      resubmit_request: async (content, { key }) => ({
        content: { status: "ok", resubmitted: await parts.resubmit(content.msg_ids, this.#capOf(key)) },
      }),
      cancel_request: async ({ msg_ids, who, why }, { username, session }) => {
        const by = byOf(who ?? `${username}, session ${session}`, why);
        return { content: { status: "ok", tasks: await parts.cancel(msg_ids, by) } };
      },
      become_dask_request: async ({ scheduler_args }) => ({
        content: { status: "ok", ...await startDask(parts.dask, scheduler_args) },
      }),
      stop_distributed_request: async () => {
        await parts.dask?.stop();
        return { content: { status: "ok" } };
      },
    };
  }

  /** Messages that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Reads what is there, within one turn's time. */
  read(): void {
    const { socket } = this.#parts;
    const until = monotonic() + HUB_BOUNDS.turnMs;
    while (!socket.closed && monotonic() < until) {
      const frames = socket.receive();
      if (!frames) return;
      this.#take(frames);
    }
  }

  /** Sends a message without a parent: news, and replies to registrations, as Python's hub has them. */
  tell(rid: Uint8Array, type: string, content: object): void {
    this.#parts.socket.send([rid, ...this.#parts.session.message(type, content)]);
  }

  #take(frames: readonly Uint8Array[]): void {
    const rid = frames[0];
    if (!rid) return;
    let message: Message;
    try {
      message = this.#parts.session.parse(frames, 1);
    } catch (error) {
      this.#drop(rid, error);
      return this.#tellUnreadable(rid, frames, error);
    }
    try {
      this.#answer(rid, message);
    } catch (error) {
      this.#refuse(rid, message, error);
    }
  }

  /** Who signed a message that cannot be read hears of it. */
  #tellUnreadable(rid: Uint8Array, frames: readonly Uint8Array[], error: unknown): void {
    let parent: ParentHeader;
    try {
      parent = this.#parts.session.remains(frames, 1).header;
    } catch {
      return;
    }
    this.#send(rid, parent, "hub_error", { content: errorContent(error) });
  }

  #answer(rid: Uint8Array, message: Message): void {
    const { parts, type } = { parts: this.#parts, type: message.header.msg_type };
    if (type === "status_request") return this.#status(rid, message);
    if (!isHubRequest(type)) throw keyError(`Bad Message Type: ${quoted(type)}`);
    this.#checkPolicy(type, message);
    switch (type) {
      case "registration_request":
        return this.#register(rid, message);
      case "unregistration_request": {
        const { id } = hubRequest(type, message.content);
        if (id !== null) parts.step({ kind: "unregistration_requested", at: now(), id });
        return;
      }
      case "shutdown_request":
        this.#reply(rid, message, "shutdown_reply", { content: { status: "ok" } });
        return parts.onShutdown(message.header);
      default:
        return this.#question(rid, message, type);
    }
  }

  /** Two clients under one name would be heard as one that repeats itself. */
  #checkInstance(announcement: ClientAnnouncement | undefined): void {
    if (announcement?.instance === undefined) return;
    const { session, pid, instance } = announcement;
    if (this.#instances.claim(`${session}_${pid}`, instance)) return;
    throw new RequestError(
      "ValueError",
      `Cannot take this client: session "${
        session.slice(0, 100)
      }" with pid ${pid} is another client's; each client takes a session of its own`,
    );
  }

  #capOf(key: string): Cap | null {
    const cap = this.#parts.policy?.capOf(key) ?? null;
    return cap === null || cap.isAll ? null : cap;
  }

  /** Engines ask for nothing, and who is capped starts no programs beside the hub. */
  #checkPolicy(type: HubRequestType, { header, content }: Message): void {
    const { policy, socket } = this.#parts;
    if (policy === null || type === "registration_request" || type === "unregistration_request") return;
    const cap = policy.capOf(socket.sender);
    if (cap === null) throw new RequestError("PermissionError", NO_CLIENT);
    const announced = type === "connection_request"
      ? hubRequest(type, content).tsparallel?.session
      : undefined;
    for (const session of [header.session, announced ?? header.session]) {
      if (!this.#sessions.claim(session, socket.sender)) {
        throw new RequestError("PermissionError", `Cannot answer: session "${session}" is another client's`);
      }
    }
    if (!cap.isAll && type === "become_dask_request") throw new RequestError("PermissionError", NO_DASK);
  }

  /** A question whose answer may take a while; one party's answers leave in the order of its questions. */
  #question<Type extends Questions>(rid: Uint8Array, message: Message, type: Type): void {
    const content = hubRequest(type, message.content);
    const from = { ...message.header, key: this.#parts.socket.sender };
    this.#turns.take(decoder.decode(rid), async () => {
      try {
        if (ABOUT_TASKS.has(type)) await this.#parts.settled();
        const answer = await this.#handlers[type](content, from);
        await this.#replyLong(rid, message, replyType(type), answer);
        this.#parts.onChange();
      } catch (error) {
        guarded(this.#parts.log, "refusal", () => this.#refuse(rid, message, error))();
      }
    });
  }

  #status(rid: Uint8Array, message: Message): void {
    this.#turns.take(decoder.decode(rid), async () => {
      await this.#parts.settled();
      this.#reply(rid, message, "status_reply", { content: { status: "ok", ...this.#parts.status() } });
    });
  }

  #register(rid: Uint8Array, message: Message): void {
    const { uuid, id, tsparallel } = hubRequest("registration_request", message.content);
    if (this.#parts.policy?.isEngine(this.#parts.socket.sender) === false) {
      return this.tell(
        rid,
        "registration_reply",
        errorContent(new RequestError("PermissionError", NO_ENGINE)),
      );
    }
    this.#parts.step({ kind: "registration_requested", at: now(), rid, uuid, id, ours: cardOf(tsparallel) });
  }

  #reply(rid: Uint8Array, message: Message, type: string, answer: Answer): void {
    this.#send(rid, message.header, type, answer);
  }

  /** An answer that may have a long list; nothing else of its party is answered meanwhile. */
  async #replyLong(rid: Uint8Array, message: Message, type: string, answer: Answer): Promise<void> {
    if (answer.list === undefined) return this.#reply(rid, message, type, answer);
    const { session, socket } = this.#parts;
    const bytes = await answer.list.within(answer.content, new Slices());
    const options = { parent: message.header, buffers: answer.buffers };
    if (!socket.closed) socket.send([rid, ...session.messageOf(type, bytes, options)]);
  }

  /** Without effect where the hub has ended meanwhile. */
  #send(rid: Uint8Array, parent: ParentHeader, type: string, { content, buffers }: Answer): void {
    const { session, socket } = this.#parts;
    if (socket.closed) return;
    socket.send([rid, ...session.message(type, content, { parent, buffers })]);
  }

  #refuse(rid: Uint8Array, message: Message, error: unknown): void {
    // What was under way when the hub ended cannot be answered, and need not.
    if (this.#parts.socket.closed) return;
    const type = message.header.msg_type;
    if (!(error instanceof RequestError) && !(error instanceof ShapeError)) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      this.#parts.log.error("A request could not be answered", { type, error: text });
    }
    const isOwn = REFUSED_IN_REPLY.has(type) && !(error instanceof ShapeError);
    this.#reply(rid, message, isOwn ? replyType(type) : "hub_error", { content: errorContent(error) });
  }

  #drop(rid: Uint8Array, error: unknown): void {
    this.#dropped++;
    const peer = decoder.decode(rid);
    if (this.#complaints.has(peer)) return;
    if (this.#complaints.size >= HUB_BOUNDS.maxComplaints) this.#complaints.clear();
    this.#complaints.add(peer);
    const reason = error instanceof Error ? error.message : String(error);
    this.#parts.log.warn("A message is dropped", { peer: JSON.stringify(peer), reason });
  }
}

const NO_CLIENT = "Cannot answer: the controller's policy lists this CURVE key as an engine's";
const NO_DASK =
  "Cannot start dask: its workers run whatever they are given, and the controller's policy caps this client";
const NO_ENGINE =
  "Cannot register this engine: the controller's policy does not list its CURVE key among its engines";

async function startDask(dask: DaskPart | undefined, args: Readonly<Record<string, unknown>> = {}) {
  if (dask === undefined) throw new RequestError("RuntimeError", "this hub runs no dask scheduler");
  try {
    return await dask.start(args);
  } catch (error) {
    throw new RequestError("RuntimeError", error instanceof Error ? error.message : String(error));
  }
}

function cardOf(announcement: EngineAnnouncement | undefined) {
  if (!announcement) return null;
  const { host, pid, sandbox, permissions, process } = announcement;
  return { host, pid, sandbox, offer: offerOf(permissions), process };
}

/** @throws RequestError for an offer that cannot be read */
function offerOf(permissions: unknown): Offer {
  try {
    return readOffer(permissions);
  } catch (error) {
    if (error instanceof TypeError) throw new RequestError("TypeError", error.message);
    throw error;
  }
}
