/**
 * What becomes of a task that an engine had and did not do: another engine gets it, or it ends. A peer's task waits for its time-out anew each time.
 */
import type { DeadlineHeap } from "../base/heap.ts";
import { STATUS } from "../protocol/groups.ts";
import type { Board, Rare } from "./board.ts";
import { Attempts, type Tried } from "./attempts.ts";
import type { EngineState } from "./engine_table.ts";
import { Refusals } from "./refusals.ts";
import type { WaitingRoom } from "./waiting_room.ts";

export class SecondTries {
  readonly #board: Board;
  readonly #room: WaitingRoom;
  readonly #deadlines: DeadlineHeap;

  constructor(board: Board, room: WaitingRoom, deadlines: DeadlineHeap) {
    this.#board = board;
    this.#room = room;
    this.#deadlines = deadlines;
  }

  setDeadline(seq: number, rare: Rare, at: number): void {
    rare.deadline = at + (rare.options?.queueTimeoutMs ?? Infinity);
    if (rare.deadline !== Infinity) this.#deadlines.push(rare.deadline, seq);
  }

  /** One more try, at an engine that has not had it. */
  elsewhere(seq: number, place: number, rare: Rare, engine: EngineState, tried: Tried, at: number): void {
    rare.tries++;
    (rare.attempts ??= new Attempts()).add(engine, tried, at);
    // It did run: an abort, which means waiting tasks only, has come too late.
    if (this.#board.stopping.get(seq)?.waitingOnly) this.#board.stopping.delete(seq);
    this.others(seq, place, rare, engine.id, at);
  }

  /** The task said that it cannot run where it was, and why: that was no try. */
  refused(seq: number, place: number, engine: EngineState, tried: Tried, at: number): void {
    const rare = this.#board.rareOf(seq, place);
    (rare.attempts ??= new Attempts()).add(engine, tried, at);
    (rare.refusals ??= new Refusals()).add(engine.id, tried.unmet ?? "");
    if (rare.timedOut) this.timeOut(place, rare);
    else this.others(seq, place, rare, engine.id, at);
  }

  /** The engine would not have it: that was no try. */
  others(seq: number, place: number, rare: Rare, engine: number, at: number): void {
    rare.tried = new Set(rare.tried).add(engine);
    if (rare.peer !== undefined) this.setDeadline(seq, rare, at);
    this.#room.requeue(seq, place);
  }

  /** Ends a task that an engine had when its time in the queue was over. */
  timeOut(place: number, rare: Rare): void {
    this.fail(place, STATUS.error, "TaskTimeout", timeoutText(rare));
  }

  /** Ends a task that an engine had: it does not count as waiting. */
  fail(place: number, status: number, ename: string, evalue: string): void {
    this.#board.waiting++;
    this.#board.fail(place, status, ename, evalue);
  }
}

/** Why a task ends that waited too long. */
export function timeoutText({ options, refusals }: Rare): string {
  const refused = refusals === null ? "" : `; it said that it cannot run on ${refusals.text}`;
  return `Waited longer than ${(options?.queueTimeoutMs ?? 0) / 1000} s${refused}`;
}
