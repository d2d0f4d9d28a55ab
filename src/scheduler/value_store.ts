/**
 * Values that clients have put, as bytes (PROTOCOL.md, "Kept values"): kept until they are dropped or newer ones need the room, and then still known by whose they
 * are, who is asked for them again. Pure.
 */
import { isNextPiece } from "../protocol/value_pieces.ts";

/** A piece of a value. */
export interface ValuePiece {
  readonly index: number;
  readonly offset: number;
  readonly total: number;
  readonly bytes: Uint8Array;
}

/** A value, perhaps on its way. */
export interface StoredValue {
  /** Index of the client that has put it. */
  readonly client: number;
  readonly buffers: number;
  readonly pieces: ValuePiece[];
  bytes: number;
  isWhole: boolean;
}

/** What became of a piece. */
export type Taken = "more" | "whole" | "refused";

const MAX_BYTES = 1 << 30;
/** What each value costs beside its bytes. */
const VALUE_BYTES = 256;
/** Values whose client is remembered. */
const MAX_OWNERS = 65_536;

export class ValueStore {
  readonly #values = new Map<string, StoredValue>();
  readonly #owners = new Map<string, number>();
  /** Bytes of each client's. */
  readonly #byClient = new Map<number, number>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a piece; they come in order. One that is the first of its value begins it anew. */
  add(name: string, client: number, buffers: number, piece: ValuePiece): Taken {
    let value = this.#values.get(name);
    const isLast = piece.index === buffers - 1 && piece.offset + piece.bytes.length === piece.total;
    // It was asked for twice.
    if (value?.isWhole === true && value.client === client) return isLast ? "whole" : "more";
    if (piece.index === 0 && piece.offset === 0) {
      if (value !== undefined) this.#forget(name, value);
      this.#values.set(name, value = { client, buffers, pieces: [], bytes: VALUE_BYTES, isWhole: false });
      this.#count(client, VALUE_BYTES);
      this.#own(name, client);
    }
    if (value === undefined || value.isWhole || value.client !== client || !isNextPiece(value, piece)) {
      return "refused";
    }
    value.pieces.push(piece);
    value.bytes += piece.bytes.length;
    this.#count(client, piece.bytes.length);
    if (!this.#makeRoom(name)) {
      this.drop(name);
      return "refused";
    }
    value.isWhole = isLast;
    return value.isWhole ? "whole" : "more";
  }

  /** Drops, of the client that has the most, what was used longest ago; false if the latest alone is too large. */
  #makeRoom(latest: string): boolean {
    while (this.#bytes > this.#maxBytes) {
      const client = this.#largest();
      const name = this.#oldestOf(client, latest) ?? this.#oldestOf(undefined, latest);
      if (name === undefined) return false;
      this.#forget(name, this.#values.get(name)!);
    }
    return true;
  }

  #largest(): number {
    let most = -1, largest = -1;
    for (const [client, bytes] of this.#byClient) if (bytes > most) [largest, most] = [client, bytes];
    return largest;
  }

  #oldestOf(client: number | undefined, latest: string): string | undefined {
    for (const [name, value] of this.#values) {
      if (name !== latest && (client === undefined || value.client === client)) return name;
    }
    return undefined;
  }

  #count(client: number, bytes: number): void {
    this.#bytes += bytes;
    const own = (this.#byClient.get(client) ?? 0) + bytes;
    if (own === 0) this.#byClient.delete(client);
    else this.#byClient.set(client, own);
  }

  #own(name: string, client: number): void {
    this.#owners.delete(name);
    this.#owners.set(name, client);
    if (this.#owners.size <= MAX_OWNERS) return;
    for (const oldest of this.#owners.keys()) {
      if (!this.#values.has(oldest)) return void this.#owners.delete(oldest);
    }
  }

  /** A value that is here whole; from now on it is the last to go. */
  use(name: string): StoredValue | undefined {
    const value = this.#values.get(name);
    if (value?.isWhole !== true) return undefined;
    this.#values.delete(name);
    this.#values.set(name, value);
    return value;
  }

  /** Whose value it is; undefined if nobody's that is known. */
  ownerOf(name: string): number | undefined {
    return this.#owners.get(name);
  }

  /** Forgets it for good. */
  drop(name: string): void {
    const value = this.#values.get(name);
    if (value !== undefined) this.#forget(name, value);
    this.#owners.delete(name);
  }

  #forget(name: string, value: StoredValue): void {
    this.#values.delete(name);
    this.#count(value.client, -value.bytes);
  }
}
