/**
 * One received message, reused from message to message: its frames stay libzmq's own memory, so that a relay copies nothing.
 */
import { type LibZmq, libzmq } from "../native/libzmq.ts";
import type { Socket } from "./socket.ts";

const MSG_BYTES = 64;
/** Frames up to this size are copied into one reused buffer, larger ones are viewed in place. */
const COPY_BYTES = 4096;

interface Part {
  /** The zmq_msg_t. */
  readonly msg: Uint8Array<ArrayBuffer>;
  size: number;
  /** The frame's bytes once somebody asked for them. */
  bytes: Uint8Array | null;
}

export class Incoming {
  readonly #zmq: LibZmq;
  readonly #parts: Part[] = [];
  #scratch = new Uint8Array(16 << 10);
  #used = 0;
  #count = 0;

  constructor() {
    this.#zmq = libzmq().symbols;
  }

  /** Number of frames. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of frame `i`, valid until the next message is received into this object or it is forwarded. */
  frame(i: number): Uint8Array {
    const part = this.#part(i);
    if (part.bytes === null) part.bytes = this.#read(part);
    return part.bytes;
  }

  /** Size of frame `i` in bytes. */
  size(i: number): number {
    return this.#part(i).size;
  }

  /** Frame `i` as bytes of one's own. */
  copy(i: number): Uint8Array {
    return this.frame(i).slice();
  }

  /** All frames as bytes of one's own. */
  frames(): Uint8Array[] {
    return Array.from({ length: this.#count }, (_, i) => this.copy(i));
  }

  /**
   * Sends `prefix` and then the frames from `from` on, as they are. They are gone from here afterwards.
   * @returns false if nothing was sent: no such peer, or it would block
   */
  forward(to: Socket, prefix: readonly Uint8Array[], from: number): boolean {
    const last = this.#count - 1;
    for (let i = 0; i < prefix.length; i++) {
      if (!to.sendPart(prefix[i]!, i < prefix.length - 1 || from <= last)) return false;
    }
    for (let i = from; i <= last; i++) {
      if (!to.sendMessage(this.#parts[i]!.msg, i < last)) return false;
    }
    for (let i = from; i <= last; i++) this.#parts[i]!.bytes = null;
    return true;
  }

  #part(i: number): Part {
    const part = this.#parts[i];
    if (part === undefined || i >= this.#count) {
      throw new RangeError(`Cannot take frame ${i} of ${this.#count}`);
    }
    return part;
  }

  #read(part: Part): Uint8Array {
    const pointer = this.#zmq.zmq_msg_data(part.msg);
    if (pointer === null || part.size === 0) return new Uint8Array(0);
    const view = new Deno.UnsafePointerView(pointer);
    if (part.size > COPY_BYTES) {
      return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, part.size));
    }
    // 8-byte steps keep group records aligned for whoever reads them with typed arrays.
    const at = this.#used;
    if (at + part.size > this.#scratch.length) {
      this.#scratch = new Uint8Array(this.#scratch.length * 2);
      this.#used = 0;
      return this.#read(part);
    }
    this.#used = (at + part.size + 7) & ~7;
    const bytes = this.#scratch.subarray(at, at + part.size);
    view.copyInto(bytes);
    return bytes;
  }

  /** For Socket: forgets the last message. */
  begin(): void {
    this.#count = 0;
    this.#used = 0;
  }

  /** For Socket: the struct that the next frame is received into. */
  next(): Uint8Array<ArrayBuffer> {
    let part = this.#parts[this.#count];
    if (part === undefined) {
      part = { msg: new Uint8Array(MSG_BYTES), size: 0, bytes: null };
      this.#zmq.zmq_msg_init(part.msg);
      this.#parts.push(part);
    }
    part.bytes = null;
    return part.msg;
  }

  /** For Socket: the frame has arrived. */
  took(size: number): void {
    this.#parts[this.#count++]!.size = size;
  }
}
