/**
 * What comes over the link: groups and peers' messages go into the ledger and the store, and are acknowledged when the store has
 * committed them. The scheduler's window of unacknowledged messages is what keeps it from running away from a slow disk.
 */

import { now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { isRecordedTopic } from "../protocol/link_topics.ts";
import { guarded } from "./guard.ts";
import type { Ledger } from "./ledger.ts";
import { HUB_BOUNDS } from "./options.ts";
import type { PeerIntake } from "./peer_intake.ts";
import type { CommitReport, RecordStore } from "./records.ts";
import { Slab } from "./slab.ts";

export interface IntakeParts {
  readonly ledger: Ledger;
  readonly store: RecordStore;
  readonly peers: PeerIntake;
  /** Tells the scheduler how many of its messages are safe. */
  readonly acknowledge: (taken: number) => void;
  readonly log: Logger;
}

export class Intake {
  readonly #parts: IntakeParts;
  #taken = 0;
  #acknowledged = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refused: Extract<CommitReport, { kind: "refused" }> | undefined;
  #malformed = 0;
  #closed = false;
  /** Whether a commit is under way: the next begins when it has ended. */
  #isCommitting = false;
  /** Frames of groups until their commit. */
  readonly #slab = new Slab();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Why records are not written just now, or undefined if they are. */
  get refusal(): string | undefined {
    return this.#refused?.reason;
  }

  /** Messages that could not be read. */
  get malformed(): number {
    return this.#malformed;
  }

  /**
   * Takes one data message; nothing in it can make this throw.
   * @param frames groups of tasks, assignments and results are valid during the call only; all others are the hub's own
   */
  take(topic: string, frames: readonly Uint8Array[]): void {
    this.#taken = (this.#taken + 1) >>> 0;
    try {
      this.#read(topic, frames);
    } catch (error) {
      if (this.#malformed++ === 0) {
        this.#parts.log.warn("A message from the scheduler cannot be recorded", {
          topic,
          error: String(error),
        });
      }
    }
    if (this.#parts.store.waiting >= HUB_BOUNDS.commitRows && !this.#refused) this.commit();
    else this.#soon(this.#refused ? HUB_BOUNDS.retryMs : HUB_BOUNDS.commitMs);
  }

  /** So many messages came and cannot be read. They count as taken: the scheduler's window would be narrower by them for ever. */
  lose(count: number): void {
    this.#taken = (this.#taken + count) >>> 0;
    this.#malformed += count;
    this.touch();
  }

  /** A new scheduler counts its messages from the start. */
  restart(): void {
    this.#taken = 0;
    this.#acknowledged = 0;
  }

  /** Other parts put something into the store that is to be written soon. */
  touch(): void {
    this.#soon(this.#refused ? HUB_BOUNDS.retryMs : HUB_BOUNDS.commitMs);
  }

  /** Writes what waits and acknowledges it. What the disk refuses is held, up to the store's bound. */
  commit(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isCommitting) return;
    const taken = this.#taken;
    const report = this.#parts.store.commit();
    if (!(report instanceof Promise)) return this.#settle(report, taken);
    this.#isCommitting = true;
    void report.then((report) => {
      this.#isCommitting = false;
      if (this.#closed) return;
      guarded(this.#parts.log, "commit", () => this.#settle(report, taken))();
      if (this.#parts.store.waiting > 0) this.touch();
    });
  }

  /** A commit of the first `taken` messages has ended. */
  #settle(report: CommitReport, taken: number): void {
    const before = this.#refused;
    this.#refused = report.kind === "refused" ? report : undefined;
    if (this.#refused && !before) {
      this.#parts.log.error("Records cannot be written; they are held", { reason: this.#refused.reason });
    } else if (before && !this.#refused) {
      this.#parts.log.info("Records are written again");
    }
    if (this.#refused) this.#soon(HUB_BOUNDS.retryMs);
    else this.#slab.reset();
    // A new scheduler counts from the start: what an old one sent is not its.
    if (this.#refused?.isFull || !isAhead(taken, this.#acknowledged) || isAhead(taken, this.#taken)) return;
    this.#acknowledged = taken;
    this.#parts.acknowledge(taken);
  }

  /** Writes what waits; afterwards no timer is left. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #soon(ms: number): void {
    if (this.#timer !== undefined || this.#closed) return;
    const write = guarded(this.#parts.log, "commit", () => this.commit());
    this.#timer = setTimeout(write, ms);
  }

  /** A copy that lives as long as the store needs it. */
  #own(frame: Uint8Array): Uint8Array {
    return this.#parts.store.keepsFrames ? frame.slice() : this.#slab.copy(frame);
  }

  #read(topic: string, frames: readonly Uint8Array[]): void {
    const { ledger, store, peers } = this.#parts;
    const [frame, piece] = frames;
    if (!frame) throw new RangeError("it has no frames");
    switch (topic) {
      case "tasks":
      case "direct": {
        const route = topic === "tasks" ? "task" : "mux";
        ledger.tasks(frame, route);
        return store.takeTasks(this.#own(frame), route);
      }
      case "assigned":
        ledger.assigned(frame);
        return;
      case "results":
        ledger.results(frame);
        return store.takeResults(this.#own(frame), Math.round(now() * 1000));
      case "chunk":
        if (!piece) throw new RangeError("the chunk has no piece");
        return store.takeChunk(frame, piece);
      case "incontrol":
      case "outcontrol":
        return;
      default:
        if (!isRecordedTopic(topic)) throw new RangeError(`its topic is unknown`);
        return peers.take(topic, frames, Math.round(now() * 1000));
    }
  }
}

/** Whether one u32 count is beyond another, which it may have overtaken at the end of its range. */
function isAhead(count: number, other: number): boolean {
  return ((count - other) | 0) > 0;
}
