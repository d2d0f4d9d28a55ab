/**
 * Where peers' messages come in to the schedulers: what is not rightly signed, not readable or not new is dropped, counted, and said once per peer.
 */
import type { Message, Session } from "../protocol/frames.ts";
import type { GroupDoor } from "./group_door.ts";

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

  /** The message in these frames, each only once; null if it was dropped. @param peer whom a complaint names */
  parse(frames: readonly Uint8Array[], peer: string): Message | null {
    try {
      return this.session.parse(frames);
    } catch (error) {
      this.drop(peer, error instanceof Error ? error.message : String(error));
      return null;
    }
  }
}
