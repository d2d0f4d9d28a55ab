/**
 * A host for the tests of slots: one slot, driven as the engine host drives it, with everything that came back kept.
 */
import { encodeValue, readValue } from "../../src/protocol/values.ts";
import { INLINE_BODY_BYTES, OP } from "../../src/protocol/groups.ts";
import { libc, pollFds } from "../../src/native/libc.ts";
import {
  type ChildEnd,
  type Grant,
  NO_GRANT,
  type SlotHandle,
  type SlotSettings,
  type SlotSink,
  type WallReport,
} from "../../src/engine/slot_contract.ts";

// Before the first test, which would otherwise be told that it left a library open.
libc();

export const SETTINGS: SlotSettings = {
  entries: 512,
  ringBytes: 1 << 20,
  arenaBytes: 4 << 20,
  walls: { deno: true, landlock: true, seccomp: true },
  resultLimitBytes: 256 << 20,
};

/** What an error's body says. */
export interface ErrorBody {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
  readonly error?: unknown;
}

export interface Answer {
  readonly status: "ok" | "error";
  readonly value: unknown;
  readonly startedAt: number;
  readonly finishedAt: number;
}

const DEADLINE_MS = 20_000;

/** Drives a slot synchronously and keeps what it hears. */
export class SlotHost implements SlotSink, Disposable {
  readonly slot: SlotHandle;
  walls: WallReport | undefined;
  end: ChildEnd | undefined;
  unfinished: readonly { readonly ticket: number; readonly started: boolean }[] = [];
  readonly answers = new Map<number, Answer>();
  readonly startedAt = new Map<number, number>();
  readonly events: { readonly ticket: number; readonly body: unknown }[] = [];
  readonly texts = new Map<string, string>();
  outputBytes = 0;
  /** Whether text is kept. */
  keepsText = true;
  #buffers: Uint8Array[] = [];
  #ticket = 0;
  #definition = 0;

  /** @param grant what the child may do; null leaves it undecided */
  constructor(slot: SlotHandle, grant: Grant | null = NO_GRANT) {
    this.slot = slot;
    if (grant !== null) slot.decide(grant);
  }

  ready(walls: WallReport): void {
    this.walls = walls;
  }

  started(ticket: number, at: number): void {
    if (this.startedAt.has(ticket)) throw new Error(`Ticket ${ticket} started twice`);
    this.startedAt.set(ticket, at);
  }

  chunk(_ticket: number, index: number, total: number, offset: number, bytes: Uint8Array): void {
    const buffer = this.#buffers[index] ??= new Uint8Array(total);
    buffer.set(bytes, offset);
  }

  event(ticket: number, body: Uint8Array): void {
    this.events.push({ ticket, body: readValue(body) });
  }

  output(ticket: number, stream: "stdout" | "stderr", text: Uint8Array): void {
    this.outputBytes += text.length;
    if (!this.keepsText) return;
    const key = `${ticket} ${stream}`;
    this.texts.set(key, (this.texts.get(key) ?? "") + new TextDecoder().decode(text));
  }

  result(
    ticket: number,
    status: "ok" | "error",
    body: Uint8Array,
    buffers: number,
    startedAt: number,
    finishedAt: number,
  ): void {
    if (this.answers.has(ticket)) throw new Error(`Ticket ${ticket} was answered twice`);
    if (!this.startedAt.has(ticket)) throw new Error(`Ticket ${ticket} was answered before it started`);
    const whole = body.length > 0 ? body : this.#buffers[buffers - 1]!;
    this.answers.set(ticket, { status, value: readValue(whole, this.#buffers), startedAt, finishedAt });
    this.#buffers = [];
  }

  tooLarge(ticket: number, bytes: number, startedAt: number, finishedAt: number): void {
    this.answers.set(ticket, { status: "error", value: { tooLarge: bytes }, startedAt, finishedAt });
    this.#buffers = [];
  }

  ended(end: ChildEnd, open: readonly { readonly ticket: number; readonly started: boolean }[]): void {
    this.end = end;
    this.unfinished = open;
  }

  /** Looks until something holds. @throws Error after 20 s, or when the child is gone first */
  until(holds: () => boolean, what = "the child"): void {
    const deadline = performance.now() + DEADLINE_MS;
    while (!holds()) {
      if (this.end !== undefined) throw new Error(`The child ended: ${JSON.stringify(this.end)}`);
      if (performance.now() > deadline) throw new Error(`No sign of ${what} in ${DEADLINE_MS} ms`);
      this.wait();
    }
  }

  untilEnded(): ChildEnd {
    const deadline = performance.now() + DEADLINE_MS;
    while (this.end === undefined) {
      if (performance.now() > deadline) throw new Error(`The child lives on after ${DEADLINE_MS} ms`);
      this.wait();
    }
    return this.end;
  }

  wait(timeoutMs = 2): void {
    pollFds(this.slot.fds, timeoutMs);
    this.slot.look(this);
  }

  untilReady(): this {
    this.until(() => this.walls !== undefined, "readiness");
    return this;
  }

  /** Offers a task without ringing; its ticket. */
  offer(op: number, value: unknown, definition = 0): number {
    const ticket = ++this.#ticket;
    const { body, buffers } = encodeValue(value);
    const isLong = body.length > INLINE_BODY_BYTES;
    const all = isLong ? [...buffers, body] : buffers;
    all.forEach((buffer, index) => this.#send(ticket, index, buffer));
    const offer = { ticket, op, definition, buffers: all.length, body: isLong ? new Uint8Array(0) : body };
    while (!this.slot.offer(offer)) this.#ringAndWait();
    return ticket;
  }

  #send(ticket: number, index: number, buffer: Uint8Array): void {
    for (let offset = 0; offset < buffer.length; offset += 1 << 20) {
      const piece = buffer.subarray(offset, offset + (1 << 20));
      while (!this.slot.chunk(ticket, index, buffer.length, offset, piece)) this.#ringAndWait();
    }
  }

  #ringAndWait(): void {
    if (this.end !== undefined) throw new Error(`The child ended: ${JSON.stringify(this.end)}`);
    this.slot.ring();
    this.wait();
  }

  /** Defines a function; the number that `offerCall` wants. */
  define(source: (...args: never[]) => unknown, captures: object = {}): number {
    return this.defineText({ kind: "function", source: source.toString(), captures, name: source.name });
  }

  defineText(text: object): number {
    const definition = ++this.#definition;
    this.offer(OP.define, text, definition);
    return definition;
  }

  offerCall(definition: number, ...args: unknown[]): number {
    return this.offer(OP.apply, args, definition);
  }

  answer(ticket: number): Answer {
    this.slot.ring();
    this.until(() => this.answers.has(ticket), `an answer to ticket ${ticket}`);
    return this.answers.get(ticket)!;
  }

  /** Calls a function and waits. @throws Error with the task's error in words */
  call(source: (...args: never[]) => unknown, ...args: unknown[]): unknown {
    return this.value(this.offerCall(this.define(source), ...args));
  }

  /** Runs a cell and waits. */
  execute(code: string, silent = false): { value?: unknown; text?: string; executionCount: number } {
    return this.value(this.offer(OP.execute, { code, silent })) as {
      value?: unknown;
      executionCount: number;
    };
  }

  value(ticket: number): unknown {
    const { status, value } = this.answer(ticket);
    if (status === "ok") return value;
    const { ename, evalue } = value as ErrorBody;
    throw new Error(`${ename}: ${evalue}`);
  }

  error(ticket: number): ErrorBody {
    const { status, value } = this.answer(ticket);
    if (status !== "error") throw new Error(`Ticket ${ticket} was answered with ${Deno.inspect(value)}`);
    return value as ErrorBody;
  }

  stdout(ticket: number): string {
    return this.texts.get(`${ticket} stdout`) ?? "";
  }

  stderr(ticket: number): string {
    return this.texts.get(`${ticket} stderr`) ?? "";
  }

  [Symbol.dispose](): void {
    this.slot.close();
  }
}
