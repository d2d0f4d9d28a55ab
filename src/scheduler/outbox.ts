/**
 * Messages to engines whose connection does not stand (yet): a ROUTER that does not know a peer refuses them, and they wait here in order until it does or the
 * engine is gone.
 */
import { now } from "../base/clock.ts";
import type { Socket } from "../wire/socket.ts";

/** How often waiting messages are tried again, in ms. */
export const RETRY_MS = 2;

export class Outbox {
  readonly #socket: Socket;
  readonly #patienceMs: number;
  readonly #waiting = new Map<string, (readonly Uint8Array[])[]>();
  /** Since when messages to an engine wait. */
  readonly #since = new Map<string, number>();

  /** @param patienceMs how long messages wait, for ever by default */
  constructor(socket: Socket, patienceMs = Infinity) {
    this.#socket = socket;
    this.#patienceMs = patienceMs;
  }

  /** Whether anything waits. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Sends a message to the engine named by its first frame; keeps a copy if that cannot be done now. */
  send(uuid: string, frames: readonly Uint8Array[]): void {
    if (!this.#waiting.has(uuid) && this.#socket.send(frames)) return;
    this.keep(uuid, frames.map((frame) => frame.slice()));
  }

  /** Whether messages to this engine wait already: later ones must stand behind them. */
  has(uuid: string): boolean {
    return this.#waiting.has(uuid);
  }

  /** Keeps a message whose frames are its own. */
  keep(uuid: string, frames: readonly Uint8Array[]): void {
    const list = this.#waiting.get(uuid);
    if (list !== undefined) list.push(frames);
    else {
      this.#waiting.set(uuid, [frames]);
      if (this.#patienceMs !== Infinity) this.#since.set(uuid, now());
    }
  }

  /** Tries again what waits, each engine's in order. */
  retry(): void {
    for (const [uuid, list] of this.#waiting) {
      let sent = 0;
      while (sent < list.length && this.#socket.send(list[sent]!)) sent++;
      if (sent === list.length || (this.#since.get(uuid) ?? Infinity) + this.#patienceMs < now()) {
        this.forget(uuid);
      } else list.splice(0, sent);
    }
  }

  /** The engine is gone. */
  forget(uuid: string): void {
    this.#waiting.delete(uuid);
    this.#since.delete(uuid);
  }
}
