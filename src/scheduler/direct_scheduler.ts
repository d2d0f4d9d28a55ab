/**
 * The direct scheduler (MUX): requests to named engines. Peers' messages and our groups pass unchanged; of ours it remembers which are open, so that a client of
 * an engine that died gets an EngineError instead of silence.
 */
import { now } from "../base/clock.ts";
import { type By, writeBy } from "../protocol/by.ts";
import { isDelimiter, type ParentHeader, type Remains, type Session } from "../protocol/frames.ts";
import { GroupWriter } from "../protocol/group_writer.ts";
import { emptyResult, emptyTask, type GroupHeader, KIND, OP, ORIGIN, STATUS } from "../protocol/groups.ts";
import { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import { seal, type Sealing } from "./engine_ends.ts";
import type { CapNotices } from "./cap_notices.ts";
import { DirectCore, type Stranded } from "./direct_core.ts";
import { cappedAway, type Gate, notYours, type Sender } from "./gate.ts";
import type { GroupDoor } from "./group_door.ts";
import type { HubLink } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { writeAnswer } from "./own_answers.ts";
import { KeptValues } from "./kept_values.ts";
import type { PeerDoor } from "./peer_door.ts";
import { SharedPieces } from "./shared_pieces.ts";
import { type Refusal, refusalFrames, takenId, unreadable } from "./peer_refusals.ts";
import { TakenIds } from "./taken_ids.ts";

export interface DirectSchedulerParts {
  readonly clients: Socket;
  readonly engines: Socket;
  readonly link: HubLink;
  readonly door: GroupDoor;
  readonly sealing: Sealing;
  readonly peerDoor: PeerDoor;
  readonly gate: Gate;
  readonly notices: CapNotices;
}

/** Fewest frames of a peer's message behind two addresses. */
const MESSAGE_FRAMES = 8;
const decoder = new TextDecoder();
const encoder = new TextEncoder();
/** In a client's place where an engine hears something from here. */
const SCHEDULER = encoder.encode("scheduler");

/** What clients say to engines beside tasks. */
const PASSED: ReadonlySet<number> = new Set([KIND.chunk, KIND.cancel, KIND.memory, KIND.located]);

export class DirectScheduler {
  readonly #parts: DirectSchedulerParts;
  readonly #core = new DirectCore();
  readonly #outbox: Outbox;
  readonly #shared: SharedPieces;
  readonly #values: KeptValues;
  /** Where a client was heard from last, and its last sequence number. */
  readonly #clients = new Map<number, { rid: Uint8Array; lastSeq: number }>();
  /** Engines that hold walls, and keep to what a client may ask for. */
  readonly #ours = new Set<string>();
  readonly #lastSeqOf = new Map<string, number>();
  readonly #taken = new TakenIds();
  readonly #incoming = new Incoming();
  readonly #task = emptyTask();
  readonly #result = emptyResult();
  readonly #writer = new GroupWriter(4 << 10);
  #seq = 0;

  constructor(parts: DirectSchedulerParts) {
    this.#parts = parts;
    this.#outbox = new Outbox(parts.engines);
    this.#shared = new SharedPieces({
      ...parts,
      nextSeq: () => ++this.#seq,
      deliver: (...message) => this.#deliver(...message),
    });
    this.#values = new KeptValues({
      ...parts,
      nextSeq: () => ++this.#seq,
      toEngine: (uuid, frames) => {
        if (this.isRegistered(uuid)) this.#outbox.send(uuid, [encoder.encode(uuid), SCHEDULER, ...frames]);
      },
      toClient: (client, frames) => {
        const rid = this.#clients.get(client)?.rid;
        return rid !== undefined && parts.clients.sendIfThere([rid, SCHEDULER, ...frames]);
      },
    });
  }

  /** Whether an engine is there. */
  isRegistered(uuid: string): boolean {
    return this.#core.idOf(uuid) >= 0;
  }

  get nextTick(): number {
    return this.#core.nextTick;
  }

  /** @param process the same for engines of one process that take shared pieces */
  registered(id: number, uuid: string, isOurs: boolean, process: string | null = null): void {
    this.#shared.registered(id, uuid, process);
    this.#lastSeqOf.delete(uuid);
    this.#parts.notices.forget(uuid);
    if (isOurs) this.#ours.add(uuid);
    this.#answerStranded(this.#core.registered(id, uuid), "it registered anew");
  }

  unregistered(uuid: string): void {
    this.#ours.delete(uuid);
    this.#outbox.forget(uuid);
    this.#shared.unregistered(uuid);
    this.#values.forget(uuid);
    this.#core.unregistered(uuid, now());
  }

  tick(at: number): void {
    this.#answerStranded(this.#core.expired(at), "it died");
  }

  /** Reads the client side, at most so many messages; true if it stopped before it was empty. */
  readClients(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#parts.link.isOpen || !this.#parts.clients.receiveInto(this.#incoming)) return false;
      if (this.#incoming.count >= 3) this.#fromClient(this.#incoming);
      else this.#parts.door.drop("a client on mux", "a message for nobody");
    }
    return true;
  }

  /** `[rid, uuid, GROUP]`, `[rid, uuid, GROUP, piece]` or `[rid, uuid, DELIM, …]`. */
  #fromClient(message: Incoming): void {
    const rid = message.copy(0), ident = message.copy(1);
    const first = message.frame(2);
    const sender = this.#parts.gate.senderOf(message);
    if (sender === null) return this.#parts.door.drop("an engine on mux", "only clients send requests");
    if (isDelimiter(first)) return this.#fromPeer(message, ident, rid, sender);
    const header = this.#parts.door.open(first, "a client on mux");
    if (header === null || !this.#isOwn(sender, header.origin) || !this.#isFresh(header, rid)) return;
    if (header.kind === KIND.shared) return this.#shared.relay(message, rid);
    if (header.kind === KIND.value) return this.#values.takePiece(message, header.origin);
    if (header.kind === KIND.values) return this.#values.told(header);
    const uuid = decoder.decode(ident);
    const id = this.#core.idOf(uuid);
    if (id < 0 || header.target !== id) return this.#answerUnknown(header, uuid);
    if (header.kind === KIND.tasks) {
      this.#remember(uuid);
      this.#parts.link.send("direct", [first]);
    } else if (!PASSED.has(header.kind)) return;
    this.#tellCap(uuid, id, header.origin, sender);
    this.#deliver(uuid, message, [ident, rid], 2);
  }

  #fromPeer(message: Incoming, ident: Uint8Array, rid: Uint8Array, sender: Sender): void {
    const { peerDoor, link } = this.#parts;
    const refuse = (header: ParentHeader, refusal: Refusal) => this.#refuse([rid, ident], header, refusal);
    const damaged = ({ header }: Remains, why: string) => refuse(header, unreadable(why));
    const request = peerDoor.parse(message.views(), "a client on mux", damaged);
    if (request === null) return;
    const { header } = request;
    if (!this.#isOwn(sender, header.session)) return refuse(header, notYours(header.session));
    if (isTask(header) && !this.#taken.take(header, rid)) {
      const refusal = takenId(header.msg_id);
      if (!this.#taken.waits(header, rid, refusal)) refuse(header, refusal);
      return;
    }
    link.forward("in", message, [ident, rid], 2);
    const uuid = decoder.decode(ident), id = this.#core.idOf(uuid);
    // Nor one that is connected and not registered yet: nobody knows whose it is.
    if (sender.cap !== null && !this.#ours.has(uuid)) {
      const frames = refusalFrames(peerDoor.session, header, cappedAway(sender));
      link.send("out", [rid, ident, ...frames]);
      this.#parts.clients.send([rid, ident, ...frames]);
      return;
    }
    this.#tellCap(uuid, id, header.session, sender);
    this.#deliver(uuid, message, [ident, rid], 2);
  }

  /** Whether the sender may speak as this client, by index or session. */
  #isOwn(sender: Sender, who: number | string): boolean {
    if (this.#parts.gate.mayBe(sender, who)) return true;
    this.#parts.door.drop(`client "${who}" on mux`, "a client with another key");
    return false;
  }

  /** What the client may ask for at most goes ahead of what it sends. */
  #tellCap(uuid: string, id: number, who: number | string, sender: Sender): void {
    const notice = id < 0 ? null : this.#parts.notices.group(uuid, id, who, sender);
    if (notice !== null) this.#outbox.send(uuid, [encoder.encode(uuid), SCHEDULER, notice]);
  }

  /** A request that cannot be read is answered here: an engine would drop it without a word. */
  #refuse(idents: readonly Uint8Array[], header: ParentHeader, refusal: Refusal): void {
    if (typeof header.msg_id !== "string" || !isTask(header)) return;
    this.#parts.clients.send([...idents, ...refusalFrames(this.#parts.peerDoor.session, header, refusal)]);
  }

  /** To the engine, now or as soon as its connection stands; nowhere if it is not registered. */
  #deliver(uuid: string, message: Incoming, prefix: readonly Uint8Array[], from: number): void {
    if (!this.#outbox.has(uuid) && message.forward(this.#parts.engines, prefix, from)) return;
    if (this.#core.idOf(uuid) < 0) return;
    this.#outbox.keep(uuid, [...prefix.map((frame) => frame.slice()), ...message.frames().slice(from)]);
  }

  /** Whether messages wait for an engine's connection to stand. */
  get isWaiting(): boolean {
    return this.#outbox.isWaiting;
  }

  /** Sends what has waited for a connection. */
  flush(): void {
    if (this.#outbox.isWaiting) this.#outbox.retry();
  }

  #isFresh(header: GroupHeader, rid: Uint8Array): boolean {
    const known = this.#clients.get(header.origin);
    if (header.origin >= ORIGIN.engineBit || (known !== undefined && header.seq <= known.lastSeq)) {
      this.#parts.door.drop(`client ${header.origin} on mux`, "a replayed group, or an engine's");
      return false;
    }
    this.#clients.set(header.origin, { rid, lastSeq: header.seq });
    return true;
  }

  #remember(uuid: string): void {
    while (this.#parts.door.reader.task(this.#task)) {
      if (this.#task.op !== OP.define) this.#core.submitted(uuid, this.#task.client, this.#task.n);
    }
  }

  #answerUnknown(header: GroupHeader, uuid: string): void {
    if (header.kind !== KIND.tasks) return;
    const unknown: Stranded[] = [];
    while (this.#parts.door.reader.task(this.#task)) {
      const { op, client, n } = this.#task;
      if (op !== OP.define) unknown.push({ engine: header.target, uuid, client, n });
    }
    this.#answerStranded(unknown, "it is not registered", STATUS.error);
  }

  /** Reads the engine side: `[uuid, rid, GROUP…]` or `[uuid, rid, DELIM, …]`. */
  readEngines(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#parts.engines.receiveInto(this.#incoming)) return false;
      if (this.#incoming.count >= 3) this.#fromEngine(this.#incoming);
      else this.#parts.door.drop("an engine on mux", "a message for nobody");
    }
    return true;
  }

  #fromEngine(message: Incoming): void {
    const ident = message.copy(0), rid = message.copy(1);
    const first = message.frame(2);
    if (isDelimiter(first)) {
      if (message.count < MESSAGE_FRAMES) {
        return this.#parts.door.drop("an engine on mux", "a message that lacks frames");
      }
      this.#parts.link.forward("out", message, [rid, ident], 2);
      message.forward(this.#parts.clients, [rid, ident], 2);
      this.#refuseLater(message.frame(5), [rid, ident]);
      return;
    }
    const uuid = decoder.decode(ident);
    const header = this.#parts.door.open(first, `engine ${uuid} on mux`);
    if (header === null) return;
    if (header.seq <= (this.#lastSeqOf.get(uuid) ?? 0)) {
      return this.#parts.door.drop(`engine ${uuid} on mux`, "a replayed group");
    }
    this.#lastSeqOf.set(uuid, header.seq);
    if (header.kind === KIND.values) return this.#values.wanted(uuid);
    const client = this.#clients.get(header.target)?.rid ?? rid;
    if (header.kind === KIND.memory) message.forward(this.#parts.clients, [client, ident], 2);
    else if (header.kind === KIND.chunk || header.kind === KIND.located) {
      const chunk = this.#parts.door.reader.chunk();
      if (this.#core.isOpen(uuid, chunk.client, chunk.n)) {
        message.forward(this.#parts.clients, [client, ident], 2);
      }
    } else if (header.kind === KIND.results) {
      this.#relayResults(message, first, header, uuid, [client, ident]);
    }
  }

  /** What was to be said behind this reply. @param parent its parent header */
  #refuseLater(parent: Uint8Array, prefix: readonly Uint8Array[]): void {
    const { session } = this.#parts.peerDoor;
    const later = this.#taken.answered(idIn(session, parent));
    for (const frames of later?.take(session) ?? []) this.#parts.clients.send([...prefix, ...frames]);
  }

  #relayResults(
    message: Incoming,
    frame: Uint8Array,
    header: GroupHeader,
    uuid: string,
    prefix: readonly Uint8Array[],
  ): void {
    const { reader } = this.#parts.door;
    this.#writer.reset();
    for (let from = reader.offset; reader.result(this.#result); from = reader.offset) {
      const { client, n } = this.#result;
      if (this.#core.finished(uuid, client, n)) this.#writer.copy(frame, from, reader.offset - from);
    }
    if (this.#writer.count === 0) return;
    const isWhole = this.#writer.count === header.count;
    const relayed = isWhole ? frame : this.#close(header.target);
    this.#parts.link.send("results", [relayed]);
    if (isWhole) message.forward(this.#parts.clients, prefix, 2);
    else this.#parts.clients.send([...prefix, relayed]);
  }

  /** Stops a task that an engine has, whoever sent it; false if none has it. */
  cancel({ client, n }: { readonly client: number; readonly n: number }, by: By): boolean {
    const engine = this.#core.engineOf(client, n);
    if (engine === undefined) return false;
    this.#writer.reset();
    this.#writer.name(client, n, 0, 0);
    this.#writer.rest(writeBy(by));
    const header = { kind: KIND.cancel, target: engine.id, seq: ++this.#seq };
    const group = seal(this.#parts.sealing, this.#writer, header);
    const ident = encoder.encode(engine.uuid);
    this.#outbox.send(engine.uuid, [ident, SCHEDULER, group]);
    return true;
  }

  #answerStranded(stranded: readonly Stranded[], why: string, status: number = STATUS.lost): void {
    for (const { engine, uuid, client, n } of stranded) {
      const known = this.#clients.get(client);
      const may = status === STATUS.lost ? ": the task may have run" : "";
      const evalue = `Engine ${engine} "${uuid}" will not answer, ${why}${may}`;
      this.#writer.reset();
      writeAnswer(
        this.#writer,
        { client, n, seq: 0, engine, status, ename: "EngineError", evalue },
        uuid,
        now(),
      );
      const group = this.#close(client);
      this.#parts.link.send("results", [group]);
      if (known !== undefined) this.#parts.clients.send([known.rid, encoder.encode(uuid), group]);
    }
  }

  #close(client: number): Uint8Array {
    return seal(this.#parts.sealing, this.#writer, { kind: KIND.results, target: client, seq: ++this.#seq });
  }
}

/** Whether a peer's request is one that has a result. */
function isTask({ msg_type: type }: ParentHeader): boolean {
  return type === "apply_request" || type === "execute_request";
}

/** The msg_id in a header's bytes, undefined where it cannot be read. */
function idIn({ packer }: Session, header: Uint8Array): unknown {
  try {
    const value = packer.unpack(header);
    return typeof value === "object" && value !== null && "msg_id" in value ? value.msg_id : undefined;
  } catch {
    return undefined;
  }
}
