/**
 * The way of tasks to one socket: the task scheduler's, or one engine's by mux. Puts tasks into groups, sends definitions ahead of
 * their first use and large buffers ahead of their task, and keeps back what the window has no room for.
 *
 * Everything leaves in the order in which it was submitted: a task that waits for room holds those behind it.
 */
import { type By, writeBy } from "../protocol/by.ts";
import { now } from "../base/clock.ts";
import { Queue } from "../base/queue.ts";
import { GroupWriter } from "../protocol/group_writer.ts";
import {
  CHUNK_PIECE_BYTES,
  type GroupHeader,
  INLINE_BODY_BYTES,
  KIND,
  OP,
  TASK_FLAG,
} from "../protocol/groups.ts";
import { memoryJson } from "../protocol/shared_layout.ts";
import type { DefinitionIds, KnownFunction } from "./definition_ids.ts";
import type { Definition } from "./functions.ts";
import type { PutValues } from "./put_values.ts";
import type { SharedMemoryWay } from "./shared_memory.ts";
import type { StopWord, TaskRoute, TaskState } from "./task_state.ts";
import { type EncodedTask, joined, largeTask, sizeOf, type WaitingTask } from "./waiting_task.ts";

export type { EncodedTask };

/** What a path needs of the connection. */
export interface PathHost {
  readonly client: number;
  readonly ids: DefinitionIds;
  readonly values: PutValues;
  /** The coded card of this client, definition 0. */
  readonly card: Uint8Array;
  nextN(): number;
  /** Completes a group and signs it; valid until the writer's next use. */
  seal(writer: GroupWriter, kind: GroupHeader["kind"], target: number, window?: number): Uint8Array;
  /** Has `flush` called at the end of the current microtask turn. */
  flushLater(path: TaskPath): void;
  opened(task: TaskState): void;
  /** This client, and why it stops a task. */
  by(reason: unknown): By;
  /** Ends a task that was never sent. */
  refuse(task: TaskState, how: StopWord, reason: unknown): void;
  /** Ends a task that could not be sent. */
  failed(task: TaskState, error: unknown): void;
  /** Nothing may be sent any more. */
  readonly isEnded: boolean;
  /** The connection is broken: what is sent now is lost. */
  readonly isBroken: boolean;
  /** Resolves when it stands again, or when nothing may be sent any more. */
  mended(): Promise<void>;
  /** Lets the event loop have a turn. */
  turn(): Promise<void>;
}

/** Where a path leads. */
export interface PathEnd {
  /** Engine id, or ANY for the scheduler. */
  readonly target: number;
  /** Frames in front of each group: the engine's uuid on mux. */
  readonly prefix: readonly Uint8Array[];
  /** Whether the other end confirms groups; where it does not, results are what frees the window. */
  readonly confirms: boolean;
  /** Memory that this client shares with the engine, if both are on one host. */
  readonly memory?: SharedMemoryWay;
  send(frames: readonly Uint8Array[]): void;
  sendLarge(frames: readonly Uint8Array[], from: number): void;
}

/** Bounds of one path (PROTOCOL.md, "What is bounded"). */
export const PATH_BOUNDS = {
  windowTasks: 65_536,
  windowBytes: 64 << 20,
  /** A group leaves with this many records or bytes. */
  groupTasks: 500,
  groupBytes: 64 << 10,
  /** Bytes of large buffers between two turns of the event loop. */
  burstBytes: 8 << 20,
  /** Names in one cancel group. */
  groupNames: 65_536,
} as const;

/** Buffers that go to several engines are sent once, and not again for each. */
const SENT_TO_ANOTHER = "The controller was started anew while a large value was on its way: send it again";

interface SentGroup {
  readonly seq: number;
  readonly tasks: number;
  readonly bytes: number;
}

export class TaskPath implements TaskRoute {
  readonly isPeer = false;
  readonly #host: PathHost;
  readonly #end: PathEnd;
  readonly #writer = new GroupWriter(PATH_BOUNDS.groupBytes * 2);
  readonly #scratch = new GroupWriter(1 << 10);
  /** What is defined at the other end, by id. */
  readonly #defined: (KnownFunction | undefined)[] = [];
  readonly #retry = () => this.#pump();
  readonly #waiting = new Queue<WaitingTask>();
  readonly #sent = new Queue<SentGroup>();
  #sending: WaitingTask | null = null;
  #hasCard = false;
  #scheduled = false;
  #groupTasks = 0;
  #groupBytes = 0;
  #openTasks = 0;
  #openBytes = 0;
  /** Counts the runs of the controller. */
  #run = 0;

  constructor(host: PathHost, end: PathEnd) {
    this.#host = host;
    this.#end = end;
  }

  /** Tasks that were sent and count in the window, and those that wait for room. */
  get load(): { readonly sent: number; readonly waiting: number } {
    return { sent: this.#openTasks, waiting: this.#waiting.length + (this.#sending === null ? 0 : 1) };
  }

  /** Gives the task its number and sends it with the current group, or keeps it until there is room. */
  submit(task: TaskState, encoded: EncodedTask): void {
    task.n = this.#host.nextN();
    task.submitted = now();
    this.#host.opened(task);
    const { op, definition, body, buffers, tail } = encoded;
    if (encoded.values !== undefined) this.#host.values.taskOpened(task.values = encoded.values);
    const isLarge = buffers.length > 0 || body.length > INLINE_BODY_BYTES;
    this.#end.memory?.busy();
    if (isLarge || op === OP.pull) this.#offerMemory();
    const isFree = !isLarge && this.#sending === null && this.#waiting.length === 0 &&
      this.#hasRoom(body.length);
    const whole = tail === null || isLarge ? body : joined(body, tail);
    const tailLength = tail === null ? 0 : tail.length;
    if (isFree && this.#append(task, op, definition, whole, tailLength, 0)) return;
    this.#waiting.push(
      isLarge
        ? largeTask(task, encoded)
        : { task, op, definition, body: whole.slice(), buffers: [], tailLength, stopped: null },
    );
    this.#pump();
  }

  finished(task: TaskState): void {
    if (task.definition !== 0) this.#host.ids.release(task.definition);
    if (task.values !== undefined) this.#host.values.taskEnded(task.values);
    if (!this.#end.confirms && task.isSent) this.#release(1, task.bytes);
    this.#end.memory?.finished(task, this.#openTasks === 0 && this.#sending === null);
    if (this.#waiting.length > 0) this.#pump();
  }

  #offerMemory(): void {
    const offer = this.#end.memory?.offer();
    if (offer === undefined) return;
    this.#scratch.reset();
    this.#scratch.rest(memoryJson(offer));
    const group = this.#host.seal(this.#scratch, KIND.memory, this.#end.target);
    this.#end.send([...this.#end.prefix, group]);
  }

  /** The other end has accepted all groups up to `seq`. */
  accepted(seq: number): void {
    for (let group = this.#sent.peek(); group !== undefined && group.seq <= seq; group = this.#sent.peek()) {
      this.#sent.shift();
      this.#release(group.tasks, group.bytes);
    }
    if (this.#waiting.length > 0) this.#pump();
  }

  stop(tasks: readonly TaskState[], how: StopWord, reason?: unknown): void {
    const open = new Set(tasks.filter((task) => task.isOpen));
    const refused = [...this.#waiting].filter(({ task }) => open.delete(task));
    // All are marked before the first one ends, which has the way look for what can be sent.
    for (const waiting of refused) waiting.stopped = how;
    for (const { task } of refused) this.#host.refuse(task, how, reason);
    if (this.#sending !== null && open.delete(this.#sending.task)) {
      Object.assign(this.#sending, { stopped: how, reason });
    }
    if (open.size > 0) this.#sendStop([...open], how, reason);
  }

  /** The engine came anew and knows nothing of what was defined. */
  reset(): void {
    this.#hasCard = false;
    this.#defined.length = 0;
    this.#end.memory?.forget();
  }

  /**
   * The connection stands again: what was sent into the old one is not confirmed any more, nor known at the other end.
   * @param isNew there is another controller at it
   */
  renew(isNew: boolean): void {
    this.reset();
    for (let group = this.#sent.shift(); group !== undefined; group = this.#sent.shift()) {
      this.#release(group.tasks, group.bytes);
    }
    if (isNew) this.#run++;
    // Results go to where a client was heard from last.
    if (this.#openTasks > 0 || this.#end.confirms) this.#sendStop([], "abort", undefined);
  }

  /** There may be room again. */
  resume(): void {
    this.#pump();
  }

  /** Sends the group that has gathered. */
  flush(): void {
    this.#scheduled = false;
    if (this.#writer.count === 0) return;
    const group = this.#host.seal(this.#writer, KIND.tasks, this.#end.target);
    this.#end.send([...this.#end.prefix, group]);
    if (this.#end.confirms) {
      const seq = new DataView(group.buffer, group.byteOffset).getUint32(48, true);
      this.#sent.push({ seq, tasks: this.#groupTasks, bytes: this.#groupBytes });
    }
    this.#groupTasks = 0;
    this.#groupBytes = 0;
    this.#writer.reset();
  }

  #release(tasks: number, bytes: number): void {
    this.#openTasks -= tasks;
    this.#openBytes -= bytes;
  }

  #hasRoom(bytes: number): boolean {
    if (this.#host.isBroken) return false;
    if (this.#openTasks === 0) return true;
    return this.#openTasks < PATH_BOUNDS.windowTasks && this.#openBytes + bytes <= PATH_BOUNDS.windowBytes;
  }

  /** Puts the task into the group; false if its function has to wait for a free id. */
  #append(
    task: TaskState,
    op: number,
    definition: Definition | null,
    body: Uint8Array,
    tailLength: number,
    buffers: number,
    flag = 0,
  ): boolean {
    if (!this.#hasCard) {
      this.#define(0, this.#host.card);
      this.#hasCard = true;
    }
    if (definition !== null) {
      const known = this.#host.ids.take(definition, this.#retry);
      if (known === null) return false;
      if (this.#defined[known.id] !== known) this.#define(known.id, known.body);
      this.#defined[known.id] = known;
      task.definition = known.id;
    }
    const flags = (tailLength > 0 ? TASK_FLAG.tail : 0) | (buffers > 0 ? TASK_FLAG.buffers : 0) | flag;
    const { client } = this.#host;
    this.#writer.task(
      task.n,
      client,
      task.definition,
      op,
      flags,
      buffers,
      tailLength,
      0,
      task.submitted,
      body,
    );
    task.isSent = true;
    task.bytes += body.length;
    this.#openTasks++;
    this.#openBytes += task.bytes;
    this.#groupTasks++;
    this.#groupBytes += task.bytes;
    this.#gathered();
    return true;
  }

  #gathered(): void {
    if (this.#writer.count >= PATH_BOUNDS.groupTasks || this.#writer.length >= PATH_BOUNDS.groupBytes) {
      this.flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#host.flushLater(this);
    }
  }

  #define(id: number, body: Uint8Array): void {
    if (this.#writer.length + body.length > PATH_BOUNDS.groupBytes) this.flush();
    this.#writer.task(0, this.#host.client, id, OP.define, 0, 0, 0, 0, now(), body);
  }

  /** Sends what waits, as far as there is room. */
  #pump(): void {
    while (this.#sending === null && !this.#host.isEnded) {
      const waiting = this.#waiting.peek();
      if (waiting === undefined) return;
      if (waiting.stopped === null) {
        if (!this.#hasRoom(sizeOf(waiting))) return;
        if (waiting.buffers.length > 0) {
          this.#waiting.shift();
          this.#sending = waiting;
          this.#sendBuffers(waiting).then(() => this.#pump(), (error) => this.#sendingFailed(waiting, error));
          return;
        }
        const { task, op, definition, body, tailLength } = waiting;
        if (!this.#append(task, op, definition, body, tailLength, 0)) return;
      } else waiting.upload?.leave();
      this.#waiting.shift();
    }
  }

  #sendingFailed(waiting: WaitingTask, error: unknown): void {
    this.#sending = null;
    this.#host.failed(waiting.task, error);
    this.#pump();
  }

  async #sendBuffers(waiting: WaitingTask): Promise<void> {
    const { task, buffers, upload } = waiting;
    for (let run = -1; run !== this.#run;) {
      if (run >= 0 && upload !== undefined) throw new Error(SENT_TO_ANOTHER);
      run = this.#run;
      await (upload?.join(task, this.#end.target) ?? this.#sendPieces(waiting));
    }
    for (const { length } of buffers) task.bytes += length;
    await this.#appendLarge(waiting);
  }

  async #sendPieces({ task, buffers }: WaitingTask): Promise<void> {
    const run = this.#run;
    let burst = 0;
    for (let index = 0; index < buffers.length; index++) {
      const buffer = buffers[index];
      if (buffer === undefined) continue;
      for (let offset = 0; offset < buffer.length; offset += CHUNK_PIECE_BYTES) {
        const piece = buffer.subarray(offset, offset + CHUNK_PIECE_BYTES);
        this.#sendPiece(task, { index, offset, total: buffer.length, piece });
        burst += piece.length;
        if (burst < PATH_BOUNDS.burstBytes) continue;
        burst = 0;
        await (this.#host.isBroken ? this.#host.mended() : this.#host.turn());
        if (this.#host.isEnded || this.#run !== run) return;
      }
    }
  }

  #sendPiece(
    task: TaskState,
    { index, offset, total, piece }: { index: number; offset: number; total: number; piece: Uint8Array },
  ): void {
    const { client } = this.#host;
    this.#scratch.reset();
    this.#scratch.chunk({ n: task.n, client, index, side: 0, offset, length: piece.length, total });
    const { prefix, memory } = this.#end;
    const place = memory?.put(task.n, piece) ?? -1;
    if (place >= 0) {
      this.#scratch.name(client, task.n, place, memory?.tag ?? 0);
      return this.#end.send([...prefix, this.#host.seal(this.#scratch, KIND.located, this.#end.target)]);
    }
    const group = this.#host.seal(this.#scratch, KIND.chunk, this.#end.target);
    this.#end.sendLarge([...prefix, group, piece], prefix.length + 1);
  }

  /** The record behind its buffers. */
  async #appendLarge(waiting: WaitingTask): Promise<void> {
    const { task, op, definition, body, tailLength, buffers, upload } = waiting;
    const flag = upload === undefined ? 0 : TASK_FLAG.shared;
    while (
      !this.#host.isEnded && !this.#append(task, op, definition, body, tailLength, buffers.length, flag)
    ) {
      await (this.#host.isBroken ? this.#host.mended() : this.#host.turn());
    }
    this.#sending = null;
    if (waiting.stopped !== null) this.#sendStop([task], waiting.stopped, waiting.reason);
  }

  #sendStop(tasks: readonly TaskState[], how: StopWord, reason: unknown): void {
    this.flush();
    for (let from = 0; from === 0 || from < tasks.length; from += PATH_BOUNDS.groupNames) {
      this.#scratch.reset();
      for (const task of tasks.slice(from, from + PATH_BOUNDS.groupNames)) {
        this.#scratch.name(this.#host.client, task.n, 0, how === "abort" ? 1 : 0);
      }
      this.#scratch.rest(writeBy(this.#host.by(reason)));
      const group = this.#host.seal(this.#scratch, KIND.cancel, this.#end.target);
      this.#end.send([...this.#end.prefix, group]);
    }
  }
}
