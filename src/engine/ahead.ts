/**
 * Large buffers whose task is still on its way, put into a slot's arena as they arrive: the Worker copies one piece while the next one is in the socket. The
 * pieces stay in the store as well, since the task may turn out to be for another child, or this child may die.
 *
 * One task at a time for each child. What does not follow in order is left to the store, which judges the whole when the task has come.
 */
import type { Piece } from "./piece_store.ts";
import type { SlotHandle } from "./slot_contract.ts";

/** Tickets of pieces that are ahead, apart from those of tasks and definitions. */
const AHEAD_TICKET = 0xc000_0000;
const AHEAD_TICKETS = 0x3fff_ffff;
/** The Worker sets memory aside for a whole buffer at its first piece: not for more than this on somebody's bare word. */
const MAX_BYTES = 512 << 20;

export class Ahead {
  readonly #slot: SlotHandle;
  #client = 0;
  #n = 0;
  #list: readonly Piece[] = [];
  #fed = 0;
  #count = 0;
  /** The buffer that is being fed, what of it is in, and the bytes of all so far. */
  #index = 0;
  #offset = 0;
  #total = 0;
  #bytes = 0;
  /** Under which ticket they are in the slot, 0 for nothing. */
  #ticket = 0;
  /** Their task, once it has come; 0 before. */
  task = 0;

  constructor(slot: SlotHandle) {
    this.#slot = slot;
  }

  get isEmpty(): boolean {
    return this.#ticket === 0;
  }

  isOf(client: number, n: number): boolean {
    return this.#ticket !== 0 && this.#client === client && this.#n === n;
  }

  /** Begins with the pieces of a task; `list` grows as more arrive. */
  begin(client: number, n: number, list: readonly Piece[]): void {
    this.drop();
    this.#client = client;
    this.#n = n;
    this.#list = list;
    this.#index = -1;
    this.#fed =
      this.#offset =
      this.#total =
      this.#bytes =
      this.task =
        0;
    this.#count = (this.#count + 1) % AHEAD_TICKETS;
    this.#ticket = (AHEAD_TICKET + this.#count) >>> 0;
  }

  /** Puts in what there is room for, and rings. */
  feed(): void {
    const before = this.#fed;
    while (this.#ticket !== 0 && this.#fed < this.#list.length) {
      const piece = this.#list[this.#fed]!;
      if (!this.#follows(piece)) return this.drop();
      if (!this.#slot.chunk(this.#ticket, piece.index, piece.total, piece.offset, piece.bytes)) break;
      this.#fed++;
      this.#index = piece.index;
      this.#total = piece.total;
      this.#offset = piece.offset + piece.bytes.length;
      if (piece.offset === 0) this.#bytes += piece.total;
    }
    if (this.#fed > before) this.#slot.ring();
  }

  #follows({ index, total, offset, bytes }: Piece): boolean {
    if (!Number.isSafeInteger(total) || offset + bytes.length > total) return false;
    if (offset > 0) return index === this.#index && total === this.#total && offset === this.#offset;
    return index === this.#index + 1 && this.#offset === this.#total && this.#bytes + total <= MAX_BYTES;
  }

  /** What of a task's pieces is in the slot, and under which ticket; from now on they are the caller's. */
  take(): { readonly ticket: number; readonly fed: number } {
    const taken = { ticket: this.#ticket, fed: this.#fed };
    this.#clear();
    return taken;
  }

  /** Has the slot forget them. Harmless if there are none. */
  drop(): void {
    if (this.#ticket !== 0) this.#slot.withdraw(this.#ticket);
    this.#clear();
  }

  #clear(): void {
    this.#ticket = this.task = 0;
    this.#list = [];
  }
}
