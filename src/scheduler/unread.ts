/**
 * Results that clients have not read: what was sent to each, what of it has been read, and who is held because it is too much.
 *
 * Sockets queue without a bound, so a client that stops reading would have all its results pile up here. Behind each MiB goes a mark that our clients send back as they come to
 * it. While more than `SCHEDULER_BOUNDS.unreadBytes` are on the way, the client's waiting tasks go to no engine: its work waits, nothing is lost, others go on.
 */
import { GroupWriter } from "../protocol/group_writer.ts";
import { KIND } from "../protocol/groups.ts";
import type { Socket } from "../wire/socket.ts";
import type { ClientEnd } from "./client_ends.ts";
import { SCHEDULER_BOUNDS } from "./options.ts";

/** A mark counts in these, so that its 32 bits go far. */
const UNIT_BYTES = 1024;

/** How one client reads. */
export interface Reading {
  /** Bytes of results sent to it, those before the last mark, and those that it is known to have read. */
  sent: number;
  marked: number;
  read: number;
  /** Whether it sends marks back. */
  confirms: boolean;
  isHeld: boolean;
  /** Nobody is there any more: what is sent goes nowhere. */
  isGone: boolean;
}

export interface UnreadParts {
  readonly socket: Socket;
  /** A group with a mark for a client. */
  readonly seal: (end: ClientEnd, writer: GroupWriter, kind: number, mark: number) => Uint8Array;
  /** Holds a client's tasks, or lets them go. */
  readonly hold: (client: number, isHeld: boolean) => void;
  readonly warn: (client: number, bytes: number) => void;
}

export function newReading(): Reading {
  return { sent: 0, marked: 0, read: 0, confirms: false, isHeld: false, isGone: false };
}

export class Unread {
  readonly #parts: UnreadParts;
  readonly #scratch = new GroupWriter(256);
  readonly #held = new Set<ClientEnd>();
  #lookAt = Infinity;

  constructor(parts: UnreadParts) {
    this.#parts = parts;
  }

  /** When those that are held are looked at, Infinity for never. */
  get nextLook(): number {
    return this.#lookAt;
  }

  /** A client has sent a group. @param confirms it sends marks back */
  heard({ reading }: ClientEnd, confirms: boolean): void {
    reading.confirms ||= confirms;
    reading.isGone = false;
  }

  /** Results went to a client. */
  sent(end: ClientEnd, bytes: number, at: number): void {
    const { reading } = end;
    reading.sent += bytes;
    if (!reading.confirms || reading.isGone) return;
    if (reading.sent - reading.marked >= SCHEDULER_BOUNDS.markBytes) reading.isGone = !this.#mark(end);
    const unread = reading.sent - reading.read;
    if (reading.isGone || reading.isHeld || unread <= SCHEDULER_BOUNDS.unreadBytes) return;
    reading.isHeld = true;
    this.#held.add(end);
    this.#lookAt = Math.min(this.#lookAt, at + SCHEDULER_BOUNDS.unreadLookMs);
    this.#parts.hold(end.index, true);
    this.#parts.warn(end.index, unread);
  }

  /** A mark came back: all before it has been read, or was lost with a connection. */
  confirmed(end: ClientEnd, mark: number): void {
    const { reading } = end;
    const since = ((units(reading.sent) - mark) >>> 0) * UNIT_BYTES;
    if (since > reading.sent - reading.read) return;
    reading.read = reading.sent - since;
    if (reading.isHeld && since <= SCHEDULER_BOUNDS.unreadBytes / 2) this.#release(end);
  }

  /**
   * Looks whether those that are held are there. A new mark tells them so, should the last one have been lost.
   * @returns whether somebody was let go
   * @param isFull nothing may be held, since what waits fills the memory: as clients are not read then, nobody's mark would be seen
   */
  look(at: number, isFull: boolean): boolean {
    if (at < this.#lookAt && !isFull) return false;
    const { size } = this.#held;
    for (const end of this.#held) {
      if (isFull) this.#release(end);
      else if (!this.#mark(end)) {
        end.reading.isGone = true;
        this.#release(end);
      }
    }
    this.#lookAt = this.#held.size === 0 ? Infinity : at + SCHEDULER_BOUNDS.unreadLookMs;
    return this.#held.size < size;
  }

  #release(end: ClientEnd): void {
    end.reading.isHeld = false;
    this.#held.delete(end);
    this.#parts.hold(end.index, false);
  }

  /** False if no connection stands any more. */
  #mark(end: ClientEnd): boolean {
    const { socket, seal } = this.#parts, { reading } = end;
    reading.marked = reading.sent;
    this.#scratch.reset();
    return socket.sendIfThere([end.rid, seal(end, this.#scratch, KIND.mark, units(reading.sent))]);
  }
}

function units(bytes: number): number {
  return Math.floor(bytes / UNIT_BYTES) >>> 0;
}
