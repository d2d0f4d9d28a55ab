/**
 * Ids of peers' direct requests, so that none is used twice: the last ones, with what is said behind their replies. On the task socket the core remembers; here
 * nobody else does, as direct requests are passed on without being kept.
 */
import type { ParentHeader } from "../protocol/frames.ts";
import { isSameFrame, LaterRefusals, type Refusal } from "./peer_refusals.ts";

const MAX_IDS = 10_000;

interface Taken {
  readonly rid: Uint8Array;
  isOver: boolean;
  later: LaterRefusals | null;
}

export class TakenIds {
  readonly #byId = new Map<string, Taken>();

  /** Notes a request; false if its id is taken. */
  take({ msg_id: id }: ParentHeader, rid: Uint8Array): boolean {
    if (typeof id !== "string" || id === "") return true;
    if (this.#byId.has(id)) return false;
    this.#byId.set(id, { rid, isOver: false, later: null });
    for (const oldest of this.#byId.keys()) {
      if (this.#byId.size <= MAX_IDS) break;
      this.#byId.delete(oldest);
    }
    return true;
  }

  /** Whether a refusal waits: the first request is open, and the same connection would take the error for its result. */
  waits(header: ParentHeader, rid: Uint8Array, refusal: Refusal): boolean {
    const taken = this.#byId.get(String(header.msg_id));
    if (taken === undefined || taken.isOver || !isSameFrame(taken.rid, rid)) return false;
    taken.later ??= new LaterRefusals();
    taken.later.add(header, refusal);
    return true;
  }

  /** A reply was passed on; what is to be said behind it, if anything. */
  answered(id: unknown): LaterRefusals | null {
    const taken = this.#byId.get(String(id));
    if (taken === undefined) return null;
    taken.isOver = true;
    const { later } = taken;
    taken.later = null;
    return later;
  }
}
