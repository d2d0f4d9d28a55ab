/**
 * Where groups come in to the schedulers: what fails a check is dropped, counted, and said once per peer.
 */
import { Complaints } from "../base/complaints.ts";
import type { Logger } from "../base/log.ts";
import { GroupCheck } from "../protocol/group_check.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import type { GroupHeader } from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";

export class GroupDoor {
  readonly #check: GroupCheck;
  readonly #nonce: bigint;
  readonly #complaints: Complaints;

  constructor(mac: Mac, nonce: bigint, log: Logger) {
    this.#check = new GroupCheck(mac);
    this.#nonce = nonce;
    this.#complaints = new Complaints(log);
  }

  /** Stands before the first record of the group that was opened last. */
  get reader(): GroupReader {
    return this.#check.reader;
  }

  /** Messages dropped since the start. */
  get dropped(): number {
    return this.#complaints.count;
  }

  /** Counts a message that is not taken, and says why, once per peer. */
  drop(peer: string, why: string): void {
    this.#complaints.drop(peer, why);
  }

  /** Opens a group that passes all checks, else drops it and returns null. @param peer whom a complaint names */
  open(frame: Uint8Array, peer: string): GroupHeader | null {
    try {
      return this.#check.open(frame, this.#nonce);
    } catch (error) {
      this.drop(peer, error instanceof Error ? error.message : String(error));
      return null;
    }
  }
}
