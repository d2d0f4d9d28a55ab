/**
 * Where groups come in: signature, run, target and sequence are checked, and the shape of the whole group, before a record is acted on.
 */
import {
  ANY,
  emptyResult,
  type GroupHeader,
  GroupReader,
  HEADER_BYTES,
  KIND,
  MAC_BYTES,
} from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";

export class GroupGate {
  readonly #mac: Mac;
  readonly #nonce: bigint;
  readonly #client: number;
  /** Last sequence number by channel and sender. */
  readonly #lastSeq = new Map<string, Map<number, number>>();
  readonly reader = new GroupReader();
  readonly #result = emptyResult();
  #dropped = 0;

  constructor(mac: Mac, nonce: bigint, client: number) {
    this.#mac = mac;
    this.#nonce = nonce;
    this.#client = client;
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
    if (frame.length < HEADER_BYTES || !this.#mac.verify(frame, MAC_BYTES, frame.length, 0)) return null;
    try {
      const header = this.reader.open(frame);
      if (header.nonce !== this.#nonce) return null;
      if (header.target !== this.#client && header.target !== ANY) return null;
      this.#checkShape(header.kind);
      if (!this.#isNew(channel, header)) return null;
      this.reader.open(frame);
      return header;
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

  /** Reads all records once: a broken one is found before the first is acted on. */
  #checkShape(kind: number): void {
    if (kind === KIND.results) { while (this.reader.result(this.#result)); }
    else if (kind === KIND.chunk) this.reader.chunk();
  }
}
