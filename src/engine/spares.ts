/**
 * Children of the host that no engine has yet: started ahead, so that an engine whose child ended goes on within milliseconds.
 */
import { now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { ChildEnd, SlotHandle, SlotSink } from "./slot_contract.ts";

export interface SparesOptions {
  /** How many to keep. */
  readonly count: number;
  /** Starts a child. @throws Error */
  readonly start: () => SlotHandle;
  readonly watch: (slot: SlotHandle, look: () => void) => void;
  readonly unwatch: (slot: SlotHandle) => void;
  readonly log: Logger;
}

/** After a spare that would not start, the next is tried this much later. */
const AGAIN_MS = 2000;

export class Spares {
  readonly #options: SparesOptions;
  readonly #slots: SlotHandle[] = [];
  #againAt = 0;

  constructor(options: SparesOptions) {
    this.#options = options;
  }

  /** A spare, the one that is furthest, or a new child. @throws Error if none can be started */
  take(): SlotHandle {
    const best = this.#slots.findIndex((slot) => slot.state === "ready");
    const [slot] = this.#slots.splice(Math.max(0, best), 1);
    if (slot === undefined) return this.#options.start();
    this.#options.unwatch(slot);
    return slot;
  }

  /** Starts what is missing, at most one child a call. */
  restock(at: number): void {
    for (const slot of [...this.#slots]) if (slot.state !== "ready") slot.look(this.#sink(slot));
    if (this.#slots.length >= this.#options.count || at < this.#againAt) return;
    try {
      const slot = this.#options.start();
      this.#slots.push(slot);
      this.#options.watch(slot, () => slot.look(this.#sink(slot)));
    } catch (error) {
      this.#againAt = at + AGAIN_MS;
      this.#options.log.warn("Cannot start a spare child", { error });
    }
  }

  /** A spare has nothing to say but that it ended. */
  #sink(slot: SlotHandle): SlotSink {
    const nothing = () => {};
    return {
      ready: nothing,
      started: nothing,
      chunk: nothing,
      event: nothing,
      output: nothing,
      result: nothing,
      ended: (end) => this.#ended(slot, end),
    };
  }

  #ended(slot: SlotHandle, end: ChildEnd): void {
    const index = this.#slots.indexOf(slot);
    if (index >= 0) this.#slots.splice(index, 1);
    this.#options.unwatch(slot);
    slot.close();
    this.#againAt = now() + AGAIN_MS;
    this.#options.log.warn("A spare child ended", { detail: end.detail, lastWords: end.lastWords });
  }

  /** Kills them all. */
  close(): void {
    for (const slot of this.#slots.splice(0)) {
      this.#options.unwatch(slot);
      slot.close();
    }
  }
}
