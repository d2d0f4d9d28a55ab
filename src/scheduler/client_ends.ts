/**
 * The task scheduler's ends towards our clients: where each was heard from last, and what this turn of the loop has for it: acceptances and answers of our own.
 */
import { now } from "../base/clock.ts";
import { GroupWriter } from "../protocol/group_writer.ts";
import { KIND } from "../protocol/groups.ts";
import type { Socket } from "../wire/socket.ts";
import { seal, type Sealing } from "./engine_ends.ts";
import type { HubLink } from "./hub_link.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";
import { newReading, type Reading, Unread, type UnreadParts } from "./unread.ts";

export interface ClientEnd {
  readonly index: number;
  rid: Uint8Array;
  /** Last sequence number received from it. */
  lastSeq: number;
  /** Our own number towards it. */
  seq: number;
  /** When it is to be told at the latest that its groups are accepted; Infinity: it knows. */
  acceptAt: number;
  /** Results that go out at the end of this turn. */
  answers: GroupWriter | null;
  isDirty: boolean;
  /** What of its results it has read. */
  readonly reading: Reading;
}

export interface ClientEndsParts extends Pick<UnreadParts, "hold" | "warn"> {
  readonly socket: Socket;
  readonly link: HubLink;
  readonly sealing: Sealing;
}

export class ClientEnds {
  readonly #socket: Socket;
  readonly #link: HubLink;
  readonly #sealing: Sealing;
  readonly #byIndex = new Map<number, ClientEnd>();
  readonly #dirty: ClientEnd[] = [];
  readonly #scratch = new GroupWriter(256);
  #acceptAt = Infinity;
  readonly #unread: Unread;

  constructor(parts: ClientEndsParts) {
    this.#socket = parts.socket;
    this.#link = parts.link;
    this.#sealing = parts.sealing;
    const { socket, hold, warn } = parts;
    const seal: UnreadParts["seal"] = (end, writer, kind, mark) => this.#seal(end, writer, kind, mark);
    this.#unread = new Unread({ socket, hold, warn, seal });
  }

  get(index: number): ClientEnd | undefined {
    return this.#byIndex.get(index);
  }

  /** Notes that a group came; null if it is a replay. @param confirms it says that it sends marks back */
  heard(index: number, seq: number, rid: Uint8Array, confirms = false): ClientEnd | null {
    let end = this.#byIndex.get(index);
    if (end === undefined) {
      end = {
        index,
        rid,
        lastSeq: 0,
        seq: 0,
        acceptAt: Infinity,
        answers: null,
        isDirty: false,
        reading: newReading(),
      };
      this.#byIndex.set(index, end);
    }
    if (seq <= end.lastSeq) return null;
    end.lastSeq = seq;
    end.rid = rid;
    this.#unread.heard(end, confirms);
    return end;
  }

  /**
   * Its groups so far are accepted: it is told at the end of this turn, or after a while if it can go on without. Of a single task the client hears by its
   * result, and a message in between would wake it for nothing.
   * @param bytes of the last group and what belongs to it
   */
  accept(end: ClientEnd, bytes: number): void {
    const isUrgent = bytes >= SCHEDULER_BOUNDS.smallGroupBytes;
    if (isUrgent) end.acceptAt = 0;
    else if (end.acceptAt === Infinity) end.acceptAt = now() + SCHEDULER_BOUNDS.gatherMs;
    if (isUrgent) this.#mark(end);
    else this.#acceptAt = Math.min(this.#acceptAt, end.acceptAt);
  }

  /** When acceptances are due at the latest. */
  get nextAcceptance(): number {
    return this.#acceptAt;
  }

  /** When clients that do not read are looked at. */
  get nextLook(): number {
    return this.#unread.nextLook;
  }

  /** Results went to a client. */
  sent(end: ClientEnd, bytes: number): void {
    this.#unread.sent(end, bytes, now());
  }

  /** A client has read everything up to a mark. */
  confirmed(end: ClientEnd, mark: number): void {
    this.#unread.confirmed(end, mark);
  }

  /** Looks whether clients that do not read are still there; true if one was let go. @param isFull none may be held */
  look(at: number, isFull: boolean): boolean {
    return this.#unread.look(at, isFull);
  }

  /** Where results for a client are gathered in this turn, null if it has never spoken to this run. */
  answersTo(index: number): GroupWriter | null {
    const end = this.#byIndex.get(index);
    if (end === undefined) return null;
    end.answers ??= new GroupWriter(4 << 10);
    this.#mark(end);
    return end.answers;
  }

  #mark(end: ClientEnd): void {
    if (end.isDirty) return;
    end.isDirty = true;
    this.#dirty.push(end);
  }

  flushAll(): void {
    if (this.#acceptAt !== Infinity && this.#acceptAt <= now()) this.#markOwing();
    for (const end of this.#dirty) {
      end.isDirty = false;
      this.#flush(end);
    }
    this.#dirty.length = 0;
  }

  #markOwing(): void {
    this.#acceptAt = Infinity;
    for (const end of this.#byIndex.values()) {
      if (end.acceptAt === Infinity) continue;
      end.acceptAt = 0;
      this.#mark(end);
    }
  }

  #flush(end: ClientEnd): void {
    if (end.answers !== null) {
      const group = this.#seal(end, end.answers, KIND.results);
      this.#link.send("results", [group]);
      this.#socket.send([end.rid, group]);
      end.answers = null;
      this.sent(end, group.length);
    }
    if (end.acceptAt !== 0) return;
    end.acceptAt = Infinity;
    this.#scratch.reset();
    this.#socket.send([end.rid, this.#seal(end, this.#scratch, KIND.accepted)]);
  }

  #seal(end: ClientEnd, writer: GroupWriter, kind: number, window = 0): Uint8Array {
    return seal(this.#sealing, writer, {
      kind,
      target: end.index,
      seq: ++end.seq,
      acked: end.lastSeq,
      window,
    });
  }
}
