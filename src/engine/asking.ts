/**
 * How a task asks the front-end that sent it for a line, in the Worker: `await input("…")`, and `prompt`, `confirm` and `alert`, which stop
 * everything until the answer is there. Who may not ask gets an error.
 */
import { defineProperty, PrimordialString } from "../protocol/primordials.ts";
import { setGlobal } from "./namespace.ts";
import { TOLD } from "./ring.ts";

/** What it needs of the ring. */
export interface AskingParts {
  /** Says something to the host, if a task runs; false if none does. */
  readonly show: (event: object) => boolean;
  /** What the host told (TOLD), 0 for nothing. */
  readonly told: () => number;
  readonly text: () => string;
  /** Blocks until the host rings. */
  readonly wait: () => void;
}

interface Pending {
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

const PrimordialError = Error;
const PrimordialPromise = Promise;

export class Asking {
  readonly #parts: AskingParts;
  #pending: Pending | undefined;

  /** Must be made before any task runs: it sets the global functions. */
  constructor(parts: AskingParts) {
    this.#parts = parts;
    setGlobal(
      "input",
      (prompt: unknown = "", options?: { readonly password?: boolean }) =>
        this.#ask(PrimordialString(prompt), options?.password === true),
    );
    setGlobal("prompt", (message: unknown = "Prompt", byDefault: unknown = null) => {
      const hint = byDefault === null ? "" : ` [${PrimordialString(byDefault)}]`;
      const text = this.#askNow(`${PrimordialString(message)}${hint} `);
      return text === "" && byDefault !== null ? PrimordialString(byDefault) : text;
    });
    setGlobal("confirm", (message: unknown = "Confirm") => {
      const text = this.#askNow(`${PrimordialString(message)} [y/N] `);
      return text === "y" || text === "Y" || text === "yes";
    });
    setGlobal("alert", (message: unknown = "Alert") => {
      this.#askNow(`${PrimordialString(message)} [Enter] `);
    });
  }

  #ask(prompt: string, password: boolean): Promise<string> {
    return new PrimordialPromise((resolve, reject) => {
      if (this.#pending !== undefined) throw named("StdinNotImplementedError", "Cannot ask twice at once");
      this.#say(prompt, password);
      this.#pending = { resolve, reject };
    });
  }

  #askNow(prompt: string): string {
    if (this.#pending !== undefined) throw named("StdinNotImplementedError", "Cannot ask twice at once");
    this.#say(prompt, false);
    for (;;) {
      switch (this.#parts.told()) {
        case TOLD.input:
          return this.#parts.text();
        case TOLD.refusal:
          throw named("StdinNotImplementedError", this.#parts.text());
        case TOLD.abort:
          throw named("AbortError", this.#parts.text());
        case TOLD.interrupt:
          throw named("KeyboardInterrupt", "Interrupted while it waited for input; the namespace is kept");
        default:
          this.#parts.wait();
      }
    }
  }

  #say(prompt: string, password: boolean): void {
    if (this.#parts.show({ kind: "input_request", prompt, password })) return;
    throw named("StdinNotImplementedError", "Cannot ask for input: no task runs now");
  }

  /** The host has answered what `input` asked. */
  hear(kind: number): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    if (kind === TOLD.input) pending.resolve(this.#parts.text());
    else pending.reject(named("StdinNotImplementedError", this.#parts.text()));
  }

  /** The task that asked is over. */
  forget(): void {
    this.#pending = undefined;
  }
}

/** An error of that name, whatever has become of the class. */
export function named(name: string, message: string): Error {
  const error = new PrimordialError(message);
  const property = { __proto__: null, value: name, writable: true, enumerable: false, configurable: true };
  return defineProperty(error, "name", property as PropertyDescriptor);
}
