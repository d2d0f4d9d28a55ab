/**
 * Whether the controller is there: what the transport tells of the connection, and what the hub answers. While the connection is broken nothing is sent; when it
 * stands again the hub is greeted, which tells whether it is the same controller, and what was open is looked up. After the patience all waits end.
 */
import { now } from "../base/clock.ts";
import { ControllerGone } from "../protocol/errors.ts";
import { ControllerWatch, patienceOf } from "./controller_watch.ts";

/** What the link needs of the connection. */
export interface LinkHost {
  /** Of the hub's socket. */
  readonly address: string;
  /** Whether anything is awaited. */
  isNeeded(): boolean;
  /** Asks the hub something small. */
  ask(timeoutMs: number): Promise<unknown>;
  /** Greets the hub anew; gives what takes over what has changed, to be called if the connection still stands. */
  greet(timeoutMs: number): Promise<() => void>;
  /** The connection broke, or stands again. */
  broken(isBroken: boolean): void;
  /** Nothing can be sent any more. */
  gone(error: ControllerGone): void;
}

export class ControllerLink {
  readonly #host: LinkHost;
  readonly #watch: ControllerWatch;
  /** What the transport says is broken. */
  readonly #broken = new Set<string>();
  /** It may be another controller than before. */
  #isStale = false;
  #heardAt = now();
  #lostAt: number | undefined;
  #mended: PromiseWithResolvers<void> | undefined;

  constructor(host: LinkHost, timeoutMs: number) {
    this.#host = host;
    this.#watch = new ControllerWatch({
      // Who is there again is greeted, though nothing is awaited; who is not there may come back for as long as nothing is.
      isNeeded: () => host.isNeeded() || (this.#isStale && this.#broken.size === 0),
      ask: (timeoutMs) => this.#ask(timeoutMs),
      missed: () => this.#lost(this.#heardAt),
      gone: () => host.gone(this.goneError("is gone: it has not answered")),
    }, patienceOf(timeoutMs));
  }

  /** Whether what is sent now would go nowhere, or to who knows whom. */
  get isBroken(): boolean {
    return this.#lostAt !== undefined;
  }

  /** What is to be said of a request that got no answer; empty if nothing is known. */
  get hint(): string {
    if (this.#lostAt === undefined) return "";
    return `; the connection to the controller at "${this.#host.address}" is broken since ${
      new Date(this.#lostAt).toISOString()
    }`;
  }

  /** The transport says whether a socket's connection stands. */
  connected(socket: string, isConnected: boolean): void {
    if (!isConnected) {
      this.#broken.add(socket);
      this.#lost(now());
    } else if (!this.#broken.delete(socket)) return;
    this.#isStale = true;
    void this.#watch.look();
  }

  /** Something was heard that a controller says only when it begins. */
  suspect(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    void this.#watch.look();
  }

  goneError(how: string): ControllerGone {
    return new ControllerGone(this.#host.address, how, this.#lostAt ?? this.#heardAt);
  }

  /** Resolves when the connection stands again, or is given up. */
  mended(): Promise<void> {
    if (this.#lostAt === undefined) return Promise.resolve();
    return (this.#mended ??= Promise.withResolvers()).promise;
  }

  #lost(at: number): void {
    this.#isStale = true;
    if (this.#lostAt === undefined) this.#host.broken(true);
    this.#lostAt ??= at;
  }

  async #ask(timeoutMs: number): Promise<void> {
    if (this.#isStale) await this.#greet(timeoutMs);
    else await this.#host.ask(timeoutMs);
    this.#heardAt = now();
  }

  async #greet(timeoutMs: number): Promise<void> {
    do {
      // What breaks meanwhile makes it stale again.
      this.#isStale = false;
      try {
        const takeOver = await this.#host.greet(timeoutMs);
        if (this.#isStale || this.#broken.size > 0) continue;
        this.#lostAt = undefined;
        this.#host.broken(false);
        takeOver();
        this.#wake();
      } catch (error) {
        this.#isStale = true;
        throw error;
      }
    } while (this.#isStale && this.#broken.size === 0);
  }

  #wake(): void {
    this.#mended?.resolve();
    this.#mended = undefined;
  }

  close(): void {
    this.#watch.close();
    this.#wake();
  }
}

/** An error of its own for each who calls when nothing can be sent any more. */
export function saidAgain(end: Error): Error {
  return end instanceof ControllerGone
    ? new ControllerGone(end.address, end.how, end.since, { cause: end })
    : new Error(end.message, { cause: end });
}
