/**
 * Memory shared with one engine on the same host (PROTOCOL.md, "Shared memory"): offered ahead of the first large buffer or pull, used once the engine has
 * taken it. Everything else goes by socket, and nobody notices but by the time it takes.
 */
import { toHex } from "../base/ids.ts";
import { CHUNK_PIECE_BYTES, STATUS } from "../protocol/groups.ts";
import {
  argumentOffset,
  type MemoryOffer,
  resultOffset,
  SHARED_BYTES,
  SHARED_DONE_AT,
  SHARED_PLACES,
  SHARED_TOKEN_BYTES,
  sharedName,
} from "../protocol/shared_layout.ts";
import type { TaskState } from "./task_state.ts";
import type { MemoryFile, Transport } from "./transport.ts";

/** Pages that nobody used for so long go back to the system. */
const IDLE_MS = 2000;

/** Pieces' pages that are in use over all of a client's ways: beyond them arguments go by socket, and no more memory is offered. */
const MAX_PIECES = 512;

/** What all ways of one client share. */
export class SharedBudget {
  #pieces = 0;

  get isFull(): boolean {
    return this.#pieces >= MAX_PIECES;
  }

  add(pieces: number): void {
    this.#pieces += pieces;
  }
}

export class SharedMemoryWay {
  readonly #make: Transport["memory"];
  readonly #budget: SharedBudget;
  /** Offsets of pieces that have pages. */
  readonly #touched = new Set<number>();
  #file: MemoryFile | undefined;
  #tag = 0;
  #isTaken = false;
  /** The engine, or this system, will not have it. */
  #isRefused = false;
  readonly #free: number[] = [];
  readonly #byTask = new Map<number, number[]>();
  /** Places that may still be read by an engine that does not count any more. */
  #isSpoilt = false;
  #done = 0;
  #cancelTrim: (() => void) | undefined;

  constructor(transport: Transport, budget: SharedBudget) {
    this.#make = transport.memory?.bind(transport);
    this.#budget = budget;
  }

  /** The tag of the memory that results may come by; 0 for none. */
  get tag(): number {
    return this.#isTaken ? this.#tag : 0;
  }

  /** What the engine is to be told, if it was not yet. */
  offer(): MemoryOffer | undefined {
    if (this.#file !== undefined || this.#isRefused || this.#make === undefined) return undefined;
    if (this.#budget.isFull) return undefined;
    const [tag = 0] = crypto.getRandomValues(new Uint32Array(1));
    const file = this.#make(sharedName(tag), SHARED_BYTES);
    this.#isRefused = file === null;
    if (file === null) return undefined;
    const token = crypto.getRandomValues(new Uint8Array(SHARED_TOKEN_BYTES));
    file.write(0, token);
    this.#file = file;
    this.#tag = tag;
    this.#done = 0;
    this.#free.length = 0;
    for (let place = SHARED_PLACES.arguments - 1; place >= 0; place--) this.#free.push(place);
    return { pid: file.pid, fd: file.fd, tag, token: toHex(token) };
  }

  /** The engine has it. */
  taken(tag: number): void {
    this.#isTaken = this.#file !== undefined && tag === this.#tag;
  }

  /** Puts a piece of a task's buffer down; its place, or -1 if it has to go by socket. */
  put(n: number, piece: Uint8Array): number {
    if (!this.#isTaken || piece.buffer instanceof SharedArrayBuffer) return -1;
    const place = this.#free.pop();
    if (place === undefined) return -1;
    const offset = argumentOffset(place), isRoom = this.#touched.has(offset) || !this.#budget.isFull;
    if (!isRoom || this.#file?.write(offset, piece as Uint8Array<ArrayBuffer>) !== true) {
      this.#free.push(place);
      return -1;
    }
    this.#touch(offset);
    const places = this.#byTask.get(n);
    if (places === undefined) this.#byTask.set(n, [place]);
    else places.push(place);
    return place;
  }

  #touch(offset: number): void {
    if (this.#touched.has(offset)) return;
    this.#touched.add(offset);
    this.#budget.add(1);
  }

  #untouched(): void {
    this.#budget.add(-this.#touched.size);
    this.#touched.clear();
  }

  /** A piece of a result, which counts as read whatever becomes of it. Undefined if it is of another memory. */
  piece(place: number, tag: number, length: number): ResultPiece | undefined {
    const file = this.#file;
    if (file === undefined || tag !== this.#tag || length > CHUNK_PIECE_BYTES) return undefined;
    this.#touch(resultOffset(place));
    return {
      length,
      copyInto: (array) => file.read(resultOffset(place), array.subarray(0, length)),
      release: () => {
        this.#done = (place + 1) >>> 0;
        file.write(SHARED_DONE_AT, new Uint8Array(new Uint32Array([this.#done]).buffer));
      },
    };
  }

  /** A task is about to be sent. */
  busy(): void {
    this.#cancelTrim?.();
    this.#cancelTrim = undefined;
  }

  /** A task has ended. @param isLast nothing is open on this way any more */
  finished(task: Pick<TaskState, "n" | "status">, isLast: boolean): void {
    if (this.#file === undefined) return;
    const places = this.#byTask.get(task.n);
    // Only an engine that has answered does not read any more.
    const isAnswered = task.status === STATUS.ok || task.status === STATUS.error;
    if (places !== undefined) {
      this.#byTask.delete(task.n);
      if (isAnswered) { for (const place of places.reverse()) this.#free.push(place); }
    }
    if (!isAnswered) this.#isSpoilt = true;
    if (!isLast) return;
    if (this.#isSpoilt) this.forget();
    else this.#trimLater();
  }

  #trimLater(): void {
    this.busy();
    const file = this.#file;
    this.#cancelTrim = file?.later(IDLE_MS, () => {
      this.#cancelTrim = undefined;
      file.punch(argumentOffset(0), SHARED_BYTES - argumentOffset(0));
      this.#untouched();
    });
  }

  /** The engine came anew, or the client ends. */
  forget(): void {
    this.busy();
    this.#file?.close();
    this.#file = undefined;
    this.#isTaken = this.#isSpoilt = false;
    this.#byTask.clear();
    this.#untouched();
  }
}

/** A piece of a result that lies elsewhere. */
export interface ResultPiece {
  readonly length: number;
  /** False if it could not be read. */
  copyInto(array: Uint8Array<ArrayBuffer>): boolean;
  release(): void;
}
