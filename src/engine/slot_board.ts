/**
 * What the host and a slot's child tell each other in their shared memory beside tasks and results: single words, each written by one side
 * only. What the child writes is hostile; nothing here rests on it but what it says of itself.
 */
import type { DeniedAct } from "../protocol/post_mortem.ts";
import { readDenials } from "./denial_records.ts";
import { CONTROL, CONTROL_WORDS, DENIAL_BYTES, DENIALS, type RingLayout } from "./ring.ts";

const { load, store } = Atomics;

export class SlotBoard {
  readonly #layout: RingLayout;
  #words: Int32Array;
  #bytes: Uint8Array;

  constructor(memory: ArrayBuffer, layout: RingLayout) {
    this.#layout = layout;
    this.#words = new Int32Array(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /** Lets go of the memory, which is about to be unmapped. */
  detach(): void {
    this.#words = new Int32Array(CONTROL_WORDS);
    this.#bytes = new Uint8Array(0);
  }

  get wantsRoom(): boolean {
    return load(this.#words, CONTROL.wantsRoom) !== 0;
  }

  /** How far the child's main thread says to be. */
  get childPhase(): number {
    return load(this.#words, CONTROL.phase);
  }

  /** The Worker's own counts of text. */
  counted(stream: "stdout" | "stderr"): number {
    return load(this.#words, CONTROL[stream]);
  }

  /** Whether this task, if it runs, has looked at its signal. */
  hasLooked(ticket: number): boolean {
    return load(this.#words, CONTROL.looked) >>> 0 === ticket;
  }

  /** What a task that will never answer was not allowed. */
  denials(ticket: number): DeniedAct[] {
    const from = this.#layout.denials;
    return readDenials(this.#bytes.slice(from, from + DENIALS.most * DENIAL_BYTES), ticket);
  }

  /** Tells a running task something. The count comes last: by then all else is written. */
  tell(ticket: number, kind: number, text: Uint8Array): void {
    const words = this.#words;
    this.#bytes.set(text, this.#layout.input);
    words[CONTROL.toldKind] = kind;
    words[CONTROL.toldTicket] = ticket;
    words[CONTROL.toldLength] = text.length;
    store(words, CONTROL.told, (load(words, CONTROL.told) + 1) | 0);
  }
}
