/**
 * Somebody on the line between a controller and its peers: relays the bytes of each port, and puts in messages of his own towards the
 * peer wherever one message has ended. So what a peer takes from "its controller" can be fuzzed while it works.
 */

/** Relays in front of a controller's ports. */
export class Middle implements AsyncDisposable {
  readonly #listeners: Deno.Listener[] = [];
  readonly #connections = new Set<Deno.Conn>();
  readonly #lines: Line[] = [];
  readonly #running: Promise<void>[] = [];

  /** Listens before a port; gives the port to connect to instead. */
  relay(port: number): number {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#listeners.push(listener);
    this.#running.push(this.#accept(listener, port));
    return (listener.addr as Deno.NetAddr).port;
  }

  /** A connection file's content with relays in the place of its ports. */
  before<T extends object>(connection: T): T {
    const change = (name: string, value: unknown): unknown => {
      if (Array.isArray(value)) return value.map((port) => change(name, port));
      return typeof value === "number" ? this.relay(value) : value;
    };
    return Object.fromEntries(
      Object.entries(connection).map(([name, value]) => [name, change(name, value)]),
    ) as T;
  }

  /** Lines that stand. */
  get lines(): readonly Line[] {
    return this.#lines.filter(({ isOpen }) => isOpen);
  }

  async #accept(listener: Deno.Listener, port: number): Promise<void> {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
      if (far === undefined) {
        near.close();
        continue;
      }
      this.#connections.add(near).add(far);
      const line = new Line(near);
      this.#lines.push(line);
      this.#running.push(this.#pump(near, far, (bytes) => writeAll(far, bytes)));
      this.#running.push(this.#pump(far, near, (bytes) => line.pass(bytes)));
    }
  }

  async #pump(from: Deno.Conn, to: Deno.Conn, pass: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
        await pass(buffer.slice(0, n));
      }
    } catch {
      // Either side has closed: so has the line.
    }
    for (const connection of [from, to]) this.#close(connection);
  }

  #close(connection: Deno.Conn): void {
    if (this.#connections.delete(connection)) connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    for (const connection of this.#connections) this.#close(connection);
    await Promise.allSettled(this.#running);
  }
}

const GREETING_BYTES = 64;

/** One connection, towards the peer: knows where its messages end. */
class Line {
  readonly #near: Deno.Conn;
  #left = GREETING_BYTES;
  #head: number[] = [];
  #isBetween = false;
  #isReady = false;
  #more = false;
  #waiting: Uint8Array[] = [];
  #written = Promise.resolve();
  isOpen = true;

  constructor(near: Deno.Conn) {
    this.#near = near;
  }

  /** Puts a message in as soon as one has ended; at once if nothing is on its way. */
  async insert(frames: readonly Uint8Array[]): Promise<void> {
    const bytes = frames.flatMap((frame, i) => [...frameHead(frame, i + 1 < frames.length), ...frame]);
    if (this.#waiting.length > 20) return;
    this.#waiting.push(Uint8Array.from(bytes));
    if (this.#isReady && this.#isBetween) await this.#write([]);
  }

  /** Passes bytes on, and what waits where a message ends. */
  async pass(bytes: Uint8Array): Promise<void> {
    const parts: Uint8Array[] = [];
    let from = 0;
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
      } else {
        this.#head.push(bytes[at++]!);
        this.#readHead();
      }
      this.#isBetween = this.#left === 0 && this.#head.length === 0 && !this.#more;
      if (this.#isBetween && this.#isReady && this.#waiting.length > 0) {
        parts.push(bytes.subarray(from, at), ...this.#waiting.splice(0));
        from = at;
      }
    }
    parts.push(bytes.subarray(from));
    await this.#write(parts);
  }

  #readHead(): void {
    const flags = this.#head[0]!;
    const length = flags & 2 ? 9 : 2;
    if (this.#head.length < length) return;
    this.#left = this.#head.slice(1).reduce((size, byte) => size * 256 + byte, 0);
    // Behind the handshake's command messages may be put in.
    if (flags & 4) this.#isReady = true;
    else this.#more = (flags & 1) === 1;
    this.#head = [];
  }

  /** One after the other: a socket that takes a part of some bytes only must not get others behind it. */
  #write(parts: readonly Uint8Array[]): Promise<void> {
    const all = [...parts, ...(parts.length === 0 ? this.#waiting.splice(0) : [])];
    return this.#written = this.#written.then(() => this.#writeNow(all));
  }

  async #writeNow(parts: readonly Uint8Array[]): Promise<void> {
    try {
      for (const part of parts) await writeAll(this.#near, part);
    } catch (error) {
      this.isOpen = false;
      throw error;
    }
  }
}

function frameHead(frame: Uint8Array, more: boolean): number[] {
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(frame.length));
  return [2 | (more ? 1 : 0), ...size];
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}
