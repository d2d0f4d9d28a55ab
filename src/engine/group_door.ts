/**
 * Where groups come in to an engine: only the scheduler's on its path, clients' and what stops their tasks on the direct one, each once. What fails is dropped, counted, and said once per peer.
 */
import { Complaints } from "../base/complaints.ts";
import type { Logger } from "../base/log.ts";
import { GroupCheck } from "../protocol/group_check.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import { ANY, type GroupHeader, KIND, ORIGIN } from "../protocol/groups.ts";
import type { Mac } from "../protocol/mac.ts";

/** What an engine is sent. */
const KINDS: ReadonlySet<number> = new Set([
  KIND.tasks,
  KIND.cancel,
  KIND.chunk,
  KIND.recall,
  KIND.notice,
  KIND.shared,
  KIND.memory,
  KIND.located,
  KIND.value,
  KIND.values,
]);

/** What the scheduler itself says on the direct path. */
const SCHEDULERS: ReadonlySet<number> = new Set([KIND.cancel, KIND.shared, KIND.value, KIND.values]);

/** Of these a client says nothing to an engine. */
const NO_CLIENTS: ReadonlySet<number> = new Set([KIND.shared, KIND.value, KIND.values]);

/** The scheduler's path counts by itself; what schedulers say on the direct path is numbered anew there. */
const SCHEDULED = -1;

export class GroupDoor {
  readonly #check: GroupCheck;
  readonly #complaints: Complaints;
  readonly #lastSeq = new Map<number, number>();
  #nonce: bigint | null = null;
  #id = -1;

  constructor(mac: Mac, log: Logger) {
    this.#check = new GroupCheck(mac);
    this.#complaints = new Complaints(log);
  }

  /** Stands before the first record of the group that was checked last. */
  get reader(): GroupReader {
    return this.#check.reader;
  }

  /** Messages dropped since the start. */
  get dropped(): number {
    return this.#complaints.count;
  }

  /** The engine is registered under this id with this run of the controller; null: it speaks no groups. */
  open(id: number, nonce: bigint | null): void {
    if (nonce !== this.#nonce) this.#lastSeq.clear();
    // A scheduler that has not known this engine counts from 1.
    this.#lastSeq.delete(SCHEDULED);
    this.#id = id;
    this.#nonce = nonce;
  }

  /** Counts a message that is not taken, and says why, once per peer. */
  drop(peer: string, why: string): null {
    this.#complaints.drop(peer, why);
    return null;
  }

  /**
   * The header of a group that passes all checks, else null. `reader` then stands before its first record.
   * @param isScheduled whether it came on the scheduler's path, where only the scheduler speaks
   */
  check(frame: Uint8Array, isScheduled: boolean): GroupHeader | null {
    const path = isScheduled ? "the scheduler's path" : "the direct path";
    try {
      const header = this.#check.open(frame, this.#nonce);
      const why = this.#refusal(header, isScheduled);
      if (why !== null) return this.drop(`${path}, origin ${header.origin}`, why);
      if (header.kind !== KIND.notice) this.#lastSeq.set(isScheduled ? SCHEDULED : header.origin, header.seq);
      return header;
    } catch (error) {
      return this.drop(path, error instanceof Error ? error.message : String(error));
    }
  }

  #refusal(header: GroupHeader, isScheduled: boolean): string | null {
    const { kind, target, origin, seq } = header;
    if (!KINDS.has(kind)) return `a group of kind ${kind}, which engines do not take`;
    if (target !== this.#id && target !== ANY) return `a group for engine ${target}`;
    // The scheduler says on any way what a client may do, and it says the same each time.
    if (kind === KIND.notice) {
      return origin === ORIGIN.scheduler ? null : "a notice that is not the scheduler's";
    }
    const isRight = isScheduled
      ? origin === ORIGIN.scheduler
      : (origin < ORIGIN.engineBit && !NO_CLIENTS.has(kind)) ||
        (origin === ORIGIN.scheduler && SCHEDULERS.has(kind));
    if (!isRight) return "a sender that does not belong there";
    const last = this.#lastSeq.get(isScheduled ? SCHEDULED : origin) ?? 0;
    return seq > last ? null : `a replayed group (${seq} after ${last})`;
  }
}
