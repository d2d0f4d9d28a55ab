/**
 * The first look at a received group, the same at every door: signature, run, and the shape of the *whole* group, before anyone acts on a record.
 *
 * Who may send it, to whom, and in which sequence is the business of the door that uses this.
 */
import { MAX_BY_BYTES } from "./by.ts";
import { GroupReader } from "./group_reader.ts";
import {
  CHUNK_PIECE_BYTES,
  emptyResult,
  emptyTask,
  type GroupHeader,
  HEADER_BYTES,
  KIND,
  MAC_BYTES,
  MAX_MEMORY_BYTES,
  OP,
  ORIGIN,
  STATUS,
} from "./groups.ts";
import type { Mac } from "./mac.ts";

/** Kinds that have no records. */
const EMPTY: ReadonlySet<number> = new Set([KIND.accepted, KIND.recall, KIND.memory, KIND.mark]);

/** Most bytes of JSON behind the records, by kind. */
const BEHIND: Readonly<Record<number, number>> = {
  [KIND.cancel]: MAX_BY_BYTES,
  [KIND.memory]: MAX_MEMORY_BYTES,
};

export class GroupCheck {
  readonly #mac: Mac;
  readonly reader = new GroupReader();
  readonly #task = emptyTask();
  readonly #result = emptyResult();
  readonly #name = new Uint32Array(4);

  constructor(mac: Mac) {
    this.#mac = mac;
  }

  /**
   * Opens a group; `reader` then stands before its first record.
   * @param nonce of the run that the group must belong to
   * @throws RangeError that says why it is not taken
   */
  open(frame: Uint8Array, nonce: bigint | null): GroupHeader {
    if (frame.length < HEADER_BYTES || !this.#mac.verify(frame, MAC_BYTES, frame.length, 0)) {
      throw new RangeError("wrong signature: another key, or a damaged message");
    }
    const header = this.reader.open(frame);
    if (header.nonce !== nonce) throw new RangeError("a group of another run of the controller");
    this.#checkRecords(header);
    const behind = BEHIND[header.kind] ?? 0;
    if (this.reader.left !== 0 || frame.length - this.reader.offset > behind) {
      throw new RangeError("Cannot read a group: its records do not end where it ends");
    }
    this.reader.open(frame);
    return header;
  }

  #checkRecords({ kind, origin }: GroupHeader): void {
    const { reader } = this;
    switch (kind) {
      case KIND.tasks:
        while (reader.task(this.#task)) {
          const { op, client } = this.#task;
          if (op < OP.define || op > OP.clear) throw new RangeError(`Cannot take a task of op ${op}`);
          checkOwner(client, origin);
        }
        break;
      case KIND.notice:
        while (reader.task(this.#task));
        break;
      case KIND.results:
        while (reader.result(this.#result)) {
          const { status } = this.#result;
          if (status > STATUS.lost) throw new RangeError(`Cannot take a result of status ${status}`);
        }
        break;
      case KIND.cancel:
        while (reader.name(this.#name)) checkOwner(this.#name[0]!, origin);
        break;
      case KIND.returned:
      case KIND.assigned:
        while (reader.name(this.#name));
        break;
      case KIND.chunk:
        this.#checkChunk(origin);
        break;
      case KIND.value:
        this.#checkChunk(origin);
        if (!reader.name(this.#name)) throw new RangeError("Cannot take a piece of a value without a name");
        break;
      case KIND.values:
        while (reader.name(this.#name));
        break;
      case KIND.shared:
      case KIND.located:
        this.#checkShared(origin);
        break;
      default:
        if (!EMPTY.has(kind)) throw new RangeError(`Cannot take a group of kind ${kind}`);
    }
  }

  #checkChunk(origin: number): void {
    const { client, length } = this.reader.chunk();
    checkOwner(client, origin);
    if (length > CHUNK_PIECE_BYTES) throw new RangeError(`Cannot take a piece of ${length} bytes`);
  }

  #checkShared(origin: number): void {
    this.#checkChunk(origin);
    while (this.reader.name(this.#name)) checkOwner(this.#name[0]!, origin);
  }
}

/** A client speaks for itself only. */
function checkOwner(client: number, origin: number): void {
  if (origin < ORIGIN.engineBit && client !== origin) {
    throw new RangeError(`Cannot take a record of client ${client} from client ${origin}`);
  }
}
