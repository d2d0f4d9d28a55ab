/**
 * A direct call on its way to its engines: to ours in groups, to Python's as messages.
 */
import { OP } from "../protocol/groups.ts";
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import { type Call, encodedFor, messageFor } from "./languages.ts";
import type { EncodedTask } from "./path.ts";
import type { PeerRequest } from "./peer_messages.ts";
import { hasPieces } from "./shared_upload.ts";
import { ownerFor } from "./task_checks.ts";
import { type TaskOwner, TaskState } from "./task_state.ts";
import type { ViewOptions } from "./view_options.ts";

/** Of whom it is asked, and with which values. */
export interface DirectPlan<R> {
  readonly engines: readonly Engine[];
  readonly valueFor: (i: number) => unknown;
  /** The value is the same for all. */
  readonly isSame?: boolean;
  readonly read?: ((value: unknown) => R) | undefined;
}

interface Job {
  readonly call: Call;
  readonly plan: DirectPlan<unknown>;
}

/** An AsyncResult, as the sending of its tasks sees it. */
interface Result extends TaskOwner {
  started(task: TaskState): void;
}

export class DirectSending {
  readonly #connection: Connection;
  readonly #options: ViewOptions;
  readonly #tail: Uint8Array | null;
  readonly #job: Job;
  readonly #peers: readonly Engine[];
  /** The same for all engines of a kind. */
  #message: PeerRequest | undefined;
  #encoded: EncodedTask | undefined;
  /** The same for engines that share its large buffers. */
  #shared: EncodedTask | undefined;
  /** Of each engine, where values differ: all are made before one is sent. */
  readonly #messages: PeerRequest[] = [];
  readonly #encodings: EncodedTask[] = [];

  /**
   * Makes ready what goes to the engines.
   * @throws TypeError and UncodableValue for what cannot be sent to one of them: before anything is sent
   */
  constructor(connection: Connection, options: ViewOptions, tail: Uint8Array | null, job: Job) {
    this.#connection = connection;
    this.#options = options;
    this.#tail = tail;
    this.#job = job;
    const { engines } = job.plan;
    this.#peers = engines.filter(isPeer);
    if (job.plan.isSame !== true) {
      this.#makeEach();
      return;
    }
    if (this.#peers.length > 0) this.#message = this.#messageFor(0);
    if (this.#peers.length < engines.length) this.#encoded = this.#encodedFor(0);
    this.#share(engines.filter(({ shares }) => shares).length);
  }

  #makeEach(): void {
    for (const [i, engine] of this.#job.plan.engines.entries()) {
      if (engine.isOurs) {
        const encoded = this.#encodedFor(i);
        // Valid until the next one is made.
        this.#encodings[i] = { ...encoded, body: encoded.body.slice() };
      } else this.#messages[i] = this.#messageFor(i);
    }
  }

  /** Large buffers that several engines get travel once. */
  #share(engines: number): void {
    if (engines < 2 || this.#encoded === undefined || !hasPieces(this.#encoded)) return;
    const upload = this.#connection.shared(this.#encoded, engines);
    this.#shared = { ...this.#encoded, upload };
  }

  /** Sends it, once, with its tasks for `result`. */
  send(result: Result): void {
    this.#job.plan.engines.forEach((engine, i) =>
      engine.isOurs ? this.#sendGroup(result, engine, i) : this.#sendMessage(result, engine, i)
    );
  }

  #encodedFor(i: number): EncodedTask {
    const { call, plan } = this.#job;
    return encodedFor(this.#connection, call, plan.valueFor(i), this.#tail);
  }

  #messageFor(i: number): PeerRequest {
    const { call, plan } = this.#job;
    return messageFor(this.#connection, this.#peers, call, plan.valueFor(i), this.#options);
  }

  #sendGroup(result: Result, engine: Engine, i: number): void {
    const { op } = this.#job.call;
    const same = engine.shares ? this.#shared ?? this.#encoded : this.#encoded;
    const encoded = same ?? this.#encodings[i];
    if (encoded === undefined) return;
    const path = this.#connection.enginePath(engine);
    const task = new TaskState(ownerFor(this.#job.call.run, result), i, path, this.#options.label);
    if (op === OP.push) task.writes = "names";
    else if (op === OP.execute) task.writes = "perhaps";
    result.started(task);
    path.submit(task, encoded);
  }

  #sendMessage(result: Result, engine: Engine, i: number): void {
    const { label } = this.#options;
    const message = this.#message ?? this.#messages[i];
    if (message === undefined) return;
    const path = this.#connection.peers.pathTo(engine);
    const task = new TaskState(ownerFor(this.#job.call.run, result), i, path, label);
    result.started(task);
    path.submit(task, message, { label: label ?? null });
  }
}

function isPeer({ isOurs }: Engine): boolean {
  return !isOurs;
}
