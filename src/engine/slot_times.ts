/**
 * When tasks of a slot began and ended: what the Worker says of it counts only within what the host has seen itself. And the one piece of
 * memory into which the bodies of its answers are copied.
 */
import { FEW_BYTES, putPart } from "../base/few_bytes.ts";
import type { RingLayout } from "./ring.ts";
import { clamp, Nonsense } from "./slot_checks.ts";

/** Bounds of what the Worker says of times. */
export class SlotTimes {
  #lastLook = 0;
  #lastFinish = 0;
  #startedAt = 0;
  #startSeen = 0;

  /** When the task that runs, or was answered last, began. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** A task has begun; when, as far as it can be true. */
  started(said: number, offeredAt: number, after: number): number {
    const earliest = Math.max(offeredAt, this.#lastLook, this.#lastFinish);
    this.#startedAt = clamp(said, earliest, after);
    this.#startSeen = 0;
    return this.#startedAt;
  }

  /** It was seen running by a look that began then. */
  runs(before: number): void {
    this.#startSeen = before;
  }

  /** It has ended; when, as far as it can be true. */
  finished(said: number, after: number): number {
    return this.#lastFinish = clamp(said, Math.max(this.#startedAt, this.#startSeen), after);
  }

  /** All that is there was taken by a look that began then. */
  looked(before: number): void {
    this.#lastLook = before;
  }
}

/** Memory of our own, used over and over: a fresh piece for each answer would be garbage at once. */
export class BodyCopies {
  #scratch = new Uint8Array(4096);
  /** Views of small bodies, by length: a view takes longer to make than a few bytes to copy. */
  readonly #small: Uint8Array[] = [];

  /**
   * A copy of a body among the results, valid until the next one.
   * @throws Nonsense if it is out of bounds
   */
  copy(bytes: Uint8Array, { ringBytes, resultBytes }: RingLayout, at: number, length: number): Uint8Array {
    if (length < 0 || at < 0 || at + length > ringBytes) throw new Nonsense("A body is out of bounds");
    const from = resultBytes + at;
    if (length <= FEW_BYTES) return this.#copySmall(bytes, from, length);
    if (length > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(length, 2 * this.#scratch.length));
    }
    this.#scratch.set(bytes.subarray(from, from + length));
    return this.#scratch.subarray(0, length);
  }

  #copySmall(bytes: Uint8Array, from: number, length: number): Uint8Array {
    const copy = this.#small[length] ??= new Uint8Array(length);
    putPart(copy, 0, bytes, from, length);
    return copy;
  }
}
