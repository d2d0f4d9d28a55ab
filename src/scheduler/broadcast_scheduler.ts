/**
 * The broadcast scheduler's shell: takes requests for many engines, sends each its copy under an id and a signature of its own, and hands replies back, one by one or
 * all together. What to do is decided in `broadcast_core.ts`; how peers see the nodes, in `broadcast_tree.ts`.
 */
import { now } from "../base/clock.ts";
import {
  type Dictionary,
  findDelimiter,
  type Header,
  type Message,
  type ParentHeader,
} from "../protocol/frames.ts";
import { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import { type BroadcastAction, BroadcastCore, type BroadcastTarget, type Outcome } from "./broadcast_core.ts";
import type { BroadcastTree } from "./broadcast_tree.ts";
import type { CapNotices } from "./cap_notices.ts";
import { copyId, copyRefusal, keyOf, lostEngine, readTargets, replyType } from "./broadcast_messages.ts";
import { coalesce, listed } from "./coalesced.ts";
import type { EarlyAborts } from "./early_aborts.ts";
import { cappedAway, type Gate, notYours, type Sender } from "./gate.ts";
import type { HubLink } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";
import { Outbox } from "./outbox.ts";
import type { PeerDoor } from "./peer_door.ts";
import {
  isSameFrame,
  LaterRefusals,
  type Refusal,
  refusalFrames,
  takenId,
  unreadable,
  wrongType,
} from "./peer_refusals.ts";

export interface BroadcastParts {
  readonly clients: Socket;
  /** The leaves' sockets towards engines. */
  readonly leaves: readonly Socket[];
  readonly tree: BroadcastTree;
  readonly link: HubLink;
  readonly door: PeerDoor;
  readonly gate: Gate;
  readonly notices: CapNotices;
  readonly early: EarlyAborts;
  /** What to say to a request that names no engines. */
  readonly noTargets: string;
}

/** What is kept of a request while engines have it. */
interface Request {
  readonly idents: readonly Uint8Array[];
  readonly header: Header;
  readonly metadata: Dictionary;
  readonly sender: Sender;
  /** What the client is told behind the one reply for all. */
  readonly later: LaterRefusals;
}

/** What is kept of an engine's reply. */
type Reply = Pick<Message, "header" | "parentHeader" | "metadata" | "content" | "buffers">;

type Action = BroadcastAction<Request, Reply>;

/** What becomes one reply. */
interface Together {
  readonly request: Request;
  readonly outcomes: readonly Outcome<
    Pick<Reply, "content" | "buffers"> & Partial<Pick<Reply, "header" | "metadata">>
  >[];
  readonly last: Reply | null;
  readonly isHeard: boolean;
}

/** Requests whose ids are remembered when they have ended. */
const MAX_TAKEN = 10_000;
const encoder = new TextEncoder();
/** Stands where a client's address is. */
const NOBODY = new Uint8Array(0);
const decoder = new TextDecoder();

export class BroadcastScheduler {
  readonly #parts: BroadcastParts;
  readonly #core = new BroadcastCore<Request, Reply>();
  readonly #outboxes: readonly Outbox[];
  readonly #incoming = new Incoming();
  /** Registered engines of Python's, which keep to no cap. */
  readonly #free = new Set<string>();
  /** Ids of the last requests. */
  readonly #taken = new Set<string>();

  constructor(parts: BroadcastParts) {
    this.#parts = parts;
    this.#outboxes = parts.leaves.map((socket) => new Outbox(socket));
  }

  get nextTick(): number {
    return this.#core.nextTick;
  }

  /** Whether copies wait for an engine's connection to stand. */
  get isWaiting(): boolean {
    return this.#outboxes.some((outbox) => outbox.isWaiting);
  }

  registered(id: number, uuid: string, isOurs: boolean): void {
    this.#parts.notices.forget(uuid);
    if (!isOurs) this.#free.add(uuid);
    this.#carryOut(this.#core.step({ kind: "engine_registered", id, uuid }));
  }

  unregistered(uuid: string): void {
    this.#free.delete(uuid);
    for (const outbox of this.#outboxes) outbox.forget(uuid);
    this.#carryOut(this.#core.step({ kind: "engine_unregistered", uuid, at: now() }));
  }

  tick(at: number): void {
    this.#carryOut(this.#core.step({ kind: "tick", at }));
  }

  /** Sends what has waited for a connection. */
  flush(): void {
    for (const outbox of this.#outboxes) if (outbox.isWaiting) outbox.retry();
  }

  /** The id under which an engine has its copy of a request, or undefined if it has none that is open. */
  copyAt(msgId: string, uuid: string): string | undefined {
    return this.#core.awaits(msgId, uuid) ? copyId(msgId, uuid) : undefined;
  }

  // ── from clients ───────────────────────────────────────────────────────────────────────────

  /** Reads the client side, at most so many messages; true if it stopped before it was empty. */
  readClients(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#parts.link.isOpen || !this.#parts.clients.receiveInto(this.#incoming)) return false;
      this.#fromClient(this.#incoming);
    }
    return true;
  }

  /** `[rid, DELIM, …]`. */
  #fromClient(incoming: Incoming): void {
    const peer = "a client on broadcast";
    const message = this.#parts.door.parse(incoming.views(), peer, ({ header }, why) => {
      const at = findDelimiter(incoming.views());
      this.#refuse(incoming.views().slice(0, at), header, unreadable(why));
    });
    if (message === null) return;
    const { header, metadata } = message;
    if (header.msg_id === "" || !/^(apply|execute)_request$/.test(header.msg_type)) {
      this.#parts.door.drop(peer, `a message of type "${header.msg_type}" is no request`);
      if (header.msg_type.endsWith("_request")) {
        this.#refuse(message.idents, header, wrongType(header.msg_type));
      }
      return;
    }
    if (this.#core.find(header.msg_id) || this.#taken.has(header.msg_id)) {
      return this.#refuse(message.idents, header, takenId(header.msg_id));
    }
    const sender = this.#parts.gate.senderOf(incoming);
    if (sender === null || !this.#parts.gate.mayBe(sender, header.session)) {
      return this.#refuse(message.idents, header, notYours(header.session));
    }
    this.#remember(header.msg_id);
    const idents = message.idents.map((ident) => ident.slice());
    const request = { idents, header, metadata, sender, later: new LaterRefusals() };
    const targets = readTargets(metadata["targets"]);
    if (targets === null) {
      return this.#refuse(idents, header, { ename: "ValueError", evalue: this.#parts.noTargets });
    }
    const isCoalescing = metadata["is_coalescing"] === true;
    if (sender.cap !== null && targets.some(({ uuid }) => this.#free.has(uuid))) {
      const refusal = cappedAway(sender);
      if (isCoalescing) return this.#refuse(idents, header, refusal);
      // Its client waits for one reply of each engine.
      for (const target of targets) this.#sendInPlace(request, target, refusal);
      return;
    }
    // Copies of others are aborted by their engines, which know the ids that their client named.
    if (isCoalescing && this.#parts.early.take(header.msg_id)) return this.#abortWhole(request, targets);
    const actions = this.#core.step({
      kind: "submitted",
      key: header.msg_id,
      isCoalescing,
      isPatient: isOurs(request),
      targets,
      request,
    });
    this.#carryOut(actions);
  }

  /** A request that is not taken gets an error; if its client waits for one reply under that very id, behind that. */
  #refuse(idents: readonly Uint8Array[], header: ParentHeader, refusal: Refusal): void {
    const { clients, door } = this.#parts;
    const { msg_id: msgId } = header;
    // Nobody could tell what it answers.
    if (typeof msgId !== "string" || msgId === "") return;
    const first = this.#core.isCoalescing(msgId) ? this.#core.find(msgId) : undefined;
    if (first !== undefined && isSameFrame(first.idents[0], idents[0])) {
      if (!first.later.add(header, refusal)) {
        door.drop("a client on broadcast", `too many requests under the id "${msgId}"`);
      }
    } else clients.send([...idents, ...refusalFrames(door.session, header, refusal)]);
  }

  /** The oldest ids are forgotten; those of open requests the core knows. */
  #remember(msgId: string): void {
    this.#taken.add(msgId);
    for (const oldest of this.#taken) {
      if (this.#taken.size <= MAX_TAKEN) return;
      this.#taken.delete(oldest);
    }
  }

  #abortWhole(request: Request, targets: readonly BroadcastTarget[]): void {
    const outcomes = targets.map((target) => ({
      target,
      reply: { content: { status: "aborted" }, buffers: [] },
      why: "",
    }));
    this.#parts.link.forward("inbcast", this.#incoming, [encoder.encode("[]")], 0);
    this.#sendCoalesced({ request, outcomes, last: null, isHeard: true });
  }

  // ── from engines ───────────────────────────────────────────────────────────────────────────

  /** Reads the engine side, at most so many messages of each leaf; true if it stopped before one was empty. */
  readEngines(): boolean {
    let more = false;
    for (const leaf of this.#parts.leaves) more = this.#readLeaf(leaf) || more;
    return more;
  }

  #readLeaf(leaf: Socket): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!leaf.receiveInto(this.#incoming)) return false;
      this.#fromEngine(this.#incoming);
    }
    return true;
  }

  /** `[uuid, nodes…, rid, DELIM, …]`; one that nobody waits for (any more) is ignored. */
  #fromEngine(incoming: Incoming): void {
    const uuid = decoder.decode(incoming.frame(0));
    const message = this.#parts.door.parse(
      incoming.views(),
      `engine ${uuid} on broadcast`,
      (remains, why) => {
        const key = keyOf(remains.parentHeader.msg_id, uuid);
        this.#carryOut(this.#core.step({ kind: "damaged", key, uuid, why }));
      },
    );
    const key = keyOf(message?.parentHeader.msg_id, uuid);
    if (message === null || key === undefined) return;
    const buffers = this.#core.isCoalescing(key) ? message.buffers.map((bytes) => bytes.slice()) : [];
    this.#carryOut(this.#core.step({ kind: "replied", key, uuid, reply: { ...message, buffers } }));
  }

  // ── carrying out ───────────────────────────────────────────────────────────────────────────

  #carryOut(actions: readonly Action[]): void {
    for (const action of actions) this.#act(action);
  }

  #act(action: Action): void {
    switch (action.kind) {
      case "send":
        return this.#sendCopies(action.request, action.targets);
      case "relay":
        this.#record(action.request, action.uuid);
        this.#incoming.forward(
          this.#parts.clients,
          action.request.idents,
          findDelimiter(this.#incoming.views()),
        );
        return;
      case "keep":
        return this.#record(action.request, action.uuid);
      case "refuse":
        return this.#sendInPlace(action.request, action.target, lostEngine(action.why));
      case "lose":
        return this.#recordLoss(action.request, action.target, action.why);
      case "coalesce":
        return this.#sendCoalesced(action);
    }
  }

  /** The request that was just read, to each of these engines: signed for each anew, since its id is in the header. */
  #sendCopies({ idents, header, metadata, sender }: Request, targets: readonly BroadcastTarget[]): void {
    const { tree, link, door: { session } } = this.#parts;
    const frames = this.#incoming.views();
    const at = findDelimiter(frames);
    link.forward(
      "inbcast",
      this.#incoming,
      [encoder.encode(JSON.stringify(targets.map(({ uuid }) => uuid)))],
      0,
    );
    for (let leaf = 0; leaf < tree.leaves; leaf++) {
      const own = targets.filter(({ id }) => tree.leafOf(id) === leaf);
      if (own.length === 0) continue;
      const pairs = own.map(({ uuid, id }) => [uuid, id]);
      const packed = session.packed({ ...metadata, targets: pairs, original_msg_id: header.msg_id });
      const route = [...tree.above(leaf), ...idents];
      for (const { uuid, id } of own) {
        const notice = this.#parts.notices.group(uuid, id, header.session, sender);
        if (notice !== null) this.#outboxes[leaf]!.send(uuid, [encoder.encode(uuid), NOBODY, notice]);
        const name = session.packed({ ...header, msg_id: copyId(header.msg_id, uuid) });
        const parts = session.signed([name, frames[at + 3]!, packed, frames[at + 5]!]);
        this.#deliver(leaf, uuid, [...route, ...parts], at + 6);
      }
    }
  }

  /** To the engine, now or as soon as its connection stands. Buffers, from frame `from` on, are shared between all copies. */
  #deliver(leaf: number, uuid: string, frames: readonly Uint8Array[], from: number): void {
    const outbox = this.#outboxes[leaf]!, socket = this.#parts.leaves[leaf]!;
    const prefix = [encoder.encode(uuid), ...frames];
    if (!outbox.has(uuid) && this.#incoming.forward(socket, prefix, from)) return;
    outbox.keep(uuid, [...prefix.map((frame) => frame.slice()), ...this.#incoming.frames().slice(from)]);
  }

  /** The reply that was just read, for its record. */
  #record({ idents }: Request, uuid: string): void {
    const at = findDelimiter(this.#incoming.views());
    this.#parts.link.forward("outbcast", this.#incoming, [idents[0]!, encoder.encode(uuid)], at);
  }

  #recordLoss(request: Request, target: BroadcastTarget, why: string): void {
    const frames = copyRefusal(this.#parts.door.session, request.header, target, lostEngine(why));
    this.#parts.link.send("outbcast", [request.idents[0]!, encoder.encode(target.uuid), ...frames]);
  }

  #sendInPlace(request: Request, target: BroadcastTarget, refusal: Refusal): void {
    const frames = copyRefusal(this.#parts.door.session, request.header, target, refusal);
    this.#parts.clients.send([...request.idents, ...frames]);
  }

  /** One reply for all engines, their buffers in the order in which the request named them. */
  #sendCoalesced({ request, outcomes, last, isHeard }: Together): void {
    const { link, clients, door: { session } } = this.#parts;
    const { content, status, buffers } = coalesce(outcomes, last);
    const metadata = {
      ...(last?.metadata ?? {}),
      status,
      is_broadcast: true,
      is_coalescing: true,
      original_msg_id: request.header.msg_id,
      broadcast_targets: outcomes.map(({ target }) => [target.uuid, target.id]),
    };
    const parent = last?.parentHeader ?? request.header;
    const header = status === "ok" && last !== null ? last.header : session.header(replyType(request.header));
    // The records of the copies have the buffers.
    link.send("outbcast", [request.idents[0]!, ...session.pack(header, content, { parent, metadata })]);
    if (isHeard && isOurs(request)) {
      const { buffers, ...each } = listed(outcomes);
      const more = { ...metadata, tsparallel: { version: 1, ...each } };
      clients.send([
        ...request.idents,
        ...session.pack(header, content, { parent, metadata: more, buffers }),
      ]);
    } else if (isHeard) {
      clients.send([...request.idents, ...session.pack(header, content, { parent, metadata, buffers })]);
    }
    for (const later of request.later.take(session)) clients.send([...request.idents, ...later]);
  }
}

/** Whether it comes from a client of ours, which wants to know what came of each engine. */
function isOurs({ metadata: { tsparallel } }: Request): boolean {
  return typeof tsparallel === "object" && tsparallel !== null;
}
