/**
 * Large buffers of answers to peers: they leave the slot in pieces and the engine whole, as frames of one message.
 */

export class ResultPieces {
  readonly #byTicket = new Map<number, Uint8Array[]>();

  /** Takes a piece; its bytes are copied. The slot's ring has checked order and sizes. */
  add(ticket: number, index: number, total: number, offset: number, bytes: Uint8Array): void {
    let buffers = this.#byTicket.get(ticket);
    if (buffers === undefined) this.#byTicket.set(ticket, buffers = []);
    const buffer = buffers[index] ??= new Uint8Array(total);
    buffer.set(bytes, offset);
  }

  /** Hands out what came for a task, and forgets it. */
  take(ticket: number): readonly Uint8Array[] {
    if (this.#byTicket.size === 0) return [];
    const buffers = this.#byTicket.get(ticket) ?? [];
    this.#byTicket.delete(ticket);
    return buffers;
  }
}
