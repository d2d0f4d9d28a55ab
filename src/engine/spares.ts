/**
 * The children of a host that no engine has yet, of two kinds: undecided ones, which stand before their walls and can become a child of any key within
 * some tens of milliseconds, and decided ones, which are ready for the key that most tasks need. And the old ones, until they are gone.
 */
import { now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { PermissionDenied } from "../protocol/errors.ts";
import type { ChildKey } from "./grants.ts";
import { needsScratch, Scratch } from "./scratch.ts";
import type { ChildEnd, Grant, SlotHandle, SlotSink } from "./slot_contract.ts";
import { cannotHold, type SpecialStart, specialStart } from "./special_start.ts";

export interface SparesOptions {
  /** How many to keep of each kind. */
  readonly undecided: number;
  readonly decided: number;
  /** What decided ones are for. */
  readonly key: ChildKey;
  /** What a child of a key may do. @throws PermissionDenied */
  readonly grantOf: (key: ChildKey, scratch: string) => Grant;
  /** Starts a child. @throws Error */
  readonly start: (special?: SpecialStart) => SlotHandle;
  readonly watch: (slot: SlotHandle, look: () => void) => void;
  readonly unwatch: (slot: SlotHandle) => void;
  readonly log: Logger;
}

/** After a spare that would not start, the next is tried this much later. */
const AGAIN_MS = 2000;
/** Spares wait for a child that an engine waits for, but not longer than this: there is always something. */
const AFTER_MS = 200;
/** So long after an engine got a child that stays, no other is started. */
const QUIET_MS = 50;

export class Spares {
  readonly #options: SparesOptions;
  readonly #undecided = new Set<SlotHandle>();
  readonly #decided = new Set<SlotHandle>();
  /** Folders of children, theirs alone. */
  readonly #scratches = new Map<SlotHandle, Scratch>();
  /** Children that were killed and are not reaped yet. */
  readonly #old = new Set<SlotHandle>();
  /** The child that was given away last, and when: if it is not ready yet, an engine waits for it. */
  #given: SlotHandle | undefined;
  #givenAt = 0;
  #againAt = 0;
  #quietUntil = 0;

  constructor(options: SparesOptions) {
    this.#options = options;
  }

  /**
   * A child for a key: the one that is furthest.
   * @throws PermissionDenied if no child can hold what it is to have
   * @throws Error if none can be started
   */
  take(key: ChildKey): SlotHandle {
    const slot = this.#isCommon(key) ? this.#pick(this.#decided, "ready") : undefined;
    this.#given = slot ?? this.#decide(key);
    this.#givenAt = now();
    // One that is worn out with each task is missed at once; another has to work first, and starting a process holds the host up.
    if (key.isolation !== "process") this.#quietUntil = this.#givenAt + QUIET_MS;
    return this.#given;
  }

  /** Whether a decided spare will do. */
  #isCommon({ permissions, isolation }: ChildKey): boolean {
    const { key } = this.#options;
    return permissions === key.permissions && isolation === key.isolation;
  }

  /** One of them, if possible in this state; nobody watches it any more. */
  #pick(slots: Set<SlotHandle>, state: SlotHandle["state"]): SlotHandle | undefined {
    let found: SlotHandle | undefined;
    for (const slot of slots) if (found === undefined || slot.state === state) found = slot;
    if (found === undefined) return undefined;
    slots.delete(found);
    this.#options.unwatch(found);
    return found;
  }

  /** A child that is told what this key may do: an undecided one, or a new one. */
  #decide(key: ChildKey): SlotHandle {
    const reason = cannotHold(key.permissions, Deno.build.standalone);
    if (reason !== undefined) throw new PermissionDenied(`Cannot run this task here: ${reason}`);
    const scratch = needsScratch(key) ? Scratch.make() : undefined;
    let slot: SlotHandle | undefined;
    try {
      const grant = this.#options.grantOf(key, scratch?.path ?? "");
      const special = specialStart(grant, Deno.build.standalone);
      slot = special === undefined ? this.#pick(this.#undecided, "undecided") : undefined;
      slot ??= this.#options.start(special);
      slot.decide(grant);
      if (scratch !== undefined) this.#scratches.set(slot, scratch);
      return slot;
    } catch (error) {
      slot?.close();
      scratch?.remove();
      throw error;
    }
  }

  /** Starts or decides what is missing, at most one child a call, once no engine waits for one. */
  restock(at: number): void {
    for (const slot of [...this.#undecided, ...this.#decided]) {
      // One that waits for its grant has nothing to say but its end, which wakes the loop.
      if (slot.state !== "ready" && slot.state !== "undecided") slot.look(this.#sink(slot));
    }
    const { state } = this.#given ?? { state: "ready" };
    const isWaitedFor = state !== "ready" && state !== "ended" && at - this.#givenAt < AFTER_MS;
    if (at < this.#againAt || isWaitedFor || at < this.#quietUntil) return;
    try {
      this.#restock();
    } catch (error) {
      this.#againAt = at + AGAIN_MS;
      this.#options.log.warn("Cannot start a spare child", { error: String(error) });
    }
  }

  #restock(): void {
    const { undecided, decided, key, start } = this.#options;
    if (this.#decided.size < decided) this.#keep(this.#decide(key), this.#decided);
    else if (this.#undecided.size < undecided) this.#keep(start(), this.#undecided);
  }

  #keep(slot: SlotHandle, among: Set<SlotHandle>): void {
    among.add(slot);
    this.#options.watch(slot, () => slot.look(this.#sink(slot)));
  }

  /** Ends a child that an engine has no use for; nothing that it still says is heard. */
  retire(slot: SlotHandle): void {
    slot.kill();
    this.#old.add(slot);
    this.#options.watch(slot, () => slot.look(this.#sink(slot)));
  }

  /** A child that an engine had is gone. Harmless twice. */
  release(slot: SlotHandle): void {
    slot.close();
    this.#scratches.get(slot)?.remove();
    this.#scratches.delete(slot);
  }

  /** Nobody listens to what they say, but that they ended. */
  #sink(slot: SlotHandle): SlotSink {
    const nothing = () => {};
    return {
      ready: nothing,
      started: nothing,
      chunk: nothing,
      event: nothing,
      output: nothing,
      result: nothing,
      tooLarge: nothing,
      ended: (end) => this.#ended(slot, end),
    };
  }

  #ended(slot: SlotHandle, end: ChildEnd): void {
    const wasSpare = this.#undecided.delete(slot) || this.#decided.delete(slot);
    this.#old.delete(slot);
    this.#options.unwatch(slot);
    this.release(slot);
    if (!wasSpare) return;
    this.#againAt = now() + AGAIN_MS;
    this.#options.log.warn("A spare child ended", { detail: end.detail, lastWords: end.lastWords });
  }

  /** Kills them all. */
  close(): void {
    for (const slots of [this.#undecided, this.#decided, this.#old]) {
      for (const slot of slots) {
        this.#options.unwatch(slot);
        this.release(slot);
      }
      slots.clear();
    }
  }
}
