/**
 * Messages that go to several peers' engines at once, by the broadcast scheduler: each engine gets a copy under an id of its own, and each copy is a task here.
 * Replies come one by one under these ids, or, where they are combined, as one for the whole request, which is taken apart here.
 */
import { EngineError } from "../protocol/errors.ts";
import type { Dictionary, Message } from "../protocol/frames.ts";
import { resultsIn } from "../protocol/pickle_apply.ts";
import { STATUS } from "../protocol/groups.ts";
import { dictionaryOf } from "./dictionaries.ts";
import type { Engine } from "./engines.ts";
import type { PeerRequest } from "./peer_messages.ts";
import type { PeerHost, PeerTasks } from "./peer_tasks.ts";
import type { StopWord, TaskRoute, TaskState } from "./task_state.ts";

/** How a view asks for a broadcast. */
export interface BroadcastWay {
  /** One combined reply for all engines, instead of one from each. */
  readonly isCoalescing: boolean;
}

/** One engine's part of a request. */
export interface Copy {
  readonly engine: Engine;
  readonly task: TaskState;
}

/** Who ends what has been answered. */
export type CopyOwner = Pick<PeerTasks, "host" | "adopt" | "finish" | "forget" | "tell" | "cancelled">;

/** The way of the copies of one request. */
export class BroadcastPath implements TaskRoute {
  readonly isPeer = true;
  /** Of the whole request; "" before it is sent. */
  id = "";
  readonly #owner: CopyOwner;
  readonly #copies = new Map<TaskState, Engine>();
  readonly #uuids = new Set<string>();
  #left = 0;

  constructor(owner: CopyOwner) {
    this.#owner = owner;
  }

  /** Makes a task the copy for an engine. */
  add({ task, engine }: Copy): void {
    this.#copies.set(task, engine);
    this.#uuids.add(engine.uuid);
    this.#left++;
  }

  /** Whether there is a copy for an engine. */
  has({ uuid }: Engine): boolean {
    return this.#uuids.has(uuid);
  }

  /** The engine of a copy. */
  engineOf(task: TaskState): Engine | undefined {
    return this.#copies.get(task);
  }

  /** Whether all copies have ended. */
  get isOver(): boolean {
    return this.#left === 0;
  }

  /** The copies, in the order of the request. */
  get copies(): readonly Copy[] {
    return [...this.#copies].map(([task, engine]) => ({ task, engine }));
  }

  /** Copies that have not ended. */
  get open(): readonly Copy[] {
    return this.copies.filter(({ task }) => task.isOpen);
  }

  msgIdOf(task: TaskState): string {
    return `${this.id}_${this.#copies.get(task)?.uuid}`;
  }

  finished(task: TaskState): void {
    this.#left--;
    this.#owner.forget(task);
    const { pending } = this.#owner.host, id = this.msgIdOf(task);
    if (task.output === undefined) pending.forgetNamed(id);
    else task.output.whenComplete(() => pending.forgetNamed(id));
  }

  /** Asks each engine for its own copy; see `PeerPath.stop`. */
  stop(tasks: readonly TaskState[], how: StopWord, reason?: unknown): void {
    const open = tasks.filter((task) => task.isOpen);
    for (const task of open) {
      const uuid = this.#copies.get(task)?.uuid ?? "";
      this.#owner.tell(uuid, "abort_request", { msg_ids: [this.msgIdOf(task)] });
      if (how === "cancel" && task.output?.busyAt === uuid) {
        this.#owner.tell(uuid, "signal_request", { sig: "SIGINT" });
      }
    }
    if (how === "cancel") this.#owner.cancelled(open, reason);
  }
}

interface Request {
  readonly path: BroadcastPath;
  readonly request: PeerRequest;
  readonly isCoalescing: boolean;
}

export class Broadcasts {
  readonly #host: PeerHost;
  readonly #owner: CopyOwner;
  /** By the ids of whole requests, while copies of them are open. */
  readonly #open = new Map<string, Request>();

  constructor(host: PeerHost, owner: CopyOwner) {
    this.#host = host;
    this.#owner = owner;
  }

  /** Sends a request to the engines of a path's copies. */
  send(path: BroadcastPath, request: PeerRequest, given: Dictionary, way: BroadcastWay): void {
    const { session, speaksGroups } = this.#host;
    // Only calls can be combined: of cells the last reply would stand for all.
    const isCoalescing = way.isCoalescing && request.type === "apply_request";
    const id = path.id = session.msgId(this.#host.nextN());
    const metadata = {
      ...given,
      targets: path.copies.map(({ engine: { uuid, id } }) => [uuid, id]),
      is_broadcast: true,
      is_coalescing: isCoalescing,
      ...(speaksGroups ? { tsparallel: { version: 1 } } : {}),
    };
    const { type, content, buffers } = request;
    const frames = session.pack(session.header(type, { msg_id: id }), content, { metadata, buffers });
    this.#open.set(id, { path, request, isCoalescing });
    for (const { task, engine: { uuid } } of path.copies) this.#owner.adopt({ task, request, uuid });
    this.#host.deliver(
      "broadcast",
      frames,
      buffers.length > 0 ? frames.length - buffers.length : frames.length,
    );
  }

  /** A copy has ended. */
  ended(path: BroadcastPath): void {
    if (path.isOver) this.#open.delete(path.id);
  }

  /** Takes a reply if it is for a whole request: a combined one, or a refusal. */
  takes(reply: Message): boolean {
    const { original_msg_id: original, is_coalescing } = reply.metadata;
    const id = is_coalescing === true ? original : reply.parentHeader.msg_id;
    const request = typeof id === "string" ? this.#open.get(id) : undefined;
    if (request === undefined || (is_coalescing === true && !request.isCoalescing)) return false;
    const { outcomes } = dictionaryOf(reply.metadata.tsparallel);
    if (Array.isArray(outcomes)) this.#each(request, reply, outcomes.map(dictionaryOf));
    else if (reply.content.status === "ok") this.#apart(request, reply);
    else for (const { task } of request.path.open) this.#finish(request, task, reply);
    return true;
  }

  #finish({ request }: Request, task: TaskState, reply: Message): void {
    this.#owner.finish({ task, request, uuid: null }, reply);
  }

  /** Our controller says what came of each engine. */
  #each(request: Request, reply: Message, outcomes: readonly Dictionary[]): void {
    const copies = new Map(request.path.copies.map(({ engine, task }) => [engine.uuid, task]));
    let from = 0;
    for (const { uuid, content, metadata, date, buffers } of outcomes) {
      const to = from + Number(buffers);
      const task = copies.get(String(uuid));
      const header = typeof date === "string" ? { ...reply.header, date } : reply.header;
      if (task?.isOpen === true) {
        this.#finish(request, task, {
          ...reply,
          header,
          content: dictionaryOf(content),
          metadata: { engine: uuid, ...dictionaryOf(metadata) },
          buffers: reply.buffers.slice(from, to),
        });
      }
      from = to;
    }
  }

  /** Python's has the buffers of those that did well, behind one another, and says nothing of the others. */
  #apart(request: Request, reply: Message): void {
    const { broadcast_targets: named } = reply.metadata;
    const uuids = Array.isArray(named) ? named.map((one) => String(Array.isArray(one) ? one[0] : one)) : [];
    const parts = partsOf(reply.buffers);
    const place = new Map(uuids.map((uuid, i) => [uuid, i]));
    for (const { engine, task } of request.path.open) {
      const part = parts?.length === uuids.length ? parts[place.get(engine.uuid) ?? -1] : undefined;
      if (part === undefined) {
        this.#host.pending.fail(task, STATUS.error, unclear(uuids.length, parts?.length));
      } else {
        const metadata = { ...reply.metadata, engine: engine.uuid };
        this.#finish(request, task, { ...reply, metadata, buffers: part });
      }
    }
  }

  /** An engine is gone, and its own copy has ended. Python's controller will never send the combined reply. */
  gone(uuid: string): void {
    if (this.#host.speaksGroups) return;
    for (const { path, isCoalescing } of this.#open.values()) {
      if (!isCoalescing || path.copies.every(({ engine }) => engine.uuid !== uuid)) continue;
      const text =
        `Engine "${uuid}" left before the one reply for all engines of the broadcast had come: the task may have run`;
      for (const { task } of path.open) this.#host.pending.fail(task, STATUS.lost, new EngineError(text));
    }
  }
}

function partsOf(buffers: readonly Uint8Array[]): Uint8Array[][] | undefined {
  try {
    return resultsIn(buffers);
  } catch {
    return undefined;
  }
}

function unclear(engines: number, results: number | undefined): Error {
  return new Error(
    `Cannot tell the results of a coalescing broadcast apart: the controller's one reply for ${engines} engines has ${
      results ?? "unreadable"
    } results, so some have failed, and it does not say which; use a view that is not coalescing`,
  );
}
