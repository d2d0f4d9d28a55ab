/**
 * A frame that outlives its message, in libzmq's own memory: for large ones, which would cost more to copy than to keep. Counted by those who use it; the last one's
 * `release` frees the memory. Whoever forgets is found by the garbage collector.
 *
 * It is read by copying it to where it is wanted, and is no array by itself: arrays over foreign memory count as the program's own, and have the garbage collector
 * run for each few of them.
 */
import { type LibZmq, libzmq } from "../native/libzmq.ts";

const MSG_BYTES = 64;
const forgotten = new FinalizationRegistry<Uint8Array<ArrayBuffer>>((msg) => {
  libzmq().symbols.zmq_msg_close(msg);
});

export class Held {
  readonly length: number;
  readonly #zmq: LibZmq;
  /** A zmq_msg_t that shares the frame's memory; in a buffer of its own, which never moves. */
  readonly #msg = new Uint8Array(new ArrayBuffer(MSG_BYTES));
  /** Null once the memory is free. */
  #pointer: Deno.PointerValue;
  #users = 0;

  /** @param msg a zmq_msg_t of `size` bytes, at least one; it stays as it is */
  constructor(msg: Uint8Array<ArrayBuffer>, size: number) {
    const zmq = this.#zmq = libzmq().symbols;
    zmq.zmq_msg_init(this.#msg);
    zmq.zmq_msg_copy(this.#msg, msg);
    this.#pointer = zmq.zmq_msg_data(this.#msg);
    this.length = size;
    forgotten.register(this, this.#msg, this);
  }

  /** Copies all bytes to an array's begin; zeros, if the memory was given back. */
  copyInto(array: Uint8Array<ArrayBuffer>): void {
    const into = array.subarray(0, this.length);
    if (this.#pointer === null) into.fill(0);
    else Deno.UnsafePointerView.copyInto(this.#pointer, into);
  }

  /** One more user. */
  hold(): void {
    this.#users++;
  }

  /** One user less. */
  release(): void {
    if (--this.#users > 0 || this.#pointer === null) return;
    this.#pointer = null;
    forgotten.unregister(this);
    this.#zmq.zmq_msg_close(this.#msg);
  }
}
