/**
 * Several data messages of the link as one frame (PROTOCOL.md, "Link"): how many there are; of each the number of its frames, topic included, then each frame's length and
 * bytes. Numbers are u32, little-endian.
 */

const NUMBER_BYTES = 4;
/** A message takes at least its number of frames and the length of one. */
const LEAST_BYTES = 2 * NUMBER_BYTES;

/** Appends messages to one buffer that is used over and over. */
export class BatchWriter {
  #bytes = new Uint8Array(16 << 10);
  #view = new DataView(this.#bytes.buffer);
  /** Behind the count of messages, which is written at the end. */
  #length = NUMBER_BYTES;
  #count = 0;

  /** Messages so far. */
  get count(): number {
    return this.#count;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Begins a message of so many frames. */
  begin(frames: number): void {
    this.#count++;
    this.#room(NUMBER_BYTES);
    this.#number(frames);
  }

  /** The next frame of the message; it is copied. */
  frame(bytes: Uint8Array): void {
    this.#room(NUMBER_BYTES + bytes.length);
    this.#number(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** What was gathered, valid until the next message begins; forgets it. */
  take(): Uint8Array {
    this.#view.setUint32(0, this.#count, true);
    const batch = this.#bytes.subarray(0, this.#length);
    this.#length = NUMBER_BYTES;
    this.#count = 0;
    return batch;
  }

  #number(value: number): void {
    this.#view.setUint32(this.#length, value, true);
    this.#length += NUMBER_BYTES;
  }

  #room(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** What a batch holds. */
export interface Batch {
  /** Of each message its frames, topic first, as views. */
  readonly messages: readonly Uint8Array[][];
  /** Messages that the batch counts and that cannot be read: they are to be acknowledged all the same, since their sender waits for that. */
  readonly lost: number;
}

/** Reads a batch, as far as it goes. */
export function readBatch(batch: Uint8Array): Batch {
  const messages: Uint8Array[][] = [];
  if (batch.length < NUMBER_BYTES) return { messages, lost: 1 };
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const declared = view.getUint32(0, true);
  for (let at = NUMBER_BYTES; messages.length < declared;) {
    const frames = readFrames(batch, view, at);
    if (frames === undefined) break;
    messages.push(frames);
    for (const frame of frames) at += NUMBER_BYTES + frame.length;
    at += NUMBER_BYTES;
  }
  // No more than there is room for: a number that makes no sense must not acknowledge what was never sent.
  const most = Math.max(1, Math.floor((batch.length - NUMBER_BYTES) / LEAST_BYTES));
  return { messages, lost: Math.max(0, Math.min(declared, most) - messages.length) };
}

/** The frames of the message at `at`, or undefined if it is cut off. */
function readFrames(batch: Uint8Array, view: DataView, at: number): Uint8Array[] | undefined {
  if (at + NUMBER_BYTES > batch.length) return undefined;
  const count = view.getUint32(at, true);
  const frames: Uint8Array[] = [];
  for (let next = at + NUMBER_BYTES; frames.length < count;) {
    if (next + NUMBER_BYTES > batch.length) return undefined;
    const from = next + NUMBER_BYTES;
    next = from + view.getUint32(next, true);
    if (next > batch.length) return undefined;
    frames.push(batch.subarray(from, next));
  }
  return frames;
}
