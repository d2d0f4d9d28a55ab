/**
 * Drives one engine's children: does what the core wants done with them, hands tasks over, and tells the core what came back.
 */
import type { DeniedAct } from "../protocol/post_mortem.ts";
import { now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { PermissionDenied } from "../protocol/errors.ts";
import { ChildUsage, type Usage } from "./child_usage.ts";
import type { EngineCore } from "./core.ts";
import type { Answer, Ending } from "./core_types.ts";
import type { ClientFunctions } from "./client_functions.ts";
import { LaneChild, type TaskValues } from "./lane_child.ts";
import { ChildSink, endingOf, type Open } from "./child_sink.ts";
import type { LaneKey } from "./lanes.ts";
import type { Piece } from "./piece_store.ts";
import { TOLD } from "./ring.ts";
import type { ChildEnd, SlotHandle, SlotSink, WallReport } from "./slot_contract.ts";

/** What becomes of what the slot says. `place` is the task's place in the core's table; views are valid during the call. */
export interface DriverHooks {
  /** The key of those who ask for none has another child, with an empty namespace. */
  child(): void;
  ready(walls: WallReport): void;
  started(ticket: number, place: number): void;
  piece(place: number, index: number, total: number, offset: number, bytes: Uint8Array): void;
  event(ticket: number, place: number, body: Uint8Array): void;
  output(ticket: number, place: number, stream: "stdout" | "stderr", text: Uint8Array): void;
  result(
    ticket: number,
    place: number,
    isOk: boolean,
    body: Uint8Array,
    buffers: number,
    startedAt: number,
    finishedAt: number,
  ): void;
  /** What the task tried and was not allowed to do, ahead of its error or of its child's end. */
  denied(ticket: number, acts: readonly DeniedAct[]): void;
  /** The task said that it cannot run on this engine, ahead of its error. */
  unmet(ticket: number, reason: string): void;
  answer(answer: Answer): void;
  returned(client: number, n: number, seq: number): void;
}

/** Where children come from, and who waits for their descriptors. */
export interface ChildSource<Key extends LaneKey = LaneKey> {
  /** A child that is ready for this key, or on its way there. @throws Error if there can be none */
  take(key: Key): SlotHandle;
  watch(slot: SlotHandle, look: () => void): void;
  unwatch(slot: SlotHandle): void;
  /** Ends a child in which nothing is left, and of which nothing is wanted any more. */
  retire(slot: SlotHandle): void;
  /** It has ended, or shall at once. */
  release(slot: SlotHandle): void;
}

export interface DriverParts<Key extends LaneKey> {
  readonly core: EngineCore<Key>;
  readonly functions: ClientFunctions;
  /** Kept values that tasks name; without it they have none. */
  readonly values?: TaskValues;
  readonly children: ChildSource<Key>;
  readonly hooks: DriverHooks;
  /** Whether children are stopped while it is not their turn. */
  readonly stopsOffTurn: boolean;
  readonly log: Logger;
}

const NO_TEXT = new Uint8Array(0);
/** The end of a child that never was. */
const NO_CHILD = { started: [], memoryMB: null, endedBy: "engine", code: null, signal: null } as const;
/** A slot's own patience needs a look now and then, whatever happens. */
const IDLE_LOOK_MS = 100;
/** Most characters of who cancelled a task, and why. */
const MAX_REASON = 4096;

export class SlotDriver<Key extends LaneKey = LaneKey> {
  readonly #parts: DriverParts<Key>;
  readonly #core: EngineCore<Key>;
  /** By number of the lane. */
  readonly #children = new Map<number, LaneChild>();
  /** Killed children, dead ones until their task has its answer, each for one task, and what that had used. */
  readonly #dying = new Map<LaneChild, { readonly ticket: number; readonly usage: Usage }>();
  readonly #dead: LaneChild[] = [];
  readonly #usage = new ChildUsage();
  #isBlocked = false;
  #lookAt = 0;

  constructor(parts: DriverParts<Key>) {
    this.#parts = parts;
    this.#core = parts.core;
  }

  /** The child whose turn it is, if there is one. */
  get #working(): LaneChild | undefined {
    return this.#children.get(this.#core.lanes.current.number);
  }

  /** Process id of the child of those who ask for no key, 0 if there is none. */
  get pid(): number {
    return this.#children.get(0)?.slot.pid ?? 0;
  }

  /** What a task used, if it is the one that began last. */
  usage(ticket: number): Usage {
    for (const dead of this.#dying.values()) if (dead.ticket === ticket) return dead.usage;
    return this.#usage.of(ticket, now());
  }

  /** Takes what the child that works has to say. */
  look(): void {
    const child = this.#working;
    if (child !== undefined) child.slot.look(this.#sinkOf(child));
  }

  /** Does everything that is due: time, the core's wishes, handing over. */
  pump(at: number): void {
    const core = this.#core;
    if (core.inSlot > 0 || this.#isBlocked) this.look();
    if (at >= this.#lookAt) this.#lookAtAll(at);
    if (core.nextTick <= at) core.step({ kind: "tick", at });
    if (at >= this.#usage.nextAt && this.#isMeasured) this.#measure(at);
    this.act();
    if (core.nextTick <= at) {
      core.step({ kind: "tick", at });
      this.act();
    }
    this.#hand();
  }

  #lookAtAll(at: number): void {
    this.#lookAt = at + IDLE_LOOK_MS;
    for (const child of [...this.#children.values()]) child.slot.look(this.#sinkOf(child));
  }

  /** Whether what runs is held against a limit that has to be measured. */
  get #isMeasured(): boolean {
    const core = this.#core;
    return core.running !== 0 &&
      (core.runningLimit("memoryLimitMB") !== Infinity || core.runningLimit("cpuLimitMs") !== Infinity);
  }

  #measure(at: number): void {
    this.#usage.look(at);
    this.#core.step({ kind: "usage", ...this.#usage.now, at });
  }

  /** In how many ms `pump` is wanted at the latest, if nothing comes before. */
  delay(at: number): number {
    const core = this.#core;
    const delay = Math.min(core.lookDelay(at), core.nextTick - at, this.#isBlocked ? 1 : Infinity);
    return this.#isMeasured ? Math.min(delay, this.#usage.nextAt - at) : delay;
  }

  /** Tells the running task something; see `SlotHandle.tell`. */
  tell(ticket: number, kind: number, text: Uint8Array): void {
    this.#working?.slot.tell(ticket, kind, text);
  }

  /** Carries out what the core has decided. */
  act(): void {
    const { actions } = this.#core, { hooks } = this.#parts;
    if (actions.length === 0) return;
    for (let i = 0; i < actions.length; i++) {
      const action = actions[i]!;
      switch (action.kind) {
        case "answer":
          hooks.answer(action);
          break;
        case "returned":
          hooks.returned(action.client, action.n, action.seq);
          break;
        case "withdraw":
          this.#core.withdrawn(action.ticket, this.#working?.slot.withdraw(action.ticket) ?? true);
          break;
        case "kill":
          this.#kill(action.ticket, action.lane);
          break;
        case "retire":
          this.#retire(action.lane);
          break;
        case "interrupt":
          this.tell(action.ticket, TOLD.interrupt, NO_TEXT);
          break;
        case "signal":
          this.#signal(action.ticket, action.text);
          break;
        case "start_child":
          this.#startChild(action.lane);
          break;
        case "turn":
          this.#turn(action.from, action.to);
          break;
      }
    }
    actions.length = 0;
    for (const child of this.#dead.splice(0)) this.#dying.delete(child);
  }

  #kill(ticket: number, lane: number): void {
    const child = this.#children.get(lane);
    child?.slot.look(this.#sinkOf(child));
    if (ticket !== 0) this.#usage.look(now());
    const isSo = this.#core.confirmKill(ticket, lane), found = this.#children.get(lane);
    if (!isSo || found === undefined) return;
    found.slot.kill();
    if (ticket === 0) return;
    // Its lane gets another one while it dies; its task's answer comes when it is dead.
    this.#children.delete(lane);
    this.#dying.set(found, { ticket, usage: this.usage(ticket) });
  }

  #retire(lane: number): void {
    const child = this.#children.get(lane);
    if (child === undefined) return;
    this.#forget(child);
    this.#parts.children.retire(child.slot);
  }

  #signal(ticket: number, text: string): void {
    // What has ended by now is not cancelled.
    this.look();
    this.tell(ticket, TOLD.abort, new TextEncoder().encode(text.slice(0, MAX_REASON)));
    this.#core.signalled(ticket, this.#working?.slot.hasLooked(ticket) ?? false, now());
  }

  #startChild(lane: number): void {
    const { children, functions, values, log, hooks } = this.#parts;
    try {
      const slot = children.take(this.#core.lanes.at(lane).key);
      const child = new LaneChild(slot, lane, this.#core, functions, values);
      this.#children.set(lane, child);
      children.watch(slot, () => slot.look(this.#sinkOf(child)));
      if (lane === 0) hooks.child();
      if (slot.state === "ready") this.#core.step({ kind: "child_ready", lane, at: now() });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      log.warn("Cannot start a child", { detail });
      const isDenied = error instanceof PermissionDenied;
      this.#core.step({ kind: "child_ended", lane, end: { ...NO_CHILD, detail, isDenied }, at: now() });
    }
  }

  /** Another key's turn: its child works, the other rests. */
  #turn(from: number, to: number): void {
    if (this.#parts.stopsOffTurn) {
      this.#children.get(from)?.slot.pause(true);
      this.#children.get(to)?.slot.pause(false);
    }
  }

  /** A task of this key is on its way, and these are its pieces so far: they go into the slot if nothing is in their way there. */
  piecesAhead(
    { client, n }: { readonly client: number; readonly n: number },
    key: Key,
    list: readonly Piece[],
  ): void {
    const child = this.#working;
    if (child === undefined) return;
    if (child.ahead.isEmpty && list.length === 1 && this.#isIdleFor(key)) child.ahead.begin(client, n, list);
    if (child.ahead.isOf(client, n)) child.ahead.feed();
  }

  #isIdleFor(key: Key): boolean {
    const { lanes, inSlot } = this.#core, { current } = lanes;
    const isSame = current === lanes.of(key) && key.isolation === "shared";
    return isSame && current.child.state === "ready" && inSlot === 0 && current.waiting.length === 0;
  }

  /** The task has come whose pieces may be ahead of it; ticket 0: it was not taken, or will never come. */
  taken(client: number, n: number, ticket: number): void {
    for (const { ahead, lane } of this.#children.values()) {
      if (!ahead.isOf(client, n)) continue;
      const place = this.#core.table.at(ticket);
      if (ticket === 0 || place < 0 || this.#core.table.lane[place] !== lane) ahead.drop();
      else ahead.task = ticket;
    }
  }

  #feedAhead(): void {
    const ahead = this.#working?.ahead;
    if (ahead === undefined || ahead.isEmpty) return;
    if (ahead.task !== 0 && this.#core.table.at(ahead.task) < 0) ahead.drop();
    else ahead.feed();
  }

  #hand(): void {
    const core = this.#core;
    this.#feedAhead();
    this.#isBlocked = false;
    let any = false;
    for (let ticket = core.next(); ticket !== 0; ticket = core.next()) {
      if (core.actions.length > 0) this.act();
      const child = this.#working;
      if (child === undefined) break;
      if (!child.offer(ticket)) {
        this.#isBlocked = any = true;
        break;
      }
      core.handed();
      any = true;
    }
    if (any) this.#working?.slot.ring();
  }

  // ── what the children say ──────────────────────────────────────────────────────────────────

  #sinkOf(child: LaneChild): SlotSink {
    return child.sink ??= new ChildSink({
      lane: child.lane,
      slot: child.slot,
      core: this.#core,
      usage: this.#usage,
      hooks: this.#parts.hooks,
      ended: (end, open) => this.#ended(child, end, open),
    });
  }

  #ended(child: LaneChild, end: ChildEnd, open: readonly Open[]): void {
    const dead = this.#dying.get(child);
    if (dead === undefined && this.#children.get(child.lane) !== child) return;
    const { slot } = child, { reason, detail, lastWords } = end;
    this.#parts.log.info("A child ended", { pid: slot.pid, reason, detail, lastWords });
    const memoryMB = this.#usage.now.bytes / 2 ** 20;
    this.#usage.ended(slot);
    this.#forget(child);
    this.#parts.children.release(slot);
    if (dead !== undefined) this.#killed(child, dead.ticket, endingOf(end, open, memoryMB));
    else {this.#core.step({
        kind: "child_ended",
        lane: child.lane,
        end: endingOf(end, open, memoryMB),
        at: now(),
      });}
  }

  #killed(child: LaneChild, ticket: number, end: Ending): void {
    this.#core.step({ kind: "child_killed", ticket, end, at: now() });
    this.#dead.push(child);
  }

  #forget(child: LaneChild): void {
    this.#parts.children.unwatch(child.slot);
    if (this.#children.get(child.lane) === child) this.#children.delete(child.lane);
  }

  /** Kills the children. Harmless twice. */
  close(): void {
    for (const child of [...this.#children.values(), ...this.#dying.keys()]) {
      this.#forget(child);
      this.#parts.children.release(child.slot);
    }
  }
}
