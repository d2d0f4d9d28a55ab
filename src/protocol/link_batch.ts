/**
 * Several data messages of the link as one frame (PROTOCOL.md, "Link"): of each the number of its frames, topic included, then each frame's length and
 * bytes. Numbers are u32, little-endian.
 */

const NUMBER_BYTES = 4;

/** Appends messages to one buffer that is used over and over. */
export class BatchWriter {
  #bytes = new Uint8Array(16 << 10);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Begins a message of so many frames. */
  begin(frames: number): void {
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
    const batch = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
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

/**
 * Reads a batch. @param take gets each message's frames, topic first, as views
 * @throws RangeError if it is malformed
 */
export function readBatch(batch: Uint8Array, take: (frames: Uint8Array[]) => void): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  for (let at = 0; at < batch.length;) {
    const count = view.getUint32(at, true);
    at += NUMBER_BYTES;
    const frames: Uint8Array[] = [];
    while (frames.length < count) {
      const length = view.getUint32(at, true), from = at + NUMBER_BYTES;
      at = from + length;
      if (at > batch.length) {
        throw new RangeError(`Cannot read a batch: a frame of ${length} bytes is cut off`);
      }
      frames.push(batch.subarray(from, at));
    }
    take(frames);
  }
}
