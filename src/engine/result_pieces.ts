/**
 * Large buffers of answers to peers: they leave the slot in pieces and the engine whole, as frames of one message. A slot answers one task
 * after the other, so pieces of another task mean that nobody wanted the answer before.
 */

export class ResultPieces {
  #ticket = 0;
  #buffers: Uint8Array[] = [];

  /** Takes a piece; its bytes are copied. The slot's ring has checked order and sizes. */
  add(ticket: number, index: number, total: number, offset: number, bytes: Uint8Array): void {
    if (ticket !== this.#ticket) {
      this.#ticket = ticket;
      this.#buffers = [];
    }
    const buffer = this.#buffers[index] ??= new Uint8Array(total);
    buffer.set(bytes, offset);
  }

  /** Hands out what came for a task, and forgets it. */
  take(ticket: number): readonly Uint8Array[] {
    if (ticket !== this.#ticket) return [];
    const buffers = this.#buffers;
    this.#ticket = 0;
    this.#buffers = [];
    return buffers;
  }
}
