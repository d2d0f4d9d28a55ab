/**
 * What the Worker publishes about the task that runs: its one answer, what it was not allowed to do, what it shows. It runs beside untrusted code: see
 * `sandbox_worker.ts`. Methods that answer give the time at which they did.
 */
import { INLINE_BODY_BYTES } from "../protocol/groups.ts";
import { encodeUtf8, typedArrayLength } from "../protocol/primordials.ts";
import { encodeError, ValueWriter } from "../protocol/values.ts";
import type { Denials } from "./denials.ts";
import { REQUEST, RESULT_KIND } from "./ring.ts";
import type { WorkerRing } from "./ring_worker.ts";

const clock = performance.now.bind(performance);
const { timeOrigin } = performance;
/** Wall-clock time in ms, whatever a task makes of the clocks. */
export const now = () => timeOrigin + clock();

const PrimordialString = String;
const NOTHING = new Uint8Array(0);
/** Thrown by what has found its value too large; nobody else has it. */
export const TOO_LARGE = Object.freeze({});

export interface AnswersParts {
  readonly ring: WorkerRing;
  readonly denials: Denials;
  readonly resultLimitBytes: number;
  readonly showLimitBytes: number;
}

export class Answers {
  readonly #ring: WorkerRing;
  readonly #denials: Denials;
  readonly #writer: ValueWriter;
  readonly #resultLimitBytes: number;
  readonly #showLimitBytes: number;
  /** Whether a task runs, so that what it shows has a place. */
  isRunning = false;
  /** What the running task has thrown to say that it cannot run here, and why. */
  unmet: unknown = NOTHING;
  unmetReason = "";

  constructor({ ring, denials, resultLimitBytes, showLimitBytes }: AnswersParts) {
    this.#ring = ring;
    this.#denials = denials;
    this.#writer = new ValueWriter(64 << 10, { maxBytes: resultLimitBytes });
    this.#resultLimitBytes = resultLimitBytes;
    this.#showLimitBytes = showLimitBytes;
  }

  /** @throws UncodableValue, or TOO_LARGE */
  answer(value: unknown, started: number): number {
    const writer = this.#writer;
    this.write(value, "result");
    this.isRunning = false;
    const body = writer.bytes(), buffers = writer.buffers;
    const count = buffers.length;
    for (let i = 0; i < count; i++) this.#ring.publishBuffer(i, buffers[i] as Uint8Array);
    const isLong = typedArrayLength(body) > INLINE_BODY_BYTES;
    if (isLong) this.#ring.publishBuffer(count, body);
    const time = now();
    this.#ring.publish(
      RESULT_KIND.ok,
      isLong ? count + 1 : count,
      isLong ? NOTHING : body,
      started,
      time,
    );
    return time;
  }

  /** Writes a result. @throws UncodableValue, or TOO_LARGE if it is larger than this task's may be */
  write(value: unknown, root: string): void {
    const writer = this.#writer, limit = this.#ring.number(REQUEST.resultLimit);
    writer.bound(limit < this.#resultLimitBytes ? limit : this.#resultLimitBytes);
    writer.reset();
    try {
      writer.write(value, root);
    } catch (error) {
      throw writer.wanted > writer.length ? TOO_LARGE : error;
    }
    if (writer.wanted > limit) throw TOO_LARGE;
  }

  fail(error: unknown, started: number): number {
    if (error !== TOO_LARGE) this.#denials.note(error);
    this.isRunning = false;
    if (error === TOO_LARGE) return this.#tooLarge(started);
    const body = encodeError(error);
    if (error === this.unmet) {
      this.unmet = NOTHING;
      this.#ring.publish(RESULT_KIND.unmet, 0, encodeUtf8(this.unmetReason), 0, 0);
    }
    if (this.#denials.hasAny) this.#ring.publish(RESULT_KIND.denied, 0, this.#denials.records(), 0, 0);
    const isLong = typedArrayLength(body) > INLINE_BODY_BYTES;
    if (isLong) this.#ring.publishBuffer(0, body);
    const time = now();
    this.#ring.publish(RESULT_KIND.error, isLong ? 1 : 0, isLong ? NOTHING : body, started, time);
    return time;
  }

  #tooLarge(started: number): number {
    const bytes = this.#writer.wanted;
    const time = now();
    this.#ring.publish(RESULT_KIND.tooLarge, 0, encodeUtf8(PrimordialString(bytes)), started, time);
    return time;
  }

  /** Sends something to show, if a task runs: what comes later belongs to none. Returns whether one does. */
  show(event: object): boolean {
    if (!this.isRunning) return false;
    const writer = new ValueWriter(256, { maxBytes: this.#showLimitBytes, inline: true });
    writer.write(event, "display");
    this.#ring.publish(RESULT_KIND.event, 0, writer.bytes(), 0, 0);
    this.#ring.ring();
    return true;
  }
}
