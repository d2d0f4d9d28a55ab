/**
 * An array of zmq_pollitem_t: a socket's pointer, which is null here, a file descriptor, and what happened to it.
 */

const ITEM_BYTES = 16;
const POLLIN = 1;

export class PollItems {
  #view = new DataView(new ArrayBuffer(16 * ITEM_BYTES));

  /** The array as C sees it; another one after `room`. */
  bytes = new Uint8Array(this.#view.buffer);

  /** Makes room for `count` items; none of those set before is kept. */
  room(count: number): void {
    if (count * ITEM_BYTES <= this.bytes.length) return;
    this.#view = new DataView(new ArrayBuffer(2 * count * ITEM_BYTES));
    this.bytes = new Uint8Array(this.#view.buffer);
  }

  /** Waits for a file descriptor to be readable, or at its end. */
  setFd(i: number, fd: number): void {
    const at = i * ITEM_BYTES;
    this.#view.setBigUint64(at, 0n, true);
    this.#view.setInt32(at + 8, fd, true);
    this.#view.setInt16(at + 12, POLLIN, true);
    this.#view.setInt16(at + 14, 0, true);
  }

  /** Whether something happened: readable, at its end or broken. */
  isReady(i: number): boolean {
    return this.#view.getInt16(i * ITEM_BYTES + 14, true) !== 0;
  }
}
