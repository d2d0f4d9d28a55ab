/**
 * Memory of clients on this host (PROTOCOL.md, "Shared memory"): arguments are read from it, results written to it. The client can change it at any time, so each byte
 * is copied once, and only the copy is looked at. What it writes there is data of its own tasks and nothing else.
 */
import { toHex } from "../base/ids.ts";
import { SharedFile } from "../native/shared_file.ts";
import { CHUNK_PIECE_BYTES } from "../protocol/groups.ts";
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
import type { PieceMemory } from "./piece_store.ts";
import type { ByteSource } from "./slot_contract.ts";

/** Most clients whose memory is held at once; others go by socket. */
const MAX_CLIENTS = 64;

/** One client's. */
export class ClientMemory {
  readonly tag: number;
  readonly #offer: MemoryOffer;
  readonly #file: SharedFile;
  readonly #done = new Uint32Array(1);
  #next = 0;
  #isGone = false;
  /** What the client counted when the places began anew, and where they did. */
  #emptyAt = -1;
  #begin = 0;
  /** The host itself, and each piece that is to be read. */
  #users = 1;

  private constructor(offer: MemoryOffer, file: SharedFile) {
    this.tag = offer.tag;
    this.#offer = offer;
    this.#file = file;
  }

  /** Opens what is offered; null if it is not there, or is something else. */
  static open(offer: MemoryOffer): ClientMemory | null {
    const file = SharedFile.open({ ...offer, name: sharedName(offer.tag) }, SHARED_BYTES);
    if (file === null) return null;
    const token = new Uint8Array(SHARED_TOKEN_BYTES);
    if (file.read(0, token) && toHex(token) === offer.token) return new ClientMemory(offer, file);
    file.close();
    return null;
  }

  /** Whether the client still has it. */
  get isThere(): boolean {
    return SharedFile.isThere({ ...this.#offer, name: sharedName(this.tag) });
  }

  /** The client has it no longer. */
  leave(): void {
    this.#isGone = true;
    this.release();
  }

  hold(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users === 0) this.#file.close();
  }

  /** A piece that the client has put down. @throws RangeError if there is no such place */
  piece(place: number, length: number): ByteSource & PieceMemory {
    if (place >= SHARED_PLACES.arguments || length > CHUNK_PIECE_BYTES) {
      throw new RangeError(`Cannot read ${length} bytes at place ${place} of a client's memory`);
    }
    const isGone = () => this.#isGone;
    return {
      length,
      get isGone() {
        return isGone();
      },
      copyInto: (array) => {
        const into = array.subarray(0, length);
        if (this.#file.read(argumentOffset(place), into)) return;
        throw new Error(`Cannot read ${length} bytes of a client's memory`);
      },
      hold: () => this.hold(),
      release: () => this.release(),
    };
  }

  /** Puts a piece of a result down; its place, or -1 if there is no room now. */
  put(piece: Uint8Array): number {
    if (!this.#file.read(SHARED_DONE_AT, new Uint8Array(this.#done.buffer))) return -1;
    const waiting = this.#waiting(this.#done[0]!);
    if (waiting >= SHARED_PLACES.results) return -1;
    const place = this.#next;
    if (!this.#file.write(resultOffset(place), piece as Uint8Array<ArrayBuffer>)) return -1;
    this.#next = (place + 1) >>> 0;
    return place;
  }

  /** Places that the client is not done with. If there are none, the first place is next: small results then use few pages, again and again. */
  #waiting(done: number): number {
    const { results } = SHARED_PLACES;
    if (done === this.#next && done % results !== 0) {
      this.#emptyAt = done;
      this.#begin = this.#next = Math.ceil(done / results) * results >>> 0;
    }
    return (this.#next - (done === this.#emptyAt ? this.#begin : done)) >>> 0;
  }
}

/** That of all clients of one engine. */
export class ClientMemories {
  readonly #byClient = new Map<number, ClientMemory>();

  /** Takes what a client offers; false if that cannot be done. */
  take(client: number, offer: MemoryOffer): boolean {
    this.drop(client);
    if (this.#byClient.size >= MAX_CLIENTS) return false;
    const memory = ClientMemory.open(offer);
    if (memory !== null) this.#byClient.set(client, memory);
    return memory !== null;
  }

  of(client: number): ClientMemory | undefined {
    return this.#byClient.get(client);
  }

  drop(client: number): void {
    this.#byClient.get(client)?.release();
    this.#byClient.delete(client);
  }

  /** Closes what its client has not any more. */
  expire(): void {
    for (const [client, memory] of this.#byClient) {
      if (memory.isThere) continue;
      this.#byClient.delete(client);
      memory.leave();
    }
  }

  clear(): void {
    for (const client of [...this.#byClient.keys()]) this.drop(client);
  }
}
