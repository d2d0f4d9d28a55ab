/**
 * Presence of engines, decided without a clock, a socket or a log: what was heard goes in as an event with its time, what is to
 * be done comes out as actions. The shell is `hub.ts`; the rules are in scenarios under `tests/scenarios/hub`.
 */

import { Heartbeats } from "./heartbeat.ts";
import { type Engine, type EngineCard, MAX_ENGINE_ID, Registry } from "./registry.ts";

/** What happened. `at` is in milliseconds since 1970. */
export type HubEvent =
  /** An engine asks for an id. */
  | {
    readonly kind: "registration_requested";
    readonly at: number;
    /** Who asks; an engine's routing id is its uuid, but a second one with its uuid has another. */
    readonly rid: Uint8Array;
    readonly uuid: string;
    readonly id?: number | undefined;
    readonly ours: EngineCard | null;
  }
  /** Somebody says that an engine is going. */
  | { readonly kind: "unregistration_requested"; readonly at: number; readonly id: number }
  /** An engine says on IOPub that it shuts down. */
  | { readonly kind: "engine_said_goodbye"; readonly at: number; readonly uuid: string }
  /** The process of an engine on this machine is gone. */
  | { readonly kind: "engine_process_ended"; readonly at: number; readonly uuid: string }
  /** A heart connected to the ping socket. */
  | { readonly kind: "heart_subscribed"; readonly at: number }
  /** Hearts sent back pings: all that were read in one turn. */
  | { readonly kind: "ponged"; readonly at: number; readonly pongs: readonly HeartPong[] }
  /** Time passed. */
  | { readonly kind: "ticked"; readonly at: number };

/** What a heart sent back. */
export interface HeartPong {
  readonly uuid: string;
  readonly payload: string;
}

/** What is to be done. */
export type HubAction =
  | {
    readonly kind: "reply_registration";
    readonly rid: Uint8Array;
    readonly content: Readonly<Record<string, unknown>>;
  }
  | { readonly kind: "ping"; readonly payload: string }
  /** Tell the clients and the scheduler that an engine is there. */
  | { readonly kind: "announce_engine"; readonly engine: Engine }
  /** Tell them that it is not there any more. */
  | { readonly kind: "announce_departure"; readonly engine: Engine; readonly reason: string }
  /** Tell an engine that it was given up, or that nobody knows it. */
  | { readonly kind: "tell_given_up"; readonly uuid: string; readonly id: number | null }
  /** The direct requests of peers that this engine had will not be answered. */
  | { readonly kind: "fail_requests"; readonly engine: Engine }
  | {
    readonly kind: "log";
    readonly level: "debug" | "info" | "warn";
    readonly text: string;
    readonly fields: Readonly<Record<string, unknown>>;
  };

export interface HubCoreOptions {
  readonly periodMs: number;
  readonly maxMisses: number;
  readonly registrationTimeoutMs: number;
  /** When the hub started: pings count from here. */
  readonly startedAt: number;
  /** What engines are told about sockets in the reply. */
  readonly connectionInfo: () => Readonly<Record<string, unknown>>;
  /** The field that engines of ours get in the reply. */
  readonly extension: Readonly<Record<string, unknown>>;
}

/** A heart that subscribes is pinged at once, but all hearts together not more often than this. */
const PING_SPACING_MS = 5;
/** An engine that was given up is told so at most this often. */
const TELL_SPACING_MS = 1000;
/** Engines that were told lately, at most. */
const MAX_TOLD = 4096;

/** Presence of engines. */
export class HubCore {
  readonly registry = new Registry();
  readonly #options: HubCoreOptions;
  readonly #hearts: Heartbeats;
  readonly #told = new Map<string, number>();
  readonly #failures: { at: number; engine: Engine }[] = [];
  #nextBeat: number;
  #lastPing = -Infinity;
  #isPingWanted = false;
  #registrations = 0;

  constructor(options: HubCoreOptions) {
    this.#options = options;
    this.#hearts = new Heartbeats(options.maxMisses);
    this.#nextBeat = options.startedAt + options.periodMs;
  }

  /** When the next `ticked` is wanted. */
  get nextAt(): number {
    const ping = this.#isPingWanted ? this.#lastPing + PING_SPACING_MS : Infinity;
    return Math.min(this.#nextBeat, ping);
  }

  /** Takes an event in and says what is to be done. */
  step(event: HubEvent): HubAction[] {
    switch (event.kind) {
      case "registration_requested":
        return this.#requested(event);
      case "unregistration_requested":
        return this.#unregistered(event.id, event.at);
      case "engine_said_goodbye":
        return this.#saidGoodbye(event.uuid, event.at);
      case "engine_process_ended":
        return this.#processEnded(event.uuid, event.at);
      case "heart_subscribed":
        this.#isPingWanted = true;
        return this.#pingIfDue(event.at);
      case "ponged":
        return this.#ponged(event.pongs, event.at);
      case "ticked":
        return this.#ticked(event.at);
    }
  }

  #requested(event: Extract<HubEvent, { kind: "registration_requested" }>): HubAction[] {
    const { rid, uuid, ours } = event;
    const id = isEngineId(event.id) ? event.id : undefined;
    const grant = this.registry.request({ at: event.at, uuid, id, ours });
    if (grant.kind === "refused") {
      const { ename, text } = grant;
      const evalue = ename === "KeyError" ? `"${text}"` : text;
      const content = { status: "error", ename, evalue, traceback: [`${ename}: ${evalue}`], engine_info: {} };
      return [
        { kind: "reply_registration", rid, content },
        log("warn", "Registration refused", { uuid, reason: text }),
      ];
    }
    // An engine that was known all the time keeps its tasks.
    const again = grant.isAgain ? { again: true } : {};
    const content = {
      status: "ok",
      id: grant.id,
      hb_period: this.#options.periodMs,
      connection_info: this.#options.connectionInfo(),
      ...(ours
        ? { tsparallel: { ...this.#options.extension, registration: ++this.#registrations, ...again } }
        : {}),
    };
    return [
      { kind: "reply_registration", rid, content },
      log("debug", "Engine asks to be registered", { id: grant.id, uuid, again: grant.isAgain }),
    ];
  }

  #unregistered(id: number, at: number): HubAction[] {
    const engine = this.registry.byId(id);
    if (engine) return this.#depart(engine, at, "it unregistered");
    const incoming = this.registry.cancel(id);
    return incoming ? [log("info", "Registration cancelled", { id, uuid: incoming.uuid })] : [];
  }

  #saidGoodbye(uuid: string, at: number): HubAction[] {
    const engine = this.registry.byUuid(uuid);
    return engine ? this.#depart(engine, at, "it shut down") : [];
  }

  /** Who arrives together is announced in order of ids: Python's client under scheme pure wants engine 0 before engine 1. */
  #ponged(pongs: readonly HeartPong[], at: number): HubAction[] {
    const arrived: Engine[] = [], actions: HubAction[] = [];
    for (const { uuid, payload } of pongs) {
      if (this.#hearts.ponged(uuid, payload) !== "unknown heart") continue;
      const engine = this.registry.arrive(uuid, at);
      if (engine) this.#hearts.watch(uuid);
      if (engine) arrived.push(engine);
      else actions.push(...this.#tellGivenUp(uuid, at));
    }
    for (const engine of arrived.sort((a, b) => a.id - b.id)) {
      const { id, uuid, ours } = engine;
      actions.push(
        { kind: "announce_engine", engine },
        log("info", "Engine registered", { id, uuid, peer: ours === null }),
      );
    }
    return actions;
  }

  #tellGivenUp(uuid: string, at: number): HubAction[] {
    const departed = this.registry.departed(uuid);
    if (departed && !departed.ours) return [];
    if (at - (this.#told.get(uuid) ?? -Infinity) < TELL_SPACING_MS) return [];
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.set(uuid, at);
    const id = departed?.id ?? null;
    return [
      { kind: "tell_given_up", uuid, id },
      log("info", "An engine that is not registered was heard", { uuid, id }),
    ];
  }

  #ticked(at: number): HubAction[] {
    const actions: HubAction[] = [];
    if (at >= this.#nextBeat) {
      this.#nextBeat = Math.max(this.#nextBeat + this.#options.periodMs, at + this.#options.periodMs / 2);
      actions.push(...this.#beat(at));
    }
    actions.push(...this.#pingIfDue(at));
    return actions;
  }

  #beat(at: number): HubAction[] {
    const { registrationTimeoutMs } = this.#options;
    const actions: HubAction[] = [];
    for (const uuid of this.#hearts.beat()) {
      const engine = this.registry.byUuid(uuid);
      if (engine) actions.push(...this.#depart(engine, at, "its heart stopped"));
    }
    for (const engine of this.registry.expire(at - registrationTimeoutMs)) {
      actions.push(
        log("warn", "Registration was not finished in time", { id: engine.id, uuid: engine.uuid }),
      );
    }
    while (this.#failures[0] && this.#failures[0].at <= at) {
      const { engine } = this.#failures.shift()!;
      actions.push({ kind: "fail_requests", engine });
    }
    actions.push(this.#ping(at));
    return actions;
  }

  #pingIfDue(at: number): HubAction[] {
    return this.#isPingWanted && at - this.#lastPing >= PING_SPACING_MS ? [this.#ping(at)] : [];
  }

  #ping(at: number): HubAction {
    this.#isPingWanted = false;
    this.#lastPing = at;
    const seconds = String((at - this.#options.startedAt) / 1000);
    const payload = seconds.includes(".") ? seconds : `${seconds}.0`;
    this.#hearts.pinged(payload);
    return { kind: "ping", payload };
  }

  #processEnded(uuid: string, at: number): HubAction[] {
    const engine = this.registry.byUuid(uuid);
    return engine === undefined ? [] : this.#depart(engine, at, "its process ended");
  }

  #depart(engine: Engine, at: number, reason: string): HubAction[] {
    this.registry.leave(engine);
    this.#hearts.forget(engine.uuid);
    this.#failures.push({ at: at + this.#options.registrationTimeoutMs, engine });
    return [
      { kind: "announce_departure", engine, reason },
      log("info", "Engine unregistered", { id: engine.id, uuid: engine.uuid, reason }),
    ];
  }
}

function isEngineId(id: unknown): id is number {
  return typeof id === "number" && Number.isInteger(id) && id >= 0 && id <= MAX_ENGINE_ID;
}

function log(
  level: "debug" | "info" | "warn",
  text: string,
  fields: Readonly<Record<string, unknown>>,
): HubAction {
  return { kind: "log", level, text, fields };
}
