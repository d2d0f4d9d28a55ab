/**
 * What is awaited: open tasks by number, their results as they come, and the output that may come later than its result.
 */
import { now } from "../base/clock.ts";
import type { GroupReader } from "../protocol/group_reader.ts";
import { type ChunkRecord, emptyResult, ORIGIN, type ResultRecord, STATUS } from "../protocol/groups.ts";
import { Assembler } from "./assembler.ts";
import { Namespaces } from "./namespaces.ts";
import { OpenTasks } from "./open_tasks.ts";
import { type Outcome, readOutcome, readTail } from "./result_reader.ts";
import type { ResultPiece } from "./shared_memory.ts";
import { type OutputCounts, TaskOutput, type TaskState } from "./task_state.ts";

/** Most finished tasks whose output is still expected. */
const MAX_LATE = 65_536;
const NO_BUFFERS: readonly Uint8Array[] = [];

/** How a peer answered a task. Times in ms, 0 where it does not say; `engine` -1 where no engine did. */
export interface PeerAnswer {
  readonly status: number;
  readonly started: number;
  readonly completed: number;
  readonly engine: number;
  readonly outcome: Outcome;
  /** Whether an idle message will say that the output is complete. */
  readonly hasOutput: boolean;
}

export class Pending {
  readonly #open = new OpenTasks();
  readonly #late = new Map<number, TaskState>();
  readonly #assembler: Assembler;
  readonly #namespaces = new Namespaces();
  readonly #record = emptyResult();
  /** Numbers of tasks whose ids are not made of them, by id: while they are open or their output may come. */
  readonly #named = new Map<string, number>();

  /** @param maxResultBytes most bytes of unfinished large results */
  constructor(maxResultBytes: number) {
    this.#assembler = new Assembler(maxResultBytes);
  }

  /** How many tasks are open. */
  get count(): number {
    return this.#open.size;
  }

  /** An open task by its number. */
  get(n: number): TaskState | undefined {
    return this.#open.get(n);
  }

  /** All open tasks. */
  tasks(): Iterable<TaskState> {
    return this.#open.all();
  }

  add(task: TaskState): void {
    this.#open.add(task);
  }

  /** A task whose id is not made of its number. */
  addNamed(task: TaskState, msgId: string): void {
    this.#open.add(task);
    this.#named.set(msgId, task.n);
  }

  /** The number of such a task. */
  numberOf(msgId: string): number | undefined {
    return this.#named.size === 0 ? undefined : this.#named.get(msgId);
  }

  /** Such a task has ended, and its output is expected no longer. */
  forgetNamed(msgId: string): void {
    this.#named.delete(msgId);
  }

  /** Ends a task here, without an answer. */
  fail(task: TaskState, status: number, error: Error): void {
    if (!this.#open.delete(task.n)) return;
    this.#assembler.drop(task.n);
    task.status = status;
    task.completed = task.received = now();
    if (task.route.isPeer) task.output?.end();
    task.route.finished(task);
    task.owner.rejected(task, error);
  }

  /** Ends a task with what a peer has answered. */
  answered(task: TaskState, answer: PeerAnswer): void {
    if (!this.#open.delete(task.n)) return;
    this.#assembler.drop(task.n);
    const { status, started, completed, engine, outcome } = answer;
    Object.assign(task, { status, started, completed, engine, received: now() });
    if (answer.hasOutput) this.#expectLate(task);
    else task.output?.end();
    task.route.finished(task);
    if (outcome.kind === "value") task.owner.fulfilled(task, outcome.value);
    else task.owner.rejected(task, outcome.error);
  }

  /** Ends all tasks. */
  failAll(error: Error): void {
    for (const task of this.#open.all()) this.fail(task, STATUS.lost, error);
    for (const task of this.#late.values()) task.output?.end();
    this.#late.clear();
  }

  /** Takes a checked group of results that `reader` stands in front of. Unknown tasks are skipped: they were answered before. */
  results(reader: GroupReader, client: number): void {
    const record = this.#record;
    const received = now();
    const { bytes } = reader;
    while (reader.result(record)) {
      if (record.client !== client) continue;
      const task = this.#open.get(record.n);
      if (task !== undefined) this.#finish(task, bytes, record, received);
    }
  }

  #finish(task: TaskState, bytes: Uint8Array, record: ResultRecord, received: number): void {
    this.#open.delete(record.n);
    task.status = record.status;
    task.started = record.started;
    task.completed = record.completed;
    task.received = received;
    if (record.engine < ORIGIN.engineBit) task.engine = record.engine;
    const size = record.bodyLength + (record.buffers === 0 ? 0 : this.#assembler.bytesOf(record.n));
    const outcome = this.#outcome(task, bytes, record);
    task.route.finished(task);
    task.bytes = size;
    if (task.writes !== "nothing") this.#namespaces.written(record, task.writes === "names");
    if (outcome.kind === "value") task.owner.fulfilled(task, outcome.value);
    else task.owner.rejected(task, this.#namespaces.explain(outcome.error, record));
  }

  #outcome(task: TaskState, bytes: Uint8Array, record: ResultRecord): Outcome {
    const tail = readTail(bytes, record);
    if (tail.tries !== undefined) task.tries = tail.tries;
    if (tail.out !== undefined) this.#expectOutput(task, tail.out);
    if (record.buffers === 0) {
      this.#assembler.drop(record.n);
      return readOutcome(bytes, record, tail, NO_BUFFERS);
    }
    try {
      return readOutcome(bytes, record, tail, this.#assembler.take(record.n, record.buffers));
    } catch (error) {
      return { kind: "error", error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  /** A piece of a result that is to come. A new first piece means that the task was started again elsewhere. */
  chunk(record: ChunkRecord, piece: Uint8Array | ResultPiece): void {
    if (record.side !== 1 || this.#open.get(record.n) === undefined) return;
    if (record.index === 0 && record.offset === 0) this.#assembler.drop(record.n);
    this.#assembler.add(record, piece);
  }

  /** The output of a task, open or just finished; undefined if it is neither. */
  outputOf(n: number): TaskOutput | undefined {
    const task = this.#open.get(n) ?? this.#late.get(n);
    if (task === undefined) return undefined;
    return task.output ??= new TaskOutput();
  }

  #expectOutput(task: TaskState, counts: OutputCounts): void {
    if (counts.every((count) => count === 0)) return;
    const output = task.output ??= new TaskOutput();
    output.expect(counts);
    this.#expectLate(task);
  }

  /** Keeps a finished task until its output has come. */
  #expectLate(task: TaskState): void {
    const { output } = task;
    if (output === undefined || output.isComplete) return;
    if (this.#late.size >= MAX_LATE) {
      for (const [oldest, { output: given }] of this.#late) {
        this.#late.delete(oldest);
        given?.end();
        break;
      }
    }
    this.#late.set(task.n, task);
    output.whenComplete(() => this.#late.delete(task.n));
  }
}
