/**
 * Errors that come after their task or outside it, in the Worker: they are told on stderr and end nothing.
 */
import { encodeUtf8 } from "../protocol/primordials.ts";
import { encodeError, readValue } from "../protocol/values.ts";
import type { TextCounter } from "./output.ts";

/** Late throws of finished tasks must not end the Worker, and with it a task that has nothing to do with them. */
export function swallowLateErrors(stderr: TextCounter): void {
  const say = (error: unknown) => {
    try {
      stderr.write(encodeUtf8(`Uncaught (after its task or outside it) ${lateText(error)}\n`));
    } catch {
      // Nobody is left to be told.
    }
  };
  addEventListener("error", (event) => {
    event.preventDefault();
    say(event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    say(event.reason);
  });
}

function lateText(error: unknown): string {
  const { ename, evalue } = readValue(encodeError(error)) as { ename: string; evalue: string };
  return `${ename}: ${evalue}`;
}
