/**
 * The hub's end of the link to the schedulers: a ROUTER on a Unix socket in a folder that only this user can enter. The schedulers
 * come to it, are set up, say their ports, and may be replaced: who says hello last is the one.
 */

import { monotonic } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { readBatch } from "../protocol/link_batch.ts";
import type { Context } from "../wire/context.ts";
import { Incoming } from "../wire/incoming.ts";
import type { AsyncPoller } from "../wire/poll.ts";
import type { Socket } from "../wire/socket.ts";
import { guarded } from "./guard.ts";
import { Flushes } from "./flushes.ts";
import { HUB_BOUNDS } from "./options.ts";
import { isObject } from "./query_match.ts";

/** Ports of the schedulers' sockets, as the connection files name them. */
export interface SchedulerPorts {
  readonly client: Readonly<Record<"control" | "mux" | "task" | "iopub" | "broadcast", number>>;
  readonly engine:
    & Readonly<Record<"control" | "mux" | "task" | "iopub", number>>
    & { readonly broadcast: readonly number[] };
}

/** What the schedulers do that concerns the hub. */
export interface LinkEvents {
  /** They want to be set up; the answer is sent to them. */
  onHello(): Readonly<Record<string, unknown>>;
  onReady(ports: SchedulerPorts): void;
  onFailed(reason: string): void;
  /** Its numbers: tasks that wait, tasks that engines have, messages that were dropped. */
  onQueue(waiting: number, assigned: number, dropped: number): void;
  /** What came of a `cancel`. */
  onCancelled(request: unknown, words: unknown): void;
  /** They ask how these tasks ended. */
  onKnown(request: unknown, msgIds: unknown): void;
  /** A data message. Groups of tasks, assignments and results are valid during the call only; others may be views of a larger piece of memory. */
  onData(topic: string, frames: readonly Uint8Array[]): void;
  /** So many data messages came and cannot be read. */
  onLost(count: number): void;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const SCHEDULER = encoder.encode("scheduler");
const JSON_TOPIC = encoder.encode("json");
/** Topics whose frames are worked through at once: they are not copied here. */
const BRIEF: ReadonlySet<string> = new Set(["tasks", "direct", "assigned", "results"]);
const ACK_TOPIC = encoder.encode("ack");

export class SchedulerLink {
  readonly url: string;
  readonly #folder: string;
  readonly #socket: Socket;
  readonly #poller: AsyncPoller;
  readonly #events: LinkEvents;
  readonly #log: Logger;
  readonly #incoming = new Incoming();
  readonly #flushes = new Flushes();

  constructor(context: Context, poller: AsyncPoller, events: LinkEvents, log: Logger) {
    this.#events = events;
    this.#log = log;
    this.#poller = poller;
    this.#folder = privateFolder();
    this.#socket = context.socket("ROUTER", { handover: true, lingerMs: HUB_BOUNDS.lingerMs });
    this.url = this.#socket.bind(`ipc://${this.#folder}/link`);
    poller.add(this.#socket, guarded(log, "link", () => this.#read()));
  }

  /** Says something to the schedulers; without effect as long as none is there. */
  tell(message: Readonly<Record<string, unknown>>): void {
    this.#socket.send([SCHEDULER, JSON_TOPIC, encoder.encode(JSON.stringify(message))]);
  }

  /** Settles when all that the schedulers have sent on until now has come here, or they do not say so in time. */
  settled(patienceMs?: number): Promise<void> {
    return this.#flushes.ask((number) => this.tell({ kind: "flush", number }), patienceMs);
  }

  /** Data messages up to the `taken`-th are safe. */
  acknowledge(taken: number): void {
    const frame = new Uint8Array(8);
    new DataView(frame.buffer).setUint32(0, taken, true);
    this.#socket.send([SCHEDULER, ACK_TOPIC, frame]);
  }

  close(): void {
    this.#flushes.end();
    this.#poller.remove(this.#socket);
    this.#socket.close();
    try {
      Deno.removeSync(this.#folder, { recursive: true });
    } catch (error) {
      // It goes with the file that names it.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #read(): void {
    const until = monotonic() + HUB_BOUNDS.turnMs;
    while (!this.#socket.closed && monotonic() < until) {
      if (!this.#socket.receiveInto(this.#incoming)) return;
      const { count } = this.#incoming;
      const topic = count > 1 ? decoder.decode(this.#incoming.frame(1)) : "";
      const first = count > 2 ? this.#incoming.frame(2) : undefined;
      if (topic === "json") this.#hear(first);
      else if (first !== undefined && BRIEF.has(topic)) this.#events.onData(topic, [first]);
      else if (topic === "batch" && first !== undefined) this.#readBatch(first.slice());
      else this.#events.onData(topic, this.#incoming.frames().slice(2));
    }
  }

  #readBatch(batch: Uint8Array): void {
    const { messages, lost } = readBatch(batch);
    for (const [topic, ...frames] of messages) this.#events.onData(decoder.decode(topic), frames);
    if (lost === 0) return;
    this.#log.warn("The schedulers sent a batch that cannot be read", { bytes: batch.length, lost });
    this.#events.onLost(lost);
  }

  #hear(frame: Uint8Array | undefined): void {
    let message: unknown;
    try {
      message = JSON.parse(decoder.decode(frame));
    } catch {
      message = null;
    }
    if (!isObject(message)) return this.#log.warn("The schedulers sent something that is no JSON object");
    const { kind, ports, reason, waiting, assigned, dropped, number } = message;
    if (kind === "scheduler_hello") {
      this.#flushes.end();
      this.tell({ kind: "scheduler_setup", ...this.#events.onHello() });
    } else if (kind === "flushed") this.#flushes.done(Number(number));
    else if (kind === "scheduler_failed") this.#events.onFailed(String(reason));
    else if (kind === "queue") {
      this.#events.onQueue(Number(waiting) || 0, Number(assigned) || 0, Number(dropped) || 0);
    } else if (kind === "cancelled") this.#events.onCancelled(message["request"], message["words"]);
    else if (kind === "known") this.#events.onKnown(message["request"], message["msg_ids"]);
    else if (kind === "scheduler_ready") {
      this.#flushes.begin();
      if (isPorts(ports)) this.#events.onReady(ports);
      else this.#events.onFailed("the schedulers did not name all their ports");
    }
  }
}

/** A folder of mode 0700 whose path leaves room for a Unix socket's (108 bytes). */
function privateFolder(): string {
  const folder = Deno.makeTempDirSync({ prefix: "tsp-" });
  if (folder.length <= 90) return folder;
  Deno.removeSync(folder);
  return Deno.makeTempDirSync({ dir: "/tmp", prefix: "tsp-" });
}

function isPorts(value: unknown): value is SchedulerPorts {
  if (!isObject(value) || !isObject(value["client"]) || !isObject(value["engine"])) return false;
  const { client, engine } = { client: value["client"], engine: value["engine"] };
  const leaves = engine["broadcast"];
  return ["control", "mux", "task", "iopub", "broadcast"].every((name) => isPort(client[name])) &&
    ["control", "mux", "task", "iopub"].every((name) => isPort(engine[name])) &&
    Array.isArray(leaves) && leaves.length > 0 && leaves.every(isPort);
}

function isPort(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 65_535;
}
