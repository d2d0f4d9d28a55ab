/**
 * The doorbell in the Worker: a byte on fd 1 tells the host to look at the ring, a byte on fd 0 tells the Worker. What a task replaces must not
 * silence it, so it uses neither timers nor messages: both break with the arrays that the runtime keeps them in.
 */
import { defineProperty, PrimordialUint8Array } from "../protocol/primordials.ts";
import { BELL } from "./ring.ts";

/** How long to sleep where a bell would wake something else, in ms. */
const PAUSE_MS = 1;
const PROMISE_CLASS = Object.freeze(
  Object.assign(Object.create(null) as PropertyDescriptor, { value: Promise }),
);
const { wait } = Atomics;
const { has } = Reflect;
const ArrayPrototype = Array.prototype;

/** A promise that can be awaited whatever `Promise.prototype.constructor` is by now: await asks for it. */
export function guarded<T>(promise: Promise<T>): Promise<T> {
  return defineProperty(promise, "constructor", PROMISE_CLASS);
}

/** Whether arrays do what a task wants: then the runtime would break of a bell that is waited for, and the Worker with it. */
function areSpoilt(): boolean {
  return has(ArrayPrototype, 0) || has(ArrayPrototype, 1) || has(ArrayPrototype, 2);
}

export class Doorbell {
  readonly #read = Deno.stdin.read.bind(Deno.stdin);
  readonly #readSync = Deno.stdin.readSync.bind(Deno.stdin);
  readonly #writeSync = Deno.stdout.writeSync.bind(Deno.stdout);
  readonly #bell = new Uint8Array([BELL]);
  readonly #rung = new PrimordialUint8Array(4096);
  /** Nobody ever wakes who waits for it. */
  readonly #still = new Int32Array(new SharedArrayBuffer(4));
  readonly #close: () => void;
  #reading: Promise<number | null> | undefined;
  #isSpoilt = false;

  /** @param close ends the Worker: without its host it is of no use */
  constructor(close: () => void) {
    this.#close = close;
  }

  /** Tells the host. */
  ring(): void {
    try {
      this.#writeSync(this.#bell);
    } catch {
      // A task closed the stream: the host looks at the ring from time to time anyway.
    }
  }

  /** Blocks until the host rings, or for a moment: then what is waited for has to be looked at again. */
  wait(): void {
    // A reader that is already there would get the bell.
    if (this.#reading !== undefined) wait(this.#still, 0, 0, PAUSE_MS);
    else if (this.#readSync(this.#rung) === null) this.#close();
  }

  /** Settles when the host rings; false if it is gone. All who wait hear the same bell. @throws if that cannot be heard any more */
  async heard(): Promise<boolean> {
    if (this.#isSpoilt || areSpoilt()) throw null;
    const reading = this.#reading ??= guarded(this.#read(this.#rung));
    try {
      return await reading !== null;
    } catch (error) {
      this.#isSpoilt = true;
      throw error;
    } finally {
      if (this.#reading === reading) this.#reading = undefined;
    }
  }

  /** Waits for the host while no task runs; false if it is gone. */
  async sleep(): Promise<boolean> {
    try {
      return await guarded(this.heard());
    } catch {
      // A task broke what the runtime's own reading needs. This way its timers stand still while nothing is asked.
      return this.#readSync(this.#rung) !== null;
    }
  }
}
