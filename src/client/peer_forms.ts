/**
 * What is called on a Python engine: a reference, or a task that was made of references only and so has a form there too.
 */
import { Reference } from "./reference.ts";
import type { Runnable } from "./task.ts";

/** A call by name. */
export interface PeerForm {
  readonly reference: Reference;
  /** Arguments ahead of the call's own. */
  readonly given: readonly unknown[];
}

const forms = new WeakMap<object, PeerForm>();

/** Gives a task a form for Python engines. */
export function setPeerForm(task: object, form: PeerForm): void {
  forms.set(task, form);
}

/** The form of a function for Python engines; undefined if it has none. */
export function peerFormOf(run: Runnable<never[], unknown> | null): PeerForm | undefined {
  if (run instanceof Reference) return { reference: run, given: [] };
  return typeof run === "object" && run !== null ? forms.get(run) : undefined;
}
