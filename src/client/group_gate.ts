/**
 * Where groups come in to a client: those for this client, each once. What fails is counted and otherwise ignored.
 */
import { GroupCheck } from "../protocol/group_check.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import { ANY, type GroupHeader, ORIGIN } from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";

interface Heard {
  readonly registration: number;
  seq: number;
}

export class GroupGate {
  readonly #check: GroupCheck;
  readonly #nonce: bigint;
  readonly #client: number;
  /** What was heard last by channel and sender. */
  readonly #last = new Map<string, Map<number, Heard>>();
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
    for (const bySender of this.#last.values()) bySender.delete(origin);
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

  /** An engine with a later registration counts from 1: its results may overtake the news of it. */
  #isNew(channel: string, { origin, seq, acked }: GroupHeader): boolean {
    const registration = isEngine(origin) ? acked : 0;
    let bySender = this.#last.get(channel);
    if (bySender === undefined) this.#last.set(channel, bySender = new Map());
    const last = bySender.get(origin);
    if (last === undefined || registration > last.registration) {
      bySender.set(origin, { registration, seq });
      return seq > 0;
    }
    if (registration < last.registration || seq <= last.seq) return false;
    last.seq = seq;
    return true;
  }
}

function isEngine(origin: number): boolean {
  return origin >= ORIGIN.engineBit && origin !== ORIGIN.scheduler && origin !== ORIGIN.hub;
}
