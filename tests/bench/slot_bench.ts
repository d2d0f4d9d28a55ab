/**
 * How fast one slot is: tasks per second in groups, and the round trip of a single one, with a small argument and its result through
 * the codec.
 */
import { Slot } from "../../src/engine/slot.ts";
import { childCommand } from "../../src/engine/slot_start.ts";
import { NO_GRANT, type SlotHandle, type SlotSink } from "../../src/engine/slot_contract.ts";
import { pollFds } from "../../src/native/libc.ts";
import { OP } from "../../src/protocol/groups.ts";
import { readValue, ValueWriter } from "../../src/protocol/values.ts";

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Counts what comes back and checks it: task n answers n + 1. */
class Counter implements SlotSink {
  done = 0;
  wrong = 0;
  isReady = false;
  isEnded = false;
  ready(): void {
    this.isReady = true;
  }
  started(): void {}
  chunk(): void {}
  event(): void {}
  output(): void {}
  result(ticket: number, _status: "ok" | "error", body: Uint8Array): void {
    this.done++;
    if (readValue(body) !== ticket + 1) this.wrong++;
  }
  tooLarge(): void {
    this.wrong++;
  }
  ended(): void {
    this.isEnded = true;
  }
}

class Bench {
  readonly #counter = new Counter();
  readonly #slot: SlotHandle;
  readonly #writer = new ValueWriter();
  #next = 1;

  constructor(slot: SlotHandle) {
    this.#slot = slot;
    while (!this.#counter.isReady) this.#wait();
    this.#offer(0, OP.define, { kind: "function", source: "(x) => x + 1", captures: {}, name: "" });
  }

  #wait(): void {
    pollFds(this.#slot.fds, 100);
    this.#slot.look(this.#counter);
    if (this.#counter.isEnded) throw new Error("The slot's child ended in the bench");
  }

  #offer(ticket: number, op: number, value: unknown): boolean {
    this.#writer.reset();
    this.#writer.write(value);
    return this.#slot.offer({ ticket, op, definition: 1, buffers: 0, body: this.#writer.bytes() });
  }

  /** Tasks per second for `total` tasks in groups, `ahead` at most under way. */
  rate(total: number, group: number, ahead: number): number {
    const start = performance.now();
    const from = this.#counter.done;
    let offered = 0;
    while (this.#counter.done - from < total) {
      while (offered < total && offered + group - (this.#counter.done - from) <= ahead) {
        for (let i = 0; i < group; i++) this.#offer(this.#next, OP.apply, [this.#next++]);
        offered += group;
        this.#slot.ring();
      }
      this.#wait();
    }
    return total / (performance.now() - start) * 1000;
  }

  /** Median of single round trips, in microseconds. */
  latency(count: number): number {
    const times = [];
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      const { done } = this.#counter;
      this.#offer(this.#next, OP.apply, [this.#next++]);
      this.#slot.ring();
      while (this.#counter.done === done) this.#wait();
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[count >> 1]! * 1000;
  }

  check(): void {
    if (this.#counter.wrong > 0) throw new Error(`The bench got ${this.#counter.wrong} wrong answers`);
  }
}

/** Figures of one slot. */
// deno-lint-ignore require-await
export async function benchSlot(options: { readonly quick: boolean }): Promise<Figure[]> {
  const start = performance.now();
  const settings = {
    entries: 1024,
    ringBytes: 1 << 20,
    arenaBytes: 1 << 20,
    walls: { deno: true, landlock: true, seccomp: true },
    resultLimitBytes: 1 << 20,
  };
  const slot = Slot.start(settings, childCommand());
  slot.decide(NO_GRANT);
  try {
    const bench = new Bench(slot);
    const readyMs = performance.now() - start;
    const total = options.quick ? 64_000 : 512_000;
    bench.rate(32_000, 64, 512);
    const perSecond = bench.rate(total, 64, 512);
    bench.latency(200);
    const median = bench.latency(options.quick ? 500 : 3000);
    bench.check();
    return [
      { name: "slot_ready_ms", value: readyMs, unit: "ms" },
      { name: "slot_tasks_per_s", value: perSecond, unit: "tasks/s" },
      { name: "slot_latency_median_us", value: median, unit: "µs" },
    ];
  } finally {
    slot.close();
  }
}

if (import.meta.main) {
  for (const { name, value, unit } of await benchSlot({ quick: Deno.args.includes("--quick") })) {
    console.log(`${name} ${value.toFixed(1)} ${unit}`);
  }
}
