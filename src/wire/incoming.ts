/**
 * One received message, reused from message to message. Its frames stay in libzmq's own memory until somebody looks at them, so that
 * a relay copies nothing: small ones are then copied into one reused buffer, large ones are seen where they lie.
 */
import { copyOut, type LibZmq, libzmq, MAY_VIEW } from "../native/libzmq.ts";
import { Held } from "./held.ts";
import type { Socket } from "./socket.ts";
import { userIdOf } from "./user_id.ts";

const MSG_BYTES = 64;
/** Structs that are allocated together. */
const CHUNK = 32;
/** Above this size a view in place is cheaper than a copy. */
const COPY_BYTES = 8192;
const SCRATCH_BYTES = 16 << 10;

/** One frame's place. */
interface Part {
  /** The zmq_msg_t; always initialised. */
  readonly msg: Uint8Array<ArrayBuffer>;
  size: number;
  /** The frame's bytes once somebody asked for them. */
  bytes: Uint8Array | null;
  /** Whether `bytes` lie in libzmq's memory. */
  isInPlace: boolean;
}

/** A message that was received with `Socket.receiveInto`. */
export class Incoming {
  readonly #zmq: LibZmq;
  readonly #parts: Part[] = [];
  readonly #copy: Uint8Array<ArrayBuffer>;
  #scratch = new Uint8Array(SCRATCH_BYTES);
  #used = 0;
  #count = 0;
  #filled = 0;

  constructor() {
    this.#zmq = libzmq().symbols;
    this.#copy = new Uint8Array(new ArrayBuffer(CHUNK * MSG_BYTES), 0, MSG_BYTES);
  }

  /**
   * Who sent the message, as a `ZapHandler` called it when it connected; "" where none was asked. Nobody but the handler can set it.
   */
  get userId(): string {
    return this.#count === 0 ? "" : userIdOf(this.#zmq, this.#parts[0]!.msg);
  }

  /** Number of frames. */
  get count(): number {
    return this.#count;
  }

  /**
   * Bytes of frame `i`, not to be written to. Valid until the next `receiveInto` with this object: then large ones become empty and
   * small ones are overwritten.
   * @throws RangeError if there is no such frame
   */
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

  /** Frame `i` as long as somebody holds it, uncopied; null if it is too small for that to be worth while. */
  hold(i: number): Held | null {
    const part = this.#part(i);
    return part.size > COPY_BYTES ? new Held(part.msg, part.size) : null;
  }

  /** All frames as bytes of one's own. */
  frames(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let i = 0; i < this.#count; i++) frames.push(this.copy(i));
    return frames;
  }

  /** The same for frames that live and end together: in one piece of memory, which costs less. */
  ownFrames(): Uint8Array[] {
    let bytes = 0;
    for (let i = 0; i < this.#count; i++) bytes += this.#parts[i]!.size;
    const whole = new Uint8Array(bytes), frames: Uint8Array[] = [];
    for (let i = 0, at = 0; i < this.#count; i++) {
      const { size } = this.#parts[i]!;
      if (size > 0) whole.set(this.frame(i), at);
      frames.push(whole.subarray(at, at += size));
    }
    return frames;
  }

  /** All frames as `frame` gives them, valid until the next `receiveInto`. */
  views(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let i = 0; i < this.#count; i++) frames.push(this.frame(i));
    return frames;
  }

  /**
   * Sends `prefix` and then the frames from `from` on. Large frames are shared with libzmq, not copied. The message stays as it is, and
   * can be forwarded again.
   * @returns false if nothing was sent: it would block, or no such peer is there
   */
  forward(to: Socket, prefix: readonly Uint8Array[], from: number): boolean {
    const last = this.#count - 1;
    for (let i = 0; i < prefix.length; i++) {
      if (!to.sendPart(prefix[i]!, i < prefix.length - 1 || from <= last)) return false;
    }
    for (let i = from; i <= last; i++) {
      if (!this.#share(to, this.#parts[i]!, i < last)) return false;
    }
    return true;
  }

  /** Gives back the memory of the last message. Harmless twice. */
  release(): void {
    this.begin();
    this.#releaseFrom(0);
  }

  #share(to: Socket, part: Part, more: boolean): boolean {
    this.#zmq.zmq_msg_init(this.#copy);
    this.#zmq.zmq_msg_copy(this.#copy, part.msg);
    const isSent = to.sendMessage(this.#copy, more);
    if (!isSent) this.#zmq.zmq_msg_close(this.#copy);
    return isSent;
  }

  #part(i: number): Part {
    const part = this.#parts[i];
    if (part === undefined || i >= this.#count) {
      throw new RangeError(`Cannot take frame ${i} of a message of ${this.#count}`);
    }
    return part;
  }

  #read(part: Part): Uint8Array {
    const pointer = part.size === 0 ? null : this.#zmq.zmq_msg_data(part.msg);
    if (pointer === null) return new Uint8Array(0);
    if (part.size > COPY_BYTES && MAY_VIEW) {
      part.isInPlace = true;
      return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, part.size));
    }
    const bytes = part.size > COPY_BYTES ? new Uint8Array(part.size) : this.#room(part.size);
    copyOut(this.#zmq, pointer, bytes);
    return bytes;
  }

  /** A place in the scratch buffer, at a multiple of 8. Views of a buffer that became too small stay good. */
  #room(size: number): Uint8Array<ArrayBuffer> {
    if (this.#used + size > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(this.#scratch.length * 2, size));
      this.#used = 0;
    }
    const at = this.#used;
    this.#used = (at + size + 7) & ~7;
    return this.#scratch.subarray(at, at + size);
  }

  /** For Socket: forgets the last message. */
  begin(): void {
    for (let i = 0; i < this.#count; i++) {
      const part = this.#parts[i]!;
      if (part.isInPlace) detach(part);
      part.bytes = null;
    }
    this.#count = 0;
    this.#used = 0;
  }

  /** For Socket: the struct that the next frame is received into. */
  next(): Uint8Array<ArrayBuffer> {
    if (this.#count === this.#parts.length) this.#grow();
    return this.#parts[this.#count]!.msg;
  }

  /** For Socket: the frame has arrived. */
  took(size: number): void {
    const part = this.#parts[this.#count++]!;
    // The result of a receive is an int: a frame beyond 2 GiB says its size only when asked.
    part.size = size < 0x7fffffff ? size : Number(this.#zmq.zmq_msg_size(part.msg));
  }

  /** For Socket: no frame follows. What the last, longer message left behind is given back. */
  end(): void {
    if (this.#filled > this.#count) this.#releaseFrom(this.#count);
    this.#filled = this.#count;
  }

  #releaseFrom(first: number): void {
    for (let i = first; i < this.#filled; i++) {
      const { msg } = this.#parts[i]!;
      this.#zmq.zmq_msg_close(msg);
      this.#zmq.zmq_msg_init(msg);
    }
    this.#filled = first;
  }

  /** The structs must not move, so they are never kept in a buffer that grows. */
  #grow(): void {
    const chunk = new ArrayBuffer(CHUNK * MSG_BYTES);
    for (let i = 0; i < CHUNK; i++) {
      const msg = new Uint8Array(chunk, i * MSG_BYTES, MSG_BYTES);
      this.#zmq.zmq_msg_init(msg);
      this.#parts.push({ msg, size: 0, bytes: null, isInPlace: false });
    }
  }
}

/** Takes the memory away from who still holds the view: it reads nothing then, instead of what was freed. */
function detach(part: Part): void {
  const buffer = part.bytes?.buffer;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
  part.isInPlace = false;
}
