/**
 * Which keys get a child and which have to let theirs go, and whose turn it is to work. Pure.
 */
import type { Action } from "./core_types.ts";
import type { InSlot } from "./in_slot.ts";
import type { Lane, Lanes } from "./lanes.ts";
import { STATE, type TaskTable } from "./task_table.ts";

export interface SupplyParts {
  readonly lanes: Lanes;
  readonly table: TaskTable;
  readonly inSlot: InSlot;
  readonly actions: Action[];
  /** Most children at a time. */
  readonly maxChildren: number;
}

/** A key that waits for room so long takes it from one that has tasks too. */
const CRAMPED_MS = 50;

export class ChildSupply {
  readonly #parts: SupplyParts;
  /** Lanes that want a child. */
  #wanted: Lane[];
  /** When to look again for room, Infinity if nobody lacks it. */
  #againAt = Infinity;

  constructor(parts: SupplyParts) {
    this.#parts = parts;
    this.#wanted = [parts.lanes.default];
  }

  /** When a child is to be started next. */
  get nextAt(): number {
    let next = this.#againAt;
    for (const lane of this.#wanted) if (lane.crampedSince === 0) next = Math.min(next, lane.child.startAt);
    return next;
  }

  /** Its tasks need a child. */
  want(lane: Lane): void {
    if (!this.#wanted.includes(lane)) this.#wanted.push(lane);
    // Whatever brings this about may have made room.
    if (this.#againAt !== Infinity) this.#againAt = 0;
  }

  /** Starts what is wanted and due. */
  tick(at: number): void {
    if (this.#wanted.length === 0) return;
    this.#againAt = Infinity;
    this.#wanted = this.#wanted.filter((lane) => !this.#start(lane, at));
  }

  /** Whether the lane wants no child any more: it has one coming, or has nothing to do. */
  #start(lane: Lane, at: number): boolean {
    const { child } = lane, { lanes, actions } = this.#parts;
    if (child.state !== "absent" || child.isClosed) return true;
    const isIdle = !this.#hasTask(lane);
    if (isIdle && lane !== lanes.default) return true;
    if (child.startAt > at) return false;
    if (!this.#makeRoom(lane, isIdle, at)) return isIdle;
    lane.crampedSince = 0;
    child.state = "starting";
    actions.push({ kind: "start_child", lane: lane.number });
    return true;
  }

  #makeRoom(lane: Lane, isIdle: boolean, at: number): boolean {
    const { lanes, maxChildren, inSlot } = this.#parts;
    if (lanes.alive < maxChildren) return true;
    if (isIdle) return false;
    if (lane.crampedSince === 0) lane.crampedSince = at;
    const isUrgent = at - lane.crampedSince >= CRAMPED_MS;
    const victim = lanes.victim(
      (other) => other !== lane && (other !== lanes.current || inSlot.count === 0),
      (other) => this.#hasTask(other),
      isUrgent,
    );
    if (victim === undefined) {
      this.#againAt = Math.min(this.#againAt, at + CRAMPED_MS);
      return false;
    }
    this.retire(victim);
    return true;
  }

  /** Lets a child go that has nothing in hand. */
  retire(lane: Lane): void {
    lane.child.retired();
    this.#parts.actions.push({ kind: "retire", lane: lane.number });
    if (lane === this.#parts.lanes.default || this.#hasTask(lane)) this.want(lane);
  }

  /**
   * Before a task is handed while other keys wait: gives the turn to the next one if the current one has had its slice or cannot work.
   * @returns false while the current one may be handed nothing more
   */
  takeTurn(): boolean {
    const { lanes, inSlot, actions } = this.#parts, { current } = lanes;
    const hasMore = this.#hasTask(current);
    if (hasMore && current.child.state === "ready" && !lanes.isSliceOver) return true;
    if (inSlot.count > 0) return !hasMore || !lanes.isSliceOver;
    lanes.prune((lane) => this.#hasTask(lane));
    const to = lanes.next((lane) => lane.child.state === "ready");
    if (to === undefined) return true;
    inSlot.clear();
    lanes.turn(to, hasMore);
    actions.push({ kind: "turn", from: current.number, to: to.number });
    return true;
  }

  /** Whether a task waits in it; forgets those that are over. */
  #hasTask({ waiting }: Lane): boolean {
    const { table } = this.#parts;
    while (waiting.length > 0) {
      const place = table.at(waiting.get(0));
      if (place >= 0 && table.state[place] === STATE.queued) return true;
      waiting.shift();
    }
    return false;
  }

  /** No further child is wanted anywhere. */
  close(): void {
    for (const { child } of this.#parts.lanes.all) child.isClosed = true;
    this.#wanted = [];
    this.#againAt = Infinity;
  }
}
