/**
 * An engine's registration at the hub: asks, asks again with patience, says when it succeeded or cannot; and asks again under the same uuid
 * and for the same id when the hub has given the engine up.
 */
import type { Logger } from "../base/log.ts";
import { BadMessage, type Dictionary, type Session } from "../protocol/frames.ts";
import { EXTENSION_VERSION } from "../protocol/messages.ts";
import { type Offer, offerJson } from "../protocol/task_asks.ts";

/** What the hub granted. */
export interface Registered {
  readonly id: number;
  readonly periodMs: number;
  /** Of the controller's run; null: the controller is a peer's and speaks no groups. */
  readonly nonce: bigint | null;
  /** The hub knew this engine all the time: everything that it has still counts. */
  readonly isAgain: boolean;
  /** What clients may ask for at most of whom the scheduler says nothing; undefined: everything. */
  readonly cap: unknown;
  /** The hub's number of this registration, 0 where it gives none. */
  readonly registration: number;
}

export interface RegistrationEvents {
  registered(granted: Registered): void;
  /** The hub does not know this engine any more; it is being asked again. */
  givenUp(): void;
  /** There is no point in asking on. */
  failed(reason: string): void;
}

export interface RegistrationParts {
  readonly socket: {
    send(frames: readonly Uint8Array[]): boolean;
    receive(): Uint8Array[] | undefined;
  };
  readonly session: Session;
  readonly wantedId: number | undefined;
  readonly sandbox: string;
  /** The same for all engines of this process. */
  readonly process: string;
  /** What its tasks may ask for. */
  readonly offer: Offer;
  readonly timeoutMs: number;
  readonly events: RegistrationEvents;
  readonly log: Logger;
}

/** Tries until the first registration is given up. A later one is asked for until the heart gives the controller up. */
const MAX_TRIES = 4;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 5000;

export class Registration {
  readonly #parts: RegistrationParts;
  #wantedId: number | undefined;
  #state: "waiting" | "pausing" | "registered" | "over" = "pausing";
  #dueAt = 0;
  #tries = 0;
  #isFirst = true;
  #lastError = "";

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
    this.#wantedId = parts.wantedId;
  }

  get isRegistered(): boolean {
    return this.#state === "registered";
  }

  /** When `tick` is wanted, Infinity if nothing is awaited. */
  get nextTick(): number {
    return this.#state === "waiting" || this.#state === "pausing" ? this.#dueAt : Infinity;
  }

  tick(at: number): void {
    if (at < this.nextTick) return;
    if (this.#state === "pausing") this.#ask(at);
    else if (this.#state === "waiting") {
      this.#refused(at, `no reply in ${this.#parts.timeoutMs / 1000} s`);
    }
  }

  /** Leaves and comes again under its id: what was under way between the schedulers and this engine is lost, and they have to know. */
  renew(at: number): void {
    if (this.#state !== "registered") return;
    const { session, socket, events } = this.#parts;
    socket.send(session.message("unregistration_request", { id: this.#wantedId ?? null }));
    events.givenUp();
    this.askAgain(at);
  }

  /** Asks anew: the hub has given the engine up, or may have. */
  askAgain(at: number): void {
    if (this.#state === "over") return;
    this.#tries = 0;
    this.#ask(at);
  }

  #ask(at: number): void {
    const { session, socket, sandbox, process, offer, timeoutMs } = this.#parts;
    const content: Dictionary = {
      uuid: session.session,
      ...(this.#wantedId === undefined ? {} : { id: this.#wantedId }),
      tsparallel: {
        version: EXTENSION_VERSION,
        host: Deno.hostname(),
        pid: Deno.pid,
        sandbox,
        permissions: offerJson(offer),
        process,
      },
    };
    socket.send(session.message("registration_request", content));
    this.#tries++;
    this.#state = "waiting";
    this.#dueAt = at + timeoutMs;
  }

  #refused(at: number, why: string): void {
    this.#lastError = why;
    if (this.#isFirst && this.#tries >= MAX_TRIES) {
      this.#state = "over";
      this.#parts.events.failed(`Cannot register at the hub: ${this.#lastError} (${this.#tries} tries)`);
      return;
    }
    this.#parts.log.warn("Not registered, trying again", { why, tries: this.#tries });
    this.#state = "pausing";
    this.#dueAt = at + Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#tries - 1));
  }

  /** Takes what the hub has sent. */
  read(at: number): void {
    while (this.#state !== "over") {
      const frames = this.#parts.socket.receive();
      if (frames === undefined) return;
      try {
        this.#take(this.#parts.session.parse(frames), at);
      } catch (error) {
        if (!(error instanceof BadMessage)) throw error;
        this.#parts.log.warn("Dropped a message of the hub", { why: error.message });
      }
    }
  }

  #take(message: { header: { msg_type: string }; content: Dictionary }, at: number): void {
    switch (message.header.msg_type) {
      case "registration_reply":
        return this.#replied(message.content, at);
      case "unregistration_notification":
        return this.#notified(message.content, at);
      case "shutdown_notification":
        this.#state = "over";
        return this.#parts.events.failed("The controller shut down");
    }
  }

  #notified(content: Dictionary, at: number): void {
    const { uuid } = content;
    if (uuid !== undefined && uuid !== this.#parts.session.session) return;
    if (this.#state === "over") return;
    this.#parts.log.warn("The hub has given this engine up, registering again");
    if (this.#state === "registered") this.#parts.events.givenUp();
    this.askAgain(at);
  }

  #replied(content: Dictionary, at: number): void {
    if (this.#state === "over") return;
    const granted = content["status"] === "ok" ? readGrant(content) : null;
    if (granted === null) {
      // A registered engine that asks for safety's sake is told that its uuid is in use: it is known.
      if (!this.#isFirst && this.#state === "waiting") this.#state = "registered";
      else if (this.#state === "waiting") this.#refused(at, refusalOf(content));
      return;
    }
    this.#state = "registered";
    this.#isFirst = false;
    this.#tries = 0;
    this.#wantedId = granted.id;
    this.#parts.events.registered(granted);
  }

  /** Says goodbye. Harmless twice. */
  leave(id: number): void {
    if (this.#state === "over") return;
    this.#state = "over";
    const { session, socket } = this.#parts;
    socket.send(session.message("unregistration_request", { id: id < 0 ? null : id }));
  }
}

function readGrant(content: Dictionary): Registered | null {
  const { id, hb_period, tsparallel } = content;
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0) return null;
  const periodMs = typeof hb_period === "number" && hb_period > 0 ? hb_period : 3000;
  const isAgain = typeof tsparallel === "object" && tsparallel !== null && "again" in tsparallel &&
    tsparallel.again === true;
  const cap = typeof tsparallel === "object" && tsparallel !== null && "cap" in tsparallel
    ? tsparallel.cap
    : undefined;
  return { id, periodMs, nonce: readNonce(tsparallel), isAgain, cap, registration: numberIn(tsparallel) };
}

function numberIn(extension: unknown): number {
  if (typeof extension !== "object" || extension === null) return 0;
  const { registration }: { registration?: unknown } = extension;
  return typeof registration === "number" && Number.isInteger(registration) && registration > 0
    ? registration % 2 ** 32
    : 0;
}

function readNonce(extension: unknown): bigint | null {
  if (typeof extension !== "object" || extension === null) return null;
  const { version, nonce }: { version?: unknown; nonce?: unknown } = extension;
  if (version !== EXTENSION_VERSION || typeof nonce !== "string" || !/^[0-9a-f]{1,16}$/i.test(nonce)) {
    return null;
  }
  return BigInt(`0x${nonce}`);
}

function refusalOf(content: Dictionary): string {
  const { ename, evalue } = content;
  return typeof ename === "string" ? `${ename}: ${String(evalue)}` : "a reply without an id";
}
