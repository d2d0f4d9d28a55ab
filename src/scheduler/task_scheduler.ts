/**
 * The task scheduler's shell: takes groups and peers' messages from the task sockets, lets the core decide, sends what it decided.
 *
 * Bodies are copied, never parsed. Everything that is taken or finished is told to the hub over the link.
 */
import { now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import {
  ANY,
  emptyResult,
  emptyTask,
  type GroupHeader,
  GroupReader,
  GroupWriter,
  KIND,
  OP,
  ORIGIN,
  STATUS,
  TASK_FLAG,
} from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";
import { encodeValue } from "../protocol/values.ts";
import { Incoming } from "../wire/incoming.ts";
import type { Socket } from "../wire/socket.ts";
import { BufferStore } from "./buffers.ts";
import type { SchedulerCore } from "./core.ts";
import type { Action } from "./events.ts";
import { Definitions } from "./definitions.ts";
import type { EngineState } from "./engine_table.ts";
import type { GroupDoor } from "./group_door.ts";
import type { HubLink } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";
import type { PeerTasks } from "./peer_tasks.ts";
import { BadOption, readTaskOptions, type TaskOptions } from "./task_options.ts";

/** What the shell keeps of an engine: its address and what waits to be sent. */
interface EngineEnd {
  readonly id: number;
  readonly ident: Uint8Array;
  readonly writer: GroupWriter;
  readonly names: GroupWriter;
  seq: number;
  /** Last sequence number received from it. */
  lastSeq: number;
  /** `acked` in the group that was sent last. */
  ackedTold: number;
  dirty: boolean;
}

/** What the shell keeps of one of our clients. */
interface ClientEnd {
  rid: Uint8Array;
  lastSeq: number;
  acceptedDirty: boolean;
  answers: GroupWriter | null;
  seq: number;
}

export interface TaskSchedulerParts {
  readonly clients: Socket;
  readonly engines: Socket;
  readonly link: HubLink;
  readonly core: SchedulerCore;
  readonly door: GroupDoor;
  readonly mac: Mac;
  readonly nonce: bigint;
  readonly peers: PeerTasks;
  readonly log: Logger;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class TaskScheduler {
  readonly #parts: TaskSchedulerParts;
  readonly #core: SchedulerCore;
  readonly #clients = new Map<number, ClientEnd>();
  readonly #engines = new Map<number, EngineEnd>();
  readonly #engineByIdent = new Map<string, EngineEnd>();
  readonly #definitions = new Definitions();
  readonly #buffers = new BufferStore();
  readonly #incoming = new Incoming();
  readonly #task = emptyTask();
  readonly #result = emptyResult();
  readonly #name = new Uint32Array(4);
  readonly #scratch = new GroupWriter();
  readonly #dirtyEngines: EngineEnd[] = [];
  readonly #dirtyClients: ClientEnd[] = [];
  #verdicts = new Uint8Array(256);

  constructor(parts: TaskSchedulerParts) {
    this.#parts = parts;
    this.#core = parts.core;
  }

  /** Whether clients may be read: the hub keeps up and large buffers have room. */
  get isOpen(): boolean {
    return this.#parts.link.isOpen && this.#buffers.bytes < SCHEDULER_BOUNDS.bufferBytes;
  }

  /** Tasks accepted and not assigned, tasks assigned and not finished. */
  get queue(): { waiting: number; assigned: number } {
    return { waiting: this.#core.waiting, assigned: this.#core.table.open - this.#core.waiting };
  }

  registered(id: number, uuid: string, ours: boolean): void {
    const before = this.#engines.get(id);
    if (before !== undefined) this.#engineByIdent.delete(decoder.decode(before.ident));
    this.#definitions.forgetEngine(id);
    const end: EngineEnd = {
      id,
      ident: encoder.encode(uuid),
      writer: new GroupWriter(8 << 10),
      names: new GroupWriter(1 << 10),
      seq: 0,
      lastSeq: 0,
      ackedTold: 0,
      dirty: false,
    };
    this.#engines.set(id, end);
    this.#engineByIdent.set(uuid, end);
    this.#parts.peers.engineRegistered(id, uuid);
    this.#core.step({ kind: "engine_registered", id, uuid, ours, at: now() });
  }

  unregistered(id: number, reason: string): void {
    this.#core.step({ kind: "engine_unregistered", id, reason, at: now() });
  }

  tick(at: number): void {
    this.#core.step({ kind: "tick", at });
  }

  // ── from clients ───────────────────────────────────────────────────────────────────────────

  /** Reads the client side, at most so many messages; true if it stopped before it was empty. */
  readClients(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.isOpen) return false;
      if (!this.#parts.clients.receiveInto(this.#incoming)) return false;
      this.#fromClient(this.#incoming);
    }
    return true;
  }

  #fromClient(message: Incoming): void {
    if (message.count < 2) return;
    const first = message.frame(1);
    if (this.#parts.peers.isJupyter(first)) {
      this.#parts.peers.fromClient(message, this.#core);
      this.#carryOut();
      return;
    }
    const rid = message.copy(0);
    const header = this.#parts.door.open(first, `client ${hex(rid)}`);
    if (header === null) return;
    const client = this.#knownClient(header, rid);
    if (client === null) return;
    switch (header.kind) {
      case KIND.tasks:
        this.#submit(header, client, first);
        break;
      case KIND.chunk:
        this.#keepPiece(header, message, first);
        break;
      case KIND.cancel:
        this.#cancel(header.origin);
        break;
      default:
        this.#parts.door.drop(`client ${hex(rid)}`, `a client does not send groups of kind ${header.kind}`);
    }
    this.#carryOut();
  }

  /** The client's end, with replays refused. */
  #knownClient(header: GroupHeader, rid: Uint8Array): ClientEnd | null {
    if (header.origin >= ORIGIN.engineBit) {
      this.#parts.door.drop(`client ${hex(rid)}`, "an engine's group on the clients' socket");
      return null;
    }
    let client = this.#clients.get(header.origin);
    if (client === undefined) {
      client = { rid, lastSeq: 0, acceptedDirty: false, answers: null, seq: 0 };
      this.#clients.set(header.origin, client);
    }
    if (header.seq <= client.lastSeq) {
      this.#parts.door.drop(`client ${hex(rid)}`, `a replayed group (${header.seq} after ${client.lastSeq})`);
      return null;
    }
    client.lastSeq = header.seq;
    client.rid = rid;
    return client;
  }

  #submit(header: GroupHeader, client: ClientEnd, received: Uint8Array): void {
    const frame = received.slice();
    const reader = new GroupReader();
    reader.open(frame);
    const id = this.#core.frames.add(frame);
    const view = new DataView(frame.buffer);
    const at = now();
    const task = this.#task;
    for (let from = reader.offset; reader.task(task); from = reader.offset) {
      if (task.op === OP.define) {
        this.#definitions.set(header.origin, task.definition, frame.subarray(from, reader.offset));
        continue;
      }
      const options = (task.flags & TASK_FLAG.tail) !== 0 ? this.#readTail(task.client, frame) : null;
      if (options instanceof BadOption) {
        this.#refuse(task.client, task.n, options);
        continue;
      }
      const taken = this.#core.submit(task, id, from, reader.offset - from, options, at);
      if (taken === "taken") view.setUint32(from + 24, task.seq, true);
      else if (taken === "refused") {
        this.#parts.door.drop(`client ${header.origin}`, `a task number out of order: ${task.n}`);
      }
    }
    this.#parts.link.send("tasks", [frame]);
    this.#core.frames.dropIfUnused(id);
    this.#core.dispatch(at);
    if (!client.acceptedDirty) {
      client.acceptedDirty = true;
      this.#dirtyClients.push(client);
    }
  }

  #readTail(client: number, frame: Uint8Array): TaskOptions | null | BadOption {
    const { bodyOffset, bodyLength, tailLength } = this.#task;
    const end = bodyOffset + bodyLength;
    try {
      const value: unknown = JSON.parse(decoder.decode(frame.subarray(end - tailLength, end)));
      const options = readTaskOptions(value, client, (msgId) => this.#parts.peers.resolve(msgId));
      const plain = options.after === null && options.follow === null && options.targets === null &&
        options.retries === 0 && options.queueTimeoutMs === Infinity;
      return plain ? null : options;
    } catch (error) {
      return error instanceof BadOption ? error : new BadOption(`Cannot read the task's options: ${error}`);
    }
  }

  #refuse(client: number, n: number, error: Error): void {
    this.#answer(client, n, 0, -1, STATUS.error, error.name, error.message);
  }

  #keepPiece(header: GroupHeader, message: Incoming, first: Uint8Array): void {
    if (message.count !== 3) {
      return this.#parts.door.drop(`client ${header.origin}`, "a chunk without its piece");
    }
    const reader = new GroupReader();
    const record = first.slice();
    reader.open(record);
    const chunk = reader.chunk();
    const bytes = message.copy(2);
    if (bytes.length !== chunk.length || chunk.client !== header.origin) {
      return this.#parts.door.drop(`client ${header.origin}`, "a chunk that is not as long as it says");
    }
    this.#buffers.add(header.origin, chunk.n, { record, bytes });
    this.#parts.link.send("chunk", [record, bytes]);
  }

  #cancel(client: number): void {
    const { reader } = this.#parts.door;
    while (reader.name(this.#name)) {
      const [, n, , word] = this.#name;
      this.#core.step({ kind: "cancel", client, n: n!, waitingOnly: word === 1, at: now() });
    }
  }

  // ── from engines ───────────────────────────────────────────────────────────────────────────

  /** Reads the engine side, at most so many messages; true if it stopped before it was empty. */
  readEngines(): boolean {
    for (let i = 0; i < SCHEDULER_BOUNDS.messagesPerTurn; i++) {
      if (!this.#parts.engines.receiveInto(this.#incoming)) return false;
      this.#fromEngine(this.#incoming);
    }
    return true;
  }

  #fromEngine(message: Incoming): void {
    if (message.count < 2) return;
    const uuid = decoder.decode(message.frame(0));
    const first = message.frame(1);
    const end = this.#engineByIdent.get(uuid);
    if (message.count > 2 && this.#parts.peers.isJupyter(message.frame(2))) {
      this.#parts.peers.fromEngine(
        message,
        uuid,
        end === undefined ? undefined : this.#core.engines.get(end.id),
        this.#core,
      );
      this.#carryOut();
      return;
    }
    if (end === undefined) return this.#parts.door.drop(`engine ${uuid}`, "an engine that is not registered");
    const header = this.#parts.door.open(first, `engine ${uuid}`);
    if (header === null) return;
    if (header.origin !== ((end.id | ORIGIN.engineBit) >>> 0) || header.seq <= end.lastSeq) {
      return this.#parts.door.drop(`engine ${uuid}`, "a replayed group, or one of another engine");
    }
    end.lastSeq = header.seq;
    switch (header.kind) {
      case KIND.results:
        this.#finish(header, end, message, first);
        break;
      case KIND.chunk:
        this.#relayPiece(header, end, message);
        break;
      case KIND.returned:
        this.#takeBack(end.id);
        break;
      case KIND.notice:
        break;
      default:
        this.#parts.door.drop(`engine ${uuid}`, `an engine does not send groups of kind ${header.kind}`);
    }
    this.#carryOut();
  }

  #finish(header: GroupHeader, end: EngineEnd, message: Incoming, frame: Uint8Array): void {
    const { reader } = this.#parts.door;
    if (this.#verdicts.length < header.count) this.#verdicts = new Uint8Array(header.count * 2);
    const at = now();
    const relayed = this.#core.finish(end.id, reader, this.#result, this.#verdicts, at);
    this.#core.dispatch(at);
    this.#markDirty(end);
    if (relayed === 0) return;
    const client = header.target === ANY ? undefined : this.#clients.get(header.target);
    if (relayed === header.count && client !== undefined) {
      this.#parts.link.send("results", [frame]);
      message.forward(this.#parts.clients, [client.rid], 1);
    } else this.#relayParts(frame);
  }

  /** Passes on the results whose verdict is relay, client by client. */
  #relayParts(frame: Uint8Array): void {
    const reader = new GroupReader();
    reader.open(frame);
    const result = this.#result;
    for (let i = 0, from = reader.offset; reader.result(result); i++, from = reader.offset) {
      if (this.#verdicts[i] !== 1) continue;
      const writer = this.#answersTo(result.client);
      if (writer !== null) writer.copy(frame, from, reader.offset - from);
      else this.#tellHubOnly(frame, from, reader.offset - from);
    }
  }

  /** The client is not known here (it never spoke to this run): its result is kept in its record. */
  #tellHubOnly(frame: Uint8Array, from: number, length: number): void {
    this.#scratch.reset();
    this.#scratch.copy(frame, from, length);
    this.#parts.link.send("results", [this.#close(this.#scratch, KIND.results, ANY, 0, 0, 0)]);
  }

  #relayPiece(header: GroupHeader, end: EngineEnd, message: Incoming): void {
    const chunk = this.#parts.door.reader.chunk();
    const client = this.#clients.get(chunk.client);
    if (message.count !== 3 || message.frame(2).length !== chunk.length) {
      return this.#parts.door.drop(`engine ${end.id}`, "a chunk that is not as long as it says");
    }
    if (header.target !== chunk.client || !this.#core.isAssigned(chunk.client, chunk.n, end.id)) return;
    this.#parts.link.send("chunk", [message.frame(1), message.frame(2)]);
    if (client !== undefined) message.forward(this.#parts.clients, [client.rid], 1);
  }

  #takeBack(engine: number): void {
    const seqs: number[] = [];
    while (this.#parts.door.reader.name(this.#name)) seqs.push(this.#name[2]!);
    this.#core.step({ kind: "returned", engine, seqs, at: now() });
  }

  // ── carrying out ───────────────────────────────────────────────────────────────────────────

  /** Does what the core has decided: fills the groups to engines, answers, cancels. */
  #carryOut(): void {
    const { output, table, frames } = this.#core;
    for (let i = 0; i < output.count; i++) {
      const seq = output.tasks[i]!, place = table.at(seq);
      const end = this.#engines.get(output.engines[i]!);
      if (place < 0 || end === undefined) continue;
      if (table.pool[place] === 1) {
        this.#parts.peers.assign(seq, end.ident, this.#core);
        continue;
      }
      const client = table.client[place]!;
      if (table.rare[place] === 1) this.#sendPieces(end, client, table.n[place]!);
      this.#definitions.supply(client, 0, end.id, end.writer);
      if (table.definition[place] !== 0) {
        this.#definitions.supply(client, table.definition[place]!, end.id, end.writer);
      }
      end.writer.copy(frames.get(table.frame[place]!), table.offset[place]!, table.length[place]!);
      end.names.name(client, table.n[place]!, seq, 0);
      this.#markDirty(end);
      if (end.writer.length > SCHEDULER_BOUNDS.groupBytes) this.#flushEngine(end);
    }
    for (const action of output.actions) this.#act(action);
    output.clear();
  }

  #sendPieces(end: EngineEnd, client: number, n: number): void {
    for (const { record, bytes } of this.#buffers.get(client, n)) {
      this.#scratch.reset();
      this.#scratch.copy(record, record.length - 32, 32);
      const group = this.#close(this.#scratch, KIND.chunk, end.id, ++end.seq, 0, 0);
      this.#parts.engines.sendLarge([end.ident, group, bytes], 2);
    }
  }

  #act(action: Action): void {
    switch (action.kind) {
      case "answer":
        if (action.peer !== undefined) this.#parts.peers.answer(action);
        else {this.#answer(
            action.client,
            action.n,
            action.seq,
            action.engine,
            action.status,
            action.ename,
            action.evalue,
          );}
        break;
      case "cancel":
        this.#sendCancel(action.engine, action.client, action.n, action.seq, action.waitingOnly);
        break;
      case "recall": {
        const end = this.#engines.get(action.engine);
        if (end === undefined) break;
        this.#flushEngine(end);
        this.#scratch.reset();
        this.#parts.engines.send([
          end.ident,
          this.#close(this.#scratch, KIND.recall, end.id, ++end.seq, 0, action.count),
        ]);
        break;
      }
      case "release":
        this.#buffers.drop(action.client, action.n);
        break;
    }
  }

  #sendCancel(engine: number, client: number, n: number, seq: number, waitingOnly: boolean): void {
    const end = this.#engines.get(engine);
    if (end === undefined) return;
    this.#flushEngine(end);
    this.#scratch.reset();
    this.#scratch.name(client, n, seq, waitingOnly ? 1 : 0);
    this.#parts.engines.send([end.ident, this.#close(this.#scratch, KIND.cancel, end.id, ++end.seq, 0, 0)]);
  }

  /** Answers a task in an engine's place. */
  #answer(
    client: number,
    n: number,
    seq: number,
    engine: number,
    status: number,
    ename: string,
    evalue: string,
  ): void {
    const body = encodeValue({ ename, evalue, traceback: [] }).body;
    const at = now();
    const writer = this.#answersTo(client) ?? this.#scratch;
    if (writer === this.#scratch) writer.reset();
    writer.result(n, client, status, 0, 0, engine < 0 ? ANY : engine, 0, seq, 0, 0, at, body);
    if (writer === this.#scratch) {
      this.#parts.link.send("results", [this.#close(writer, KIND.results, ANY, 0, 0, 0)]);
    }
  }

  #answersTo(index: number): GroupWriter | null {
    const client = this.#clients.get(index);
    if (client === undefined) return null;
    if (client.answers === null) {
      client.answers = new GroupWriter(4 << 10);
      this.#dirtyClients.push(client);
    }
    return client.answers;
  }

  #markDirty(end: EngineEnd): void {
    if (end.dirty) return;
    end.dirty = true;
    this.#dirtyEngines.push(end);
  }

  /** Sends everything that this turn of the loop has gathered. */
  flush(): void {
    this.#carryOut();
    for (const end of this.#dirtyEngines) {
      end.dirty = false;
      this.#flushEngine(end);
    }
    this.#dirtyEngines.length = 0;
    for (const [index, client] of this.#clientsToFlush()) this.#flushClient(index, client);
  }

  #clientsToFlush(): [number, ClientEnd][] {
    if (this.#dirtyClients.length === 0) return [];
    const dirty = new Set(this.#dirtyClients.splice(0));
    return [...this.#clients].filter(([, client]) => dirty.has(client));
  }

  #flushEngine(end: EngineEnd): void {
    const state = this.#core.engines.get(end.id);
    if (state === undefined) {
      end.writer.reset();
      end.names.reset();
      return;
    }
    if (end.writer.count === 0 && !needsWindow(state, end)) return;
    const group = this.#close(end.writer, KIND.tasks, end.id, ++end.seq, state.acked, state.window());
    end.ackedTold = state.acked;
    this.#parts.engines.send([end.ident, group]);
    end.writer.reset();
    if (end.names.count === 0) return;
    this.#parts.link.send("assigned", [this.#close(end.names, KIND.assigned, end.id, 0, 0, 0)]);
    end.names.reset();
  }

  #flushClient(index: number, client: ClientEnd): void {
    if (client.answers !== null) {
      const group = this.#close(client.answers, KIND.results, index, ++client.seq, client.lastSeq, 0);
      this.#parts.link.send("results", [group]);
      this.#parts.clients.send([client.rid, group]);
      client.answers = null;
    }
    if (client.acceptedDirty) {
      client.acceptedDirty = false;
      this.#scratch.reset();
      const group = this.#close(this.#scratch, KIND.accepted, index, ++client.seq, client.lastSeq, 0);
      this.#parts.clients.send([client.rid, group]);
    }
  }

  #close(
    writer: GroupWriter,
    kind: number,
    target: number,
    seq: number,
    acked: number,
    window: number,
  ): Uint8Array {
    return writer.close(
      { kind, origin: ORIGIN.scheduler, seq, target, nonce: this.#parts.nonce, acked, committed: 0, window },
      this.#parts.mac.sign,
    );
  }
}

/** Whether the engine may be waiting for news of its results before it hands more to its slot. */
function needsWindow(state: EngineState, end: EngineEnd): boolean {
  const untold = state.acked - end.ackedTold;
  return untold > 0 && state.load > 0 && state.load + untold > state.windowTold;
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
