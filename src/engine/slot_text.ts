/**
 * One stream of text out of a slot, at the host: takes the doorbell's bytes out, and tells whose text is whose by the counts that
 * come with the results. Nothing in it can be relied on: at worst text of a slot's task is given to another task of the same slot.
 */
import { readFd } from "../native/libc.ts";
import { BELL } from "./ring.ts";

/** Takes a piece of text of at most 64 KiB. */
export type Deliver = (text: Uint8Array) => void;

const READ_BYTES = 64 << 10;
/** Most bytes that one `fill` reads: a flood of text must not hold up the host. */
const FILL_BYTES = 256 << 10;

export class TextStream {
  readonly #fd: number;
  readonly #hasBells: boolean;
  readonly #queue: Uint8Array[] = [];
  /** Bytes delivered so far, and the count that the Worker had then if all is as it should be; both modulo 2^32. */
  #position = 0;
  #base = 0;
  /** Bytes of the queue that were read before the last look at the ring. */
  #early = 0;
  #isEmpty = true;

  constructor(fd: number, hasBells: boolean) {
    this.#fd = fd;
    this.#hasBells = hasBells;
  }

  /** Reads what is there; it was all written before the next look at the ring. */
  fill(): void {
    let left = FILL_BYTES;
    while (left > 0) {
      const count = this.#read();
      if (count <= 0) break;
      left -= count;
      if (count < READ_BYTES) break;
    }
    this.#early = this.#queue.reduce((sum, text) => sum + text.length, 0);
  }

  /** Reads once: bytes with bells, or 0 if there were none. */
  #read(): number {
    const bytes = buffer;
    const count = readFd(this.#fd, bytes);
    this.#isEmpty = count < READ_BYTES;
    if (count <= 0) return 0;
    const text = this.#hasBells ? withoutBells(bytes.subarray(0, count)) : bytes.slice(0, count);
    if (text.length > 0) this.#queue.push(text);
    return count;
  }

  /** Delivers everything up to the Worker's count `total`. */
  settle(total: number, deliver: Deliver): void {
    let missing = (this.#base + total - this.#position) | 0;
    while (missing > 0) {
      if (this.#queue.length === 0 && this.#read() === 0) {
        // It counted what it never wrote.
        this.#base = (this.#position - total) | 0;
        return;
      }
      missing -= this.#take(missing, deliver);
    }
  }

  /** Delivers what was there before the ring was looked at and belongs to no finished task. */
  live(deliver: Deliver): void {
    while (this.#early > 0) this.#take(this.#early, deliver);
  }

  /** While no task is there: text that the Worker did not count must not shift what comes after it. */
  resync(total: number): void {
    if (this.#isEmpty && this.#queue.length === 0) this.#base = (this.#position - total) | 0;
  }

  /** Delivers at most `most` bytes of the queue's first piece; returns how many. */
  #take(most: number, deliver: Deliver): number {
    const first = this.#queue[0];
    if (first === undefined) {
      this.#early = 0;
      return 0;
    }
    const text = first.length <= most ? first : first.subarray(0, most);
    if (text === first) this.#queue.shift();
    else this.#queue[0] = first.subarray(most);
    this.#position = (this.#position + text.length) | 0;
    this.#early = Math.max(0, this.#early - text.length);
    deliver(text);
    return text.length;
  }
}

/** Filled and emptied within one call of `#read`, so that all streams can share it. */
const buffer = new Uint8Array(READ_BYTES);

function withoutBells(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 1 && bytes[0] === BELL) return NOTHING;
  return bytes.indexOf(BELL) < 0 ? bytes.slice() : bytes.filter((byte) => byte !== BELL);
}

const NOTHING = new Uint8Array(0);
