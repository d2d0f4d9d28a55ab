/**
 * Tasks that travel as Jupyter messages, one by one: the open ones by number, and how they end. A reply ends its task; so does the word that its engine
 * is gone, since nobody answers for a dead engine on the direct way.
 */
import { cancelledHere, thisClient } from "./by.ts";
import { now } from "../base/clock.ts";
import { EngineError } from "../protocol/errors.ts";
import { type Dictionary, findDelimiter, type Message, type Session } from "../protocol/frames.ts";
import { STATUS } from "../protocol/groups.ts";
import { BroadcastPath, Broadcasts, type BroadcastWay } from "./broadcasts.ts";
import type { Engine, Engines } from "./engines.ts";
import { LostReplies } from "./lost_replies.ts";
import type { PeerRequest } from "./peer_messages.ts";
import { PeerPath } from "./peer_path.ts";
import { readReply } from "./peer_replies.ts";
import type { Pending } from "./pending.ts";
import { msgIdOf, TaskOutput, type TaskState } from "./task_state.ts";

export type PeerRole = "mux" | "task" | "control" | "broadcast";

/** What messages need of the connection. */
export interface PeerHost {
  readonly session: Session;
  readonly engines: Engines;
  readonly pending: Pending;
  /** Whether the controller is ours. */
  readonly speaksGroups: boolean;
  nextN(): number;
  /** Sends a message; frames from `large` on may be read until they have left. */
  deliver(role: PeerRole, frames: readonly Uint8Array[], large: number): void;
  /** A dictionary's frame as it stands there, signed or not. @throws if it is none */
  unpack(frame: Uint8Array): unknown;
}

/** A task that waits for a reply. */
export interface OpenTask {
  readonly task: TaskState;
  readonly request: PeerRequest;
  /** Of the engine that alone can answer; null for the scheduler's. */
  readonly uuid: string | null;
}

/** How long the output of a cell that has answered may be late, where its value stands there. */
const SHOWN_MS = 1_000;
/** Bytes of buffers from which a message is sent without copying them. */
const LARGE_BYTES = 64 << 10;
/** The frame of the parent header, behind the delimiter. */
const PARENT = 3;

export class PeerTasks {
  readonly host: PeerHost;
  readonly #open = new Map<number, OpenTask>();
  readonly #paths = new Map<string, PeerPath>();
  readonly #lost = new LostReplies({ probe: (uuid) => this.#probe(uuid), lost: (ns) => this.#fail(ns) });
  readonly balanced: PeerPath;
  readonly #broadcasts: Broadcasts;

  constructor(host: PeerHost) {
    this.host = host;
    this.balanced = new PeerPath(this, null);
    this.#broadcasts = new Broadcasts(host, this);
  }

  /** A way to several engines at once, for one request. */
  broadcastPath(): BroadcastPath {
    return new BroadcastPath(this);
  }

  /** Sends a request to the engines of a path's copies. */
  broadcast(path: BroadcastPath, request: PeerRequest, metadata: Dictionary, way: BroadcastWay): void {
    this.#broadcasts.send(path, request, metadata, way);
  }

  /** A copy of a broadcast waits for its reply, under an id of its own. */
  adopt(open: OpenTask): void {
    const { task } = open, { pending } = this.host;
    task.n = this.host.nextN();
    task.submitted = now();
    task.isSent = true;
    const output = task.output = new TaskOutput();
    output.expectIdle();
    this.#open.set(task.n, open);
    pending.addNamed(task, msgIdOf(task, this.host.session));
  }

  /** The way to one engine. */
  pathTo({ uuid }: Engine): PeerPath {
    let path = this.#paths.get(uuid);
    if (path === undefined) this.#paths.set(uuid, path = new PeerPath(this, uuid));
    return path;
  }

  /** Sends a task. */
  submit(task: TaskState, request: PeerRequest, uuid: string | null, metadata: Dictionary): void {
    const { session, pending } = this.host;
    task.n = this.host.nextN();
    const { type, content, buffers } = request;
    const header = session.header(type, { msg_id: session.msgId(task.n) });
    const message = session.pack(header, content, { metadata, buffers });
    task.submitted = now();
    task.isSent = true;
    if (request.channel === "shell") this.#expectOutput(task, uuid);
    this.#open.set(task.n, { task, request, uuid });
    pending.add(task);
    const role = request.channel === "control" ? "control" : uuid === null ? "task" : "mux";
    const frames = uuid === null ? message : [ident(uuid), ...message];
    this.host.deliver(role, frames, isLarge(buffers) ? frames.length - buffers.length : frames.length);
  }

  #expectOutput(task: TaskState, uuid: string | null): void {
    const output = task.output = new TaskOutput();
    output.expectIdle();
    if (uuid !== null) output.whenComplete(() => task.isOpen ? this.#lost.idle(task.n, uuid) : undefined);
  }

  #probe(uuid: string): string {
    const { session } = this.host;
    const header = session.header("kernel_info_request");
    const frames = [ident(uuid), ...session.pack(header, {})];
    this.host.deliver("mux", frames, frames.length);
    return header.msg_id;
  }

  #fail(ns: readonly number[]): void {
    for (const n of ns) {
      const open = this.#open.get(n);
      if (open === undefined) continue;
      const text = `No reply to ${
        this.host.session.msgId(n)
      }: its engine has ended it without one; see the engine's log`;
      this.host.pending.fail(open.task, STATUS.error, new Error(text));
    }
  }

  /** Tells an engine something over control; its answer is of no interest. */
  tell(uuid: string, type: string, content: object): void {
    const frames = this.host.session.message(type, content);
    this.host.deliver("control", [ident(uuid), ...frames], frames.length + 1);
  }

  /** A task ended, or was ended here. */
  forget(task: TaskState): void {
    this.#open.delete(task.n);
    this.#lost.forget(task.n);
    if (task.route instanceof BroadcastPath) this.#broadcasts.ended(task.route);
  }

  /** Takes a reply, also one that is damaged: then it ends the task that it names, since no other will come. */
  received(frames: readonly Uint8Array[], parse: () => Message): void {
    let reply: Message;
    try {
      reply = parse();
    } catch (error) {
      return this.#damaged(frames, error);
    }
    this.replied(reply);
  }

  /** Takes a reply whose signature was right. One that nobody waits for is dropped. */
  replied(reply: Message): void {
    if (this.#broadcasts.takes(reply)) return;
    const { msg_id } = reply.parentHeader;
    const open = this.#named(msg_id);
    if (open === undefined) return void this.#lost.answered(msg_id ?? "");
    const { task, request } = open;
    const { output } = task;
    if (reply.content.status !== "ok" || output === undefined || !request.isShown(reply)) {
      return this.finish(open, reply);
    }
    const timer = setTimeout(() => this.finish(open, reply), SHOWN_MS);
    output.whenComplete(() => {
      clearTimeout(timer);
      this.finish(open, reply);
    });
  }

  /** A task ends with its reply. */
  finish({ task, request }: OpenTask, reply: Message): void {
    const { pending, engines, session } = this.host;
    if (!task.isOpen) return;
    const answer = readReply(reply, {
      read: (reply) => request.read(reply, task.output?.result),
      idOf: (uuid) => engines.idOf(uuid),
      msgId: msgIdOf(task, session),
    });
    pending.answered(task, answer);
  }

  #damaged(frames: readonly Uint8Array[], cause: unknown): void {
    const text = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof Error && "kind" in cause && cause.kind === "duplicate") return;
    const open = this.#named(this.#parentOf(frames));
    if (open === undefined) return;
    const msgId = msgIdOf(open.task, this.host.session);
    const error = new Error(`Cannot read the reply to ${msgId}: ${text}`, { cause });
    this.host.pending.fail(open.task, STATUS.error, error);
  }

  #parentOf(frames: readonly Uint8Array[]): unknown {
    const frame = frames[findDelimiter(frames) + PARENT];
    try {
      const parent = frame === undefined ? null : this.host.unpack(frame);
      return typeof parent === "object" && parent !== null && "msg_id" in parent ? parent.msg_id : undefined;
    } catch {
      return undefined;
    }
  }

  #named(msgId: unknown): OpenTask | undefined {
    if (typeof msgId !== "string") return undefined;
    const copy = this.host.pending.numberOf(msgId);
    if (copy !== undefined) return this.#open.get(copy);
    const n = Number(msgId.slice(msgId.lastIndexOf("_") + 1));
    return this.host.session.msgId(n) === msgId ? this.#open.get(n) : undefined;
  }

  /** An engine is gone: what it alone could answer ends. */
  gone(uuid: string): void {
    this.#paths.delete(uuid);
    const { engines, pending } = this.host;
    const engine_id = engines.idOf(uuid);
    for (const open of [...this.#open.values()]) {
      if (open.uuid !== uuid) continue;
      const text = `Engine ${engine_id} "${uuid}" is gone before it answered: the task may have run`;
      const engine = { engine_uuid: uuid, ...(engine_id < 0 ? {} : { engine_id }) };
      pending.fail(open.task, STATUS.lost, new EngineError(text, { engine }));
    }
    this.#broadcasts.gone(uuid);
  }

  /** Ends tasks here, whatever becomes of them there. */
  cancelled(tasks: readonly TaskState[], reason: unknown): void {
    for (const task of tasks) {
      const by = thisClient(this.host.session, reason);
      const error = cancelledHere(by, ": its engine was asked to stop", reason);
      this.host.pending.fail(task, STATUS.cancelled, error);
    }
  }
}

function isLarge(buffers: readonly Uint8Array[]): boolean {
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.length;
  return bytes >= LARGE_BYTES;
}

const encoder = new TextEncoder();

function ident(uuid: string): Uint8Array {
  return encoder.encode(uuid);
}
