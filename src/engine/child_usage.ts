/**
 * What the running task uses of the machine, as the host sees it from outside: CPU time and memory of its child, looked at every 20 ms at most, since
 * each look costs some file reads.
 */
import type { SlotHandle } from "./slot_contract.ts";

/** What a task used. */
export interface Usage {
  readonly cpuMs: number;
  /** The most that its child had at a time while it ran, in bytes. */
  readonly peakBytes: number;
}

const EVERY_MS = 20;
const NONE: Usage = { cpuMs: 0, peakBytes: 0 };

export class ChildUsage {
  #slot: SlotHandle | null = null;
  #sampledAt = 0;
  #cpuMs = 0;
  #bytes = 0;
  /** The task that began last, and what its child had used by then. */
  #ticket = 0;
  #cpuBefore = 0;
  #peakBytes = 0;

  /** When the next look is due. */
  get nextAt(): number {
    return this.#sampledAt + EVERY_MS;
  }

  /** CPU time of the running task so far, and memory of its child, as of the last look. */
  get now(): { readonly cpuMs: number; readonly bytes: number } {
    return { cpuMs: Math.max(0, this.#cpuMs - this.#cpuBefore), bytes: this.#bytes };
  }

  /** A task begins in this child. */
  begin(slot: SlotHandle, ticket: number, at: number): void {
    if (slot !== this.#slot) {
      this.#slot = slot;
      this.#sampledAt = this.#cpuMs = this.#bytes = 0;
    }
    this.#ticket = ticket;
    // Of a child that stood idle nothing has changed since the last look; of one that works, it is at most 20 ms old.
    this.#peakBytes = 0;
    if (this.#sampledAt === 0) this.look(at);
    this.#cpuBefore = this.#cpuMs;
  }

  /** Looks, if it is time. */
  look(at: number, isUrgent = false): void {
    if (this.#slot === null || (at < this.nextAt && !isUrgent)) return;
    const bytes = this.#slot.memory(), cpuMs = this.#slot.cpuMs();
    this.#sampledAt = at;
    if (bytes === 0) return;
    this.#bytes = bytes;
    this.#cpuMs = Math.max(cpuMs, this.#cpuMs);
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
  }

  /** Its child ended: what was seen last stays known. */
  ended(slot: SlotHandle): void {
    if (slot === this.#slot) this.#slot = null;
  }

  /** What a task used, if it is the one that began last. */
  of(ticket: number, at: number): Usage {
    if (ticket !== this.#ticket || ticket === 0) return NONE;
    this.look(at);
    return {
      cpuMs: Math.max(0, this.#cpuMs - this.#cpuBefore),
      peakBytes: Math.max(this.#peakBytes, this.#bytes),
    };
  }
}
