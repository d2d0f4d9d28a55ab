/**
 * ZAP, libzmq's question who may connect (RFC 27): each CURVE server socket of a context that has a `zapDomain` asks the one handler of that context about
 * the public key of whoever connects, and holds the handshake until it has its answer. What the handler calls the peer stands at every message of that connection
 * (`Incoming.userId`).
 */
import type { Context } from "./context.ts";
import type { Socket } from "./socket.ts";
import { z85 } from "./z85.ts";

/** Where libzmq looks for the handler of a context. */
const ADDRESS = "inproc://zeromq.zap.01";
const VERSION = "1.0";
/** Version, request id, domain, address, identity, mechanism, then the credentials. */
const FIELDS = 6;

/**
 * Says who somebody is.
 * @param publicKey CURVE key in Z85
 * @param domain of the socket that is connected to
 * @returns the name that messages of the connection carry, at most 255 bytes; null to refuse
 */
export type Judge = (publicKey: string, domain: string) => string | null;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class ZapHandler {
  /** For pollers: call `read` when it can be read. Until then whoever connects waits. */
  readonly socket: Socket;
  readonly #judge: Judge;
  #refused = 0;

  /**
   * Opens the handler; it has to be there before the sockets bind.
   * @throws WireError `EADDRINUSE` if the context has one
   */
  constructor(context: Context, judge: Judge) {
    this.#judge = judge;
    this.socket = context.socket("REP");
    this.socket.bind(ADDRESS);
  }

  /** How many were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Answers all questions that are there. */
  read(): void {
    for (let frames = this.socket.receive(); frames !== undefined; frames = this.socket.receive()) {
      this.socket.send(this.#answer(frames));
    }
  }

  #answer(frames: readonly Uint8Array[]): Uint8Array[] {
    const [, requestId = new Uint8Array(0), domain, , , mechanism, key] = frames;
    const name = frames.length === FIELDS + 1 && textOf(mechanism) === "CURVE" && key?.length === 32
      ? this.#judge(z85(key), textOf(domain))
      : null;
    if (name === null) this.#refused++;
    const [code, text] = name === null ? ["400", "not on the list"] : ["200", "OK"];
    const fields = [code, text, name ?? "", ""].map((field) => encoder.encode(field));
    return [encoder.encode(VERSION), requestId, ...fields];
  }

  close(): void {
    this.socket.close();
  }
}

function textOf(frame: Uint8Array | undefined): string {
  return decoder.decode(frame);
}
