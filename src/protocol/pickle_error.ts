/**
 * What is wrong with a pickle.
 */

/** A pickle that cannot be read: broken, too deep, or of something that is no data here. */
export class PickleError extends Error {
  /** As Python calls it. */
  override readonly name = "UnpicklingError";
}

/** The error for a pickle with this fault. */
export function badPickle(fault: string): PickleError {
  return new PickleError(`Cannot read a pickle: ${fault}`);
}
