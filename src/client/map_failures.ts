/**
 * What failed in a map that goes on all the same.
 */
import { CompositeError } from "../protocol/errors.ts";

interface Failure {
  readonly index: number;
  readonly engine: number | undefined;
  readonly error: Error;
}

export class MapFailures {
  readonly #failures: Failure[] = [];

  get count(): number {
    return this.#failures.length;
  }

  /** @param engine where it ran, -1 for nowhere */
  add(index: number, error: unknown, engine: number): void {
    const own = error instanceof Error ? error : new Error(String(error), { cause: error });
    this.#failures.push({ index, engine: engine < 0 ? undefined : engine, error: own });
  }

  /** @throws CompositeError of all of them in the order of the items, if there are any */
  raise(items: number): void {
    if (this.#failures.length === 0) return;
    this.#failures.sort((a, b) => a.index - b.index);
    throw new CompositeError(`map over ${items} items`, this.#failures);
  }
}
