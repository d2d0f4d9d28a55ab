/**
 * An engine's heart: every ping goes back unchanged. And the engine's own patience with a controller whose pings stay away.
 */
import type { Context } from "../wire/context.ts";
import type { SyncPoller } from "../wire/poll.ts";
import type { SocketOptions } from "../wire/options.ts";
import type { Socket } from "../wire/socket.ts";

export interface HeartOptions {
  readonly context: Context;
  readonly poller: SyncPoller;
  readonly ping: string;
  readonly pong: string;
  readonly uuid: string;
  readonly periodMs: number;
  /** Pings that may stay away in a row. */
  readonly patience: number;
  /** What every socket gets (CURVE). */
  readonly socket: SocketOptions;
  readonly clock: () => number;
}

/** A ping counts as late after the period and this, in ms. */
const SLACK_MS = 500;
/** So many late ones, and the engine asks whether it is still known. */
const DOUBT_AFTER = 5;

export class Heart {
  readonly #options: HeartOptions;
  readonly #in: Socket;
  readonly #out: Socket;
  #lastPing: number;
  #doubtedAt: number;

  /** Starts to answer pings: from now on the hub may announce the engine. */
  constructor(options: HeartOptions) {
    const { context, poller, uuid } = this.#options = options;
    this.#out = context.socket("DEALER", { ...options.socket, identity: uuid });
    this.#out.connect(options.pong);
    this.#in = context.socket("SUB", { ...options.socket, subscribe: [""] });
    this.#in.connect(options.ping);
    this.#lastPing = this.#doubtedAt = options.clock();
    poller.add(this.#in, () => this.#beat());
  }

  #beat(): void {
    for (let frames = this.#in.receive(); frames !== undefined; frames = this.#in.receive()) {
      this.#out.send(frames);
      this.#lastPing = this.#doubtedAt = this.#options.clock();
    }
  }

  get #lateMs(): number {
    return this.#options.periodMs + SLACK_MS;
  }

  get nextTick(): number {
    return Math.min(
      this.#doubtedAt + DOUBT_AFTER * this.#lateMs,
      this.#lastPing + this.#options.patience * this.#lateMs,
    );
  }

  /** What the silence so far means: nothing, a doubt whether the hub still knows us (told once in a while), or the end. */
  judge(at: number): "alive" | "doubt" | "gone" {
    if (at - this.#lastPing >= this.#options.patience * this.#lateMs) return "gone";
    if (at - this.#doubtedAt < DOUBT_AFTER * this.#lateMs) return "alive";
    this.#doubtedAt = at;
    return "doubt";
  }

  /** Milliseconds since the last ping. */
  silence(at: number): number {
    return at - this.#lastPing;
  }

  /** Harmless twice. */
  close(): void {
    this.#options.poller.remove(this.#in);
    this.#in.close();
    this.#out.close();
  }
}
