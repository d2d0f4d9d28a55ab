/**
 * Which wall answered an attempt, told by its error.
 */
import type { ErrorBody, SlotHost } from "./slot_host.ts";

export type Answer = "open" | "deno" | "kernel";

export interface Switches {
  readonly deno: boolean;
  readonly landlock: boolean;
  readonly seccomp: boolean;
}

/** The eight states, with a name for each. */
export const STATES: readonly { readonly name: string; readonly walls: Switches }[] = Array.from(
  { length: 8 },
  (_, state) => {
    const walls = { deno: (state & 4) > 0, landlock: (state & 2) > 0, seccomp: (state & 1) > 0 };
    const up = Object.entries(walls).filter(([, isUp]) => isUp).map(([wall]) => wall);
    return { name: up.length === 0 ? "none" : up.join(", "), walls };
  },
);

/** Runs a function in the slot: who answered, and with what. */
export function attempt(
  host: SlotHost,
  run: (at: never) => unknown,
  at: object,
): { readonly said: Answer; readonly value: unknown; readonly text: string } {
  const { status, value } = host.answer(host.offerCall(host.define(run), at));
  if (status === "ok") return { said: "open", value, text: "" };
  const error = value as ErrorBody;
  const text = `${error.ename}: ${error.evalue}`;
  // Only whether it worked counts, not what came back.
  if (error.ename === "UncodableValue") return { said: "open", value: undefined, text };
  return { said: wallOf(error), value: undefined, text };
}

/** @throws Error if it is no wall's */
export function wallOf(error: { readonly ename: string; readonly evalue: string }): Answer {
  if (error.ename === "NotCapable" || /Requires [\w ]+ access/.test(error.evalue)) return "deno";
  if (/os error (1|13)\b|EPERM|EACCES|Permission denied|not permitted/.test(error.evalue)) return "kernel";
  throw new Error(`Neither wall says "${error.ename}: ${error.evalue}"`);
}
