/**
 * The task's text, in the Worker: whatever it prints goes to fd 1 and fd 2, and is counted here, so that the host can tell whose text
 * it reads. A byte 0 on fd 1 is the doorbell, so text loses such bytes.
 *
 * Writing blocks while the pipe is full: that is the back-pressure, and the host reads whenever there is something.
 */
import {
  PrimordialUint8Array,
  typedArrayBuffer,
  typedArrayLength,
  typedArrayOffset,
} from "../protocol/primordials.ts";
import type { ConsoleMaker } from "./realm.ts";
import { CONTROL } from "./ring.ts";

const { load, store } = Atomics;

/** One of the two streams. */
export interface TextCounter {
  /** Bytes written in this Worker's life, modulo 2^32. */
  readonly written: number;
  write(bytes: Uint8Array): void;
}

type Stream = typeof Deno.stdout;

class CountedStream implements TextCounter {
  readonly #writeSync: (bytes: Uint8Array) => number;
  readonly #dropsBells: boolean;
  readonly #words: Int32Array;
  readonly #word: number;
  #written = 0;

  constructor(stream: Stream, dropsBells: boolean, words: Int32Array, word: number) {
    this.#writeSync = stream.writeSync.bind(stream);
    this.#dropsBells = dropsBells;
    this.#words = words;
    this.#word = word;
    // A Worker before this one may have written too.
    this.#written = load(words, word);
  }

  get written(): number {
    return this.#written;
  }

  write(bytes: Uint8Array): void {
    let text = this.#dropsBells ? withoutZeros(bytes) : bytes;
    while (typedArrayLength(text) > 0) {
      const count = this.#writeSync(text);
      this.#written = (this.#written + count) | 0;
      store(this.#words, this.#word, this.#written);
      if (count === typedArrayLength(text)) return;
      const offset = typedArrayOffset(text) + count;
      text = new PrimordialUint8Array(typedArrayBuffer(text), offset, typedArrayLength(text) - count);
    }
  }
}

/** The same bytes without zeros; mostly the same array. */
function withoutZeros(bytes: Uint8Array): Uint8Array {
  const length = typedArrayLength(bytes);
  let kept = 0;
  for (let i = 0; i < length; i++) if (bytes[i] !== 0) kept++;
  if (kept === length) return bytes;
  const text = new PrimordialUint8Array(kept);
  for (let i = 0, to = 0; i < length; i++) {
    const byte = bytes[i] as number;
    if (byte !== 0) text[to++] = byte;
  }
  return text;
}

export interface Output {
  readonly stdout: TextCounter;
  readonly stderr: TextCounter;
}

/**
 * Leads console, Deno.stdout, Deno.stderr and what rests on them through counters. Must run before any task.
 * @param makeConsole the runtime's Console class
 * @param memory shared with the host, which is told the counts through it
 */
export function countOutput(makeConsole: ConsoleMaker | undefined, memory: ArrayBuffer): Output {
  const words = new Int32Array(memory);
  const stdout = new CountedStream(Deno.stdout, true, words, CONTROL.stdout);
  const stderr = new CountedStream(Deno.stderr, false, words, CONTROL.stderr);
  replaceWrites(Deno.stdout, stdout);
  replaceWrites(Deno.stderr, stderr);
  if (makeConsole !== undefined) replaceConsole(makeConsole, stdout, stderr);
  return { stdout, stderr };
}

function replaceWrites(stream: Stream, counter: TextCounter): void {
  const writeSync = (bytes: Uint8Array) => {
    counter.write(bytes);
    return bytes.length;
  };
  // deno-lint-ignore require-await
  const write = async (bytes: Uint8Array) => writeSync(bytes);
  const writable = () => new WritableStream<Uint8Array>({ write: (bytes) => counter.write(bytes) });
  Object.defineProperty(stream, "writeSync", { value: writeSync, configurable: true, writable: true });
  Object.defineProperty(stream, "write", { value: write, configurable: true, writable: true });
  let made: WritableStream<Uint8Array> | undefined;
  Object.defineProperty(stream, "writable", { get: () => made ??= writable(), configurable: true });
}

function replaceConsole(makeConsole: ConsoleMaker, stdout: TextCounter, stderr: TextCounter): void {
  const encoder = new TextEncoder();
  const encode = encoder.encode.bind(encoder);
  const ours = new makeConsole((text, level) => (level > 1 ? stderr : stdout).write(encode(text)));
  const target = globalThis.console as unknown as Record<string, unknown>;
  for (const name of Object.getOwnPropertyNames(ours)) {
    if (typeof ours[name] === "function" && name in target) target[name] = ours[name];
  }
}
