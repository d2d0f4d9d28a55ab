/**
 * The task scheduler's shell: takes groups and peers' messages from the task sockets, lets the core decide, sends what it decided.
 *
 * Bodies are copied, never parsed. Everything that is taken or finished is told to the hub over the link.
 */
import { now } from "../base/clock.ts";
import { type By, readBy } from "../protocol/by.ts";
import { isDelimiter } from "../protocol/frames.ts";
import { GroupReader } from "../protocol/group_reader.ts";
import { GroupWriter } from "../protocol/group_writer.ts";
import {
  ANY,
  CAP_DEFINITION,
  CHUNK_BYTES,
  emptyResult,
  emptyTask,
  type GroupHeader,
  HEADER_BYTES,
  KIND,
  OP,
  ORIGIN,
  STATUS,
  TASK_FLAG,
} from "../protocol/groups.ts";
import type { Offer } from "../protocol/task_asks.ts";
import { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import { BufferStore } from "./buffers.ts";
import { type ClientEnd, ClientEnds } from "./client_ends.ts";
import type { SchedulerCore } from "./core.ts";
import { Definitions } from "./definitions.ts";
import { type EngineEnd, EngineEnds, seal, type Sealing } from "./engine_ends.ts";
import type { CapNotices } from "./cap_notices.ts";
import type { Gate, Sender } from "./gate.ts";
import type { Action, CancelWord } from "./events.ts";
import type { GroupDoor } from "./group_door.ts";
import { MAX_N } from "./history.ts";
import type { HubLink, HubNews } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";
import type { PeerTasks } from "./peer_tasks.ts";
import { ResultsOut } from "./results_out.ts";
import { readTailOptions } from "./tail_options.ts";
import { BadOption, type TaskOptions } from "./task_options.ts";
import { UnseenTasks } from "./unseen_tasks.ts";

export interface TaskSchedulerParts {
  readonly clients: Socket;
  readonly engines: Socket;
  readonly link: HubLink;
  readonly core: SchedulerCore;
  readonly door: GroupDoor;
  readonly sealing: Sealing;
  readonly peers: PeerTasks;
  readonly gate: Gate;
  readonly notices: CapNotices;
  /** A client does not read its results: so many bytes are on the way to it. */
  readonly slowReader: (client: number, bytes: number) => void;
  /** Asks an engine to stop requests of peers. */
  readonly cancelAt: (uuid: string, msgIds: readonly string[], by: By | undefined) => void;
}

const decoder = new TextDecoder();
const NO_IDS: readonly string[] = [];

export class TaskScheduler {
  readonly #parts: TaskSchedulerParts;
  readonly #core: SchedulerCore;
  readonly #door: GroupDoor;
  readonly #link: HubLink;
  readonly #clients: ClientEnds;
  readonly #engines: EngineEnds;
  readonly #results: ResultsOut;
  readonly #definitions = new Definitions();
  readonly #buffers = new BufferStore();
  readonly #unseen: UnseenTasks;
  readonly #incoming = new Incoming();
  readonly #task = emptyTask();
  readonly #result = emptyResult();
  readonly #name = new Uint32Array(4);
  readonly #scratch = new GroupWriter(1 << 10);
  readonly #reader = new GroupReader();
  #verdicts = new Uint8Array(256);

  constructor(parts: TaskSchedulerParts) {
    this.#parts = parts;
    this.#core = parts.core;
    this.#door = parts.door;
    this.#link = parts.link;
    this.#unseen = new UnseenTasks(parts);
    const { link, sealing } = parts;
    const hold = (client: number, isHeld: boolean) => this.#core.hold(client, isHeld);
    this.#clients = new ClientEnds({ socket: parts.clients, link, sealing, hold, warn: parts.slowReader });
    const engines = this.#engines = new EngineEnds({
      socket: parts.engines,
      link,
      sealing,
      states: parts.core.engines,
    });
    this.#results = new ResultsOut({ clients: this.#clients, engines, core: parts.core, link, sealing });
  }

  /** Whether clients may be read: the hub keeps up and large buffers have room. */
  get isOpen(): boolean {
    return this.#link.isOpen && this.#buffers.bytes < SCHEDULER_BOUNDS.bufferBytes;
  }

  /** Tasks accepted and not assigned, tasks assigned and not finished. */
  get queue(): { waiting: number; assigned: number } {
    return { waiting: this.#core.waiting, assigned: this.#core.table.open - this.#core.waiting };
  }

  /** @param offer what tasks may ask of it, null where it is a peer's */
  registered(id: number, uuid: string, offer: Offer | null): void {
    this.#definitions.forgetEngine(id);
    this.#parts.notices.forget(uuid);
    this.#engines.add(id, uuid);
    this.#parts.peers.engineRegistered(id, uuid);
    this.#core.step({ kind: "engine_registered", id, uuid, offer, at: now() });
  }

  /** Whether messages wait for an engine's connection to stand. */
  get isWaitingForEngines(): boolean {
    return this.#engines.isWaiting;
  }

  unregistered(id: number, uuid: string, reason: string): void {
    this.#engines.forget(uuid);
    this.#core.step({ kind: "engine_unregistered", id, reason, at: now() });
  }

  /** A client of ours was welcomed by the hub. */
  clientKnown(client: number, session: string, pid: number): void {
    this.#parts.peers.clientKnown(client, session, pid);
  }

  /** A peer's task that waits here is aborted; false if there was never such a task. */
  abort(msgId: string): boolean {
    const isKnown = this.#parts.peers.abort(msgId);
    this.#carryOut();
    return isKnown;
  }

  /** When a tick is wanted next. */
  get nextTick(): number {
    return Math.min(this.#core.nextTick, this.#clients.nextAcceptance, this.#clients.nextLook);
  }

  tick(at: number): void {
    const isLetGo = this.#clients.look(at, this.#buffers.bytes >= SCHEDULER_BOUNDS.bufferBytes);
    if (isLetGo || this.#core.nextTick <= at) this.#core.step({ kind: "tick", at });
  }

  /** Sends everything that this turn of the loop has gathered. */
  flush(): void {
    this.#carryOut();
    this.#engines.flushAll();
    this.#clients.flushAll();
  }

  // ── from clients ───────────────────────────────────────────────────────────────────────────

  /** Reads the client side, at most so many messages; true if it stopped before it was empty. */
  readClients(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.isOpen || !this.#parts.clients.receiveInto(this.#incoming)) return false;
      if (this.#incoming.count > 1) this.#fromClient(this.#incoming);
      else this.#door.drop("a client on the task socket", "a message without frames");
    }
    return true;
  }

  /** `[rid, GROUP]`, `[rid, GROUP, piece]` or `[rid, DELIM, …]`. */
  #fromClient(message: Incoming): void {
    const first = message.frame(1);
    const sender = this.#parts.gate.senderOf(message);
    if (sender === null) return this.#door.drop("an engine on the task socket", "only clients send tasks");
    if (isDelimiter(first)) {
      this.#parts.peers.fromClient(message, sender);
      this.#carryOut();
      return;
    }
    const header = this.#door.open(first, "a client on the task socket");
    if (header === null) return;
    const peer = `client ${header.origin}`;
    if (header.origin >= ORIGIN.engineBit) return this.#door.drop(peer, "not a client's group");
    if (!this.#parts.gate.mayBe(sender, header.origin)) {
      return this.#door.drop(peer, "a client with another key");
    }
    const end = this.#clients.heard(header.origin, header.seq, message.copy(0), isReader(header));
    if (end === null) return this.#door.drop(peer, `a replayed group: its number is ${header.seq}`);
    if (header.kind === KIND.tasks) this.#submit(end, first, sender);
    else if (header.kind === KIND.chunk) this.#keepPiece(end, message, first);
    else if (header.kind === KIND.cancel) this.#cancel(end);
    else if (header.kind === KIND.mark) this.#read(end, header.window);
    else this.#door.drop(peer, `a client does not send groups of kind ${header.kind}`);
    this.#carryOut();
  }

  #submit(client: ClientEnd, received: Uint8Array, sender: Sender): void {
    const kept = this.#core.frames.add(received);
    const frame = this.#core.frames.get(kept);
    const reader = this.#reader;
    reader.open(frame);
    const view = new DataView(frame.buffer, 0, frame.length);
    const at = now(), task = this.#task;
    const leftOut = new Set<number>();
    this.#parts.notices.supply(this.#definitions, client.index, sender);
    for (let from = reader.offset; reader.task(task); from = reader.offset) {
      if (task.op === OP.define) {
        if (task.definition === CAP_DEFINITION) continue;
        this.#definitions.set(client.index, task.definition, frame.subarray(from, reader.offset));
        continue;
      }
      const options = (task.flags & TASK_FLAG.tail) !== 0 ? this.#optionsOf(frame, sender) : null;
      const isBad = options instanceof BadOption, known = isBad ? null : options;
      const unseen = known === null ? NO_IDS : this.#unseen.namedBy(known), isHeld = unseen.length > 0;
      const length = reader.offset - from;
      const taken = this.#core.submit(task, kept, from, length, known, at, undefined, isHeld);
      if (isHeld && taken === "taken") this.#unseen.ask(unseen, this.#held(frame, sender));
      if (taken === "taken") view.setUint32(from + 24, task.seq, true);
      else leftOut.add(from);
      if (task.buffers > 0) this.#buffers.settle(client.index, task.n, taken === "taken");
      if (taken === "refused") this.#refuse(client.index, task.n);
      if (isBad && taken === "taken") this.#core.refuse(task.seq, options.name, options.message);
    }
    this.#link.send("tasks", [leftOut.size === 0 ? frame : this.#without(frame, leftOut)]);
    this.#core.frames.release(kept);
    this.#core.dispatch(at);
    this.#clients.accept(client, this.#buffers.bytes > 0 ? Infinity : received.length);
  }

  /** The same group without the records at these offsets: what was not taken must not be counted as open. */
  #without(frame: Uint8Array, leftOut: ReadonlySet<number>): Uint8Array {
    const reader = this.#reader;
    reader.open(frame);
    this.#scratch.reset();
    for (let from = reader.offset; reader.task(this.#task); from = reader.offset) {
      if (!leftOut.has(from)) this.#scratch.copy(frame, from, reader.offset - from);
    }
    return seal(this.#parts.sealing, this.#scratch, { kind: KIND.tasks, target: ANY });
  }

  #refuse(client: number, n: number): void {
    this.#door.drop(`client ${client}`, `a task number out of order: ${n}`);
    const evalue = `Cannot take task ${n}: a client counts its tasks from 1 to ${MAX_N}`;
    const answer = { client, n, seq: 0, engine: -1, status: STATUS.error, ename: "RangeError", evalue };
    this.#results.answer(answer);
  }

  #optionsOf(frame: Uint8Array, sender: Sender): TaskOptions | null | BadOption {
    return readTailOptions(this.#tail(frame), this.#parts.peers.namesFor(this.#task.client), sender);
  }

  #tail(frame: Uint8Array): Uint8Array {
    const { bodyOffset, bodyLength, tailLength } = this.#task, end = bodyOffset + bodyLength;
    return frame.subarray(end - tailLength, end);
  }

  /** The task that was just submitted, to be looked at again when the hub has told of what it names. */
  #held(frame: Uint8Array, sender: Sender) {
    const tail = this.#tail(frame).slice(), { seq, client } = this.#task;
    return { seq, read: () => readTailOptions(tail, this.#parts.peers.namesFor(client), sender) };
  }

  /** The hub's `known`. */
  known(news: HubNews): void {
    this.#unseen.answered(news);
    this.#core.dispatch(now());
    this.#carryOut();
  }

  #keepPiece(client: ClientEnd, message: Incoming, group: Uint8Array): void {
    const chunk = this.#door.reader.chunk();
    const bytes = message.count === 3 ? message.copy(2) : new Uint8Array(0);
    if (bytes.length !== chunk.length || chunk.client !== client.index) {
      return this.#door.drop(`client ${client.index}`, "a chunk that is not as long as it says");
    }
    const record = group.slice(HEADER_BYTES, HEADER_BYTES + CHUNK_BYTES);
    this.#buffers.add(client.index, chunk.n, { record, bytes });
    this.#link.send("chunk", [group, bytes]);
  }

  #read(client: ClientEnd, mark: number): void {
    this.#clients.confirmed(client, mark);
    this.#core.dispatch(now());
  }

  #cancel(client: ClientEnd): void {
    const { reader } = this.#door, names: [n: number, waitingOnly: boolean][] = [];
    while (reader.name(this.#name)) names.push([this.#name[1]!, this.#name[3] === 1]);
    const by = readBy(reader.rest());
    for (const [n, waitingOnly] of names) this.#core.cancel(client.index, n, { waitingOnly, by });
    this.#core.dispatch(now());
  }

  /** Stops a task of any client. @param msgId a peer's; of ours by client and n */
  cancel(name: { client: number; n: number } | string, by: By): CancelWord {
    const id = typeof name === "string" ? this.#parts.peers.find(name) : name;
    if (id === undefined) return "unknown";
    const word = this.#core.cancel(id.client, id.n, { waitingOnly: false, by });
    this.#core.dispatch(now());
    this.#carryOut();
    return word;
  }

  // ── from engines ───────────────────────────────────────────────────────────────────────────

  /** Reads the engine side, at most so many messages; true if it stopped before it was empty. */
  readEngines(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#parts.engines.receiveInto(this.#incoming)) return false;
      if (this.#incoming.count > 1) this.#fromEngine(this.#incoming);
      else this.#door.drop("an engine on the task socket", "a message without frames");
    }
    return true;
  }

  /** `[uuid, GROUP]`, `[uuid, GROUP, piece]` or `[uuid, rid, DELIM, …]`. */
  #fromEngine(message: Incoming): void {
    const uuid = decoder.decode(message.frame(0));
    const end = this.#engines.byUuid(uuid);
    if (message.count > 2 && isDelimiter(message.frame(2))) {
      const engine = end === undefined ? undefined : this.#core.engines.get(end.id);
      this.#parts.peers.fromEngine(message, uuid, engine);
      this.#carryOut();
      return;
    }
    const peer = `engine ${uuid}`;
    if (end === undefined) return this.#door.drop(peer, "an engine that is not registered");
    const frame = message.frame(1);
    const header = this.#door.open(frame, peer);
    if (header === null) return;
    if (header.origin !== ((end.id | ORIGIN.engineBit) >>> 0) || header.seq <= end.lastSeq) {
      return this.#door.drop(peer, "a replayed group, or one of another engine");
    }
    end.lastSeq = header.seq;
    if (header.kind === KIND.results) this.#finish(header, end, message, frame);
    else if (header.kind === KIND.chunk) this.#relayPiece(end, message);
    else if (header.kind === KIND.returned) this.#takeBack(end);
    else this.#door.drop(peer, `an engine does not send groups of kind ${header.kind}`);
    this.#carryOut();
  }

  #finish(header: GroupHeader, end: EngineEnd, message: Incoming, frame: Uint8Array): void {
    if (this.#verdicts.length < header.count) this.#verdicts = new Uint8Array(header.count * 2);
    const at = now();
    const unchanged = this.#core.finish(end.id, this.#door.reader, this.#result, this.#verdicts, at);
    this.#core.dispatch(at);
    this.#engines.mark(end);
    const client = header.target === ANY ? undefined : this.#clients.get(header.target);
    if (unchanged === header.count && client !== undefined) {
      this.#link.send("results", [frame]);
      message.forward(this.#parts.clients, [client.rid], 1);
      this.#clients.sent(client, frame.length);
    } else this.#results.relay(frame, this.#verdicts);
  }

  #relayPiece(end: EngineEnd, message: Incoming): void {
    const chunk = this.#door.reader.chunk();
    if (message.count !== 3 || message.size(2) !== chunk.length) {
      return this.#door.drop(`engine ${end.id}`, "a chunk that is not as long as it says");
    }
    if (!this.#core.isAssigned(chunk.client, chunk.n, end.id)) return;
    const client = this.#clients.get(chunk.client);
    this.#link.send("chunk", [message.frame(1), message.frame(2)]);
    if (client === undefined) return;
    message.forward(this.#parts.clients, [client.rid], 1);
    this.#clients.sent(client, chunk.length);
  }

  #takeBack(end: EngineEnd): void {
    const seqs: number[] = [];
    while (this.#door.reader.name(this.#name)) seqs.push(this.#name[2]!);
    this.#core.step({ kind: "returned", engine: end.id, seqs, at: now() });
  }

  /** Does what the core has decided: fills the groups to engines, answers, cancels. */
  #carryOut(): void {
    const { output } = this.#core;
    for (let i = 0; i < output.count; i++) {
      const end = this.#engines.get(output.engines[i]!);
      if (end !== undefined) this.#assign(output.tasks[i]!, end);
    }
    for (const action of output.actions) this.#act(action);
    output.clear();
  }

  #assign(seq: number, end: EngineEnd): void {
    const { table, frames } = this.#core;
    const place = table.at(seq);
    if (place < 0) return;
    if (table.pool[place] === 1) return this.#parts.peers.assign(seq, end, this.#engines);
    const client = table.client[place]!, n = table.n[place]!, definition = table.definition[place]!;
    if (table.rare[place] === 1) this.#engines.sendPieces(end, this.#buffers.get(client, n));
    if (this.#parts.gate.hasPolicy) this.#definitions.supply(client, CAP_DEFINITION, end.id, end.writer);
    this.#definitions.supply(client, 0, end.id, end.writer);
    if (definition !== 0) this.#definitions.supply(client, definition, end.id, end.writer);
    end.writer.copy(frames.get(table.frame[place]!), table.offset[place]!, table.length[place]!);
    end.names.name(client, n, seq, 0);
    this.#engines.mark(end);
    if (end.writer.length > SCHEDULER_BOUNDS.groupBytes) this.#engines.flush(end);
  }

  #act(action: Action): void {
    switch (action.kind) {
      case "answer":
        if (action.peer !== undefined) this.#parts.peers.answer(action);
        else this.#results.answer(action);
        break;
      case "cancel": {
        const end = this.#engines.get(action.engine);
        if (end !== undefined) this.#tellToCancel(end, action);
        break;
      }
      case "recall": {
        const end = this.#engines.get(action.engine);
        if (end !== undefined) this.#engines.sendRecall(end, action.count);
        break;
      }
      case "waits":
        if (this.#core.isWaiting(action.seq)) this.#parts.peers.waits(action.peer);
        break;
      case "release":
        this.#buffers.drop(action.client, action.n);
        break;
    }
  }

  /** An engine knows a peer's task by its msg_id, and hears of it on its control socket. */
  #tellToCancel(end: EngineEnd, action: Extract<Action, { kind: "cancel" }>): void {
    const msgId = this.#parts.peers.msgIdOf(action.peer);
    if (msgId === undefined) this.#engines.sendCancel(end, action);
    else this.#parts.cancelAt(end.uuid, [msgId], action.by);
  }
}

/** Whether a client says that it sends marks back. */
function isReader({ kind, window }: GroupHeader): boolean {
  return kind === KIND.tasks && window === 1;
}
