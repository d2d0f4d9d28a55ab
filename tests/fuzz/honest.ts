/** Who works while the fuzzer is at it, and checks every result. */

import assert from "node:assert/strict";
import type { Client } from "../../src/client/client.ts";
import { PythonProgram } from "../peers/python_cluster.ts";

/** Somebody who works until it is told to stop, and then says how many rounds were right. */
export interface Worker {
  readonly name: string;
  /** Rounds so far. */
  readonly rounds: number;
  /** Rejected as soon as a result was wrong or did not come. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** The longest that a round may take, in ms. */
const PATIENCE_MS = 60_000;

const PAUSE_MS = 20;

/** Our own client: tasks to any engine of ours, and to each. */
export class OurWorker implements Worker {
  readonly failed: Promise<never>;
  rounds = 0;
  readonly #running: Promise<void>;
  #works = true;

  constructor(readonly name: string, client: Client, engines: readonly number[]) {
    this.#running = this.#work(client, engines);
    this.failed = this.#running.then(() => new Promise<never>(() => {}));
    this.failed.catch(() => {});
  }

  async #work(client: Client, engines: readonly number[]): Promise<void> {
    const view = client.loadBalanced({ targets: engines }), each = client.direct(engines);
    for (; this.#works; this.rounds++) {
      const n = this.rounds, signal = AbortSignal.timeout(PATIENCE_MS);
      const tasks = Array.from({ length: 20 }, (_, i) => view.apply((x: number) => x * 2, n + i));
      const sums = each.apply((x: number) => x + 1, n);
      const all = await Promise.race([Promise.all([...tasks, sums]), late(signal, this.name)]);
      assert.deepEqual(all.slice(0, -1), tasks.map((_, i) => (n + i) * 2));
      assert.deepEqual(all.at(-1), engines.map(() => n + 1));
      // The machine is there for others too.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async stop(): Promise<void> {
    this.#works = false;
    await this.#running;
  }
}

function late(signal: AbortSignal, name: string): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error(`"${name}" waited in vain for a result`)));
  });
}

/** ipyparallel's client, with its own engines and one of ours. */
export class PythonWorker implements Worker {
  readonly name = "Python's client";
  readonly failed: Promise<never>;
  rounds = 0;
  readonly #program: PythonProgram;
  readonly #running: Promise<void>;

  constructor(python: string, clientFile: string, ours: readonly number[]) {
    const file = new URL("honest_client.py", import.meta.url);
    this.#program = new PythonProgram(python, file, [clientFile, ...ours.map(String)]);
    this.#running = this.#follow();
    this.failed = this.#running.then(() => new Promise<never>(() => {}));
    this.failed.catch(() => {});
  }

  async #follow(): Promise<void> {
    for (;;) {
      const said = await this.#program.next();
      if (typeof said === "object") return;
      this.rounds = Number(said);
    }
  }

  async stop(): Promise<void> {
    this.#program.closeInput();
    await this.#running;
    await this.#program[Symbol.asyncDispose]();
  }
}
