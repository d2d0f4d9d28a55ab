/** What becomes of a module that cannot be sent; apart from `errors.ts` for its length. */

/** What is wrong at one place of a module's files. */
export interface ModuleProblem {
  /** What is wrong. */
  readonly text: string;
  /** URL of the file; undefined if it is no place in a file. */
  readonly file: string | undefined;
  /** From 1; 0 if there is no place. */
  readonly line: number;
  /** From 1; 0 if there is no place. */
  readonly column: number;
  /** The line itself. */
  readonly lineText: string;
}

/** A module cannot be sent to engines: it cannot be read or bundled, or it has not got what is asked for. */
export class ModuleError extends Error {
  /** The class's name. */
  override readonly name = "ModuleError";
  /** URL of the module. */
  readonly url: string;
  /** Where it is wrong, as far as there are places. */
  readonly problems: readonly ModuleProblem[];

  /** Made where a module is bundled. */
  constructor(url: string, message: string, problems: readonly ModuleProblem[] = [], options?: ErrorOptions) {
    super(message, options);
    this.url = url;
    this.problems = problems;
  }
}
