/**
 * One key's child at the host: what it was told of functions, and how tasks with everything that belongs to them get into its ring.
 */
import { Ahead } from "./ahead.ts";
import type { ClientFunction, ClientFunctions } from "./client_functions.ts";
import type { EngineCore } from "./core.ts";
import type { Rare } from "./core_types.ts";
import type { ValueName } from "./kept_values.ts";
import type { Piece } from "./piece_store.ts";
import type { SlotHandle, SlotSink } from "./slot_contract.ts";

/** Tickets of definitions, apart from those of tasks. */
const DEFINE_TICKET = 0x8000_0000;
const DEFINE_TICKETS = 0x4000_0000;

/** Kept values of this process. */
export interface TaskValues {
  /** Whether there is nothing to wait for; what is not here is asked for. */
  areReady(names: readonly ValueName[]): boolean;
  piecesOf(names: readonly ValueName[], first: number): Piece[];
}

const NO_PIECES: readonly Piece[] = [];
const NO_VALUES: TaskValues = { areReady: () => true, piecesOf: () => [] };

export class LaneChild {
  readonly slot: SlotHandle;
  /** Who takes what it says. */
  sink: SlotSink | undefined;
  /** Number of its key's lane. */
  readonly lane: number;
  readonly #core: EngineCore;
  readonly #functions: ClientFunctions;
  /** What it knows, by number: another function may come under a number whose function is gone. */
  readonly #defined = new Map<number, ClientFunction>();
  /** Whether functions are forgotten with each task. */
  readonly #forgets: boolean;
  /** Pieces of a task that is still on its way. */
  readonly ahead: Ahead;
  /** Whose pieces are being fed into the arena, under which ticket, and how many are in. */
  #fedTicket = 0;
  #fedParts = 0;
  #fedCount = 0;
  readonly #offer = {
    ticket: 0,
    parts: 0,
    op: 0,
    definition: 0,
    buffers: 0,
    body: new Uint8Array(0),
    resultLimitBytes: Infinity,
  };

  /** The pieces of the task that is next, with those of kept values among them. */
  #whole: { readonly ticket: number; readonly pieces: readonly Piece[] } | undefined;
  readonly #values: TaskValues;

  constructor(
    slot: SlotHandle,
    lane: number,
    core: EngineCore,
    functions: ClientFunctions,
    values: TaskValues = NO_VALUES,
  ) {
    this.#values = values;
    this.slot = slot;
    this.ahead = new Ahead(slot);
    this.lane = lane;
    this.#core = core;
    this.#functions = functions;
    this.#forgets = core.lanes.at(lane).key.isolation === "worker";
  }

  /** Puts a task into the ring, with its function ahead of it if need be; false if there is no room now. */
  offer(ticket: number): boolean {
    const { table, frames, rare } = this.#core, { slot } = this;
    const place = table.at(ticket), definition = table.definition[place]!;
    let buffers = table.buffers[place]!;
    const own = rare.get(ticket), pieces = this.#piecesOf(ticket, own, buffers);
    if (pieces === null) return false;
    if (own?.values !== undefined) buffers = own.values.reduce((sum, value) => sum + value.buffers, buffers);
    if (definition !== 0 && !this.#define(definition)) return false;
    if (buffers > 0) {
      if (this.ahead.isOf(table.client[place]!, table.n[place]!)) this.#goOn(ticket);
      if (!this.#feed(ticket, pieces)) return false;
    }
    const offer = this.#offer;
    offer.parts = buffers > 0 ? this.#fedParts : ticket;
    const from = table.offset[place]!;
    offer.ticket = ticket;
    offer.op = table.op[place]!;
    offer.definition = definition;
    offer.buffers = buffers;
    offer.resultLimitBytes = rare.limit(ticket, "resultLimitBytes");
    const body = frames.get(table.frame[place]!).subarray(from, from + table.length[place]!);
    offer.body = body as typeof offer.body;
    if (!slot.offer(offer)) return false;
    if (buffers > 0) this.#fedTicket = 0;
    this.#whole = undefined;
    if (this.#forgets) this.#defined.clear();
    return true;
  }

  /** The task's pieces; null while a value that it names is on its way. Once they are whole they stay so, whatever is dropped meanwhile. */
  #piecesOf(ticket: number, rare: Rare | undefined, buffers: number): readonly Piece[] | null {
    const own = rare?.pieces ?? NO_PIECES;
    if (rare?.values === undefined) return own;
    if (this.#whole?.ticket !== ticket) {
      if (!this.#values.areReady(rare.values)) return null;
      this.#whole = { ticket, pieces: [...own, ...this.#values.piecesOf(rare.values, buffers)] };
    }
    return this.#whole.pieces;
  }

  #define(number: number): boolean {
    const definition = this.#functions.get(number);
    if (definition === undefined || this.#defined.get(number) === definition) return true;
    const ticket = DEFINE_TICKET + number % DEFINE_TICKETS;
    const { body, buffers, pieces } = definition;
    if (buffers > 0 && !this.#feed(ticket, pieces)) return false;
    if (!this.slot.offer({ ticket, op: 1, definition: number, buffers, body })) return false;
    if (buffers > 0) this.#fedTicket = 0;
    this.#defined.set(number, definition);
    return true;
  }

  /** The task has come whose pieces are in already, as many as there were. */
  #goOn(ticket: number): void {
    if (this.#fedTicket !== 0) this.slot.withdraw(this.#fedParts);
    const { ticket: parts, fed } = this.ahead.take();
    this.#fedTicket = ticket;
    this.#fedParts = parts;
    this.#fedCount = fed;
  }

  /** Feeds pieces of large buffers as far as there is room; true when all are in. */
  #feed(ticket: number, pieces: readonly Piece[]): boolean {
    if (this.#fedTicket !== ticket) {
      if (this.#fedTicket !== 0) this.slot.withdraw(this.#fedParts);
      this.#fedTicket = this.#fedParts = ticket;
      this.#fedCount = 0;
    }
    for (; this.#fedCount < pieces.length; this.#fedCount++) {
      const { index, total, offset, bytes } = pieces[this.#fedCount]!;
      if (!this.slot.chunk(this.#fedParts, index, total, offset, bytes)) return false;
    }
    return true;
  }
}
