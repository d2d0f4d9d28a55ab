/**
 * Where peers' messages come in to the schedulers: what is not rightly signed, not readable or not new is dropped, counted, and said once per peer.
 * Of a damaged message that is rightly signed its receiver gets what is left: somebody waits for an answer to it.
 */
import type { Message, Remains, Session } from "../protocol/frames.ts";
import type { GroupDoor } from "./group_door.ts";
import { problemOf } from "./peer_refusals.ts";

export class PeerDoor {
  readonly session: Session;
  readonly #door: GroupDoor;

  constructor(session: Session, door: GroupDoor) {
    this.session = session;
    this.#door = door;
  }

  /** Counts a message that is not taken. */
  drop(peer: string, why: string): void {
    this.#door.drop(peer, why);
  }

  /**
   * The message in these frames, each only once; null if it was dropped.
   * @param peer whom a complaint names
   * @param damaged gets what is left of one that is rightly signed and new, but cannot be read, and why
   */
  parse(
    frames: readonly Uint8Array[],
    peer: string,
    damaged?: (remains: Remains, why: string) => void,
  ): Message | null {
    try {
      return this.session.parse(frames);
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      this.drop(peer, reason.message);
      const remains = damaged === undefined ? undefined : this.#remains(frames);
      if (remains !== undefined) damaged?.(remains, problemOf(reason));
      return null;
    }
  }

  #remains(frames: readonly Uint8Array[]): Remains | undefined {
    try {
      return this.session.remains(frames);
    } catch {
      return undefined;
    }
  }
}
