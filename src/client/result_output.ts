/**
 * What tasks write and show, live: one AsyncIterable over all tasks of a call. What came before somebody looked comes first; the end is when all tasks have
 * ended and what they had announced has come.
 */
import { Queue } from "../base/queue.ts";
import { change, type ResultLook } from "./result_look.ts";
import { TaskOutput, type TaskState } from "./task_state.ts";

/** Which of a task's outputs. */
export type OutputKind = "stdout" | "stderr" | "display";

/** One piece of output, and who made it. */
export interface OutputPiece<V> {
  /** The text, or the content of the display. */
  readonly value: V;
  /** Which of the task's outputs. */
  readonly kind: OutputKind;
  /** Place of the task in the call. */
  readonly index: number;
  /** Id of the task. */
  readonly msgId: string;
  /** null where it is not known (yet). */
  readonly engineId: number | null;
  /** null where it is not known (yet). */
  readonly engineUuid: string | null;
}

/** How long output may be late behind its task's end. */
const LATE_MS = 10_000;

/** Iterate it; each loop begins with what is there. Leaving a loop changes nothing for the tasks. */
export class OutputStream<V> implements AsyncIterable<OutputPiece<V>> {
  readonly #look: ResultLook;
  readonly #kind: OutputKind;

  /** Made by results. */
  constructor(look: ResultLook, kind: OutputKind) {
    this.#look = look;
    this.#kind = kind;
  }

  /** What has come so far, by task: its text, or its displays. */
  get soFar(): readonly (string | readonly unknown[])[] {
    return this.#look.tasks().map(({ output }) => {
      if (this.#kind === "display") return output?.display ?? [];
      return output?.[this.#kind] ?? "";
    });
  }

  /** Each piece as it comes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<OutputPiece<V>, void, undefined> {
    const listening = new Listening<V>(this.#look, this.#kind);
    try {
      for (;;) {
        const piece = await listening.next();
        if (piece === undefined) return;
        yield piece;
      }
    } finally {
      listening.stop();
    }
  }
}

/** One loop over the output of a result. */
class Listening<V> {
  readonly #look: ResultLook;
  readonly #kind: OutputKind;
  readonly #pieces = new Queue<OutputPiece<V>>();
  readonly #unlisten: (() => void)[];
  #isEnd = false;
  #wake: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(look: ResultLook, kind: OutputKind) {
    this.#look = look;
    this.#kind = kind;
    this.#unlisten = look.tasks().map((task) => this.#listen(task));
    this.#untilEnd();
  }

  /** The next piece; undefined at the end. */
  async next(): Promise<OutputPiece<V> | undefined> {
    while (this.#pieces.length === 0 && !this.#isEnd) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#pieces.shift();
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const unlisten of this.#unlisten) unlisten();
    this.#end();
  }

  #listen(task: TaskState): () => void {
    const output = task.output ??= new TaskOutput();
    if (this.#kind === "display") { for (const one of output.display) this.#add(task, one, null); }
    else if (output[this.#kind] !== "") this.#add(task, output[this.#kind], null);
    return output.listen((kind, value, uuid) => {
      if (kind === this.#kind) this.#add(task, value, uuid);
    });
  }

  #add(task: TaskState, value: unknown, uuid: string | null): void {
    const { msgId, engineId, engineUuid } = this.#look.metadata(task.index);
    this.#pieces.push({
      value: value as V,
      kind: this.#kind,
      index: task.index,
      msgId,
      engineUuid: engineUuid ?? uuid,
      engineId: engineId ?? (uuid === null ? null : this.#look.names.engineId(uuid)),
    });
    this.#awake();
  }

  async #untilEnd(): Promise<void> {
    while (this.#look.left() > 0 && !this.#isEnd) await change(this.#look);
    if (this.#isEnd) return;
    this.#timer = setTimeout(() => this.#end(), LATE_MS);
    for (const { output } of this.#look.tasks()) {
      if (output !== undefined) await new Promise<void>((resolve) => output.whenComplete(resolve));
    }
    clearTimeout(this.#timer);
    this.#end();
  }

  #end(): void {
    this.#isEnd = true;
    this.#awake();
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
