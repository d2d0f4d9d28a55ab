/**
 * What handshakes that do not succeed say about the other end. Knows nothing of sockets: whoever watches one tells it.
 */

/** A connection that is closed during the handshake so often is refused; once may be a peer that ends. */
const SILENT_FAILURES = 3;

const USE_ITS_FILE = "use the connection file that it wrote";

/** What a handshake came to. `closed`: the peer went away during it; `lost`: after it. `unlisted`: it does not take our key. */
export type Handshake = "succeeded" | "closed" | "mismatch" | "refused" | "unlisted" | "lost";

/** Where a socket connects, and with what. */
export interface ConnectsTo {
  readonly url: string;
  /** The other end's CURVE key, if there is one for it. */
  readonly serverKey?: string | null | undefined;
}

/** The handshakes of one connecting socket. */
export class HandshakeCount {
  #silent = 0;
  readonly #url: string;
  readonly #hasKey: boolean;

  constructor({ url, serverKey }: ConnectsTo) {
    this.#url = url;
    this.#hasKey = Boolean(serverKey);
  }

  /** Takes one more. @returns a sentence if the two do not come together; undefined as long as they may */
  reason(handshake: Handshake): string | undefined {
    const why = this.#why(handshake);
    return why === undefined ? undefined : `Cannot connect to "${this.#url}": ${why}`;
  }

  #why(handshake: Handshake): string | undefined {
    switch (handshake) {
      case "succeeded":
        this.#silent = 0;
        return undefined;
      case "lost":
        return undefined;
      case "mismatch":
        return this.#mismatch;
      case "refused":
        return this.#refusal;
      case "unlisted":
        return "its policy does not know this CURVE key; ask its owner to list your public key, and name the secret one " +
          "(IPP_CURVE_SECRETKEY; `tsparallel keys` makes a pair)";
      case "closed":
        return ++this.#silent < SILENT_FAILURES ? undefined : this.#refusal;
    }
  }

  get #mismatch(): string {
    return this.#hasKey
      ? `there is a CURVE key for it, but it does not encrypt; ${USE_ITS_FILE}`
      : `it encrypts (CURVE), and there is no key for it; ${USE_ITS_FILE}, or set IPP_CURVE_SERVERKEY to its public key`;
  }

  get #refusal(): string {
    return this.#hasKey
      ? `it refuses the encrypted handshake: its CURVE key is another, or it does not encrypt; ${USE_ITS_FILE}`
      : "it closes the connection during the handshake: it encrypts (CURVE), and there is no key for it, or it is no controller at all; " +
        `${USE_ITS_FILE}, or set IPP_CURVE_SERVERKEY to its public key`;
  }
}
