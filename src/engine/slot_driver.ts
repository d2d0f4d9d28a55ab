/**
 * Drives one engine's slot: does what the core wants done with it, hands tasks over, and tells the core what came back.
 */
import { now } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { EngineCore } from "./core.ts";
import type { Answer } from "./core_types.ts";
import type { ClientFunctions } from "./client_functions.ts";
import type { Piece } from "./piece_store.ts";
import { TOLD } from "./ring.ts";
import type { ChildEnd, SlotHandle, SlotSink, WallReport } from "./slot_contract.ts";

/** What becomes of what the slot says. `place` is the task's place in the core's table; views are valid during the call. */
export interface DriverHooks {
  /** There is another child, with an empty namespace. */
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
  answer(answer: Answer): void;
  returned(client: number, n: number, seq: number): void;
}

/** Where children come from, and who waits for their descriptors. */
export interface ChildSource {
  /** A child that is ready, or starting. @throws Error if none can be started */
  take(): SlotHandle;
  watch(slot: SlotHandle, look: () => void): void;
  unwatch(slot: SlotHandle): void;
}

const NO_TEXT = new Uint8Array(0);
const MEMORY_EVERY_MS = 20;
/** A slot's own patience needs a look now and then, whatever happens. */
const IDLE_LOOK_MS = 100;
/** Tickets of definitions, apart from those of tasks. */
const DEFINE_TICKET = 0x8000_0000;
const DEFINE_TICKETS = 0x4000_0000;

export class SlotDriver implements SlotSink {
  readonly #core: EngineCore;
  readonly #functions: ClientFunctions;
  readonly #children: ChildSource;
  readonly #hooks: DriverHooks;
  readonly #log: Logger;
  #slot: SlotHandle | null = null;
  readonly #defined = new Set<number>();
  /** Whose pieces are being fed into the arena, and how many are in. */
  #fedTicket = 0;
  #fedCount = 0;
  #isBlocked = false;
  #memoryAt = 0;
  #lookAt = 0;
  readonly #offer = { ticket: 0, op: 0, definition: 0, buffers: 0, body: new Uint8Array(0) };

  constructor(
    core: EngineCore,
    functions: ClientFunctions,
    children: ChildSource,
    hooks: DriverHooks,
    log: Logger,
  ) {
    this.#core = core;
    this.#functions = functions;
    this.#children = children;
    this.#hooks = hooks;
    this.#log = log;
  }

  /** Process id of the child, 0 if there is none. */
  get pid(): number {
    return this.#slot?.pid ?? 0;
  }

  /** Takes what the child has to say. */
  look(): void {
    this.#slot?.look(this);
  }

  /** Does everything that is due: time, the core's wishes, handing over. */
  pump(at: number): void {
    const core = this.#core;
    if (core.inSlot > 0 || this.#isBlocked || at >= this.#lookAt) {
      this.#lookAt = at + IDLE_LOOK_MS;
      this.look();
    }
    if (core.nextTick <= at) core.step({ kind: "tick", at });
    if (at >= this.#memoryAt && core.memoryLimitMB !== Infinity) {
      this.#memoryAt = at + MEMORY_EVERY_MS;
      core.step({ kind: "memory", bytes: this.#slot?.memory() ?? 0, at });
    }
    this.act();
    if (this.#slot !== null) this.#hand(this.#slot);
  }

  /** In how many ms `pump` is wanted at the latest, if nothing comes before. */
  delay(at: number): number {
    const delay = Math.min(
      this.#core.lookDelay(at),
      this.#core.nextTick - at,
      this.#isBlocked ? 1 : Infinity,
    );
    if (this.#core.memoryLimitMB === Infinity) return delay;
    return Math.min(delay, this.#memoryAt - at);
  }

  /** Tells the running task something; see `SlotHandle.tell`. */
  tell(ticket: number, kind: number, text: Uint8Array): void {
    this.#slot?.tell(ticket, kind, text);
  }

  /** Carries out what the core has decided. */
  act(): void {
    const { actions } = this.#core;
    if (actions.length === 0) return;
    for (let i = 0; i < actions.length; i++) {
      const action = actions[i]!;
      switch (action.kind) {
        case "answer":
          this.#hooks.answer(action);
          break;
        case "returned":
          this.#hooks.returned(action.client, action.n, action.seq);
          break;
        case "withdraw":
          this.#core.withdrawn(action.ticket, this.#slot?.withdraw(action.ticket) ?? true);
          break;
        case "kill":
          this.look();
          if (this.#slot !== null && this.#core.confirmKill(action.ticket)) this.#slot.kill();
          break;
        case "interrupt":
          this.tell(action.ticket, TOLD.interrupt, NO_TEXT);
          break;
        case "start_child":
          this.#startChild();
          break;
      }
    }
    actions.length = 0;
  }

  #startChild(): void {
    try {
      const slot = this.#slot = this.#children.take();
      this.#children.watch(slot, () => this.look());
      this.#hooks.child();
      if (slot.state === "ready") this.#core.step({ kind: "child_ready", at: now() });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#log.warn("Cannot start a child", { detail });
      this.#core.step({ kind: "child_ended", started: [], outOfMemory: false, detail, at: now() });
    }
  }

  // ── handing over ───────────────────────────────────────────────────────────────────────────

  #hand(slot: SlotHandle): void {
    const core = this.#core;
    this.#isBlocked = false;
    let any = false;
    for (let ticket = core.next(); ticket !== 0; ticket = core.next()) {
      if (!this.#offerTask(slot, ticket)) {
        this.#isBlocked = any = true;
        break;
      }
      core.handed();
      any = true;
    }
    if (any) slot.ring();
  }

  #offerTask(slot: SlotHandle, ticket: number): boolean {
    const { table, frames } = this.#core;
    const place = table.at(ticket), definition = table.definition[place]!, buffers = table.buffers[place]!;
    if (definition !== 0 && !this.#defined.has(definition) && !this.#define(slot, definition)) return false;
    if (buffers > 0 && !this.#feed(slot, ticket, this.#core.rare.get(ticket)?.pieces ?? [])) return false;
    const offer = this.#offer;
    const from = table.offset[place]!;
    offer.ticket = ticket;
    offer.op = table.op[place]!;
    offer.definition = definition;
    offer.buffers = buffers;
    offer.body = frames.get(table.frame[place]!).subarray(
      from,
      from + table.length[place]!,
    ) as typeof offer.body;
    if (!slot.offer(offer)) return false;
    if (buffers > 0) this.#fedTicket = 0;
    return true;
  }

  #define(slot: SlotHandle, number: number): boolean {
    const definition = this.#functions.get(number);
    if (definition === undefined) return true;
    const ticket = DEFINE_TICKET + number % DEFINE_TICKETS;
    const { body, buffers, pieces } = definition;
    if (buffers > 0 && !this.#feed(slot, ticket, pieces)) return false;
    if (!slot.offer({ ticket, op: 1, definition: number, buffers, body })) return false;
    if (buffers > 0) this.#fedTicket = 0;
    this.#defined.add(number);
    return true;
  }

  /** Feeds pieces of large buffers as far as there is room; true when all are in. */
  #feed(slot: SlotHandle, ticket: number, pieces: readonly Piece[]): boolean {
    if (this.#fedTicket !== ticket) {
      if (this.#fedTicket !== 0) slot.withdraw(this.#fedTicket);
      this.#fedTicket = ticket;
      this.#fedCount = 0;
    }
    for (; this.#fedCount < pieces.length; this.#fedCount++) {
      const { index, total, offset, bytes } = pieces[this.#fedCount]!;
      if (!slot.chunk(ticket, index, total, offset, bytes)) return false;
    }
    return true;
  }

  // ── what the slot says ─────────────────────────────────────────────────────────────────────

  ready(walls: WallReport): void {
    this.#hooks.ready(walls);
    this.#core.step({ kind: "child_ready", at: now() });
  }

  started(ticket: number, at: number): void {
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
    const isWanted = this.#core.finish(ticket, startedAt, finishedAt);
    const place = this.#core.table.at(ticket);
    if (isWanted) this.#hooks.result(ticket, place, status === "ok", body, buffers, startedAt, finishedAt);
    this.#core.release(ticket);
  }

  ended(end: ChildEnd, open: readonly { readonly ticket: number; readonly started: boolean }[]): void {
    const slot = this.#slot;
    if (slot === null) return;
    this.#log.info("A child ended", {
      pid: slot.pid,
      reason: end.reason,
      detail: end.detail,
      lastWords: end.lastWords,
    });
    this.#drop(slot);
    this.#core.step({
      kind: "child_ended",
      started: open.filter((task) => task.started).map((task) => task.ticket),
      outOfMemory: end.reason === "out of memory",
      detail: end.detail,
      at: now(),
    });
  }

  #drop(slot: SlotHandle): void {
    this.#children.unwatch(slot);
    this.#slot = null;
    this.#defined.clear();
    this.#fedTicket = 0;
    slot.close();
  }

  /** Kills the child. Harmless twice. */
  close(): void {
    if (this.#slot !== null) this.#drop(this.#slot);
  }
}
