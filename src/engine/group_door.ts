/**
 * Where groups come in: signature, run, target, sender and sequence are checked before anyone looks at a record, and the shape of the whole
 * group before anything changes. What fails is dropped, counted, and said once per peer.
 */
import type { Logger } from "../base/log.ts";
import {
  ANY,
  CHUNK_PIECE_BYTES,
  emptyTask,
  type GroupHeader,
  GroupReader,
  HEADER_BYTES,
  KIND,
  MAC_BYTES,
  OP,
  ORIGIN,
} from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";

/** Most peers that are complained about by name. */
const MAX_COMPLAINTS = 1000;

export class GroupDoor {
  readonly #mac: Mac;
  readonly #log: Logger;
  readonly reader = new GroupReader();
  readonly #task = emptyTask();
  readonly #name = new Uint32Array(4);
  readonly #lastSeq = new Map<number, number>();
  readonly #complained = new Set<string>();
  #nonce: bigint | null = null;
  #id = -1;
  #dropped = 0;

  constructor(mac: Mac, log: Logger) {
    this.#mac = mac;
    this.#log = log;
  }

  /** Messages dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The engine is registered under this id with this run of the controller; null: it speaks no groups. */
  open(id: number, nonce: bigint | null): void {
    if (nonce !== this.#nonce) this.#lastSeq.clear();
    // The scheduler counts anew with each registration.
    this.#lastSeq.delete(ORIGIN.scheduler);
    this.#id = id;
    this.#nonce = nonce;
  }

  /** Counts a message that is not taken, and says why, once per peer. */
  drop(peer: string, why: string): null {
    this.#dropped++;
    if (this.#complained.has(peer) || this.#complained.size >= MAX_COMPLAINTS) return null;
    this.#complained.add(peer);
    this.#log.warn("Dropped a message; later ones of this peer are only counted", { peer, why });
    return null;
  }

  /**
   * The header of a group that passes all checks, else null. `reader` then stands before its first record.
   * @param isScheduled whether it came on the scheduler's path, where only the scheduler speaks
   */
  check(frame: Uint8Array, isScheduled: boolean): GroupHeader | null {
    const path = isScheduled ? "the scheduler's path" : "the direct path";
    if (frame.length < HEADER_BYTES || !this.#mac.verify(frame, MAC_BYTES, frame.length, 0)) {
      return this.drop(path, "wrong signature: another key, or a damaged message");
    }
    try {
      const header = this.reader.open(frame);
      const why = this.#refusal(header, isScheduled);
      if (why !== null) return this.drop(`${path}, origin ${header.origin}`, why);
      this.#checkShape(header);
      this.reader.open(frame);
      this.#lastSeq.set(header.origin, header.seq);
      return header;
    } catch (error) {
      return this.drop(path, error instanceof Error ? error.message : String(error));
    }
  }

  #refusal(header: GroupHeader, isScheduled: boolean): string | null {
    if (this.#nonce === null || header.nonce !== this.#nonce) {
      return "a group of another run of the controller";
    }
    if (header.target !== this.#id && header.target !== ANY) return `a group for engine ${header.target}`;
    const isRight = isScheduled ? header.origin === ORIGIN.scheduler : header.origin < ORIGIN.engineBit;
    if (!isRight) return "a sender that does not belong there";
    const last = this.#lastSeq.get(header.origin) ?? 0;
    return header.seq > last ? null : `a replayed group (${header.seq} after ${last})`;
  }

  /** Reads all records once, so that a broken one is found before the first is acted on. */
  #checkShape(header: GroupHeader): void {
    const { reader } = this;
    const isClient = header.origin < ORIGIN.engineBit;
    const own = (client: number) => {
      if (isClient && client !== header.origin) {
        throw new RangeError(`Cannot take a record of client ${client} from client ${header.origin}`);
      }
    };
    switch (header.kind) {
      case KIND.tasks:
        while (reader.task(this.#task)) {
          const { op, client } = this.#task;
          if (op < OP.define || op > OP.clear) throw new RangeError(`Cannot take a task of op ${op}`);
          own(client);
        }
        break;
      case KIND.cancel:
        while (reader.name(this.#name)) own(this.#name[0]!);
        break;
      case KIND.chunk: {
        const chunk = reader.chunk();
        own(chunk.client);
        if (chunk.length > CHUNK_PIECE_BYTES || chunk.side !== 0) {
          throw new RangeError(`Cannot take a piece of ${chunk.length} bytes of side ${chunk.side}`);
        }
        break;
      }
      case KIND.recall:
        break;
      default:
        throw new RangeError(`Cannot take a group of kind ${header.kind}: engines do not`);
    }
    if (reader.left !== 0 || reader.offset !== reader.bytes.length) {
      throw new RangeError("Cannot read a group: its records do not end where it ends");
    }
  }
}
