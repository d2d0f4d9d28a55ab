/**
 * What isolation costs, for one slot: a task in a fresh Worker, in a fresh process made of an undecided spare, and in one made of a decided spare; each
 * from the moment at which the host has the task until it has its result, one task after the other.
 */
import { Slot } from "../../src/engine/slot.ts";
import { NO_GRANT, type SlotHandle, type SlotSink } from "../../src/engine/slot_contract.ts";
import { childCommand } from "../../src/engine/slot_start.ts";
import { pollFds } from "../../src/native/libc.ts";
import { OP } from "../../src/protocol/groups.ts";
import { encodeValue, readValue } from "../../src/protocol/values.ts";
import { type Figures, quantile } from "./figures.ts";

const SETTINGS = {
  entries: 4096,
  ringBytes: 4 << 20,
  arenaBytes: 64 << 20,
  walls: { deno: true, landlock: true, seccomp: true },
  resultLimitBytes: 1 << 30,
};

/** One child, and what it answers. */
class Child implements SlotSink, Disposable {
  readonly slot: SlotHandle = Slot.start(SETTINGS, childCommand());
  #answers = 0;
  #isEnded = false;

  ready(): void {}
  started(): void {}
  chunk(): void {}
  event(): void {}
  output(): void {}
  tooLarge(): void {}

  result(ticket: number, _status: "ok" | "error", body: Uint8Array): void {
    if (readValue(body) !== ticket + 1) throw new Error(`Task ${ticket} has a wrong result`);
    this.#answers++;
  }

  ended(): void {
    this.#isEnded = true;
  }

  until(holds: () => boolean): void {
    while (!holds()) {
      if (this.#isEnded) throw new Error("The slot's child ended in the bench");
      pollFds(this.slot.fds, 100);
      this.slot.look(this);
    }
  }

  /** Runs one task and waits for its result. */
  task(ticket: number): void {
    const define = encodeValue({ kind: "function", source: "(x) => x + 1", captures: {}, name: "" }).body;
    this.slot.offer({ ticket: 0, op: OP.define, definition: 1, buffers: 0, body: define });
    const { body } = encodeValue([ticket]);
    this.slot.offer({ ticket, op: OP.apply, definition: 1, buffers: 0, body });
    this.slot.ring();
    const before = this.#answers;
    this.until(() => this.#answers > before);
  }

  [Symbol.dispose](): void {
    this.slot.close();
  }
}

/** Milliseconds of the three ways. */
export function benchIsolation({ quick }: { readonly quick: boolean }): Figures {
  const count = quick ? 15 : 50;
  return {
    isolation_worker_ms: quantile(workerTimes(count), 0.5),
    isolation_process_ms: quantile(processTimes(count, "undecided"), 0.5),
    isolation_process_decided_ms: quantile(processTimes(count, "ready"), 0.5),
  };
}

function workerTimes(count: number): number[] {
  using child = new Child();
  child.slot.decide({ ...NO_GRANT, isolation: "worker" });
  child.until(() => child.slot.state === "ready");
  return Array.from({ length: count }, (_, i) => timed(() => child.task(i + 1)));
}

/** @param state how far the spare is when the task comes */
function processTimes(count: number, state: "undecided" | "ready"): number[] {
  return Array.from({ length: count }, (_, i) => {
    using child = new Child();
    const grant = { ...NO_GRANT, isolation: "process" } as const;
    if (state === "ready") child.slot.decide(grant);
    child.until(() => child.slot.state === state);
    return timed(() => {
      if (state !== "ready") child.slot.decide(grant);
      child.until(() => child.slot.state === "ready");
      child.task(i + 1);
    });
  });
}

function timed(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}
