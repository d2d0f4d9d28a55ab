/**
 * Counts in the Worker what its task was not allowed to do, a denial that the task catches too: it stands between the runtime's two classes
 * of such errors and Error, and so sees each that is made. The counts lie in the shared memory: they outlive the task and its process.
 *
 * Care, not a wall: a task can take it away, and nested Workers are not seen. What the host states about rights never rests on it.
 */
import { LINES_BEFORE } from "../protocol/text_hash.ts";
import {
  encodeUtf8,
  isPrototypeOf,
  mapGet,
  mapSet,
  PrimordialMap,
  PrimordialUint8Array,
  stringIndexOf,
  stringSlice,
  typedArrayBuffer,
  typedArrayLength,
  typedArrayOffset,
  typedArraySet,
} from "../protocol/primordials.ts";
import { textOf } from "../protocol/values_error.ts";
import { DENIAL_BYTES, DENIAL_WORDS, DENIALS } from "./ring.ts";

const { setPrototypeOf } = Object;
const PrimordialError = Error;
const NotCapablePrototype: object = Deno.errors.NotCapable.prototype;

/** Most characters of each part. */
const MAX_VALUE = 200;
const MAX_WHERE = 120;
/** How far up a stack is looked for a line that is the task's. */
const MAX_FRAMES = 30;

/** Whose denials these are: the ticket of the task that runs, or -1. */
export type Running = () => number;

export class Denials {
  readonly #buffer: ArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #running: Running;
  #places = new PrimordialMap<string, number>();
  #used = 0;
  #isBusy = false;

  /** @param at where in the memory the records are */
  constructor(memory: ArrayBuffer, at: number, running: Running) {
    this.#buffer = memory;
    this.#words = new Int32Array(memory);
    this.#bytes = new PrimordialUint8Array(memory);
    this.#at = at;
    this.#running = running;
  }

  /** Sees what the runtime makes from here on. */
  watch(): void {
    const { NotCapable, PermissionDenied } = Deno.errors;
    setPrototypeOf(NotCapable, this.#between((message) => this.#seen(message, false)));
    setPrototypeOf(PermissionDenied, this.#between((message) => this.#seen(message, true)));
  }

  #between(see: (message: unknown) => (error: Error) => void): ErrorConstructor {
    return class extends PrimordialError {
      constructor(message?: string, options?: ErrorOptions) {
        super(message, options);
        see(message)(this);
      }
    } as unknown as ErrorConstructor;
  }

  #seen(message: unknown, isKernels: boolean): (error: Error) => void {
    return (error) => {
      if (this.#isBusy || typeof message !== "string") return;
      this.#isBusy = true;
      try {
        this.#count(message, isKernels, error);
      } catch {
        // A task has changed what a stack is made with.
      }
      this.#isBusy = false;
    };
  }

  #count(message: string, isKernels: boolean, error: object): void {
    const ticket = this.#running();
    if (ticket < 0) return;
    const { permission, value } = isKernels ? kernelAct(message) : denoAct(message);
    const key = `${permission}\0${value}`;
    const known = mapGet(this.#places as Map<unknown, number>, key);
    if (known !== undefined) return void this.#words[this.#place(known) + DENIALS.times]!++;
    if (this.#used >= DENIALS.most) return;
    mapSet(this.#places, key, this.#used);
    this.#write(this.#used++, ticket, `${key}\0${whereOf(error)}`);
  }

  /** A task's error: those of the loader of modules speak of rights too, and are of another class. */
  note(error: unknown): void {
    if (typeof error !== "object" || error === null || this.#isBusy) return;
    this.#isBusy = true;
    try {
      const message = textOf(error, "message") ?? "";
      const isCounted = isPrototypeOf(NotCapablePrototype, error);
      if (!isCounted && stringIndexOf(message, "Requires ") === 0) this.#count(message, false, error);
    } catch {
      // It is no error at all.
    }
    this.#isBusy = false;
  }

  #place(index: number): number {
    return this.#at / 4 + index * DENIAL_WORDS;
  }

  #write(index: number, ticket: number, text: string): void {
    const place = this.#place(index), words = this.#words;
    const bytes = encodeUtf8(text);
    const room = DENIAL_BYTES - DENIALS.text * 4;
    const length = typedArrayLength(bytes) > room ? room : typedArrayLength(bytes);
    const part = new PrimordialUint8Array(typedArrayBuffer(bytes), typedArrayOffset(bytes), length);
    typedArraySet(this.#bytes, part, (place + DENIALS.text) * 4);
    words[place + DENIALS.length] = length;
    words[place + DENIALS.ticket] = ticket;
    words[place + DENIALS.times] = 1;
  }

  get hasAny(): boolean {
    return this.#used > 0;
  }

  /** Another task begins. */
  forget(): void {
    if (this.#used === 0) return;
    for (let i = 0; i < this.#used; i++) this.#words[this.#place(i) + DENIALS.times] = 0;
    this.#used = 0;
    this.#places = new PrimordialMap<string, number>();
  }

  /** The records of the task that runs, as they lie in the memory. */
  records(): Uint8Array {
    return new PrimordialUint8Array(this.#buffer, this.#at, this.#used * DENIAL_BYTES);
  }
}

interface Act {
  readonly permission: string;
  readonly value: string;
}

/** `Requires net access to "localhost:1", run again with …`. */
function denoAct(message: string): Act {
  const from = "Requires ".length, to = stringIndexOf(message, " access", from);
  if (stringIndexOf(message, "Requires ") !== 0 || to < 0) {
    return { permission: "unknown", value: stringSlice(message, 0, MAX_VALUE) };
  }
  const permission = stringSlice(message, from, to);
  const rest = stringSlice(message, to + " access".length);
  if (stringIndexOf(rest, ' to "') !== 0) return { permission, value: "" };
  const end = stringIndexOf(rest, '"', 5);
  return { permission, value: stringSlice(rest, 5, end < 0 || end > 5 + MAX_VALUE ? 5 + MAX_VALUE : end) };
}

function kernelAct(message: string): Act {
  return { permission: "kernel", value: stringSlice(message, 0, MAX_VALUE) };
}

/** The first frame that is not the runtime's, without the address of what it is in. */
function whereOf(error: object): string {
  const stack = textOf(error, "stack");
  if (stack === undefined) return "";
  let from = stringIndexOf(stack, "\n    at ");
  for (let i = 0; i < MAX_FRAMES && from >= 0; i++) {
    const to = stringIndexOf(stack, "\n", from + 1);
    const frame = stringSlice(stack, from + "\n    at ".length, to < 0 ? stack.length : to);
    if (isTasks(frame)) return shortened(frame);
    from = to;
  }
  return "";
}

/** What `definitions.ts` calls the scripts of functions. */
const BUILT = "(task:";

function isTasks(frame: string): boolean {
  if (stringIndexOf(frame, BUILT) >= 0) return true;
  return stringIndexOf(frame, "ext:") < 0 && stringIndexOf(frame, "node:") < 0 &&
    stringIndexOf(frame, "tsparallel:slot") < 0 && stringIndexOf(frame, "(<anonymous>)") < 0;
}

/** `readAll (task:1a2b3c, <anonymous>:6:7)` is `readAll, line 3`. */
function shortened(frame: string): string {
  const built = stringIndexOf(frame, BUILT), place = stringIndexOf(frame, "<anonymous>:");
  if (built < 0 || place < 0) return stringSlice(frame, 0, MAX_WHERE);
  const from = place + "<anonymous>:".length;
  const line = `line ${+stringSlice(frame, from, stringIndexOf(frame, ":", from)) - LINES_BEFORE}`;
  const name = built < 1 ? "" : stringSlice(frame, 0, built - 1);
  return name === "" || name === "eval" || name === "async eval"
    ? line
    : stringSlice(`${name}, ${line}`, 0, MAX_WHERE);
}
