/**
 * A direct call on its way to its engines: to ours in groups, to Python's as messages.
 */
import { OP } from "../protocol/groups.ts";
import type { BroadcastPath, BroadcastWay } from "./broadcasts.ts";
import type { Connection } from "./connection.ts";
import type { Engine } from "./engines.ts";
import { type Call, encodedFor, messageFor } from "./languages.ts";
import type { EncodedTask } from "./path.ts";
import type { PeerRequest } from "./peer_messages.ts";
import { hasPieces } from "./shared_upload.ts";
import { checkTransfer, takenOver } from "./transfer.ts";
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

/** Options of a view with how its requests reach Python engines: default one message for each. */
export interface SendOptions extends ViewOptions {
  readonly broadcast?: BroadcastWay | undefined;
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
  readonly #options: SendOptions;
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
  constructor(connection: Connection, options: SendOptions, tail: Uint8Array | null, job: Job) {
    this.#connection = connection;
    this.#options = options;
    this.#tail = tail;
    this.#job = job;
    const { engines } = job.plan;
    this.#peers = engines.filter(isPeer);
    this.#checkTransfer();
    if (job.plan.isSame !== true) {
      this.#makeEach();
      return;
    }
    if (this.#peers.length > 0) this.#message = this.#messageFor(0);
    if (this.#peers.length < engines.length) this.#encoded = this.#encodedFor(0);
    this.#takeOver();
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

  /** @throws TypeError for buffers that cannot be transferred, or parts of a value that go to one engine each */
  #checkTransfer(): void {
    const { transfer } = this.#options, { call, plan } = this.#job;
    if (transfer === undefined) return;
    if (plan.isSame !== true) {
      throw new TypeError(`Cannot transfer buffers with ${call.what}: it goes with apply and push`);
    }
    checkTransfer(transfer);
    if (this.#peers.length > 0 && this.#peers.length < plan.engines.length) {
      throw new TypeError("Cannot transfer buffers to engines of ours and Python's in one call");
    }
  }

  #takeOver(): void {
    const { transfer } = this.#options;
    if (this.#message !== undefined) this.#message = takenOver(this.#message, transfer);
    if (this.#encoded !== undefined) this.#encoded = takenOver(this.#encoded, transfer);
  }

  /** Large buffers that several engines get travel once. */
  #share(engines: number): void {
    if (engines < 2 || this.#encoded === undefined || !hasPieces(this.#encoded)) return;
    const upload = this.#connection.shared(this.#encoded, engines);
    this.#shared = { ...this.#encoded, upload };
  }

  /** Sends it, once, with its tasks for `result`. */
  send(result: Result): void {
    const { label, broadcast } = this.#options;
    const path = this.#broadcastPath();
    this.#job.plan.engines.forEach((engine, i) => {
      if (engine.isOurs) this.#sendGroup(result, engine, i);
      else if (path === undefined || path.has(engine)) this.#sendMessage(result, engine, i);
      else this.#addCopy(result, path, engine, i);
    });
    if (path === undefined || broadcast === undefined || this.#message === undefined) return;
    this.#connection.peers.broadcast(path, this.#message, { label: label ?? null }, broadcast);
  }

  /** The way to all peers' engines at once, where they get the same; undefined where each gets its own message. */
  #broadcastPath(): BroadcastPath | undefined {
    const isOne = this.#options.broadcast !== undefined && this.#job.plan.isSame === true;
    return isOne && this.#message?.channel === "shell" ? this.#connection.peers.broadcastPath() : undefined;
  }

  #addCopy(result: Result, path: BroadcastPath, engine: Engine, i: number): void {
    const task = new TaskState(ownerFor(this.#job.call.run, result), i, path, this.#options.label);
    path.add({ task, engine });
    result.started(task);
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
