/** Our end of bench:peers: the same questions as the peers' programs answer, on a cluster of two engines in its default profile. */

import type { Client } from "../../../src/client/client.ts";
import { Cluster } from "../../../src/cluster/cluster.ts";
import { Buffer } from "node:buffer";

const BUFFER_BYTES = 64 << 20;

/** What a side is asked: the measurement, how many tasks, and of how many bytes or seconds where it has that. */
export type Question = readonly [name: string, count: number, of?: number];

const increment = (n: number) => n + 1;
const echo = (text: string) => text;
const same = (bytes: Uint8Array) => bytes;
/** Sleeps as Python's `time.sleep` does: Deno's `setTimeout` takes a millisecond more than it was asked for, which would be counted as the cluster's loss. */
const wait = (seconds: number) => {
  if (seconds > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  return seconds;
};

/** Our cluster; `firstResultSeconds` is what it took from its start. */
export class Ours implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #client: Client;

  private constructor(stack: AsyncDisposableStack, client: Client, readonly firstResultSeconds: number) {
    this.#stack = stack;
    this.#client = client;
  }

  static async start(): Promise<Ours> {
    const profileDir = await Deno.makeTempDir({ prefix: "tsparallel-bench-" });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(profileDir, { recursive: true }));
    const began = performance.now();
    const cluster = stack.use(await Cluster.start({ profileDir, clusterId: "bench", n: 2 }));
    const client = stack.use(await cluster.client());
    check(await client.loadBalanced().apply(increment, 41), 42);
    return new Ours(stack.move(), client, (performance.now() - began) / 1000);
  }

  async ask([name, count, of = 0]: Question): Promise<unknown> {
    const numbers = Array.from({ length: count }, (_, i) => i);
    switch (name) {
      case "submit":
        return await this.#submit(numbers);
      case "map":
        return await this.#map(increment, numbers, (n) => n + 1);
      case "kilobyte":
        return await this.#map(echo, numbers.map((n) => String(n).padStart(1000, "0")), (text) => text);
      case "wait":
        return await this.#map(wait, numbers.map(() => 0.01), (seconds) => seconds);
      case "size":
        return await this.#sized(count, of);
      case "duration":
        return await this.#map(wait, numbers.map(() => of), (seconds) => seconds);
      case "trips": {
        const trips: number[] = [];
        for (const n of numbers) trips.push(await this.#submit([n]));
        return trips;
      }
      default:
        return await this.#transfer();
    }
  }

  async #submit(numbers: readonly number[]): Promise<number> {
    const began = performance.now(), view = this.#client.loadBalanced();
    const results = numbers.map((n) => view.apply(increment, n));
    for (let i = 0; i < results.length; i++) check(await results[i], numbers[i]! + 1);
    return (performance.now() - began) / 1000;
  }

  async #map<T>(run: (item: T) => unknown, items: readonly T[], expectedOf: (item: T) => unknown) {
    const began = performance.now();
    const results = await this.#client.loadBalanced().map(run, items, { chunkSize: 1 });
    check(results.length, items.length);
    results.forEach((found, i) => check(found, expectedOf(items[i]!)));
    return (performance.now() - began) / 1000;
  }

  /** Values of so many bytes there and back, each another one; seen at both ends, since all of it would be the check's time. */
  async #sized(count: number, bytes: number): Promise<number> {
    const items = Array.from({ length: count }, (_, i) => new Uint8Array(bytes).fill(i));
    const ends = (item: unknown) => item instanceof Uint8Array && `${item.length} ${item[0]} ${item.at(-1)}`;
    const began = performance.now();
    const results = await this.#client.loadBalanced().map(same, items, { chunkSize: 1 });
    check(results.length, count);
    results.forEach((found, i) => check(ends(found), ends(items[i])));
    return (performance.now() - began) / 1000;
  }

  async #transfer(): Promise<number[]> {
    const data = new Uint8Array(BUFFER_BYTES);
    for (let at = 0; at < data.length; at += 65_536) crypto.getRandomValues(data.subarray(at, at + 65_536));
    const engine = this.#client.direct(this.#client.ids[0]!);
    const began = performance.now();
    await engine.push({ data });
    const pushed = performance.now();
    const found = await engine.pull("data");
    const pulled = performance.now();
    if (!(found instanceof Uint8Array)) throw new Error("Cannot trust the cluster: no bytes came back");
    check(Buffer.compare(found, data), 0);
    return [(pushed - began) / 1000, (pulled - pushed) / 1000];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function check(found: unknown, expected: unknown): void {
  if (found !== expected) {
    throw new Error(`Cannot trust the cluster: ${found} came back in place of ${expected}`);
  }
}
