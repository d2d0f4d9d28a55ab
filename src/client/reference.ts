/**
 * References: functions that are on the engine already, called by name. The one way to call a function that every engine understands, ours and
 * Python's, in its own language.
 */

/**
 * Names a function of the engine: `view.apply(new Reference("f"), 1, 2)` calls the `f` that was defined there. The name may be an expression
 * of the engine's language, as `Math.max` or `numpy.linalg.norm`. As an argument for a Python engine it stands for what it names.
 */
export class Reference {
  readonly name: string;

  /** @throws TypeError for an empty name */
  constructor(name: string) {
    if (typeof name !== "string" || name.trim() === "") {
      throw new TypeError(`Cannot refer to ${JSON.stringify(name) ?? String(name)}: it takes a name`);
    }
    this.name = name;
    Object.freeze(this);
  }
}

/** A function's text that calls what the reference names, whatever that is at that time. */
export function referenceSource({ name }: Reference): string {
  return `(...args) => (${name}\n)(...args)`;
}
