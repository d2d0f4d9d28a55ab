/**
 * References: functions that are on the engine already, called by name: `view.apply(new Reference("f"), 1, 2)` calls the `f` that was defined there. The name may
 * be an expression of the engine's language, as `Math.max` or `numpy.linalg.norm`. The one way to call a function that every engine understands, ours and
 * Python's. As an argument for a Python engine a reference stands for what it names.
 */
import { Reference } from "../protocol/pickle_reference.ts";

export { Reference };

/** Whether one of the arguments is a reference. */
export function hasReference(args: unknown): boolean {
  if (!Array.isArray(args)) return false;
  for (let i = 0; i < args.length; i++) if (args[i] instanceof Reference) return true;
  return false;
}

/** A function's text that calls what the reference names, whatever that is at that time. */
export function referenceSource({ name }: Reference): string {
  return `(...args) => (${name}\n)(...args)`;
}
