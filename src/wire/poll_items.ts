/**
 * Descriptors to wait for. On Linux and macOS by the system's own poll: of descriptors alone, zmq_poll asks it twice, once without patience. Elsewhere by
 * zmq_poll, whose items have a socket's pointer in front, which is null here.
 */
import type { LibZmq } from "../native/libzmq.ts";

const POLLIN = 1;
const SYSTEMS: ReadonlySet<string> = new Set(["linux", "darwin"]);

export class PollItems {
  readonly #zmq: LibZmq;
  readonly #isSystems: boolean;
  /** Bytes of an item, and where its descriptor, its wish and what happened lie. */
  readonly #size: number;
  readonly #fdAt: number;
  #view: DataView;
  /** The array as C sees it. */
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(zmq: LibZmq) {
    this.#zmq = zmq;
    this.#isSystems = SYSTEMS.has(Deno.build.os) && zmq.poll !== null;
    this.#size = this.#isSystems ? 8 : 16;
    this.#fdAt = this.#size - 8;
    this.#view = new DataView(new ArrayBuffer(16 * this.#size));
    this.#bytes = new Uint8Array(this.#view.buffer as ArrayBuffer);
  }

  /** Makes room for `count` items; none of those set before is kept. */
  room(count: number): void {
    if (count * this.#size <= this.#bytes.length) return;
    this.#view = new DataView(new ArrayBuffer(2 * count * this.#size));
    this.#bytes = new Uint8Array(this.#view.buffer as ArrayBuffer);
  }

  /** Waits for a file descriptor to be readable, or at its end. */
  setFd(i: number, fd: number): void {
    const at = i * this.#size + this.#fdAt;
    this.#view.setInt32(at, fd, true);
    this.#view.setInt16(at + 4, POLLIN, true);
    this.#view.setInt16(at + 6, 0, true);
  }

  /** Whether something happened: readable, at its end or broken. */
  isReady(i: number): boolean {
    return this.#view.getInt16(i * this.#size + this.#fdAt + 6, true) !== 0;
  }

  /** Waits for the first `count` of them, blocking the thread (-1: for ever). Returns how many are ready, below 0 after an error. */
  wait(count: number, timeoutMs: number): number {
    return this.#isSystems
      ? this.#zmq.poll!(this.#bytes, BigInt(count), timeoutMs)
      : this.#zmq.zmq_poll(this.#bytes, count, BigInt(timeoutMs));
  }

  /** The same on a thread of Deno's pool. */
  waitAside(count: number, timeoutMs: number): Promise<number> {
    return this.#isSystems
      ? this.#zmq.system_poll_async!(this.#bytes, BigInt(count), timeoutMs)
      : this.#zmq.poll_async(this.#bytes, count, BigInt(timeoutMs));
  }
}
