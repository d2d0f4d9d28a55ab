/**
 * A name of the other side's namespace in the place of a value: what ipyparallel calls a Reference.
 */

/** Stands for the value of a name (or expression) where it arrives. */
export class Reference {
  readonly name: string;

  constructor(name: string) {
    if (typeof name !== "string" || name === "") {
      throw new TypeError("Cannot refer to a name that is no text");
    }
    this.name = name;
  }
}
