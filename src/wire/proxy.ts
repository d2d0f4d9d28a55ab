/**
 * libzmq's own proxy on a native thread: what comes to one socket goes to the other, both ways, without a line of JavaScript between. A copy of everything can be
 * read from `capture`.
 *
 * The thread is one of the pool that FFI calls run on: it is started by the call itself, so it works while our own thread blocks in a poll.
 */
import { libzmq } from "../native/libzmq.ts";
import type { Context } from "./context.ts";
import { WireError } from "./errors.ts";
import type { Socket } from "./socket.ts";

const TERMINATE = new TextEncoder().encode("TERMINATE");
let made = 0;

export class Proxy {
  /** A PAIR from which a copy of each message can be received; it has no bound. */
  readonly capture: Socket;
  readonly #steering: Socket;
  readonly #ends: readonly Socket[];
  readonly #done: Promise<number>;
  #isStopped = false;

  /** Takes both sockets over: nobody else may use them until `stop` has settled, which closes them. */
  constructor(context: Context, frontend: Socket, backend: Socket) {
    const pair = (name: string): [Socket, Socket] => {
      const url = `inproc://proxy-${name}-${made}`;
      const inner = context.socket("PAIR"), outer = context.socket("PAIR");
      inner.bind(url);
      outer.connect(url);
      return [inner, outer];
    };
    made++;
    const [captured, capture] = pair("capture"), [steered, steering] = pair("steering");
    this.capture = capture;
    this.#steering = steering;
    this.#ends = [frontend, backend, captured, steered];
    const [front, back, copy, control] = this.#ends.map(({ handle }) => handle);
    this.#done = libzmq().symbols.proxy_async(front!, back!, copy!, control!);
  }

  /** Ends the thread and closes all sockets. Harmless twice. @throws WireError if the proxy had failed */
  async stop(): Promise<void> {
    if (!this.#isStopped) {
      this.#isStopped = true;
      this.#steering.send([TERMINATE]);
    }
    const code = await this.#done;
    for (const socket of [...this.#ends, this.capture, this.#steering]) socket.close();
    if (code !== 0) throw new WireError("The proxy on its thread ended by itself", "EPROXY");
  }
}
