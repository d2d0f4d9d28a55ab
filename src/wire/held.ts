/**
 * A frame that outlives its message, in libzmq's own memory: for large ones, which would cost more to copy than to keep. Counted by those who use it; the last one's
 * `release` frees the memory and takes it away from whoever still looks. Whoever forgets is found by the garbage collector.
 */
import { type LibZmq, libzmq } from "../native/libzmq.ts";

const MSG_BYTES = 64;
const forgotten = new FinalizationRegistry<Uint8Array<ArrayBuffer>>((msg) => {
  libzmq().symbols.zmq_msg_close(msg);
});

export class Held {
  /** The frame's bytes, not to be written to. Empty after the last `release`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #zmq: LibZmq;
  /** A zmq_msg_t that shares the frame's memory; in a buffer of its own, which never moves. */
  readonly #msg = new Uint8Array(new ArrayBuffer(MSG_BYTES));
  #users = 0;
  #isFree = false;

  /** @param msg a zmq_msg_t of `size` bytes, at least one; it stays as it is */
  constructor(msg: Uint8Array<ArrayBuffer>, size: number) {
    const zmq = this.#zmq = libzmq().symbols;
    zmq.zmq_msg_init(this.#msg);
    zmq.zmq_msg_copy(this.#msg, msg);
    const pointer = zmq.zmq_msg_data(this.#msg);
    if (pointer === null) throw new RangeError("Cannot keep a frame that has no bytes");
    this.bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, size));
    forgotten.register(this, this.#msg, this);
  }

  /** One more user. */
  hold(): void {
    this.#users++;
  }

  /** One user less. */
  release(): void {
    if (--this.#users > 0 || this.#isFree) return;
    this.#isFree = true;
    forgotten.unregister(this);
    this.bytes.buffer.transfer(0);
    this.#zmq.zmq_msg_close(this.#msg);
  }
}
