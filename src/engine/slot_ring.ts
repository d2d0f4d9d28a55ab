/**
 * The host's end of the ring. Everything in it is hostile: each word is copied out once, then held against what this side knows by
 * itself (bounds, order, which tasks are open), and the first nonsense ends in an exception that condemns the child. It can only
 * have harmed its own slot.
 */
import { now } from "../base/clock.ts";
import { putBytes } from "../base/few_bytes.ts";
import { OP } from "../protocol/groups.ts";
import {
  ahead,
  ByteRing,
  CONTROL,
  CONTROL_WORDS,
  ENTRY_WORDS,
  PIECE_BYTES,
  REQUEST,
  RESULT,
  RESULT_KIND,
  RING_OP,
  type RingLayout,
  STATE,
} from "./ring.ts";
import {
  checkKind,
  checkOffer,
  checkTicket,
  copyTo,
  Nonsense,
  type Piece,
  PieceOrder,
  readReason,
  readSize,
  readWalls,
  type RequestFields,
  type RingSink,
} from "./slot_checks.ts";
import { readDenials } from "./denial_records.ts";
import { SlotBoard } from "./slot_board.ts";
import type { Offer, SlotHandle } from "./slot_contract.ts";
import { BodyCopies, SlotTimes } from "./slot_times.ts";

const { load, store, compareExchange } = Atomics;

/** What an entry of the request table is to the host. */
const PHASE = { free: 0, message: 1, open: 2, started: 3, done: 4 } as const;

export class HostRing {
  /** What the two sides tell each other beside it. */
  readonly board: SlotBoard;
  readonly #layout: RingLayout;
  readonly #mask: number;
  #words: Int32Array;
  #numbers: Float64Array;
  #bytes: Uint8Array<ArrayBuffer>;
  readonly #requestBytes: ByteRing;
  readonly #arena: ByteRing;
  #head = 0;
  #tail = 0;
  #resultTail = 0;
  /** No open task stands before this entry. */
  #cursor = 0;
  #open = 0;
  readonly #entryOf = new Map<number, number>();
  /** When the first task since the last look was offered, 0 if none was. To ask for the time of each takes longer than all the rest. */
  #burstAt = 0;
  readonly #phases: Uint8Array;
  readonly #tickets: Float64Array;
  readonly #offeredAt: Float64Array;
  readonly #requestMarks: Float64Array;
  readonly #arenaMarks: Float64Array;
  /** Tickets that have pieces in the Worker and are not offered yet, and those of them to be forgotten. */
  readonly #ahead = new Set<number>();
  readonly #dropped: number[] = [];
  /** Of the task that is being answered. */
  readonly #pieces: PieceOrder;
  #isReady = false;
  readonly #times = new SlotTimes();
  readonly #copies = new BodyCopies();

  constructor(memory: ArrayBuffer, layout: RingLayout, resultLimitBytes: number) {
    this.board = new SlotBoard(memory, layout);
    this.#layout = layout;
    this.#pieces = new PieceOrder(layout.arenaBytes, resultLimitBytes);
    this.#mask = layout.entries - 1;
    this.#words = new Int32Array(memory);
    this.#numbers = new Float64Array(memory);
    this.#bytes = new Uint8Array(memory);
    this.#requestBytes = new ByteRing(layout.ringBytes);
    this.#arena = new ByteRing(layout.arenaBytes);
    this.#phases = new Uint8Array(layout.entries);
    this.#tickets = new Float64Array(layout.entries);
    this.#offeredAt = new Float64Array(layout.entries);
    this.#requestMarks = new Float64Array(layout.entries);
    this.#arenaMarks = new Float64Array(layout.entries);
  }

  /** Open tasks: neither answered nor withdrawn. */
  get open(): number {
    return this.#open;
  }

  /** Whether the Worker is behind: it has not taken everything that was published. */
  get isBehind(): boolean {
    return this.#head !== this.#tail;
  }

  /** Changes whenever the Worker did something. */
  get progress(): number {
    return this.#tail + this.#resultTail;
  }

  /** The task that runs, as far as the last look saw, or -1. */
  get running(): number {
    return this.#cursor !== this.#head && this.#phases[this.#cursor & this.#mask] === PHASE.started
      ? this.#tickets[this.#cursor & this.#mask]!
      : -1;
  }

  /** The arena's use: bytes in the direction of the Worker that are not free. */
  get arenaUsed(): number {
    return this.#arena.used;
  }

  /** Lets go of the memory, which is about to be unmapped. */
  detach(): void {
    this.board.detach();
    this.#words = new Int32Array(CONTROL_WORDS);
    this.#numbers = new Float64Array(0);
    this.#bytes = new Uint8Array(0);
  }

  /** @throws RangeError if the ticket or the body is none that a ring can take */
  offer(offer: Offer): boolean {
    const { ticket, body } = offer;
    checkOffer(ticket, body.length, this.#layout);
    if (!this.#hasEntry() || !this.#drop()) return false;
    const isTask = offer.op !== OP.define;
    if (isTask && this.#entryOf.has(ticket)) throw new RangeError(`Cannot offer ticket ${ticket} twice`);
    let at = 0;
    if (body.length > 0) {
      at = this.#requestBytes.take(body.length);
      if (at < 0) return false;
      putBytes(this.#bytes, this.#layout.requestBytes + at, body);
    }
    const parts = offer.parts ?? ticket;
    if (this.#ahead.size > 0) this.#ahead.delete(parts);
    if (isTask) {
      this.#entryOf.set(ticket, this.#head);
      this.#open++;
    }
    if (this.#burstAt === 0) this.#burstAt = now();
    this.#offeredAt[this.#head & this.#mask] = this.#burstAt;
    this.#numbers[(this.#entry(this.#head) + REQUEST.resultLimit) / 2] = offer.resultLimitBytes ?? Infinity;
    this.#push(isTask ? PHASE.open : PHASE.message, {
      op: offer.op,
      ticket,
      parts,
      definition: offer.definition,
      buffers: offer.buffers,
      at,
      length: body.length,
    });
    return true;
  }

  /** @throws RangeError if the piece is too large */
  chunk(...[ticket, index, total, offset, bytes]: Parameters<SlotHandle["chunk"]>): boolean {
    checkTicket(ticket);
    if (bytes.length > PIECE_BYTES) throw new RangeError(`Cannot send a piece of ${bytes.length} bytes`);
    if (!this.#hasEntry() || !this.#drop()) return false;
    const at = this.#arena.take(bytes.length);
    if (at < 0) return false;
    copyTo(this.#bytes, this.#layout.arenaIn + at, bytes);
    this.#ahead.add(ticket);
    const entry = this.#entry(this.#head);
    this.#numbers[(entry + REQUEST.total) / 2] = total;
    this.#numbers[(entry + REQUEST.offset) / 2] = offset;
    const { chunk: op } = RING_OP;
    const length = bytes.length;
    this.#push(PHASE.message, { op, ticket, parts: ticket, definition: 0, buffers: index, at, length });
    return true;
  }

  withdraw(ticket: number): boolean {
    const seq = this.#entryOf.get(ticket);
    if (seq === undefined) {
      if (!this.#ahead.delete(ticket)) return false;
      this.#dropped.push(ticket);
      this.#drop();
      return true;
    }
    const state = this.#entry(seq) + REQUEST.state;
    if (this.#phases[seq & this.#mask] !== PHASE.open) return false;
    if (compareExchange(this.#words, state, STATE.offered, STATE.withdrawn) !== STATE.offered) return false;
    this.#close(seq);
    return true;
  }

  /** Tells the Worker to forget pieces whose task will not come; false if there was no room for all. */
  #drop(): boolean {
    while (this.#dropped.length > 0) {
      if (!this.#hasEntry()) return false;
      const ticket = this.#dropped.pop() ?? 0;
      const { drop: op } = RING_OP;
      this.#push(PHASE.message, { op, ticket, parts: ticket, definition: 0, buffers: 0, at: 0, length: 0 });
    }
    return this.#hasEntry();
  }

  #hasEntry(): boolean {
    return ahead(this.#head, this.#tail) < this.#layout.entries;
  }

  /** First word of a request. */
  #entry(seq: number): number {
    return this.#layout.requests / 4 + (seq & this.#mask) * ENTRY_WORDS;
  }

  #push(phase: number, fields: RequestFields): void {
    const slot = this.#head & this.#mask, entry = this.#entry(this.#head), words = this.#words;
    this.#phases[slot] = phase;
    this.#tickets[slot] = fields.ticket;
    this.#requestMarks[slot] = this.#requestBytes.mark;
    this.#arenaMarks[slot] = this.#arena.mark;
    words[entry + REQUEST.op] = fields.op;
    words[entry + REQUEST.ticket] = fields.ticket;
    words[entry + REQUEST.parts] = fields.parts;
    words[entry + REQUEST.definition] = fields.definition;
    words[entry + REQUEST.buffers] = fields.buffers;
    words[entry + REQUEST.at] = fields.at;
    words[entry + REQUEST.length] = fields.length;
    store(words, entry + REQUEST.state, STATE.offered);
    this.#head = (this.#head + 1) | 0;
    store(words, CONTROL.requestHead, this.#head);
  }

  /** A task is over for this side. */
  #close(seq: number): void {
    const slot = seq & this.#mask;
    this.#phases[slot] = PHASE.done;
    this.#entryOf.delete(this.#tickets[slot]!);
    this.#open--;
  }

  /**
   * Takes what the Worker published.
   * @param before when this look began
   * @throws Nonsense
   */
  collect(sink: RingSink, before: number): void {
    // The tail first: whatever it has passed is among the results that are looked for after it.
    const tail = load(this.#words, CONTROL.requestTail);
    const head = load(this.#words, CONTROL.resultHead);
    const count = ahead(head, this.#resultTail);
    if (ahead(tail, this.#tail) < 0 || ahead(this.#head, tail) < 0) {
      throw new Nonsense("It took what was not there");
    }
    if (count < 0 || count > this.#layout.entries) {
      throw new Nonsense("It published more than there is room for");
    }
    const after = now();
    this.#burstAt = 0;
    for (let i = 0; i < count; i++) this.#result(sink, after);
    this.#noticeStart(sink, before, after);
    this.#retire(tail);
    this.#times.looked(before);
  }

  #result(sink: RingSink, after: number): void {
    const words = this.#words;
    const entry = this.#layout.results / 4 + (this.#resultTail & this.#mask) * ENTRY_WORDS;
    const kind = words[entry + RESULT.kind]!, request = words[entry + RESULT.request]!;
    const ticket = words[entry + RESULT.ticket]! >>> 0, buffers = words[entry + RESULT.buffers]!;
    const at = words[entry + RESULT.at]!, length = words[entry + RESULT.length]!;
    const stdout = words[entry + RESULT.stdout]!, stderr = words[entry + RESULT.stderr]!;
    const a = this.#numbers[(entry + RESULT.started) / 2]!, b = this.#numbers[(entry + RESULT.finished) / 2]!;
    if (kind === RESULT_KIND.ready) return this.#ready(sink, at, length);
    this.#checkCurrent(request, ticket);
    const slot = this.#cursor & this.#mask;
    if (this.#phases[slot] !== PHASE.started) {
      this.#start(sink, kind === RESULT_KIND.ok || kind === RESULT_KIND.error ? a : after, after);
    }
    if (kind === RESULT_KIND.chunk) {
      return this.#chunk(sink, ticket, { index: buffers, total: a, offset: b, at, length });
    }
    const body = this.#copy(at, length);
    this.#advance();
    sink.text(ticket, stdout, stderr);
    if (kind === RESULT_KIND.event) return sink.event(ticket, body);
    if (kind === RESULT_KIND.denied) return sink.denied?.(ticket, readDenials(body, ticket));
    if (kind === RESULT_KIND.unmet) return sink.unmet?.(ticket, readReason(body));
    checkKind(kind);
    if (kind !== RESULT_KIND.tooLarge) this.#pieces.checkWhole(buffers, length);
    const started = this.#times.startedAt, finished = this.#times.finished(b, after);
    this.#close(this.#cursor);
    this.#cursor = (this.#cursor + 1) | 0;
    if (kind === RESULT_KIND.tooLarge) return sink.tooLarge(ticket, readSize(body), started, finished);
    sink.result(ticket, kind === RESULT_KIND.ok ? "ok" : "error", body, buffers, started, finished);
  }

  #ready(sink: RingSink, at: number, length: number): void {
    if (this.#isReady) throw new Nonsense("It was ready twice");
    this.#isReady = true;
    const body = this.#copy(at, length);
    this.#advance();
    sink.ready(readWalls(body));
  }

  /** What is answered must be the first open task, and the Worker must have started it. */
  #checkCurrent(request: number, ticket: number): void {
    this.#skipDone();
    if (!this.#isReady) throw new Nonsense("It answered before it was ready");
    if (this.#cursor === this.#head) throw new Nonsense("It answered what nobody asked");
    if (request !== this.#cursor || ticket !== this.#tickets[this.#cursor & this.#mask]) {
      throw new Nonsense("It answered another task than the one whose turn it is");
    }
    const state = load(this.#words, this.#entry(this.#cursor) + REQUEST.state);
    if (state !== STATE.started && state !== STATE.finished) {
      throw new Nonsense("It answered a task unstarted");
    }
  }

  #skipDone(): void {
    while (this.#cursor !== this.#head) {
      const phase = this.#phases[this.#cursor & this.#mask];
      if (phase === PHASE.open || phase === PHASE.started) return;
      this.#cursor = (this.#cursor + 1) | 0;
    }
  }

  #start(sink: RingSink, said: number, after: number): void {
    const slot = this.#cursor & this.#mask;
    this.#phases[slot] = PHASE.started;
    this.#pieces.reset();
    sink.started(this.#tickets[slot]!, this.#times.started(said, this.#offeredAt[slot]!, after));
  }

  /** Whether the first open task runs. */
  #noticeStart(sink: RingSink, before: number, after: number): void {
    this.#skipDone();
    if (this.#cursor === this.#head) return;
    const entry = this.#entry(this.#cursor);
    const state = load(this.#words, entry + REQUEST.state);
    if (state < STATE.offered || state > STATE.finished) {
      throw new Nonsense(`It put a task into state ${state}`);
    }
    const isNew = this.#phases[this.#cursor & this.#mask] === PHASE.open;
    if (isNew && state === STATE.offered) return;
    if (isNew) this.#start(sink, this.#numbers[(entry + REQUEST.started) / 2]!, after);
    this.#times.runs(before);
  }

  #chunk(sink: RingSink, ticket: number, piece: Piece): void {
    const { index, total, offset, at, length } = piece;
    this.#pieces.check(piece);
    const from = this.#layout.arenaOut + at;
    try {
      sink.chunk(ticket, index, total, offset, this.#bytes.subarray(from, from + length));
    } finally {
      this.#advance();
    }
  }

  /** Copies a body out: a view of memory of our own, valid until the next call. @throws Nonsense if it is out of bounds */
  #copy(at: number, length: number): Uint8Array {
    return this.#copies.copy(this.#bytes, this.#layout, at, length);
  }

  /** The current result's place and bytes go back to the Worker. */
  #advance(): void {
    this.#resultTail = (this.#resultTail + 1) | 0;
    store(this.#words, CONTROL.resultTail, this.#resultTail);
  }

  /** Takes back the requests that the Worker is done with. Each task among them must have been answered. */
  #retire(tail: number): void {
    if (tail === this.#tail) return;
    for (let seq = this.#tail; seq !== tail; seq = (seq + 1) | 0) {
      const slot = seq & this.#mask;
      if (this.#phases[slot] === PHASE.open || this.#phases[slot] === PHASE.started) {
        throw new Nonsense("It passed a task over");
      }
      this.#phases[slot] = PHASE.free;
    }
    const last = (tail - 1) & this.#mask;
    this.#requestBytes.release(this.#requestMarks[last]!);
    this.#arena.release(this.#arenaMarks[last]!);
    this.#tail = tail;
    if (ahead(tail, this.#cursor) > 0) this.#cursor = tail;
  }

  /** What is open, and whether it may have run: for the end of the child. */
  unfinished(): { ticket: number; started: boolean }[] {
    const found = [];
    for (const [ticket, seq] of this.#entryOf) {
      const state = load(this.#words, this.#entry(seq) + REQUEST.state);
      const started = state !== STATE.offered || this.#phases[seq & this.#mask] === PHASE.started;
      found.push({ ticket, started });
    }
    return found;
  }
}
