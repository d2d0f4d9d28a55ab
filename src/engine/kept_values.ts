/**
 * Values that clients have put, kept once for all engines of this process (PROTOCOL.md, "Kept values"): asked for when a task names one, dropped when there is
 * no room, and asked for again.
 */
import { isNextPiece } from "../protocol/value_pieces.ts";
import type { Piece } from "./piece_store.ts";

/** A value as a task names it. */
export interface ValueName {
  readonly name: string;
  /** How many buffers it has. */
  readonly buffers: number;
}

interface Kept {
  readonly buffers: number;
  readonly pieces: Piece[];
  bytes: number;
  isWhole: boolean;
}

/** What is on its way. */
interface Wanted {
  /** When it was asked for first, or a piece of it came. */
  since: number;
  askedAt: number;
  /** When it was said that nobody has it; 0 before. */
  goneAt: number;
}

const MAX_BYTES = 1 << 30;
/** What has not come by then is asked for again. */
const ASK_AGAIN_MS = 2000;
/** So long after it was asked for a value does not come any more. */
const PATIENCE_MS = 30_000;
/** So long it is believed that nobody has it. */
const GONE_MS = 1000;

export class KeptValues {
  readonly #values = new Map<string, Kept>();
  readonly #wanted = new Map<string, Wanted>();
  readonly #maxBytes: number;
  #bytes = 0;
  #run: bigint | null = null;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of what is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The engines of this process belong to this run of a controller: names of another mean nothing. */
  begin(run: bigint | null): void {
    if (run === this.#run) return;
    this.#run = run;
    this.#values.clear();
    this.#wanted.clear();
    this.#bytes = 0;
  }

  /**
   * Whether all are here, or will never be. Asks for those that are not here.
   * @param ask sends the names to the scheduler; false if that cannot be done now
   */
  areReady(names: readonly ValueName[], at: number, ask: (names: readonly string[]) => boolean): boolean {
    let isReady = true;
    const asked: Wanted[] = [], missing: string[] = [];
    for (const { name } of names) {
      if (this.#values.get(name)?.isWhole === true) continue;
      const wanted = this.#wantedAt(name, at);
      if (wanted.goneAt > 0 || at - wanted.since >= PATIENCE_MS) continue;
      isReady = false;
      if (at - wanted.askedAt < ASK_AGAIN_MS) continue;
      asked.push(wanted);
      missing.push(name);
    }
    if (missing.length > 0 && ask(missing)) { for (const wanted of asked) wanted.askedAt = at; }
    return isReady;
  }

  #wantedAt(name: string, at: number): Wanted {
    const before = this.#wanted.get(name);
    const isOver = before !== undefined &&
      (before.goneAt > 0 ? at - before.goneAt > GONE_MS : at - before.since > PATIENCE_MS + GONE_MS);
    if (before !== undefined && !isOver) return before;
    const wanted = { since: at, askedAt: -Infinity, goneAt: 0 };
    this.#wanted.set(name, wanted);
    return wanted;
  }

  /** The pieces of all of them, as those of buffers from `first` on; of a value that did not come none. Call it once they are ready. */
  piecesOf(names: readonly ValueName[], first: number): Piece[] {
    const pieces: Piece[] = [];
    let index = first;
    for (const { name, buffers } of names) {
      const value = this.#values.get(name);
      if (value?.isWhole === true && value.buffers === buffers) {
        this.#use(name, value);
        for (const piece of value.pieces) pieces.push({ ...piece, index: index + piece.index });
      }
      index += buffers;
    }
    return pieces;
  }

  /** The one used last is the last to go. */
  #use(name: string, value: Kept): void {
    this.#values.delete(name);
    this.#values.set(name, value);
  }

  /** Takes a piece. Pieces come in order; a value that begins anew replaces what was there of it. */
  add(name: string, buffers: number, piece: Piece, at: number): void {
    let value = this.#values.get(name);
    if (value?.isWhole === true) return;
    // While it comes nobody need ask again: two that come at once would be none.
    const wanted = this.#wanted.get(name);
    if (wanted !== undefined) wanted.since = wanted.askedAt = at;
    if (piece.index === 0 && piece.offset === 0) {
      this.drop(name, false);
      this.#values.set(name, value = { buffers, pieces: [], bytes: 0, isWhole: false });
    }
    if (value === undefined || !isNextPiece(value, piece)) return this.drop(name, false);
    value.pieces.push(piece);
    value.bytes += piece.bytes.length;
    this.#bytes += piece.bytes.length;
    if (piece.index === buffers - 1 && piece.offset + piece.bytes.length === piece.total) {
      value.isWhole = true;
      this.#wanted.delete(name);
    }
    this.#makeRoom(name);
  }

  #makeRoom(latest: string): void {
    for (const name of this.#values.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      if (name !== latest) this.drop(name, false);
    }
  }

  /** Nobody has it. */
  gone(name: string, at: number): void {
    const wanted = this.#wanted.get(name);
    if (wanted !== undefined) wanted.goneAt = at;
  }

  /** Forgets a value. @param isWanted whether it may still be asked for */
  drop(name: string, isWanted = true): void {
    const value = this.#values.get(name);
    if (value !== undefined) this.#bytes -= value.bytes;
    this.#values.delete(name);
    if (isWanted) this.#wanted.delete(name);
  }
}

/** The values that a task's tail names. @throws TypeError */
export function readValues(tail: unknown): readonly ValueName[] | undefined {
  if (typeof tail !== "object" || tail === null || !("values" in tail)) return undefined;
  const { values } = tail;
  if (!Array.isArray(values) || values.length > MAX_NAMES) {
    throw new TypeError('Cannot read "values" of the task');
  }
  return values.map((entry: unknown) => {
    const [name, buffers] = Array.isArray(entry) ? entry as unknown[] : [];
    const isRight = typeof name === "string" && /^[0-9a-f]{32}$/.test(name) &&
      typeof buffers === "number" && Number.isInteger(buffers) && buffers > 0 && buffers <= MAX_BUFFERS;
    if (!isRight) throw new TypeError('Cannot read "values" of the task: a name is none');
    return { name, buffers };
  });
}

/** Most values of one task, and buffers of one value. */
const MAX_NAMES = 1000;
const MAX_BUFFERS = 10_000;
