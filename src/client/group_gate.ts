/**
 * Where groups come in to a client: those for this client, each once. What fails is counted and otherwise ignored.
 */
import { GroupCheck } from "../protocol/group_check.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import { ANY, type GroupHeader } from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";

export class GroupGate {
  readonly #check: GroupCheck;
  readonly #nonce: bigint;
  readonly #client: number;
  /** Last sequence number by channel and sender. */
  readonly #lastSeq = new Map<string, Map<number, number>>();
  #dropped = 0;

  constructor(mac: Mac, nonce: bigint, client: number) {
    this.#check = new GroupCheck(mac);
    this.#nonce = nonce;
    this.#client = client;
  }

  /** Stands before the first record of the group that was opened last. */
  get reader(): GroupReader {
    return this.#check.reader;
  }

  /** Groups that failed a check. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Opens a group that passes all checks, with `reader` before its first record; else counts it and returns null. */
  open(frame: Uint8Array, channel: string): GroupHeader | null {
    const header = this.#checked(frame, channel);
    if (header === null) this.#dropped++;
    return header;
  }

  /** An engine that registers anew counts from 1 again. */
  forget(origin: number): void {
    for (const bySender of this.#lastSeq.values()) bySender.delete(origin);
  }

  #checked(frame: Uint8Array, channel: string): GroupHeader | null {
    try {
      const header = this.#check.open(frame, this.#nonce);
      const isMine = header.target === this.#client || header.target === ANY;
      return isMine && this.#isNew(channel, header) ? header : null;
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  #isNew(channel: string, { origin, seq }: GroupHeader): boolean {
    let bySender = this.#lastSeq.get(channel);
    if (bySender === undefined) this.#lastSeq.set(channel, bySender = new Map());
    if (seq <= (bySender.get(origin) ?? 0)) return false;
    bySender.set(origin, seq);
    return true;
  }
}
