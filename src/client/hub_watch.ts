/**
 * Follows tasks by the hub's records until they have ended: one loop per client for all of them, which asks again and again, seldom where nothing happens. It
 * runs while tasks are open and ends with them or with the client.
 */
import { EngineError, RemoteError, UnknownTask } from "../protocol/errors.ts";
import type { Dictionary, Message } from "../protocol/frames.ts";
import { STATUS } from "../protocol/groups.ts";
import { monotonic } from "../base/clock.ts";
import { dictionaryOf } from "./dictionaries.ts";
import { query, statusOf } from "./hub_queries.ts";
import type { Connection } from "./connection.ts";
import { type HubTask, OUR_KEYS, PEER_KEYS } from "./hub_task.ts";
import { errorOf } from "./record_errors.ts";
import { type Stored, valueOrBytes } from "./record_values.ts";

/** Milliseconds between two questions: at first, and at most where nothing has happened. */
const PAUSE_MS = { first: 10, most: 500 } as const;
/** Ids in one question, and results in one answer: an answer of the hub is bounded in bytes. */
const BATCH = { ids: 1000, results: 32 } as const;
/** How long a task may be unknown: what its client has just sent may not have been recorded yet. */
const GRACE_MS = 500;
/** How long a task may be nobody's: it may be asked for in the moment of its end. */
const ORPHAN_MS = 1_000;
/** Questions without an answer until it is given up: a controller may be starting anew. */
const MAX_SILENCE = 3;

/** One id that is followed, and who wants to know. */
interface Followed {
  readonly tasks: Set<HubTask>;
  readonly since: number;
  /** Whether the hub has known it. */
  isKnown: boolean;
  /** When the hub has said first that it is open and nobody has it. */
  orphanedAt?: number;
  /** It was sent into a connection that broke: that its client waits for it does not mean that it is on its way. */
  isRecovery?: boolean;
}

export class HubWatch {
  readonly #connection: Connection;
  readonly #followed = new Map<string, Followed>();
  #isRunning = false;
  #hasNew = false;
  #wake: (() => void) | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.onEnd(() => {
      this.#failAll(connection.endError);
      this.#wake?.();
    });
  }

  /** Follows these tasks. */
  add(tasks: readonly HubTask[], isRecovery = false): void {
    for (const task of tasks) {
      const known = isRecovery ? undefined : this.#followed.get(task.msgId);
      const others = this.#followed.get(task.msgId)?.tasks ?? [];
      const followed = known ?? { tasks: new Set(others), since: monotonic(), isKnown: false, isRecovery };
      followed.tasks.add(task);
      this.#followed.set(task.msgId, followed);
    }
    this.#hasNew = true;
    this.#wake?.();
    if (!this.#isRunning) this.#run();
  }

  /** Ends these tasks here; in the cluster they go on. */
  drop(tasks: readonly HubTask[], error: Error): void {
    for (const task of tasks) {
      if (!task.isOpen) continue;
      const followed = this.#followed.get(task.msgId);
      if (followed?.tasks.delete(task) === true && followed.tasks.size === 0) {
        this.#followed.delete(task.msgId);
      }
      task.status = STATUS.lost;
      task.owner.rejected(task, error);
    }
    this.#wake?.();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let pause: number = PAUSE_MS.first, silence = 0;
    const awaited = this.#connection.awaits();
    while (this.#followed.size > 0) {
      const started = monotonic();
      try {
        if (await this.#round() || this.#hasNew) pause = PAUSE_MS.first;
        this.#hasNew = false;
        silence = 0;
      } catch (error) {
        const isSilent = error instanceof DOMException && error.name === "TimeoutError";
        // While the connection is broken its own patience counts.
        if (!isSilent || (++silence >= MAX_SILENCE && !this.#connection.isBroken)) this.#failAll(error);
      }
      if (this.#followed.size === 0) break;
      await this.#pause(Math.max(pause, (monotonic() - started) * 4));
      pause = Math.min(PAUSE_MS.most, pause * 1.5);
    }
    awaited();
    this.#isRunning = false;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#wake = end;
    });
  }

  /** Asks once for all. @returns whether a task has ended */
  async #round(): Promise<boolean> {
    const ids = [...this.#followed.keys()];
    let hasEnded = false;
    for (let from = 0; from < ids.length; from += BATCH.ids) {
      const { pending, completed, orphans } = await this.#status(ids.slice(from, from + BATCH.ids));
      await this.#firstSeen([...pending, ...completed]);
      for (const id of orphans) this.#isOrphan(id);
      const size = this.#connection.speaksGroups ? BATCH.results : 1;
      for (let at = 0; at < completed.length; at += size) await this.#fetch(completed.slice(at, at + size));
      hasEnded ||= completed.length > 0;
    }
    return hasEnded;
  }

  /** The hub refuses a question for a task that it does not know: that one is taken out, and the others are asked for again. */
  async #status(asked: readonly string[]) {
    let ids = [...asked];
    while (ids.length > 0) {
      try {
        return await statusOf(this.#connection, ids);
      } catch (error) {
        const unknown = unknownId(error, ids);
        if (unknown === undefined) throw error;
        ids = ids.filter((id) => id !== unknown);
        this.#isUnknown(unknown);
      }
    }
    return { pending: [], completed: [], orphans: [] };
  }

  #isOrphan(msgId: string): void {
    const followed = this.#followed.get(msgId);
    if (followed === undefined) return;
    followed.orphanedAt ??= monotonic();
    if (monotonic() - followed.orphanedAt < ORPHAN_MS) return;
    const text =
      `Task "${msgId}" was open when its controller ended, and nobody has it now: it may have run; submit it again`;
    this.#fail(msgId, new EngineError(text));
  }

  #isUnknown(msgId: string): void {
    const followed = this.#followed.get(msgId);
    if (followed === undefined || (followed.isRecovery !== true && this.#isOwnOpen(msgId))) return;
    if (!followed.isKnown && monotonic() - followed.since < GRACE_MS) return;
    const why = followed.isKnown
      ? "its record was purged before its result was fetched"
      : "no client of this cluster has submitted it, or its record was purged";
    this.#fail(
      msgId,
      new UnknownTask(msgId, `Cannot get the result of task "${msgId.slice(0, 200)}": ${why}`),
    );
  }

  #isOwnOpen(msgId: string): boolean {
    const n = this.#connection.numberOf(msgId);
    return n !== undefined && this.#connection.pending.get(n) !== undefined;
  }

  /** What the records of tasks say that are seen for the first time. */
  async #firstSeen(ids: readonly string[]): Promise<void> {
    const seen = ids.filter((id) => this.#followed.get(id)?.isKnown === false);
    for (const id of seen) this.#followed.get(id)!.isKnown = true;
    await this.#records(seen);
  }

  async #records(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const keys = this.#connection.speaksGroups ? OUR_KEYS : PEER_KEYS;
    const records = await query(this.#connection, { msg_id: { $in: [...ids] } }, keys).catch((error) => {
      // A hub without a database tells no more than what is done.
      if (error instanceof RemoteError) return [];
      throw error;
    });
    for (const record of records) {
      const followed = this.#followed.get(String(record.msg_id));
      for (const task of followed?.tasks ?? []) task.recorded(record, this.#connection);
    }
  }

  /** Gets the results of tasks that have ended. What one answer cannot hold is asked for in halves. */
  async #fetch(ids: readonly string[]): Promise<void> {
    try {
      const reply = await this.#connection.request("result_request", { msg_ids: ids, status_only: false });
      await this.#records(ids);
      this.#settle(reply);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      const [msgId] = ids;
      if (msgId === undefined) return;
      if (ids.length > 1) {
        const half = ids.length >> 1;
        await this.#fetch(ids.slice(0, half));
        await this.#fetch(ids.slice(half));
      } else if (unknownId(error, ids) !== undefined) this.#isUnknown(msgId);
      else this.#fail(msgId, refused(msgId, error));
    }
  }

  #settle({ content, buffers }: Message): void {
    const completed = Array.isArray(content.completed) ? content.completed.map(String) : [];
    let at = 0;
    for (const msgId of completed) {
      const record = dictionaryOf(content[msgId]);
      const count = typeof record.buffer_count === "number" ? record.buffer_count : buffers.length;
      this.#finish(msgId, record, buffers.slice(at, at += count));
    }
  }

  #finish(msgId: string, record: Dictionary, buffers: readonly Uint8Array[]): void {
    const said = dictionaryOf(record.result_content);
    try {
      if (said.status !== "ok") return this.#fail(msgId, errorOf(said, dictionaryOf(record.result_metadata)));
      // Each its own: nobody sees what another does with the value.
      for (const task of this.#taken(msgId)) {
        const value = valueOrBytes(record as Stored, buffers);
        task.ended(STATUS.ok);
        task.owner.fulfilled(task, value);
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#fail(msgId, new Error(`Cannot read the result of task "${msgId}": ${text}`, { cause: error }));
    }
  }

  #fail(msgId: string, error: Error): void {
    for (const task of this.#taken(msgId)) {
      const { recordedStatus } = task;
      task.ended(recordedStatus === STATUS.ok ? STATUS.error : recordedStatus);
      task.owner.rejected(task, error);
    }
  }

  #taken(msgId: string): HubTask[] {
    const tasks = [...this.#followed.get(msgId)?.tasks ?? []].filter((task) => task.isOpen);
    this.#followed.delete(msgId);
    return tasks;
  }

  #failAll(error: unknown): void {
    const { endError } = this.#connection;
    const reason = endError ?? (error instanceof Error ? error : new Error(String(error)));
    for (const msgId of [...this.#followed.keys()]) this.#fail(msgId, reason);
  }
}

/** The id that a refusal names: `'No such message: …'`. */
function unknownId(error: unknown, ids: readonly string[]): string | undefined {
  if (!(error instanceof RemoteError) || error.ename !== "KeyError") return undefined;
  const { evalue } = error;
  const named = ids.filter((id) => evalue.includes(id));
  // One id may be the beginning of another.
  return named.sort((a, b) => b.length - a.length)[0] ?? (ids.length === 1 ? ids[0] : undefined);
}

function refused(msgId: string, error: RemoteError): Error {
  return new Error(`Cannot get the result of task "${msgId}": the hub says ${error.ename}: ${error.evalue}`, {
    cause: error,
  });
}
