/**
 * A name of the other side's namespace in the place of a value: what ipyparallel calls a Reference.
 */

/** Stands for the value of a name (or expression) where it arrives. */
export class Reference {
  /** Name or expression on the engine. */
  readonly name: string;
  /** Every function has a `name`; only this makes a reference of something. */
  declare private readonly isReference: never;

  /**
   * Refers to a name or an expression of the engine's language.
   * @throws TypeError if it is no text, or empty
   */
  constructor(name: string) {
    if (typeof name !== "string" || name === "") {
      throw new TypeError("Cannot refer to a name that is no text");
    }
    this.name = name;
  }
}
