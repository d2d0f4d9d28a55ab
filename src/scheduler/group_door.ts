/**
 * Where groups come in: signature, run, sender and sequence are checked before anyone looks at a record, and the shape of
 * the whole group before anything changes.
 */
import type { Logger } from "../base/log.ts";
import {
  emptyResult,
  emptyTask,
  type GroupHeader,
  GroupReader,
  HEADER_BYTES,
  KIND,
  MAC_BYTES,
  OP,
} from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";

export class GroupDoor {
  readonly #mac: Mac;
  readonly #nonce: bigint;
  readonly #log: Logger;
  readonly reader = new GroupReader();
  readonly #task = emptyTask();
  readonly #result = emptyResult();
  readonly #name = new Uint32Array(4);
  readonly #complained = new Set<string>();
  #dropped = 0;

  constructor(mac: Mac, nonce: bigint, log: Logger) {
    this.#mac = mac;
    this.#nonce = nonce;
    this.#log = log;
  }

  /** Messages dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Counts a message that is not taken, and says why, once per peer. */
  drop(peer: string, why: string): void {
    this.#dropped++;
    if (this.#complained.has(peer) || this.#complained.size > 10_000) return;
    this.#complained.add(peer);
    this.#log.warn("Dropped a message; later ones of this peer are only counted", { peer, why });
  }

  /**
   * Opens a group that passes all checks, else drops it and returns null. `reader` then stands before its first record.
   * @param peer whom a complaint names
   */
  open(frame: Uint8Array, peer: string): GroupHeader | null {
    if (frame.length < HEADER_BYTES || !this.#mac.verify(frame, MAC_BYTES, frame.length, 0)) {
      this.drop(peer, "wrong signature: another key, or a damaged message");
      return null;
    }
    try {
      const header = this.reader.open(frame);
      if (header.nonce !== this.#nonce) {
        this.drop(peer, "a group of another run of the controller");
        return null;
      }
      this.#checkShape(header);
      this.reader.open(frame);
      return header;
    } catch (error) {
      this.drop(peer, error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  /** Reads all records once, so that a broken one is found before the first is acted on. */
  #checkShape(header: GroupHeader): void {
    switch (header.kind) {
      case KIND.tasks:
        while (this.reader.task(this.#task)) {
          const { op, client } = this.#task;
          if (op < OP.define || op > OP.clear) throw new RangeError(`Cannot take a task of op ${op}`);
          if (header.origin < 0x8000_0000 && client !== header.origin) {
            throw new RangeError(`Cannot take a task of client ${client} from client ${header.origin}`);
          }
        }
        break;
      case KIND.results:
        while (this.reader.result(this.#result)) {
          if (this.#result.status > 4) {
            throw new RangeError(`Cannot take a result of status ${this.#result.status}`);
          }
        }
        break;
      case KIND.cancel:
      case KIND.returned:
      case KIND.assigned:
        while (this.reader.name(this.#name));
        break;
      case KIND.chunk:
        this.reader.chunk();
        break;
    }
    if (header.kind !== KIND.accepted && header.kind !== KIND.recall && header.kind !== KIND.notice) {
      if (this.reader.offset !== this.reader.bytes.length) {
        throw new RangeError(
          `Cannot read a group: ${this.reader.bytes.length - this.reader.offset} bytes behind its records`,
        );
      }
    }
  }
}
