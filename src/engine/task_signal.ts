/**
 * The global `task` in the Worker: `task.signal` is aborted when somebody cancels the task that runs. Whoever has looked at it may end by itself; so
 * the host is told that it was looked at. A loop without a pause sees it too: to ask `aborted` is to ask the ring. `task.notHere(reason)` throws what ends the
 * task as one that cannot run on this engine; whoever catches it has not said so.
 */
import { defineProperty } from "../protocol/primordials.ts";
import { setGlobal } from "./namespace.ts";

/** What it needs of the ring. */
export interface TaskSignalParts {
  /** Whether a task runs. */
  readonly isRunning: () => boolean;
  /** Hears what the host has told; an abort comes back to `abort`. */
  readonly hear: () => void;
  /** The text that came with what was told. */
  readonly text: () => string;
  /** Tells the host that the running task looks at its signal. */
  readonly looked: () => void;
  /** The running task throws this: it cannot run here. */
  readonly notHere: (error: Error, reason: string) => void;
}

const PrimordialAbortController = AbortController;
const PrimordialDOMException = DOMException;
const PrimordialError = Error;
const PrimordialString = String;
const sliced = String.prototype.slice;
/** Most characters of why a task cannot run here. */
const MAX_REASON = 1000;
const { apply, getOwnPropertyDescriptor } = Reflect;
const { freeze } = Object;
const abort = AbortController.prototype.abort;
const signalOf = getOwnPropertyDescriptor(AbortController.prototype, "signal")?.get as () => AbortSignal;
const isAborted = getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")?.get as () => boolean;
const reasonOf = getOwnPropertyDescriptor(AbortSignal.prototype, "reason")?.get as () => unknown;

export class TaskSignal {
  readonly #parts: TaskSignalParts;
  /** The running task's, if it has looked at it. */
  #controller: AbortController | undefined;

  /** Must be made before any task runs: it sets the global `task`. */
  constructor(parts: TaskSignalParts) {
    this.#parts = parts;
    const signal = () => this.#signal();
    const task = {
      __proto__: null,
      get signal() {
        return signal();
      },
      notHere: (reason?: unknown): never => {
        throw this.#notHere(reason);
      },
    };
    setGlobal("task", freeze(task));
  }

  #signal(): AbortSignal {
    if (this.#controller !== undefined) return apply(signalOf, this.#controller, []) as AbortSignal;
    const controller = new PrimordialAbortController();
    const signal = apply(signalOf, controller, []) as AbortSignal;
    if (!this.#parts.isRunning()) return signal;
    this.#controller = controller;
    this.#parts.looked();
    const aborted = () => {
      if (this.#controller === controller) this.#parts.hear();
      return apply(isAborted, signal, []) as boolean;
    };
    own(signal, "aborted", { get: aborted });
    own(signal, "throwIfAborted", {
      value: () => {
        if (aborted()) throw apply(reasonOf, signal, []);
      },
    });
    return signal;
  }

  /** What to throw; where no task runs it says nothing to anybody. */
  #notHere(reason: unknown): Error {
    const given = reason === undefined ? "" : PrimordialString(reason);
    const text = apply(sliced, given, [0, MAX_REASON]) as string;
    const error = new PrimordialError(text === "" ? "The task cannot run on this engine" : text);
    defineProperty(
      error,
      "name",
      { __proto__: null, value: "UnmetDependency", configurable: true, writable: true } as PropertyDescriptor,
    );
    if (this.#parts.isRunning()) this.#parts.notHere(error, text);
    return error;
  }

  /** The running task was cancelled, or interrupted. */
  abort(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    const reason = new PrimordialDOMException(this.#parts.text(), "AbortError");
    apply(abort, controller, [reason]);
  }

  /** Another task begins, or none: what the last one kept tells nothing any more. */
  forget(): void {
    this.#controller = undefined;
  }
}

function own(signal: AbortSignal, name: string, descriptor: PropertyDescriptor): void {
  defineProperty(
    signal,
    name,
    { __proto__: null, configurable: true, enumerable: false, ...descriptor } as PropertyDescriptor,
  );
}
