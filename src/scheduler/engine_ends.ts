/**
 * The task scheduler's ends towards engines: what is gathered for each in this turn of the loop, and the groups that carry it.
 */
import { type By, writeBy } from "../protocol/by.ts";
import { GroupWriter } from "../protocol/group_writer.ts";
import { KIND, ORIGIN } from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";
import type { Socket } from "../wire/socket.ts";
import type { Piece } from "./buffers.ts";
import type { EngineState, EngineTable } from "./engine_table.ts";
import type { HubLink } from "./hub_link.ts";
import { Outbox } from "./outbox.ts";

/** One engine's address and what waits to be sent to it. */
export interface EngineEnd {
  readonly id: number;
  readonly uuid: string;
  readonly ident: Uint8Array;
  /** Tasks and definitions for it. */
  readonly writer: GroupWriter;
  /** Names of the same tasks, for the hub. */
  readonly names: GroupWriter;
  seq: number;
  /** Last sequence number received from it. */
  lastSeq: number;
  /** `acked` in the group that was sent last. */
  ackedTold: number;
  /** `window` in the same group: what the engine goes by, whatever it was told before. */
  window: number;
  isDirty: boolean;
}

/** A task that an engine is to stop. */
export interface CancelledTask {
  readonly client: number;
  readonly n: number;
  readonly seq: number;
  readonly waitingOnly: boolean;
  readonly by: By | undefined;
}

/** What signs groups, and for which run. */
export interface Sealing {
  readonly mac: Mac;
  readonly nonce: bigint;
}

/** Closes a group of the scheduler's. */
export function seal(
  { mac, nonce }: Sealing,
  writer: GroupWriter,
  header: { kind: number; target: number; seq?: number; acked?: number; window?: number },
): Uint8Array {
  const { kind, target, seq = 0, acked = 0, window = 0 } = header;
  return writer.close(
    { kind, origin: ORIGIN.scheduler, seq, target, nonce, acked, committed: 0, window },
    mac.sign,
  );
}

export class EngineEnds {
  readonly #outbox: Outbox;
  readonly #link: HubLink;
  readonly #sealing: Sealing;
  readonly #states: EngineTable;
  readonly #byId = new Map<number, EngineEnd>();
  readonly #byUuid = new Map<string, EngineEnd>();
  readonly #dirty: EngineEnd[] = [];
  readonly #scratch = new GroupWriter(1 << 10);

  constructor(parts: { socket: Socket; link: HubLink; sealing: Sealing; states: EngineTable }) {
    this.#outbox = new Outbox(parts.socket);
    this.#link = parts.link;
    this.#sealing = parts.sealing;
    this.#states = parts.states;
  }

  /** A new registration begins with empty hands. Its groups are numbered on: one of before may still be on its way, and must not have the number of a new one. */
  add(id: number, uuid: string): void {
    const before = this.#byId.get(id), seq = this.#byUuid.get(uuid)?.seq ?? 0;
    if (before !== undefined) this.#byUuid.delete(before.uuid);
    const end: EngineEnd = {
      id,
      uuid,
      ident: new TextEncoder().encode(uuid),
      writer: new GroupWriter(8 << 10),
      names: new GroupWriter(1 << 10),
      seq,
      lastSeq: 0,
      ackedTold: 0,
      window: 0,
      isDirty: false,
    };
    this.#byId.set(id, end);
    this.#byUuid.set(uuid, end);
  }

  get(id: number): EngineEnd | undefined {
    return this.#byId.get(id);
  }

  byUuid(uuid: string): EngineEnd | undefined {
    return this.#byUuid.get(uuid);
  }

  /** Something is to be told to it at the end of this turn. */
  mark(end: EngineEnd): void {
    if (end.isDirty) return;
    end.isDirty = true;
    this.#dirty.push(end);
  }

  /** Whether messages wait for an engine's connection to stand. */
  get isWaiting(): boolean {
    return this.#outbox.isWaiting;
  }

  /** Sends a message to an engine, now or as soon as its connection stands. */
  deliver(end: EngineEnd, frames: readonly Uint8Array[]): void {
    this.#outbox.send(end.uuid, frames);
  }

  /** The engine gets nothing more. */
  forget(uuid: string): void {
    this.#outbox.forget(uuid);
  }

  /** Sends what was gathered for all engines. */
  flushAll(): void {
    if (this.#outbox.isWaiting) this.#outbox.retry();
    for (const end of this.#dirty) {
      end.isDirty = false;
      this.flush(end);
    }
    this.#dirty.length = 0;
  }

  /** Sends what was gathered for one engine, or just how many of its results arrived if it may wait for that. */
  flush(end: EngineEnd): void {
    const { writer, names } = end;
    const state = this.#states.get(end.id);
    if (state === undefined) {
      writer.reset();
      names.reset();
      return;
    }
    if (writer.count === 0 && !awaitsWindow(state, end)) return;
    end.window = state.window();
    end.ackedTold = state.acked;
    this.#send(end, writer, KIND.tasks, end.ackedTold, end.window);
    writer.reset();
    if (names.count === 0) return;
    this.#link.send("assigned", [seal(this.#sealing, names, { kind: KIND.assigned, target: end.id })]);
    names.reset();
  }

  #send(end: EngineEnd, writer: GroupWriter, kind: number, acked: number, window: number): void {
    const group = seal(this.#sealing, writer, { kind, target: end.id, seq: ++end.seq, acked, window });
    this.deliver(end, [end.ident, group]);
  }

  /** Sends a task's large buffers ahead of it. */
  sendPieces(end: EngineEnd, pieces: readonly Piece[]): void {
    for (const { record, bytes } of pieces) {
      this.#scratch.reset();
      this.#scratch.copy(record, 0, record.length);
      const group = seal(this.#sealing, this.#scratch, { kind: KIND.chunk, target: end.id, seq: ++end.seq });
      this.deliver(end, [end.ident, group, bytes]);
    }
  }

  sendCancel(end: EngineEnd, task: CancelledTask): void {
    this.flush(end);
    this.#scratch.reset();
    this.#scratch.name(task.client, task.n, task.seq, task.waitingOnly ? 1 : 0);
    if (task.by !== undefined) this.#scratch.rest(writeBy(task.by));
    this.#send(end, this.#scratch, KIND.cancel, this.#states.get(end.id)?.acked ?? 0, 0);
  }

  sendRecall(end: EngineEnd, count: number): void {
    this.flush(end);
    this.#scratch.reset();
    this.#send(end, this.#scratch, KIND.recall, this.#states.get(end.id)?.acked ?? 0, count);
  }
}

/** Whether the engine may be waiting for news of its results before it hands more to its slot. */
function awaitsWindow(state: EngineState, end: EngineEnd): boolean {
  const untold = state.acked - end.ackedTold;
  return untold > 0 && state.load > 0 && state.load + untold > end.window;
}
