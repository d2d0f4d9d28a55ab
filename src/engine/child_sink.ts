/**
 * Takes what one child says, and tells the core and whoever sends it on.
 */
import type { DeniedAct } from "../protocol/post_mortem.ts";
import { now } from "../base/clock.ts";
import { OP } from "../protocol/groups.ts";
import { encodeValue } from "../protocol/values.ts";
import type { ChildUsage } from "./child_usage.ts";
import type { EngineCore } from "./core.ts";
import type { Ending } from "./core_types.ts";
import type { ChildEnd, SlotHandle, SlotSink, WallReport } from "./slot_contract.ts";
import type { DriverHooks } from "./slot_driver.ts";
import type { LimitHit } from "./task_limits.ts";

/** A task that has neither an answer nor was taken back. */
export interface Open {
  readonly ticket: number;
  readonly started: boolean;
}

export interface ChildSinkParts {
  readonly lane: number;
  readonly slot: SlotHandle;
  readonly core: EngineCore;
  readonly usage: ChildUsage;
  readonly hooks: DriverHooks;
  readonly ended: (end: ChildEnd, open: readonly Open[]) => void;
}

/** A task that ran for so long may have taken much memory since the last look. */
const LONG_MS = 10;

export class ChildSink implements SlotSink {
  readonly #parts: ChildSinkParts;
  readonly #core: EngineCore;
  readonly #hooks: DriverHooks;

  constructor(parts: ChildSinkParts) {
    this.#parts = parts;
    this.#core = parts.core;
    this.#hooks = parts.hooks;
  }

  ready(walls: WallReport): void {
    this.#hooks.ready(walls);
    this.#core.step({ kind: "child_ready", lane: this.#parts.lane, at: now() });
  }

  started(ticket: number, at: number): void {
    this.#parts.usage.begin(this.#parts.slot, ticket, at);
    this.#core.started(ticket, at);
    const place = this.#core.table.at(ticket);
    if (place >= 0) this.#hooks.started(ticket, place);
  }

  chunk(ticket: number, index: number, total: number, offset: number, bytes: Uint8Array): void {
    const place = this.#core.table.at(ticket);
    if (place >= 0) this.#hooks.piece(place, index, total, offset, bytes);
  }

  event(ticket: number, body: Uint8Array): void {
    const place = this.#core.table.at(ticket);
    if (place >= 0) this.#hooks.event(ticket, place, body);
  }

  output(ticket: number, stream: "stdout" | "stderr", text: Uint8Array): void {
    const place = this.#core.table.at(ticket);
    if (place >= 0) this.#hooks.output(ticket, place, stream, text);
  }

  result(
    ticket: number,
    status: "ok" | "error",
    body: Uint8Array,
    buffers: number,
    startedAt: number,
    finishedAt: number,
  ): void {
    const core = this.#core, isLong = finishedAt - startedAt >= LONG_MS;
    const isWanted = core.finish(ticket, startedAt, finishedAt, isLong ? this.#memoryHit(ticket) : null);
    const place = core.table.at(ticket);
    if (isWanted) {
      if (status === "error" && core.table.op[place] === OP.clear) {
        this.#cleared(ticket, place, startedAt, finishedAt);
      } else this.#hooks.result(ticket, place, status === "ok", body, buffers, startedAt, finishedAt);
    }
    core.release(ticket);
  }

  /** The limit of memory that the task has passed since the last look, if it has. */
  #memoryHit(ticket: number): LimitHit | null {
    const { usage } = this.#parts, max = this.#core.rare.limit(ticket, "memoryLimitMB");
    if (max === Infinity) return null;
    usage.look(now(), true);
    const value = usage.now.bytes / 2 ** 20;
    return value > max ? { limit: "memory", value, max } : null;
  }

  /** The namespace cannot be cleared, since a task has frozen it: a new one is as good. */
  #cleared(ticket: number, place: number, startedAt: number, finishedAt: number): void {
    this.#core.renew(this.#parts.lane);
    this.#hooks.result(ticket, place, true, encodeValue(null).body, 0, startedAt, finishedAt);
  }

  denied(ticket: number, acts: readonly DeniedAct[]): void {
    if (this.#core.table.at(ticket) >= 0) this.#hooks.denied(ticket, acts);
  }

  unmet(ticket: number, reason: string): void {
    if (this.#core.table.at(ticket) >= 0) this.#hooks.unmet(ticket, reason);
  }

  tooLarge(ticket: number, bytes: number, startedAt: number, finishedAt: number): void {
    const max = this.#core.rare.limit(ticket, "resultLimitBytes");
    this.#core.finish(ticket, startedAt, finishedAt, { limit: "result", value: Math.max(bytes, max), max });
    this.#core.release(ticket);
  }

  ended(end: ChildEnd, open: readonly Open[]): void {
    this.#parts.ended(end, open);
  }
}

/** What a child's end means to its tasks. @param memoryMB what it used last */
export function endingOf(end: ChildEnd, open: readonly Open[], memoryMB: number): Ending {
  const { code, signal, reason, detail } = end;
  return {
    started: open.filter((task) => task.started).map((task) => task.ticket),
    memoryMB: reason === "out of memory" ? memoryMB : null,
    detail,
    endedBy: reason === "protocol"
      ? "protocol"
      : signal !== null
      ? "signal"
      : code !== null
      ? "exit"
      : "engine",
    code,
    signal,
  };
}
