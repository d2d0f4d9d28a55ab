/**
 * The Worker's end of the ring: takes requests one by one, publishes results, and waits where there is no room. The host at the other
 * end is trusted; the task beside it is not, hence only captured functions and private fields.
 */
import {
  PrimordialUint8Array,
  typedArrayBuffer,
  typedArrayLength,
  typedArrayOffset,
  typedArraySet,
} from "../protocol/primordials.ts";
import {
  ByteRing,
  CONTROL,
  ENTRY_WORDS,
  INPUT_BYTES,
  PIECE_BYTES,
  REQUEST,
  RESULT,
  RESULT_KIND,
  type RingLayout,
  STATE,
} from "./ring.ts";

const { load, store, compareExchange } = Atomics;

/** How the Worker and the host wake each other. */
export interface Bell {
  /** Tells the host to look. */
  ring(): void;
  /** Blocks until the host rings. */
  wait(): void;
}

/** Written text so far, in every result. */
export interface TextCounts {
  readonly stdout: { readonly written: number };
  readonly stderr: { readonly written: number };
}

export class WorkerRing {
  readonly #layout: RingLayout;
  readonly #buffer: ArrayBuffer;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #bell: Bell;
  readonly #texts: TextCounts;
  readonly #mask: number;
  #requestTail = 0;
  /** First word of the current request. */
  #request: number;
  #resultHead = 0;
  #resultTail = 0;
  #isDirty = false;
  #told = 0;
  readonly #resultBytes: ByteRing;
  readonly #arena: ByteRing;
  /** What to release when the host is done with the entry at that place. */
  readonly #resultMarks: Float64Array;
  readonly #arenaMarks: Float64Array;

  constructor(buffer: ArrayBuffer, layout: RingLayout, bell: Bell, texts: TextCounts) {
    this.#layout = layout;
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#numbers = new Float64Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#bell = bell;
    this.#texts = texts;
    this.#mask = layout.entries - 1;
    this.#request = layout.requests / 4;
    this.#resultBytes = new ByteRing(layout.ringBytes);
    this.#arena = new ByteRing(layout.arenaBytes);
    this.#resultMarks = new Float64Array(layout.entries);
    this.#arenaMarks = new Float64Array(layout.entries);
  }

  /** Goes on where the Worker before this one has left off, once the host has taken everything of that. */
  takeOver(): void {
    const words = this.#words;
    this.#requestTail = load(words, CONTROL.requestTail);
    this.#request = this.#layout.requests / 4 + (this.#requestTail & this.#mask) * ENTRY_WORDS;
    this.#resultHead = load(words, CONTROL.resultHead);
    this.#told = load(words, CONTROL.told);
    while (load(words, CONTROL.resultTail) !== this.#resultHead) {
      store(words, CONTROL.wantsRoom, 1);
      if (load(words, CONTROL.resultTail) !== this.#resultHead) this.waitForBell();
    }
    store(words, CONTROL.wantsRoom, 0);
    this.#resultTail = this.#resultHead;
  }

  /** Whether a request waits; its fields are read with `field`. */
  get hasRequest(): boolean {
    return load(this.#words, CONTROL.requestHead) !== this.#requestTail;
  }

  /** Whether something was published or taken that the host was not told of. */
  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** A word of the current request (REQUEST). */
  field(word: number): number {
    return this.#words[this.#request + word] as number;
  }

  /** A 64-bit number of the current request. */
  number(word: number): number {
    return this.#numbers[(this.#request + word) / 2] as number;
  }

  /** Bytes of the current request's body: a view, valid until `done`. */
  body(): Uint8Array {
    return this.#view(this.#layout.requestBytes, this.field(REQUEST.at), this.field(REQUEST.length));
  }

  /** The piece of the current chunk request: a view, valid until `done`. */
  piece(): Uint8Array {
    return this.#view(this.#layout.arenaIn, this.field(REQUEST.at), this.field(REQUEST.length));
  }

  #view(base: number, at: number, length: number): Uint8Array {
    return new PrimordialUint8Array(this.#buffer, base + at, length);
  }

  /** Begins the current task; false if the host has withdrawn it. */
  start(time: number): boolean {
    const at = this.#request;
    this.#numbers[(at + REQUEST.started) / 2] = time;
    return compareExchange(this.#words, at + REQUEST.state, STATE.offered, STATE.started) === STATE.offered;
  }

  /** What the host told the current task since it was asked last (TOLD), 0 for nothing. */
  told(): number {
    const told = load(this.#words, CONTROL.told);
    if (told === this.#told) return 0;
    this.#told = told;
    const isMine = (this.#words[CONTROL.toldTicket] as number) === this.field(REQUEST.ticket);
    return isMine ? this.#words[CONTROL.toldKind] as number : 0;
  }

  /** The current task looks at its signal. */
  looked(): void {
    store(this.#words, CONTROL.looked, this.field(REQUEST.ticket));
  }

  /** The text that came with what was told last: a view, valid until the host tells something else. */
  toldText(): Uint8Array {
    const length = this.#words[CONTROL.toldLength] as number;
    return this.#view(this.#layout.input, 0, length < INPUT_BYTES ? length : INPUT_BYTES);
  }

  /** Tells the host and blocks until it rings. */
  waitForBell(): void {
    this.#isDirty = false;
    this.#bell.ring();
    this.#bell.wait();
  }

  /** The current request is over: its place and bytes go back to the host. */
  done(): void {
    const state = this.#request + REQUEST.state;
    compareExchange(this.#words, state, STATE.started, STATE.finished);
    this.#requestTail = (this.#requestTail + 1) | 0;
    this.#request = this.#layout.requests / 4 + (this.#requestTail & this.#mask) * ENTRY_WORDS;
    store(this.#words, CONTROL.requestTail, this.#requestTail);
    this.#isDirty = true;
  }

  /** Tells the host, if there is anything to tell. */
  ring(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    this.#bell.ring();
  }

  /** Publishes a result or event of the current request; `body` is copied. Waits for room. */
  publish(kind: number, buffers: number, body: Uint8Array, started: number, finished: number): void {
    const length = typedArrayLength(body);
    const slot = this.#slot();
    let at = 0;
    if (length > 0) {
      while ((at = this.#resultBytes.take(length)) < 0) this.#wait();
      typedArraySet(this.#bytes, body, this.#layout.resultBytes + at);
    }
    this.#fill(slot, kind, buffers, at, length, started, finished);
  }

  /** Publishes a large buffer of the current request's coming result, piece by piece. Waits for room. */
  publishBuffer(index: number, buffer: Uint8Array): void {
    const total = typedArrayLength(buffer);
    const memory = typedArrayBuffer(buffer), base = typedArrayOffset(buffer);
    for (let offset = 0; offset < total; offset += PIECE_BYTES) {
      const length = total - offset < PIECE_BYTES ? total - offset : PIECE_BYTES;
      const slot = this.#slot();
      let at;
      while ((at = this.#arena.take(length)) < 0) this.#wait();
      const piece = new PrimordialUint8Array(memory, base + offset, length);
      typedArraySet(this.#bytes, piece, this.#layout.arenaOut + at);
      this.#fill(slot, RESULT_KIND.chunk, index, at, length, total, offset);
      // The host can copy one part while the next is written.
      if (offset % (4 * PIECE_BYTES) === 0) this.ring();
    }
  }

  /** The place of the next result entry. Waits until there is one. */
  #slot(): number {
    this.#retire();
    while (((this.#resultHead - this.#resultTail) | 0) >= this.#layout.entries) this.#wait();
    return this.#resultHead & this.#mask;
  }

  #fill(slot: number, kind: number, index: number, at: number, length: number, a: number, b: number): void {
    const words = this.#words, entry = this.#layout.results / 4 + slot * ENTRY_WORDS;
    words[entry + RESULT.kind] = kind;
    words[entry + RESULT.request] = this.#requestTail;
    words[entry + RESULT.ticket] = this.field(REQUEST.ticket);
    words[entry + RESULT.buffers] = index;
    words[entry + RESULT.at] = at;
    words[entry + RESULT.length] = length;
    words[entry + RESULT.stdout] = this.#texts.stdout.written;
    words[entry + RESULT.stderr] = this.#texts.stderr.written;
    this.#numbers[(entry + RESULT.started) / 2] = a;
    this.#numbers[(entry + RESULT.finished) / 2] = b;
    this.#resultMarks[slot] = this.#resultBytes.mark;
    this.#arenaMarks[slot] = this.#arena.mark;
    this.#resultHead = (this.#resultHead + 1) | 0;
    store(words, CONTROL.resultHead, this.#resultHead);
    this.#isDirty = true;
  }

  /** Takes back the room of results that the host is done with. */
  #retire(): void {
    const tail = load(this.#words, CONTROL.resultTail);
    if (tail === this.#resultTail) return;
    const last = (tail - 1) & this.#mask;
    this.#resultTail = tail;
    this.#resultBytes.release(this.#resultMarks[last] as number);
    this.#arena.release(this.#arenaMarks[last] as number);
  }

  /** Asks the host for room and blocks until it rings. The wish is made known before the last look, so no bell is missed. */
  #wait(): void {
    const before = this.#resultTail;
    store(this.#words, CONTROL.wantsRoom, 1);
    this.#retire();
    if (this.#resultTail === before) {
      this.waitForBell();
      this.#retire();
    }
    store(this.#words, CONTROL.wantsRoom, 0);
  }
}
