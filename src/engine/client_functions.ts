/**
 * Functions and clients' cards by (client, id), kept once for all engines of the host. Each function gets a number of the host's own, by
 * which children know it; another body under the same id is another number.
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

export class ClientFunctions {
  readonly #byClient = new Map<number, Map<number, ClientFunction>>();
  readonly #byNumber = new Map<number, ClientFunction>();
  readonly #cards = new Map<number, ClientCard>();
  #last = 0;

  /**
   * Takes a define record; its body is copied. Id 0 is the client's card.
   * @throws TypeError if a card cannot be read
   */
  set(client: number, id: number, body: Uint8Array, buffers: number, pieces: readonly Piece[]): void {
    if (id === 0) return this.#setCard(client, body);
    let own = this.#byClient.get(client);
    if (own === undefined) this.#byClient.set(client, own = new Map());
    const before = own.get(id);
    if (before !== undefined) {
      if (buffers === 0 && before.buffers === 0 && isSame(before.body, body)) return;
      this.#byNumber.delete(before.number);
    }
    const known = { number: ++this.#last, body: body.slice(), buffers, pieces };
    own.set(id, known);
    this.#byNumber.set(known.number, known);
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

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
