/**
 * The client's end of a generator that runs on an engine: a first task opens it wherever the view says, further tasks go to that engine and fetch a batch each. A batch ends
 * after so many values, bytes or milliseconds, so that a generator which is slow holds up no other task for longer.
 */
import { EngineError, LimitExceeded, NamespaceLost, RemoteError } from "../protocol/errors.ts";
import { OP } from "../protocol/groups.ts";
import { AsyncResult } from "./async_result.ts";
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import type { Definition } from "./function_text.ts";
import type { TaskPath } from "./path.ts";
import type { StreamBatch, StreamWord } from "./remote_streams.ts";
import type { Ongoing, Scope } from "./scope.ts";
import { TaskState } from "./task_state.ts";
import { idleTimer } from "./waiting.ts";

/** What a stream is of. */
export interface StreamPlan {
  readonly connection: Connection;
  /** Ends it when it is left. */
  readonly scope: Scope;
  readonly definition: Definition;
  readonly args: readonly unknown[];
  /** Export of a module; undefined for a function. */
  readonly exported: string | undefined;
  /** How errors call it. */
  readonly name: string;
  /** The engine, where the view names it; else the scheduler chooses. */
  readonly engine: Engine | null;
  /** What is asked for the first task, and for the others. */
  readonly openTail: Uint8Array | null;
  readonly tail: Uint8Array | null;
  readonly label: unknown;
  /** How long a step may still take when the stream is aborted, before it is stopped by force. */
  readonly graceMs: number;
  readonly maxBytes: number;
}

/** A batch ends with so many values. */
const MAX_COUNT = 1000;
const MAX_MS = 50;
/** How long `close` waits for a generator to end; it ends later then, when it gives way. */
const END_MS = 2000;
/** Engines end streams that they hear nothing of; a client that is there says so in time. */
const IDLE_MS = 120_000;
const TOUCH_MS = 30_000;
/** Rests between two questions for values that are not there yet. */
const FIRST_REST_MS = 5;
const LONGEST_REST_MS = 200;

const INTERRUPTED = "KeyboardInterrupt";

type Ending = { readonly op: "return" } | { readonly op: "throw"; readonly error: unknown };

/** What waits are ended with when nobody wants more values. */
export const LEFT: unique symbol = Symbol("left");

export class StreamEnd implements Ongoing {
  readonly #plan: StreamPlan;
  readonly #id = crypto.randomUUID();
  #state: "new" | "open" | "over" = "new";
  #engine: Engine | null;
  /** The task that is under way. */
  #asking: AsyncResult<unknown> | undefined;
  #received = 0;
  #maxCount = MAX_COUNT;
  #ending: Ending = { op: "return" };
  #hold: (() => void) | undefined;
  /** When the engine has nothing of it any more. */
  readonly #over = Promise.withResolvers<void>();
  #touch: (() => void) | undefined;
  #rested: (() => void) | undefined;
  /** Ends the wait that is under way. */
  #reject: ((reason: unknown) => void) | undefined;
  #stop: { readonly reason: unknown } | undefined;

  constructor(plan: StreamPlan) {
    this.#plan = plan;
    this.#engine = plan.engine;
  }

  /** The next values, or the end. Rejects with the generator's error behind its last value. */
  async batch(): Promise<StreamBatch> {
    this.#touch?.();
    for (let rest = FIRST_REST_MS;; rest = Math.min(LONGEST_REST_MS, rest * 2)) {
      this.check();
      const batch = await this.#fetch();
      this.#received += batch.values.length;
      if (batch.isDone || batch.values.length > 0) {
        if (this.#state === "open" && !batch.isDone) this.#touchLater();
        return batch;
      }
      if (this.#stop === undefined) await this.#rest(rest);
    }
  }

  /** The batch, unless the stream is left or aborted before it comes. */
  orStopped<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      promise.then(resolve, reject);
      if (this.#stop !== undefined) reject(this.#stop.reason);
    });
  }

  /** @throws the reason if the stream was stopped */
  check(): void {
    if (this.#stop !== undefined) throw this.#stop.reason;
  }

  /** Nobody wants more: what waits, waits no longer. `close` has to follow. */
  leave(ending: Ending = { op: "return" }): void {
    if (this.#stop !== undefined) return;
    this.#ending = ending;
    this.#halt(LEFT);
  }

  /** Ends it on both sides, by force if a step does not end by itself. */
  abort(reason: unknown): void {
    if (this.isAborted || (this.#state === "over" && this.#stop === undefined)) return;
    // What was left already may be at its end only when a long step is.
    const isLeft = this.#stop !== undefined;
    this.#halt(reason);
    const asking = this.#asking;
    if (asking !== undefined) {
      const calm = idleTimer(() => asking.cancel(reason), this.#plan.graceMs);
      asking.finally(calm).catch(() => {});
    }
    if (!isLeft) this.close().catch(() => {});
  }

  /** For its scope, which was left, or whose connection has ended: that ends it by itself. */
  left(error: Error): void {
    if (!this.#plan.connection.isEnded) this.abort(error);
  }

  /** For its scope: resolves when its generator has ended. */
  ended(): Promise<void> {
    return this.#state === "new" ? Promise.resolve() : this.#over.promise;
  }

  /** A client that closes waits for it: no task is known by whose end the generator would end. */
  get isFarewell(): boolean {
    return true;
  }

  get isAborted(): boolean {
    return this.#stop !== undefined && this.#stop.reason !== LEFT;
  }

  #halt(reason: unknown): void {
    this.#stop = { reason };
    this.#reject?.(reason);
    this.#rested?.();
  }

  /** The generator is at its end, and what the engine still keeps of it may go. */
  finished(): void {
    this.close().catch(() => {});
  }

  /** Ends the generator on the engine, and waits until its `finally` blocks are through. Rejects with what they throw. */
  async close(): Promise<void> {
    const before = this.#state;
    this.#state = "over";
    this.#touch?.();
    if (before !== "open") return;
    try {
      // What has not begun need not begin.
      if (this.#engine === null) this.#asking?.abort();
      await this.#asking?.wait();
      if (this.#engine === null) return;
      await this.#finish();
    } catch (error) {
      // With anything else the generator is gone anyway.
      if (error instanceof RemoteError) throw error;
    } finally {
      this.#hold?.();
    }
  }

  async #finish(): Promise<void> {
    const { op } = this.#ending, args = "error" in this.#ending ? [this.#ending.error] : [];
    const until = performance.now() + END_MS;
    for (let rest = FIRST_REST_MS; performance.now() < until; rest = Math.min(LONGEST_REST_MS, rest * 2)) {
      if (await this.#ask(op, args) === true) return;
      await this.#rest(rest);
    }
  }

  async #fetch(): Promise<StreamBatch> {
    try {
      const batch = await this.#first(this.#maxCount);
      this.#maxCount = Math.min(MAX_COUNT, this.#maxCount * 2);
      return batch;
    } catch (error) {
      if (!(error instanceof RemoteError || error instanceof LimitExceeded)) throw error;
      if (error instanceof RemoteError && error.ename === INTERRUPTED) throw error;
      return await this.#again(error);
    }
  }

  /** A batch that cannot be sent as a whole comes value by value, up to the one that cannot be sent. */
  async #again(error: RemoteError | LimitExceeded): Promise<StreamBatch> {
    if (isGone(error)) {
      this.#settle();
      throw this.#lost(error);
    }
    if (this.#maxCount === 1 || this.#engine === null) throw error;
    this.#maxCount = 1;
    try {
      return await this.#first(1);
    } catch (second) {
      if (!isGone(second)) throw second;
      // It was the generator's own error.
      this.#settle();
      throw error;
    }
  }

  async #first(maxCount: number): Promise<StreamBatch> {
    const isNew = this.#state === "new";
    if (isNew) this.#open();
    const batch = isNew
      ? await this.#ask("open", this.#plan.args, maxCount)
      : await this.#ask("pull", [], maxCount);
    return batch as StreamBatch;
  }

  /** The engine has nothing of it any more. */
  #settle(): void {
    this.#state = "over";
    this.#touch?.();
    this.#hold?.();
  }

  #open(): void {
    const { connection, definition, scope } = this.#plan;
    scope.check();
    this.#state = "open";
    const release = connection.hold(definition), unlisten = connection.onEnd(() => this.#ended());
    const untrack = scope.track(this);
    this.#hold = () => {
      this.#hold = undefined;
      unlisten();
      untrack();
      release();
      this.#over.resolve();
    };
  }

  /** The connection is closed: its tasks are rejected by now. */
  #ended(): void {
    this.#state = "over";
    this.#touch?.();
    this.#rested?.();
    this.#hold?.();
  }

  async #ask(op: StreamWord["op"], args: readonly unknown[], maxCount = MAX_COUNT): Promise<unknown> {
    const { connection, definition, exported: name, maxBytes, openTail, tail, label } = this.#plan;
    const bounds = { maxCount, maxBytes, maxMs: MAX_MS, idleMs: IDLE_MS };
    const word: StreamWord = { id: this.#id, op, name, from: this.#received, ...bounds };
    const path = this.#path();
    const plan = { definition, tail: op === "open" ? openTail : tail, root: "args" };
    const encoded = connection.encode(OP.apply, [...args, word], plan);
    const result = new AsyncResult<unknown>({ shape: "one", count: 1, what: "stream", names: connection });
    const task = new TaskState(result, 0, path, label);
    result.started(task);
    path.submit(task, encoded);
    if (op === "open" || op === "pull") this.#asking = result;
    try {
      return await result;
    } finally {
      if (this.#asking === result) this.#asking = undefined;
      const { engineId } = result.metadata;
      if (engineId !== null) this.#engine ??= connection.engines.get(engineId) ?? null;
    }
  }

  /** @throws EngineError if its engine is not there any more */
  #path(): TaskPath {
    const { connection, name } = this.#plan, engine = this.#engine;
    if (engine === null) return connection.taskPath;
    if (connection.engines.get(engine.id)?.uuid === engine.uuid) return connection.enginePath(engine);
    throw new EngineError(`The stream of "${name}" has ended: engine ${engine.id}, where it ran, is gone`);
  }

  #lost(cause: RemoteError | LimitExceeded): Error {
    const place = this.#engine === null ? "its engine" : `engine ${this.#engine.id}`;
    return new NamespaceLost(
      `The stream of "${this.#plan.name}" has ended: ${place} does not have it any more. Its process was replaced (a task there was ` +
        "stopped by force, or went beyond a limit), or it is a new one for each task (isolation), or nothing was heard of this client for too long",
      { cause, engine: cause.engine },
    );
  }

  #touchLater(): void {
    this.#touch = idleTimer(() => {
      if (this.#state !== "open") return;
      this.#ask("touch", []).then(() => this.#state === "open" && this.#touchLater(), () => {});
    }, TOUCH_MS);
  }

  /** A pause, until somebody leaves. */
  async #rest(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#rested = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#rested = undefined;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof RemoteError && error.ename === "StreamGone";
}
