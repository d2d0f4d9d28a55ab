/**
 * Rows that wait for a commit, in typed arrays: numbers as numbers, bodies as places in their frames. As values of JavaScript the rows of a commit would be
 * thousands of objects that outlive the collector's young generation, and the process's memory would grow by them.
 */

import { FEW_BYTES, putPart } from "../base/few_bytes.ts";

/** What a column can hold. */
export type SqlValue = string | number | null | Uint8Array;

/** Where a row's body lies in its frame; the tail is the end of it. */
interface Span {
  readonly bodyOffset: number;
  readonly bodyLength: number;
  readonly tailLength: number;
}

/** Cells behind the numbers of a row: frame, offset, length of the body without its tail, length of the tail. */
const SPAN_CELLS = 4;
const FIRST_ROWS = 1024;

/** Rows of some numbers, a body, and a tail that may be missing. */
export class RowBuffer {
  /** Columns of a row. */
  readonly columns: number;
  readonly #numbers: number;
  readonly #width: number;
  #cells: Float64Array;
  #used = 0;
  #frames: Uint8Array[] = [];
  /** Memory for small bodies, by place among the rows that are asked for, and by length. */
  readonly #copies: Uint8Array[][] = [];

  /** @param numbers how many columns stand before body and tail */
  constructor(numbers: number) {
    this.columns = numbers + 2;
    this.#numbers = numbers;
    this.#width = numbers + SPAN_CELLS;
    this.#cells = new Float64Array(this.#width * FIRST_ROWS);
  }

  /** Whole rows. */
  get length(): number {
    return this.#used / this.#width;
  }

  /** The next number of the row. */
  put(value: number | null): void {
    if (this.#used === this.#cells.length) this.#grow();
    this.#cells[this.#used++] = value ?? NaN;
  }

  /** Completes the row with the body and tail of a record. The frame must stay as it is until the rows are cleared. */
  span(frame: Uint8Array, { bodyOffset, bodyLength, tailLength }: Span): void {
    const last = this.#frames.length - 1;
    if (last >= 0 && this.#frames[last] === frame) this.put(last);
    else this.put(this.#frames.push(frame) - 1);
    this.put(bodyOffset);
    this.put(bodyLength - tailLength);
    this.put(tailLength);
  }

  /** Puts the values of the rows `from` to `to` into an array, one behind the other; valid until the next call. */
  values(from: number, to: number, into: SqlValue[]): void {
    const cells = this.#cells;
    let at = from * this.#width, place = 0;
    for (let row = from; row < to; row++) {
      for (let i = 0; i < this.#numbers; i++) {
        const value = cells[at++]!;
        into[place++] = Number.isNaN(value) ? null : value;
      }
      const frame = this.#frames[cells[at++]!]!, offset = cells[at++]!;
      const end = offset + cells[at++]!, tailLength = cells[at++]!;
      into[place++] = this.#body(row - from, frame, offset, end);
      into[place++] = tailLength > 0 ? frame.subarray(end, end + tailLength) : null;
    }
  }

  /** A view of a body, or a copy in memory that is used again: most bodies are small, and a view of one is more garbage than all the rest of its row. */
  #body(row: number, frame: Uint8Array, from: number, to: number): Uint8Array {
    const length = to - from;
    if (length > FEW_BYTES) return frame.subarray(from, to);
    const copies = this.#copies[row] ??= [];
    const copy = copies[length] ??= new Uint8Array(length);
    putPart(copy, 0, frame, from, length);
    return copy;
  }

  /** Forgets all rows, and lets go of their frames. */
  clear(): void {
    this.#used = 0;
    this.#frames = [];
  }

  #grow(): void {
    const cells = new Float64Array(this.#cells.length * 2);
    cells.set(this.#cells);
    this.#cells = cells;
  }
}
