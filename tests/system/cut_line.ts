/**
 * A network between a controller and a peer that can break so that only the peer hears of it, as when a router forgets a connection: the
 * controller's end stays open and silent.
 */

interface Pair {
  readonly near: Deno.Conn;
  readonly far: Deno.Conn;
  isCut: boolean;
}

export class CutLine implements AsyncDisposable {
  readonly #listeners: Deno.Listener[] = [];
  readonly #pairs = new Set<Pair>();
  readonly #running: Promise<void>[] = [];

  /** A connection file's content with ports of ours in the place of its own. */
  before<T extends object>(connection: T): T {
    const change = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(change);
      return typeof value === "number" ? this.#relay(value) : value;
    };
    return Object.fromEntries(Object.entries(connection).map(([name, value]) => [name, change(value)])) as T;
  }

  /** Connections that are not broken. */
  get standing(): number {
    return [...this.#pairs].filter(({ isCut }) => !isCut).length;
  }

  /** Breaks all connections that stand; says how many. */
  cut(): number {
    const standing = [...this.#pairs].filter(({ isCut }) => !isCut);
    for (const pair of standing) {
      pair.isCut = true;
      pair.near.close();
    }
    return standing.length;
  }

  #relay(port: number): number {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#listeners.push(listener);
    this.#running.push(this.#accept(listener, port));
    return (listener.addr as Deno.NetAddr).port;
  }

  async #accept(listener: Deno.Listener, port: number): Promise<void> {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      const pair = { near, far, isCut: false };
      this.#pairs.add(pair);
      this.#running.push(this.#pump(pair, near, far), this.#pump(pair, far, near));
    }
  }

  async #pump(pair: Pair, from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let n = await from.read(buffer); n !== null && !pair.isCut; n = await from.read(buffer)) {
        for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
      }
    } catch {
      // Closed from either side, or cut.
    }
    if (!pair.isCut) this.#close(pair);
  }

  #close(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    if (!pair.isCut) pair.near.close();
    pair.far.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    for (const pair of this.#pairs) this.#close(pair);
    await Promise.allSettled(this.#running);
  }
}
