/**
 * What arrives on an engine's shell socket: groups of the scheduler and of clients, pieces of large buffers, and single messages of peers.
 * Everything is checked before anything changes; what cannot be taken is answered with an error where that is possible.
 */
import { now } from "../base/clock.ts";
import { readBy } from "../protocol/by.ts";
import { BadMessage, type Session } from "../protocol/frames.ts";
import {
  CAP_DEFINITION,
  emptyTask,
  type GroupHeader,
  INLINE_BODY_BYTES,
  isGroup,
  KIND,
  OP,
  TASK_FLAG,
  type TaskRecord,
} from "../protocol/groups.ts";
import { Incoming } from "../wire/incoming.ts";
import { readOffer, SHARED_PLACES } from "../protocol/shared_layout.ts";
import type { Caps } from "./caps.ts";
import type { ClientFunctions } from "./client_functions.ts";
import type { ClientMemories } from "./client_memory.ts";
import type { EngineCore } from "./core.ts";
import type { Rare, TaskName } from "./core_types.ts";
import type { ChildKey } from "./grants.ts";
import type { GroupDoor } from "./group_door.ts";
import type { EngineValues } from "./engine_values.ts";
import { nameText } from "../protocol/value_name.ts";
import { readValues } from "./kept_values.ts";
import { Parked, type ParkedGroup } from "./parked.ts";
import type { PeerRequests } from "./peer_requests.ts";
import { bodyAsPieces, type Piece, PieceStore } from "./piece_store.ts";
import type { ResultSender, Route } from "./result_sender.ts";
import type { TaskKeys } from "./task_keys.ts";
import { readGrace, readLimits } from "./task_limits.ts";

export interface ShellParts {
  readonly socket: { receiveInto(message: Incoming): boolean };
  readonly session: Session;
  readonly door: GroupDoor;
  readonly core: EngineCore<ChildKey>;
  readonly keys: TaskKeys;
  readonly functions: ClientFunctions;
  readonly caps: Caps;
  readonly slot: Slot;
  /** Of clients on this host; null where it is switched off. */
  readonly memories: ClientMemories | null;
  /** Another engine of this process, or this one, by its id. */
  readonly sibling: (id: number) => Sibling | undefined;
  readonly sender: ResultSender;
  readonly peers: PeerRequests;
  readonly values: EngineValues;
  /** Answers a task that never came as far as the queue. */
  readonly refuse: (task: TaskRecord, route: Route, error: Error) => void;
}

/** Where pieces can go before their task has come. */
interface Slot {
  piecesAhead(
    name: { readonly client: number; readonly n: number },
    key: ChildKey,
    list: readonly Piece[],
  ): void;
  taken(client: number, n: number, ticket: number): void;
}

/** An engine that gets pieces which came for several. */
export type Sibling = Pick<Shell, "keepPiece">;

/** Most messages taken before the rest of the host gets its turn. */
const MESSAGES_PER_TURN = 64;
/** How often it is looked for pieces that nobody wants any more. */
const EXPIRE_MS = 1000;
const decoder = new TextDecoder();

export class Shell {
  readonly #parts: ShellParts;
  readonly #incoming = new Incoming();
  readonly #task = emptyTask();
  readonly #name = new Uint32Array(4);
  readonly #parked = new Parked();
  readonly #pieces: PieceStore;
  /** The engine is over: it takes nothing any more but pieces for its siblings. */
  #isLeaving = false;
  #expireAt = 0;

  constructor(parts: ShellParts) {
    this.#parts = parts;
    this.#pieces = new PieceStore({ onDropped: (client, n) => parts.slot.taken(client, n, 0) });
  }

  /** Reads at most so many messages. */
  read(): void {
    for (let i = 0; i < MESSAGES_PER_TURN; i++) {
      if (!this.#parts.socket.receiveInto(this.#incoming)) return;
      this.#take(this.#incoming);
    }
  }

  /** `[task_out, GROUP…]` from the scheduler, `[mux_out, client, GROUP…]` from a client, `[idents…, DELIM…]` from a peer. */
  #take(message: Incoming): void {
    if (this.#isLeaving && message.count < 4) return;
    if (message.count >= 2 && isGroup(message.frame(1))) this.#takeGroup(message, 1);
    else if (message.count >= 3 && isGroup(message.frame(2))) this.#takeGroup(message, 2);
    else if (!this.#isLeaving) this.#takeMessage(message.frames());
  }

  #takeMessage(frames: Uint8Array[]): void {
    try {
      this.#parts.peers.take(this.#parts.session.parse(frames));
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      this.#parts.door.drop("a peer on the shell socket", error.message);
    }
  }

  #takeGroup(message: Incoming, at: number): void {
    const { door, core } = this.#parts;
    const isScheduled = at === 1;
    const header = door.check(message.frame(at), isScheduled);
    if (header === null || (this.#isLeaving && header.kind !== KIND.shared)) return;
    switch (header.kind) {
      case KIND.tasks:
        return this.#takeTasks(header, message, at, isScheduled);
      case KIND.cancel:
        return this.#cancel(this.#readNames());
      case KIND.notice:
        return this.#takeNotice(message.frame(at));
      case KIND.recall:
        if (isScheduled) core.step({ kind: "recall", count: header.window, at: now() });
        return;
      case KIND.memory:
        return this.#takeMemory(header, message);
      case KIND.located:
        return this.#takeLocated();
      case KIND.value:
        return this.#takeValue(message, at);
      case KIND.values:
        return this.#parts.values.told(header.window, door.reader);
      case KIND.chunk:
      case KIND.shared:
        return this.#takePiece(message, at, header.kind === KIND.shared);
    }
  }

  /** A client's cancel, which may come by control too. */
  takeCancel(frame: Uint8Array): void {
    if (this.#parts.door.check(frame, false)?.kind === KIND.cancel) this.#cancel(this.#readNames());
  }

  #cancel(names: readonly TaskName[]): void {
    this.#parked.cancelled(names);
    this.#parts.core.step({ kind: "cancel", names, at: now() });
  }

  /** What a client may ask for at most. */
  #takeNotice(frame: Uint8Array): void {
    const { door, caps } = this.#parts;
    const task = this.#task;
    if (door.reader.task(task)) caps.take(frame.subarray(task.bodyOffset, task.bodyOffset + task.bodyLength));
  }

  #readNames(): TaskName[] {
    const names: TaskName[] = [];
    const { reader } = this.#parts.door;
    while (reader.name(this.#name)) {
      const [client = 0, n = 0, , word] = this.#name;
      names.push({ client, n, waitingOnly: word === 1 });
    }
    const by = readBy(reader.rest());
    return by === undefined ? names : names.map((name) => ({ ...name, by }));
  }

  #takePiece(message: Incoming, at: number, isShared: boolean): void {
    const { door } = this.#parts;
    const chunk = door.reader.chunk();
    if (message.count !== at + 2 || message.size(at + 1) !== chunk.length) {
      door.drop(`client ${chunk.client}`, "a piece that is not as long as it says");
      return;
    }
    const { index, total, offset } = chunk;
    const memory = message.hold(at + 1) ?? undefined;
    const bytes = memory ?? message.copy(at + 1);
    const piece = { index, total, offset, bytes, ...(memory === undefined ? {} : { memory }) };
    // Held here too while it is given out: an engine that has no room for it gives it back at once.
    memory?.hold();
    if (!isShared) this.keepPiece(chunk, piece);
    else {
      const name = this.#name;
      while (door.reader.name(name)) {
        this.#parts.sibling(name[3]!)?.keepPiece({ client: name[0]!, n: name[1]! }, piece);
      }
    }
    memory?.release();
  }

  /** A piece of a value that is kept for all engines of this process. */
  #takeValue(message: Incoming, at: number): void {
    const { door, values } = this.#parts;
    const { n: buffers, index, total, offset, length } = door.reader.chunk();
    if (!door.reader.name(this.#name) || message.count !== at + 2 || message.size(at + 1) !== length) {
      return void door.drop("the scheduler", "a piece of a value that is not as it says");
    }
    values.add(nameText(this.#name), buffers, { index, total, offset, bytes: message.copy(at + 1) });
  }

  /** Memory that a client shares, if it is on this host; nothing is said where it cannot be used. */
  #takeMemory({ origin }: GroupHeader, message: Incoming): void {
    const { door, caps, memories, sender } = this.#parts;
    const offer = readOffer(door.reader.rest());
    if (offer === undefined || memories === null || caps.ofClient(origin) !== null) return;
    if (memories.take(origin, offer)) sender.taken([message.copy(0), message.copy(1)], origin, offer.tag);
  }

  #takeLocated(): void {
    const { door, memories } = this.#parts;
    const chunk = door.reader.chunk(), name = this.#name;
    if (!door.reader.name(name)) return;
    const memory = memories?.of(chunk.client);
    const [, , place = 0, tag = 0] = name;
    if (memory?.tag !== tag || place >= SHARED_PLACES.arguments) {
      door.drop(`client ${chunk.client}`, "a piece in memory that it does not share");
      return;
    }
    const { index, total, offset, length } = chunk;
    const bytes = memory.piece(place, length);
    this.keepPiece(chunk, { index, total, offset, bytes, memory: bytes });
  }

  /** Keeps a piece for a task of this engine, which comes later. */
  keepPiece(name: { readonly client: number; readonly n: number }, piece: Piece): void {
    const { slot, keys } = this.#parts;
    const list = this.#pieces.add(name.client, name.n, piece, now());
    slot.piecesAhead(name, keys.plain(name.client), list);
  }

  #takeTasks(header: GroupHeader, message: Incoming, at: number, isScheduled: boolean): void {
    const idents = at === 1 ? [message.copy(0)] : [message.copy(0), message.copy(1)];
    if (isScheduled) {
      const { core, sender } = this.#parts;
      core.pace.told(header.acked, header.window);
      sender.returnRoute = sender.route(idents, isScheduled);
    }
    if (header.count === 0) return;
    const group = { header, idents, bytes: message.copy(at) };
    if (!isScheduled && (this.#parked.has(header.origin) || !this.#isWhole(group))) {
      this.#parked.add(group, now());
      if (this.#parked.isFull) this.#unpark(now());
    } else this.#takeRecords(group, isScheduled);
  }

  /** Whether all shared pieces of a group's tasks are there. */
  #isWhole({ bytes }: ParkedGroup): boolean {
    const { reader } = this.#parts.door, task = this.#task;
    reader.open(bytes);
    let isWhole = true;
    while (isWhole && reader.task(task)) {
      const isShared = (task.flags & TASK_FLAG.shared) !== 0 && task.buffers > 0;
      isWhole = !isShared || this.#pieces.isWhole(task.client, task.n, task.buffers);
    }
    reader.open(bytes);
    return isWhole;
  }

  /** Takes what has waited for its pieces, and drops pieces that have waited for their task in vain. */
  turn(at: number): void {
    if (at >= this.#expireAt) {
      this.#expireAt = at + EXPIRE_MS;
      this.#parts.memories?.expire();
      this.#pieces.expire(at);
    }
    if (!this.#parked.isEmpty) this.#unpark(at);
  }

  #unpark(at: number): void {
    let any = false;
    for (const group of this.#parked.ready((group) => this.#isWhole(group), at)) {
      this.#parts.door.reader.open(group.bytes);
      this.#takeRecords(group, false);
      any = true;
    }
    if (any) this.#parts.core.step({ kind: "cancel", names: this.#parked.takeCancelled(), at });
  }

  /** The controller knows none of the engine's tasks any more. */
  forget(): void {
    this.#parked.clear();
    this.#pieces.clear();
    this.#parts.memories?.clear();
  }

  /** The engine has no tasks any more; pieces for others of this process go on passing. What clients share is let go. */
  leave(): void {
    this.#isLeaving = true;
    this.forget();
  }

  /** Takes a group's tasks; the door's reader stands before the first of them. */
  #takeRecords({ idents, bytes }: ParkedGroup, isScheduled: boolean): void {
    const { door, core, sender } = this.#parts;
    const route = sender.route(idents, isScheduled);
    const frame = core.frames.add(bytes);
    const task = this.#task;
    while (door.reader.task(task)) {
      try {
        this.#takeTask(task, bytes, frame, route);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        if (task.buffers > 0) this.#parts.slot.taken(task.client, task.n, 0);
        if (task.op === OP.define) door.drop(`client ${task.client}`, error.message);
        else this.#parts.refuse(task, route, error);
      }
    }
    core.frames.dropIfUnused(frame);
  }

  /** @throws Error whose message its client reads */
  #takeTask(task: TaskRecord, bytes: Uint8Array, frame: number, route: Route): void {
    const { core, functions, caps, keys } = this.#parts;
    const { client, op } = task;
    if (op === OP.define) {
      const pieces = this.#piecesOf(task, bytes) ?? [];
      const body = bytes.subarray(task.bodyOffset, task.bodyOffset + task.bodyLength - task.tailLength);
      // Of its own caps a client says nothing.
      if (task.definition === CAP_DEFINITION) return route.isScheduled ? caps.take(body) : undefined;
      return functions.set(client, task.definition, body, task.buffers, pieces);
    }
    let definition = 0;
    if (op === OP.apply) {
      definition = functions.numberOf(client, task.definition);
      if (definition === 0) {
        throw new ReferenceError(
          `Cannot apply function ${task.definition}: it was not defined on this engine`,
        );
      }
    }
    const isLong = task.bodyLength - task.tailLength > INLINE_BODY_BYTES;
    const tail = (task.flags & TASK_FLAG.tail) !== 0 && task.tailLength > 0 ? readTail(task, bytes) : null;
    const key = tail === null ? keys.plain(client) : keys.of(tail, client);
    const hasMore = isLong || task.buffers > 0 || tail !== null || core.rare.wantsAll;
    const rare = hasMore ? this.#readRare(task, bytes, tail) : null;
    const { buffers } = task;
    const ticket = core.add(task, frame, route.index, route.isScheduled, definition, rare, key);
    if (buffers > 0) this.#parts.slot.taken(client, task.n, ticket);
    if (ticket === 0) {
      throw new RangeError("Cannot take the task: the engine's queue is full");
    }
  }

  #readRare(task: TaskRecord, bytes: Uint8Array, tail: unknown): Rare {
    const limits = readLimits(tail), graceMs = readGrace(tail), values = readValues(tail);
    // On their way while the task waits for its turn.
    if (values !== undefined) this.#parts.values.areReady(values);
    const pieces = this.#piecesOf(task, bytes);
    return { limits, graceMs, submitted: task.submitted, pieces, values, isAlone: false, peer: undefined };
  }

  /** The task's large buffers; a body that is too long for the ring becomes one more of them. */
  #piecesOf(task: TaskRecord, bytes: Uint8Array): Rare["pieces"] {
    const pieces = task.buffers === 0 ? [] : this.#pieces.take(task.client, task.n, task.buffers);
    if (pieces === null) {
      throw new RangeError(`Cannot take the task: not all of its ${task.buffers} large buffers have arrived`);
    }
    const length = task.bodyLength - task.tailLength;
    if (length <= INLINE_BODY_BYTES) return pieces.length === 0 ? null : pieces;
    const body = bytes.subarray(task.bodyOffset, task.bodyOffset + length);
    const all = [...pieces, ...bodyAsPieces(body, task.buffers)];
    task.buffers++;
    task.bodyLength = task.tailLength;
    return all;
  }
}

function readTail({ bodyOffset, bodyLength, tailLength }: TaskRecord, bytes: Uint8Array): unknown {
  const end = bodyOffset + bodyLength;
  return JSON.parse(decoder.decode(bytes.subarray(end - tailLength, end)));
}
