/**
 * Functions and clients' cards by (client, id), kept once for all engines of the host, and once for equal bodies whoever sent them. Each function gets a number
 * of the host's own, by which children know it. A function that no id names any more gives its number back, so that children forget it too: they take what
 * comes next under that number instead.
 */
import { readValue } from "../protocol/values.ts";
import type { Piece } from "./piece_store.ts";

/** A function as it is told to each child; its bytes are opaque here. */
export interface ClientFunction {
  readonly number: number;
  readonly body: Uint8Array;
  readonly buffers: number;
  readonly pieces: readonly Piece[];
}

/** Who a client is: what the msg_ids of its tasks are made of. */
export interface ClientCard {
  readonly session: string;
  readonly username: string;
  readonly pid: number;
}

/** A function and how many ids name it. */
interface Kept extends ClientFunction {
  ids: number;
}

/** So many functions that no id names are gathered before tasks are looked through for those that still need one. */
const RETIRED = 256;

export class ClientFunctions {
  readonly #byClient = new Map<number, Map<number, Kept>>();
  readonly #byNumber = new Map<number, Kept>();
  /** Those without large buffers, by a hash of their bodies. */
  readonly #byBody = new Map<number, Kept[]>();
  readonly #retired = new Set<number>();
  #free: number[] = [];
  readonly #inUse: () => Iterable<number>;
  readonly #cards = new Map<number, ClientCard>();
  #last = 0;

  /** @param inUse numbers that tasks name which are not over */
  constructor(inUse: () => Iterable<number>) {
    this.#inUse = inUse;
  }

  /**
   * Takes a define record; its body is copied. Id 0 is the client's card.
   * @throws TypeError if a card cannot be read
   */
  set(client: number, id: number, body: Uint8Array, buffers: number, pieces: readonly Piece[]): void {
    if (id === 0) return this.#setCard(client, body);
    let own = this.#byClient.get(client);
    if (own === undefined) this.#byClient.set(client, own = new Map());
    const before = own.get(id);
    if (before !== undefined && buffers === 0 && before.buffers === 0 && isSame(before.body, body)) return;
    const known = this.#sameAs(body, buffers) ?? this.#add(body, buffers, pieces);
    known.ids++;
    own.set(id, known);
    if (before !== undefined) this.#release(before);
  }

  #sameAs(body: Uint8Array, buffers: number): Kept | undefined {
    if (buffers > 0) return undefined;
    return this.#byBody.get(hashOf(body))?.find((known) => isSame(known.body, body));
  }

  #add(body: Uint8Array, buffers: number, pieces: readonly Piece[]): Kept {
    const known = { number: this.#nextNumber(), body: body.slice(), buffers, pieces, ids: 0 };
    this.#byNumber.set(known.number, known);
    if (buffers > 0) return known;
    const hash = hashOf(body), same = this.#byBody.get(hash);
    if (same === undefined) this.#byBody.set(hash, [known]);
    else same.push(known);
    return known;
  }

  #release(known: Kept): void {
    if (--known.ids > 0) return;
    this.#retired.add(known.number);
    if (known.buffers > 0) return;
    const hash = hashOf(known.body), left = this.#byBody.get(hash)?.filter((other) => other !== known) ?? [];
    if (left.length === 0) this.#byBody.delete(hash);
    else this.#byBody.set(hash, left);
  }

  #nextNumber(): number {
    if (this.#free.length === 0 && this.#retired.size >= RETIRED) this.#reclaim();
    return this.#free.pop() ?? ++this.#last;
  }

  /** Drops the functions that no id names and no task needs. */
  #reclaim(): void {
    const inUse = new Set(this.#inUse());
    for (const number of this.#retired) {
      if (inUse.has(number)) continue;
      this.#retired.delete(number);
      this.#byNumber.delete(number);
      this.#free.push(number);
    }
  }

  /** How many functions are kept, those included that go with the next tidying up. */
  get size(): number {
    return this.#byNumber.size;
  }

  #setCard(client: number, body: Uint8Array): void {
    const value = readValue(body);
    if (typeof value !== "object" || value === null) {
      throw new TypeError("Cannot read a client's card: no object");
    }
    const { session, username, pid }: Partial<Record<keyof ClientCard, unknown>> = value;
    if (typeof session !== "string" || typeof username !== "string" || typeof pid !== "number") {
      throw new TypeError("Cannot read a client's card: session, username or pid is missing");
    }
    this.#cards.set(client, { session, username, pid });
  }

  /** The host's number of a client's function, 0 if it is not known. */
  numberOf(client: number, id: number): number {
    return this.#byClient.get(client)?.get(id)?.number ?? 0;
  }

  get(number: number): ClientFunction | undefined {
    return this.#byNumber.get(number);
  }

  card(client: number): ClientCard | undefined {
    return this.#cards.get(client);
  }
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
