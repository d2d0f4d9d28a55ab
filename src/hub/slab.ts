/**
 * Memory for frames that are needed until the next commit and then all at once no more: one buffer used over and over. Fresh buffers at
 * this rate would be tens of megabytes of garbage before the collector looks.
 */

const FIRST_BYTES = 256 << 10;
const MAX_BYTES = 4 << 20;

export class Slab {
  #bytes = new Uint8Array(FIRST_BYTES);
  #used = 0;
  #wanted = 0;

  /** A copy of the frame that lives until `reset()`. */
  copy(frame: Uint8Array): Uint8Array {
    const length = (frame.length + 7) & ~7;
    this.#wanted += length;
    if (this.#used + length > this.#bytes.length) return frame.slice();
    const copy = this.#bytes.subarray(this.#used, this.#used + frame.length);
    copy.set(frame);
    this.#used += length;
    return copy;
  }

  /** All copies are done with. Grows to what was wanted since the last time, within bounds. */
  reset(): void {
    if (this.#wanted > this.#bytes.length && this.#bytes.length < MAX_BYTES) {
      this.#bytes = new Uint8Array(Math.min(MAX_BYTES, 2 * this.#wanted));
    }
    this.#used = 0;
    this.#wanted = 0;
  }
}
