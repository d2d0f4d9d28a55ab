/**
 * The Workers of a child, on its main thread: one for good, or a fresh one for each task. The next one is made while the last one works, so that a
 * task waits for little more than its start. What they say is believed as little as anything else from there: it can only cost their own slot.
 */
import type { WorkerStart } from "./sandbox_worker.ts";

export interface SeriesParts {
  /** Makes a Worker with its rights. */
  readonly make: () => Worker;
  /** Called once, when the first one has its rights and none of a task's code. */
  readonly made: () => void;
  /** The Worker's code. */
  readonly text: string;
  readonly start: Omit<WorkerStart, "memory" | "isFirst">;
  /** Bytes of the ring. */
  readonly bytes: number;
  readonly exit: (code: number) => never;
  /** Says why a Worker ended. */
  readonly complain: (text: string) => void;
}

export class WorkerSeries {
  readonly #parts: SeriesParts;
  #current: Worker;
  #next: Worker | undefined;

  /** Starts the first one. */
  constructor(parts: SeriesParts, memory: ArrayBuffer) {
    this.#parts = parts;
    this.#current = this.#make();
    parts.made();
    this.#start(memory, true);
  }

  #make(): Worker {
    const worker = this.#parts.make();
    // What gets here ended the Worker; this process ends with it, as nothing else keeps it alive.
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#parts.complain(event.message);
      this.#parts.exit(1);
    });
    worker.addEventListener("message", ({ data }) => this.#hear(worker, data));
    worker.postMessage(this.#parts.text);
    return worker;
  }

  #start(memory: ArrayBuffer, isFirst: boolean): void {
    const { start } = this.#parts;
    this.#current.postMessage({ ...start, memory, isFirst }, [memory]);
    if (start.isFresh) this.#next = this.#make();
  }

  /** A number: the task has ended the program with this code. The ring's memory: its one task is over. */
  #hear(worker: Worker, said: unknown): void {
    if (worker !== this.#current) return;
    if (typeof said === "number") this.#parts.exit(said & 0xff);
    const isMemory = said instanceof ArrayBuffer && said.byteLength === this.#parts.bytes;
    if (!isMemory || !this.#parts.start.isFresh) return;
    worker.terminate();
    this.#current = this.#next ?? this.#make();
    this.#start(said, false);
  }
}
