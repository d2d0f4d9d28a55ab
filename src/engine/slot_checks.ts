/**
 * What the host's end of a slot's ring knows of single things in it, apart from their order: shapes, bounds, times.
 */
import { PIECE_BYTES, RESULT_KIND, type RingLayout } from "./ring.ts";
import type { ByteSource, SlotSink, WallReport } from "./slot_contract.ts";

/** The child wrote what no honest Worker writes. */
export class Nonsense extends Error {
  override readonly name = "Nonsense";
}

/** A sink that is also told how much text the Worker had written when something happened. */
export interface RingSink extends Omit<SlotSink, "output" | "ended"> {
  text(ticket: number, stdout: number, stderr: number): void;
}

/** Words of a request. */
export interface RequestFields {
  readonly op: number;
  readonly ticket: number;
  /** Under which its large buffers were sent. */
  readonly parts: number;
  readonly definition: number;
  readonly buffers: number;
  readonly at: number;
  readonly length: number;
}

/** A piece of a large buffer of a result. */
export interface Piece {
  readonly index: number;
  readonly total: number;
  readonly offset: number;
  readonly at: number;
  readonly length: number;
}

/** Beyond the limit of results: errors are small, whatever that limit is. */
const RESULT_SLACK_BYTES = 2 << 20;

/** Holds the pieces of one result's buffers to their order and bounds. */
export class PieceOrder {
  readonly #arenaBytes: number;
  readonly #limit: number;
  /** Buffers that are whole, and how far the next one is. */
  #buffers = 0;
  #total = 0;
  #offset = 0;
  /** Bytes of all of them together. */
  #bytes = 0;

  constructor(arenaBytes: number, limit: number) {
    this.#arenaBytes = arenaBytes;
    this.#limit = limit + RESULT_SLACK_BYTES;
  }

  /** Another task begins. */
  reset(): void {
    this.#buffers =
      this.#total =
      this.#offset =
      this.#bytes =
        0;
  }

  /** @throws Nonsense if this is not the piece that comes next */
  check(piece: Piece): void {
    const { index, total, offset, at, length } = piece;
    const isFirst = this.#offset === 0;
    const isNext = index === this.#buffers && offset === this.#offset && length > 0 && length <= PIECE_BYTES;
    const isSame = Number.isSafeInteger(total) && (isFirst || total === this.#total) &&
      offset + length <= total;
    if (!isNext || !isSame) throw new Nonsense("It published a piece that does not follow");
    if (at < 0 || at + length > this.#arenaBytes) throw new Nonsense("It published a piece out of bounds");
    if (isFirst) this.#bytes += total;
    if (this.#bytes > this.#limit) throw new Nonsense(`It published more than ${this.#limit} bytes`);
    this.#total = total;
    this.#offset = offset + length;
    if (this.#offset < total) return;
    this.#buffers++;
    this.#offset = 0;
  }

  /** @throws Nonsense if a result with so many buffers, and a body of so many bytes, is not complete */
  checkWhole(buffers: number, length: number): void {
    if (buffers !== this.#buffers || this.#offset !== 0) throw new Nonsense("Its buffers are not complete");
    if (length === 0 && buffers === 0) throw new Nonsense("It answered nothing");
  }
}

/** @throws Nonsense if it is no answer of a task */
export function checkKind(kind: number): void {
  if (kind === RESULT_KIND.ok || kind === RESULT_KIND.error || kind === RESULT_KIND.tooLarge) return;
  throw new Nonsense(`It published kind ${kind}`);
}

/** @throws RangeError if a number cannot be a ticket */
export function checkTicket(ticket: number): void {
  if (ticket >>> 0 !== ticket) {
    throw new RangeError(`Cannot use ${ticket} as a ticket: it is no 32-bit number`);
  }
}

/** @throws RangeError if the ticket or the body is none that a ring can take */
export function checkOffer(ticket: number, bytes: number, layout: RingLayout): void {
  checkTicket(ticket);
  if (bytes > layout.ringBytes / 2) throw new RangeError(`Cannot offer ${bytes} bytes at once`);
}

/** Copies bytes to a place in the shared memory. */
export function copyTo(memory: Uint8Array<ArrayBuffer>, at: number, bytes: Uint8Array | ByteSource): void {
  if (bytes instanceof Uint8Array) memory.set(bytes, at);
  else bytes.copyInto(memory.subarray(at, at + bytes.length));
}

/** The nearest number within the bounds; NaN is the lower one. */
export function clamp(value: number, low: number, high: number): number {
  if (!(value >= low)) return low;
  return value > high ? Math.max(low, high) : value;
}

function wordsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.map(String) : [];
}

/** What the child says of its walls. @throws Nonsense */
export function readWalls(body: Uint8Array): WallReport {
  try {
    const { deno, landlock, seccomp, missing, excess } = JSON.parse(new TextDecoder().decode(body));
    return {
      deno: deno === true,
      landlock: Number(landlock) || 0,
      seccomp: seccomp === true,
      missing: wordsOf(missing),
      excess: wordsOf(excess),
    };
  } catch (error) {
    throw new Nonsense("It reported walls that cannot be read", { cause: error });
  }
}

/** Most characters of what a task says of why it cannot run here. */
export const MAX_REASON = 1000;

/** Why a task cannot run here, in its own words. */
export function readReason(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, 4 * MAX_REASON)).slice(0, MAX_REASON);
}

/** How large a result is of which only that was said. @throws Nonsense */
export function readSize(body: Uint8Array): number {
  const bytes = Number(new TextDecoder().decode(body.subarray(0, 20)));
  if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new Nonsense("It said no size of a result");
  return bytes;
}
